// Built from clients/js/src by its build.mjs: not to be edited.
"use strict";
var gatewayClient = (() => {
  var __defProp = Object.defineProperty;
  var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
  var __getOwnPropNames = Object.getOwnPropertyNames;
  var __hasOwnProp = Object.prototype.hasOwnProperty;
  var __esm = (fn, res, err) => function __init() {
    if (err) throw err[0];
    try {
      return fn && (res = (0, fn[__getOwnPropNames(fn)[0]])(fn = 0)), res;
    } catch (e) {
      throw err = [e], e;
    }
  };
  var __export = (target, all) => {
    for (var name in all)
      __defProp(target, name, { get: all[name], enumerable: true });
  };
  var __copyProps = (to, from, except, desc) => {
    if (from && typeof from === "object" || typeof from === "function") {
      for (let key of __getOwnPropNames(from))
        if (!__hasOwnProp.call(to, key) && key !== except)
          __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
    }
    return to;
  };
  var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

  // src/sse.ts
  function parseEvent(text) {
    const found = { event: "message", data: "" }, data = [];
    for (const line of text.split(/\r\n|\r|\n/)) {
      const [, name, value] = /^([^:]+)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (name === "id") found.id = value ?? "";
      else if (name === "event") found.event = value ?? "";
      else if (name === "data") data.push(value ?? "");
    }
    found.data = data.join("\n");
    return found;
  }
  var END, EventSplitter;
  var init_sse = __esm({
    "src/sse.ts"() {
      "use strict";
      END = /\r\n(?:\r\n|\r|\n)|\n(?:\r\n|\r|\n)|\r\r\n?/;
      EventSplitter = class {
        constructor() {
          this.r = "";
        }
        *push(piece) {
          this.r += piece;
          for (let end; end = END.exec(this.r); ) {
            const after = end.index + end[0].length;
            yield this.r.slice(0, after);
            this.r = this.r.slice(after);
          }
        }
      };
    }
  });

  // src/wait.ts
  function wait(milliseconds, signal) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      if (signal?.aborted) done();
      else signal?.addEventListener("abort", done);
    });
  }
  var init_wait = __esm({
    "src/wait.ts"() {
      "use strict";
    }
  });

  // src/fallback.ts
  var fallback_exports = {};
  __export(fallback_exports, {
    FallbackSocket: () => FallbackSocket,
    choose: () => choose
  });
  function remember() {
    until = Date.now() + REMEMBERED;
    try {
      sessionStorage.gatewaySse = until;
    } catch {
    }
  }
  var REMEMBERED, BATCH, LONGEST_PAUSE, until, choose, FallbackSocket, StandIn;
  var init_fallback = __esm({
    "src/fallback.ts"() {
      "use strict";
      init_sse();
      init_wait();
      REMEMBERED = 6e5;
      BATCH = 16e3;
      LONGEST_PAUSE = 2e3;
      until = 0;
      try {
        until = +sessionStorage.gatewaySse || 0;
      } catch {
      }
      choose = (failures) => until > Date.now() || failures > 1 && failures % 2 === 0 ? StandIn : void 0;
      FallbackSocket = class {
        // that each POST shows
        /** As for /ws, beside which the other two addresses are. */
        constructor(url, protocols = []) {
          this.readyState = 0;
          this.n = new AbortController();
          this.o = [];
          this.O = false;
          this.ea = 0;
          this.s = url.replace(/\?.*/, "");
          const at = this.da = new URL(url);
          at.protocol = at.protocol.replace("ws", "http");
          at.pathname = at.pathname.replace(/[^/]*\/?$/, "connection/");
          const [, shown] = /^bearer\.(.*)/.exec(protocols[1] ?? "") ?? [];
          void this.ra(shown && decodeURIComponent(shown));
        }
        send(text) {
          this.o.push(text.replace(/[\r\n]+/g, " "));
          void this.fa();
        }
        /** Nobody hears of it: who closes knows. */
        close() {
          this.onclose = void 0;
          this.t(1e3, "");
        }
        ga(address, token, init) {
          const url = new URL(this.da);
          url.pathname += address;
          if (init.body) url.search = `seq=${this.ea + 1}`;
          const headers = { ...init.headers, ...token ? { authorization: `Bearer ${token}` } : {} };
          return fetch(url, { method: "POST", cache: "no-store", signal: this.n.signal, ...init, headers });
        }
        async ra(shown) {
          try {
            const response = await this.ga("sse", shown, { credentials: "include", headers: { accept: "text/event-stream" } });
            if (!response.ok || !response.body) throw 0;
            this.readyState = 1;
            this.onopen?.();
            const splitter = new EventSplitter(), reader = response.body.getReader(), decoder = new TextDecoder();
            for (let read; !(read = await reader.read()).done; ) {
              for (const text of splitter.push(decoder.decode(read.value, { stream: true }))) this.m(text);
            }
          } catch {
          }
          this.t(1006, "");
        }
        m(text) {
          const { event, data } = parseEvent(text);
          if (event === "close") {
            const { code, reason } = JSON.parse(data);
            return this.t(code, reason);
          }
          if (!data) return;
          const message = JSON.parse(data);
          if (message.send_token && !this.C) {
            this.C = message.send_token;
            this.d();
            void this.fa();
          }
          if (message.type === "ping") this.send('{"type":"pong"}');
          this.onmessage?.({ data });
        }
        /** In order, each until it is taken: the next is not posted before. */
        async fa() {
          if (this.O || !this.C) return;
          this.O = true;
          let count = 1;
          for (let failures = 0; this.o.length && this.readyState === 1; ) {
            const body = this.o.slice(0, count).join("\n");
            const status = await this.sa(body);
            if (status === 413 && count > 1) {
              count = 1;
            } else if (status === 200) {
              this.o.splice(0, count);
              failures = 0;
              count = this.ta();
            } else if (status >= 400 && status < 500 && status !== 429 && status !== 408) {
              this.t(status === 413 ? 1009 : 1006, "");
            } else {
              await wait(Math.min(LONGEST_PAUSE, 100 * 2 ** failures++) * (0.5 + Math.random()), this.n.signal);
            }
          }
          this.O = false;
        }
        async sa(body) {
          try {
            const response = await this.ga("send", this.C, { body, headers: { "content-type": "application/x-ndjson" } });
            if (response.ok) this.ea++;
            return response.status;
          } catch {
            return 0;
          }
        }
        /** How many of those that wait go together. */
        ta() {
          let count = 0, size = 0;
          while (count < this.o.length && (size += this.o[count].length + 1) <= BATCH) count++;
          return count || 1;
        }
        d() {
        }
        t(code, reason) {
          if (this.readyState === 3) return;
          this.readyState = 3;
          this.n.abort();
          this.onclose?.({ code, reason });
        }
      };
      StandIn = class extends FallbackSocket {
        d() {
          if (until > Date.now()) return;
          const probe = new WebSocket(this.s);
          probe.onopen = () => {
            probe.close();
            this.t(1012, "");
          };
          probe.onerror = remember;
        }
      };
    }
  });

  // src/index.ts
  var index_exports = {};
  __export(index_exports, {
    GatewayError: () => GatewayError,
    connect: () => connect
  });

  // src/fold.ts
  var EMPTY = [0, 0];
  function fold(bytes, [a, b] = EMPTY) {
    for (const byte of bytes) {
      a = (a * 31415927 + byte + 1) % 67108859;
      b = (b * 27182819 + byte + 1) % 67108837;
    }
    return [a, b];
  }
  var digits = (numbers, count) => [...numbers].map((number) => number.toString(16).padStart(count, "0")).join("");
  var hex = (hash) => digits(hash, 7);
  var unhex = (text) => [+`0x${text.slice(0, 7)}`, +`0x${text.slice(7)}`];
  var encode = (text) => new TextEncoder().encode(text);
  var decode = (bytes) => new TextDecoder("utf8", { ignoreBOM: true }).decode(bytes);

  // src/events.ts
  var GatewayError = class extends Error {
    constructor(code, message = code) {
      super(message);
      this.code = code;
      this.name = "GatewayError";
    }
  };
  var Events = class {
    constructor() {
      /** @internal */
      this.H = /* @__PURE__ */ new Set();
    }
    /** Returns what takes the listener away again. */
    on(name, listener) {
      const entry = [name, listener];
      this.H.add(entry);
      return () => void this.H.delete(entry);
    }
    /** @internal */
    g(name, ...told) {
      for (const [wanted, listener] of this.H) {
        try {
          if (wanted === name) listener(...told);
        } catch (error) {
          setTimeout(() => {
            throw error;
          }, 0);
        }
      }
    }
  };
  var newId = () => digits(crypto.getRandomValues(new Uint32Array(4)), 8);

  // src/identity.ts
  var taken = /* @__PURE__ */ new Set();
  async function claimIdentity() {
    let slot = "gateway-client", unlock = () => {
    }, id;
    while (taken.has(slot)) slot += "+";
    taken.add(slot);
    const lock = () => new Promise((locked, refused) => {
      navigator.locks.request(slot + id, { signal: AbortSignal.timeout(1e3) }, () => {
        locked();
        return new Promise((release) => unlock = release);
      }).catch(refused);
    });
    try {
      id = sessionStorage.getItem(slot) || newId();
      await lock().catch(() => {
        id = newId();
        return lock();
      });
      sessionStorage.setItem(slot, id);
    } catch {
      id = newId();
    }
    return {
      I: id,
      X: () => {
        unlock();
        taken.delete(slot);
      }
    };
  }

  // src/policy.ts
  var SILENCE = 6e3;
  var SILENCE_IDLE = 45e3;
  var PONG = 1e4;
  var verdict = (code) => ({ 4010: "end", 1008: "token", 4001: "token", 4003: "token", 4004: "slow", 4029: "slow" })[code];
  var isOurFault = (code) => [2, 3, 7, 9].includes(code - 1e3);
  var backoff = (failures, slow, floor = 0, chance = Math.random()) => Math.max(floor, slow ? 5e3 : 0) + chance * Math.min(slow ? 55e3 : 2e4, (slow ? 5e3 : 250) * 2 ** failures);
  var watch = (now, heard, pinged, open) => pinged ? now - pinged > PONG && 1 : now - heard > (open ? SILENCE : SILENCE_IDLE) && "ask";

  // src/run.ts
  var Run = class extends Events {
    /** @internal */
    constructor(_connection, cursor, text = "") {
      super();
      this.y = _connection;
      this.text = "";
      this.status = "queued";
      this.error = null;
      this.result = null;
      /** Whether the text has the hash that the gateway said last. */
      this.verified = false;
      /** Of its agent: `live`, `lost` (another may go on), `none` (yet). */
      this.owner = "none";
      this.cancelRequested = false;
      /** @internal */
      this.l = 0;
      this.a = -1;
      this.e = EMPTY;
      this.c = 0;
      // bytes of the log before `text`
      this.p = 0;
      // bytes of `text`
      this.x = 0;
      this.K = Date.now();
      this.L = [];
      this.M = 0;
      this.ready = new Promise((settle, refuse) => {
        this._ = settle;
        this.Z = refuse;
      });
      this.ready.catch(() => {
      });
      this.done = new Promise((done) => {
        this.$ = done;
      });
      const [epoch, pos, hash] = cursor?.split(".") ?? [];
      if (!hash) return;
      const bytes = encode(text), own = fold(bytes);
      if (!text) [this.c, this.e] = [+pos, unhex(hash)];
      else if (hex(own) === hash) {
        this.text = text;
        this.p = bytes.length;
        this.e = own;
      } else return;
      this.a = +epoch;
    }
    get pos() {
      return this.c + this.p;
    }
    get epoch() {
      return this.a < 0 ? 0 : this.a;
    }
    get hash() {
      return hex(this.e);
    }
    /** Milliseconds since its agent has said something. */
    get idleMs() {
      return Date.now() - this.K;
    }
    /** Of a `json` run: its lines, as far as they are whole. */
    get items() {
      const lines = this.text.slice(this.M).split("\n");
      this.M = this.text.length - lines.pop().length;
      for (const line of lines) if (line) this.L.push(JSON.parse(line));
      return this.L;
    }
    /** Where it is: another page goes on from there with `attach({ run_id, cursor, text })`. */
    cursor() {
      return this.a < 0 ? void 0 : `${this.a}.${this.pos}.${this.hash}`;
    }
    /** Asks its agent to end it: `asked`, `already`, or `ended`. */
    async cancel(reason) {
      const run_id = await this.ready;
      return (await this.y.aa({ type: "cancel", run_id, reason, id: newId() })).status;
    }
    /** Hears no more of it; it goes on. */
    detach() {
      if (this.h) return;
      this.y.z(this, true);
      this.i(null);
    }
    /**
     * What is added, from the start. Throws when it fails, and (`replaced`) when another agent begins again and text that
     * was given out counts no more: a new loop reads from the start.
     */
    async *[Symbol.asyncIterator]() {
      let seen = "", cuts = this.x, wake = () => {
      };
      const start = this.c, off = ["text", "end"].map((name) => this.on(name, () => wake()));
      try {
        for (; ; ) {
          const held = this.text;
          if (cuts !== this.x) {
            if (this.c === start && held.startsWith(seen)) cuts = this.x;
            else if (this.h || this.c < start || !seen.startsWith(held)) throw new GatewayError("replaced");
          }
          const piece = held.slice(seen.length);
          if (piece) {
            seen = held;
            yield piece;
          } else if (this.h) {
            const { error, status } = this;
            if (error && status !== "cancelled" || /^[fa]/.test(status)) throw new GatewayError(error?.code ?? status, error?.message);
            return;
          } else {
            await new Promise((resolve) => wake = resolve);
          }
        }
      } finally {
        off.forEach((stop) => stop());
      }
    }
    /** @internal */
    ba(id) {
      this.run_id = id;
      this.Y = true;
      this._(id);
    }
    /** @internal */
    m(message) {
      if (message.id !== this.k) return;
      this.k = void 0;
      this.ba(message.run_id);
      for (const name of ["thread_id", "channel", "format"]) this[name] = message[name] ?? this[name];
      if (/^(q|in)/.test(message.status)) this.status = message.status;
      this[`$${message.event}`]?.(message);
    }
    /** @internal */
    $snapshot(message) {
      const bytes = encode(message.text), hash = fold(bytes);
      if (!this.A(message, hash)) return;
      this.ca();
      this.c = 0;
      this.a = message.epoch;
      this.e = hash;
      this.p = bytes.length;
      this.text = message.text;
      this.N("snapshot", message);
    }
    /** @internal */
    $delta(message) {
      const ahead = message.epoch - this.a || message.from - this.pos;
      if (ahead < 0) return;
      if (ahead) return this.B();
      const bytes = encode(message.text), hash = fold(bytes, this.e);
      if (!this.A(message, hash)) return;
      this.e = hash;
      this.p += bytes.length;
      this.text += message.text;
      this.N("delta", message.text, message);
    }
    /** @internal */
    $reset(message) {
      const { pos } = message;
      if (message.epoch < this.a) return;
      this.a = message.epoch;
      this.status = "in_progress";
      if (pos < this.pos) this.qa(pos, unhex(message.hash));
      if (pos === this.pos) this.A(message, this.e);
      this.N("reset", message);
    }
    /** @internal */
    $top(message) {
      if (this.a < 0) this.a = message.epoch;
      this.owner = message.owner;
      this.cancelRequested = message.cancel_requested;
      this.K = Date.now() - message.idle_ms;
      if (message.epoch === this.a && message.pos === this.pos) {
        this.A(message, this.e);
      } else {
        const here = this.cursor();
        if (this.J === here) this.B();
        this.J = here;
      }
      this.g("top", message);
    }
    /** @internal */
    $end(message) {
      this.verified = message.hash === this.hash && (!!message.id || message.epoch === this.a);
      if (!this.verified && !message.id) return this.B(message.pos === this.pos && message.hash !== this.hash);
      this.result = message.result;
      this.i(message.error ?? (this.verified ? null : new GatewayError("expired")), message.status);
    }
    /** @internal It is over, or nothing is heard of it any more. */
    i(error, status = this.status) {
      if (this.h) return;
      this.h = true;
      this.error = error && { code: error.code, message: error.message };
      this.status = status;
      this.Z(error ?? new GatewayError("detached"));
      this.y.z(this);
      this.g("end", this);
      this.$(this);
    }
    A(message, hash) {
      this.verified = message.hash === hex(hash);
      if (this.verified) this.l = 0;
      else this.B(true);
      return this.verified;
    }
    /** Something is missing, or wrong: it asks once more, from where it is or from the start. */
    B(anew) {
      if (anew) this.a = -1;
      this.y.q(this, true);
    }
    qa(pos, hash) {
      const bytes = encode(this.text).slice(0, Math.max(0, pos - this.c));
      this.c = Math.min(this.c, pos);
      this.p = bytes.length;
      this.text = decode(bytes);
      this.e = this.c ? hash : fold(bytes);
      this.ca();
    }
    ca() {
      this.x++;
      this.L = [];
      this.M = 0;
    }
    N(event, ...told) {
      this.J = void 0;
      this.K = Date.now();
      this.g(event, ...told);
      this.g("text", this.text, this);
    }
  };

  // src/gateway.ts
  var json = (value) => JSON.stringify(value, (_, said) => said?.toWellFormed?.() ?? said);
  async function standIn(failures) {
    try {
      if (failures > 1 || sessionStorage.gatewaySse) return (await Promise.resolve().then(() => (init_fallback(), fallback_exports))).choose(failures);
    } catch {
    }
  }
  var isAsked = (token) => typeof token === "function";
  var Gateway = class extends Events {
    /** @internal */
    constructor(url, _options) {
      super();
      this.W = _options;
      this.b = /* @__PURE__ */ new Set();
      this.j = /* @__PURE__ */ new Set();
      this.l = 0;
      this.Q = 0;
      this.ua = setInterval(() => {
        const what = this.f && watch(Date.now(), this.S, this.v, this.b.size);
        if (what) what === "ask" ? this.ja() : this.T(1006);
      }, 1e3);
      this.n = new AbortController();
      const at = this.s = new URL(url, globalThis.location?.href);
      at.protocol = at.protocol.replace("http", "ws");
      if (!at.pathname[1]) at.pathname = "/ws";
      this.u = at.searchParams;
      if (_options.runs) this.u.set("runs", 1);
      const wake = () => {
        if (globalThis.document?.hidden) return;
        if (!this.ia) this.reconnect();
        if (!this.v) this.ja();
      }, life = this.n;
      globalThis.addEventListener?.("online", wake, life);
      globalThis.document?.addEventListener("visibilitychange", wake, life);
      void this.E();
    }
    /** Asks; the answer is a run. Said again after a reconnect until the gateway has it, which takes it once. */
    ask(channel, payload, { id = newId(), intent, ...run } = {}) {
      const asked = new Run(this);
      asked.channel = channel;
      this.ka({ channel, intent, payload, run, id }, (ack) => {
        if (!ack.run_id) return asked.i(new GatewayError("no_run"), "failed");
        asked.ba(ack.run_id);
        if (asked.h) return this.z(asked, true);
        this.b.add(asked);
        if (ack.attached === false) this.q(asked, true);
      }, (error) => asked.i(error, this.error ? asked.status : "failed"));
      return asked;
    }
    /** Says something that is not answered by a run. */
    send(channel, payload, { id = newId(), intent } = {}) {
      return this.aa({ channel, intent, payload, id });
    }
    /** Reads a run: from its start, or on from a cursor. One that this client reads already is that one. */
    attach(target) {
      const { run_id, thread_id, cursor, text } = typeof target === "string" ? { run_id: target } : target;
      for (const run2 of this.b) if (run_id && run_id === run2.run_id) return run2;
      const run = new Run(this, cursor, text);
      run.run_id = run_id;
      run.thread_id = thread_id;
      this.b.add(run);
      if (this.error) run.i(this.error);
      this.q(run);
      return run;
    }
    /** Comes back now, where it waits. */
    reconnect() {
      if (this.retryAt) void this.E();
    }
    /** Ends the connection, and no run. */
    close() {
      this.U("closed");
    }
    /** @internal */
    aa(message) {
      return new Promise((taken2, failed) => this.ka(message, taken2, failed));
    }
    /** @internal */
    z(run, tell) {
      this.b.delete(run);
      for (const other of this.b) if (other.run_id === run.run_id) return;
      if (tell && run.run_id) this.F(json({ type: "detach", run_id: run.run_id }));
    }
    /** @internal `delayed`: at once the first time, then with backoff. */
    q(run, delayed) {
      const id = run.k = newId();
      const attach = () => {
        if (run.k !== id || run.h) return;
        const { run_id } = run, thread_id = run_id ? void 0 : run.thread_id;
        this.F(json({ type: "attach", run_id, thread_id, cursor: run.cursor(), id }));
      };
      if (delayed && run.l++) setTimeout(attach, backoff(run.l));
      else attach();
    }
    ka(message, _taken, _failed) {
      const said = { I: message.id, va: json(message), wa: _taken, w: _failed };
      if (this.error) return _failed(this.error);
      this.j.add(said);
      if (this.d) this.la(said);
    }
    la(said) {
      said.ma ||= Date.now();
      this.F(said.va);
    }
    F(text) {
      if (this.f?.readyState === 1) this.f.send(text);
    }
    // The connection.
    async E() {
      this.V();
      this.G("connecting");
      let { token, clientId: name } = this.W, shown;
      try {
        shown = isAsked(token) ? await token() : token;
        if (name === void 0) name = (this.P ??= await claimIdentity()).I;
      } catch {
        return this.T(0);
      }
      const stand = await standIn(this.Q);
      if (this.error) return this.P?.X();
      if (name) this.u.set("client_id", name);
      let socket;
      try {
        socket = this.f = new (this.W.WebSocket ?? stand ?? WebSocket)(this.s.href, shown ? ["gateway.v1", `bearer.${encodeURIComponent(shown).replace(/[()]/g, escape)}`] : []);
      } catch {
        return this.U("no_socket");
      }
      this.S = this.v = Date.now();
      this.u.delete("ticket");
      socket.onopen = () => this.b.forEach((run) => this.q(run));
      socket.onmessage = ({ data }) => socket === this.f && this.m(JSON.parse(data));
      socket.onerror = () => {
      };
      socket.onclose = ({ code }) => socket === this.f && this.T(code);
    }
    /** The connection is over, or none came about. */
    T(code) {
      if (this.error) return;
      const wanted = verdict(code);
      this.V();
      this.d || this.Q++;
      if (code !== 1006) this.Q = 0;
      if (wanted === "end" || wanted === "token" && (this.R || !isAsked(this.W.token))) {
        return this.U(`${code}`);
      }
      this.R = wanted === "token";
      if (isOurFault(code)) {
        for (const said of this.j) if (said.ma) this.na(said, `${code}`);
      }
      if (this.d && (code < 4e3 || Date.now() - this.d > 1e4)) this.l = 0;
      this.d = 0;
      const slow = wanted === "slow";
      const wait2 = backoff(this.l++, slow, this.D);
      this.retryAt = wait2 + Date.now();
      this.ha = setTimeout(() => this.E(), wait2);
      this.G("waiting");
      this.ia = slow || this.D;
      this.D = 0;
    }
    U(code) {
      if (this.error) return;
      const error = this.error = new GatewayError(code);
      this.V();
      this.P?.X();
      clearInterval(this.ua);
      this.n.abort();
      for (const said of this.j) said.w(error);
      for (const run of this.b) run.i(error);
      this.G("closed");
    }
    V() {
      this.f?.close();
      this.f = void 0;
      clearTimeout(this.ha);
      this.retryAt = 0;
    }
    G(state) {
      this.state = state;
      this.g("state", state, this.error);
    }
    ja() {
      this.v = Date.now();
      this.F('{"type":"ping"}');
    }
    // What is heard.
    m(message) {
      this.S = Date.now();
      this.v = 0;
      const { type, event, id } = message;
      if (type === "run") return this.xa(message);
      if (/p.ng/.test(type)) return;
      if (event === "welcome") this.ya();
      else if (event === "draining") {
        this.D = message.retry_after_ms;
        if (message.ticket) {
          this.u.set("ticket", message.ticket);
          void this.E();
        }
      }
      if (type === "ack") this.oa(id, (said) => said.wa(message));
      else if (type === "detach") {
        for (const run of this.b) if (run.run_id === message.run_id && message.reason) this.pa(run, message.reason);
      } else if (type !== "error" || !id || !this.w(message)) this.g("message", message);
    }
    ya() {
      this.d = Date.now();
      this.R = false;
      this.G("open");
      for (const said of this.j) {
        if (this.d - said.ma > 1e5) this.na(said, "outcome_unknown");
        else this.la(said);
      }
    }
    xa(message) {
      let known;
      for (const run2 of this.b) {
        if (run2.run_id ? run2.run_id === message.run_id : run2.k === message.id) {
          run2.m(message);
          known = 1;
        }
      }
      if (known) return;
      if (message.id) return this.z(message, true);
      if (message.event !== "snapshot") return;
      const run = new Run(this);
      run.run_id = message.run_id;
      this.b.add(run);
      this.g("run", run);
      run.m(message);
    }
    /** Whether the error answers something of ours. */
    w({ id, code, message }) {
      for (const run of this.b) {
        if (run.k !== id) continue;
        if (/^(u|f|inv)/.test(code)) this.pa(run, code, message);
        else this.q(run, true);
        return true;
      }
      return this.oa(id, (said) => said.w(new GatewayError(code, message)));
    }
    /** An open run that the gateway no longer knows went with an engine that kept it in memory. */
    pa(run, code, message) {
      const error = new GatewayError(run.Y && /^u/.test(code) ? "gateway_lost" : code, message);
      run.i(error, code[0] === "f" ? run.status : "failed");
    }
    /** Whether anything of ours has that id: a question that was asked twice has it twice. */
    oa(id, tell) {
      let found;
      for (const said of this.j) {
        if (said.I === id) {
          found = this.j.delete(said);
          tell(said);
        }
      }
      return found;
    }
    na(said, code) {
      this.j.delete(said);
      said.w(new GatewayError(code));
    }
  };

  // src/index.ts
  var connect = (url, options = {}) => new Gateway(url, options);
  return __toCommonJS(index_exports);
})();
