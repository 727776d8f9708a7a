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
          this.s = "";
        }
        *push(piece) {
          this.s += piece;
          for (let end; end = END.exec(this.s); ) {
            const after = end.index + end[0].length;
            yield this.s.slice(0, after);
            this.s = this.s.slice(after);
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
          this.o = new AbortController();
          this.p = [];
          this.M = false;
          this.da = 0;
          this.n = url.replace(/\?.*/, "");
          const at = this.ca = new URL(url);
          at.protocol = at.protocol.replace("ws", "http");
          at.pathname = at.pathname.replace(/[^/]*\/?$/, "connection/");
          const [, shown] = /^bearer\.(.*)/.exec(protocols[1] ?? "") ?? [];
          void this.qa(shown && decodeURIComponent(shown));
        }
        send(text) {
          this.p.push(text.replace(/[\r\n]+/g, " "));
          void this.ea();
        }
        /** Nobody hears of it: who closes knows. */
        close() {
          this.onclose = void 0;
          this.t(1e3, "");
        }
        fa(address, token, init) {
          const url = new URL(this.ca);
          url.pathname += address;
          if (init.body) url.search = `seq=${this.da + 1}`;
          const headers = { ...init.headers, ...token ? { authorization: `Bearer ${token}` } : {} };
          return fetch(url, { method: "POST", cache: "no-store", signal: this.o.signal, ...init, headers });
        }
        async qa(shown) {
          try {
            const response = await this.fa("sse", shown, { credentials: "include", headers: { accept: "text/event-stream" } });
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
          if (message.send_token && !this.B) {
            this.B = message.send_token;
            this.d();
            void this.ea();
          }
          if (message.type === "ping") this.send('{"type":"pong"}');
          this.onmessage?.({ data });
        }
        /** In order, each until it is taken: the next is not posted before. */
        async ea() {
          if (this.M || !this.B) return;
          this.M = true;
          let count = 1;
          for (let failures = 0; this.p.length && this.readyState === 1; ) {
            const body = this.p.slice(0, count).join("\n");
            const status = await this.ra(body);
            if (status === 413 && count > 1) {
              count = 1;
            } else if (status === 200) {
              this.p.splice(0, count);
              failures = 0;
              count = this.sa();
            } else if (status >= 400 && status < 500 && status !== 429 && status !== 408) {
              this.t(status === 413 ? 1009 : 1006, "");
            } else {
              await wait(Math.min(LONGEST_PAUSE, 100 * 2 ** failures++) * (0.5 + Math.random()), this.o.signal);
            }
          }
          this.M = false;
        }
        async ra(body) {
          try {
            const response = await this.fa("send", this.B, { body, headers: { "content-type": "application/x-ndjson" } });
            if (response.ok) this.da++;
            return response.status;
          } catch {
            return 0;
          }
        }
        /** How many of those that wait go together. */
        sa() {
          let count = 0, size = 0;
          while (count < this.p.length && (size += this.p[count].length + 1) <= BATCH) count++;
          return count || 1;
        }
        d() {
        }
        t(code, reason) {
          if (this.readyState === 3) return;
          this.readyState = 3;
          this.o.abort();
          this.onclose?.({ code, reason });
        }
      };
      StandIn = class extends FallbackSocket {
        d() {
          if (until > Date.now()) return;
          const probe = new WebSocket(this.n);
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
      this.F = /* @__PURE__ */ new Set();
    }
    /** Returns what takes the listener away again. */
    on(name, listener) {
      const entry = [name, listener];
      this.F.add(entry);
      return () => void this.F.delete(entry);
    }
    /** @internal */
    g(name, ...told) {
      for (const [wanted, listener] of this.F) {
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
      G: id,
      W: () => {
        unlock();
        taken.delete(slot);
      }
    };
  }

  // src/policy.ts
  var SILENCE = 6e3;
  var SILENCE_IDLE = 45e3;
  var PONG = 1e4;
  var verdict = (code) => code === 4010 ? "end" : [1008, 4001, 4003].includes(code) ? "token" : [4004, 4029].includes(code) ? "slow" : "back";
  var isOurFault = (code) => [2, 3, 7, 9].includes(code - 1e3);
  var backoff = (failures, slow, floor = 0, chance = Math.random()) => Math.max(floor, slow ? 5e3 : 0) + chance * Math.min(slow ? 55e3 : 2e4, (slow ? 5e3 : 250) * 2 ** failures);
  var watch = (now, heard, pinged, open) => pinged ? now - pinged > PONG && "dead" : now - heard > (open ? SILENCE : SILENCE_IDLE) && "ask";

  // src/run.ts
  var Run = class extends Events {
    /** @internal */
    constructor(_connection, cursor, text = "") {
      super();
      this.x = _connection;
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
      this.q = 0;
      // bytes of `text`
      this.w = 0;
      this.I = Date.now();
      this.J = [];
      this.K = 0;
      this.ready = new Promise((settle, refuse) => {
        this.Z = settle;
        this.Y = refuse;
      });
      this.ready.catch(() => {
      });
      this.done = new Promise((done) => {
        this._ = done;
      });
      const [epoch, pos, hash] = cursor?.split(".") ?? [];
      if (!hash) return;
      const bytes = encode(text), own = fold(bytes);
      if (!text) [this.c, this.e] = [+pos, unhex(hash)];
      else if (hex(own) === hash) {
        this.text = text;
        this.q = bytes.length;
        this.e = own;
      } else return;
      this.a = +epoch;
    }
    get pos() {
      return this.c + this.q;
    }
    get epoch() {
      return this.a < 0 ? 0 : this.a;
    }
    get hash() {
      return hex(this.e);
    }
    /** Milliseconds since its agent has said something. */
    get idleMs() {
      return Date.now() - this.I;
    }
    /** Of a `json` run: its lines, as far as they are whole. */
    get items() {
      const lines = this.text.slice(this.K).split("\n");
      this.K = this.text.length - lines.pop().length;
      for (const line of lines) if (line) this.J.push(JSON.parse(line));
      return this.J;
    }
    /** Where it is: another page goes on from there with `attach({ run_id, cursor, text })`. */
    cursor() {
      return this.a < 0 ? void 0 : `${this.a}.${this.pos}.${this.hash}`;
    }
    /** Asks its agent to end it: `asked`, `already`, or `ended`. */
    async cancel(reason) {
      const run_id = await this.ready;
      return (await this.x.$({ type: "cancel", run_id, reason, id: newId() })).status;
    }
    /** Hears no more of it; it goes on. */
    detach() {
      if (this.h) return;
      this.x.y(this, true);
      this.i(null);
    }
    /**
     * What is added, from the start. Throws when it fails, and (`replaced`) when another agent begins again and text that
     * was given out counts no more: a new loop reads from the start.
     */
    async *[Symbol.asyncIterator]() {
      let seen = "", cuts = this.w, wake = () => {
      };
      const start = this.c, off = ["text", "end"].map((name) => this.on(name, () => wake()));
      try {
        for (; ; ) {
          const held = this.text;
          if (cuts !== this.w) {
            if (this.c === start && held.startsWith(seen)) cuts = this.w;
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
    aa(id) {
      this.run_id = id;
      this.X = true;
      this.Z(id);
    }
    /** @internal */
    m(message) {
      if (message.id !== this.k) return;
      this.k = void 0;
      this.aa(message.run_id);
      for (const name of ["thread_id", "channel", "format"]) this[name] = message[name] ?? this[name];
      if (/^(q|in)/.test(message.status)) this.status = message.status;
      this[`$${message.event}`]?.(message);
    }
    /** @internal */
    $snapshot(message) {
      const bytes = encode(message.text), hash = fold(bytes);
      if (!this.z(message, hash)) return;
      this.ba();
      this.c = 0;
      this.a = message.epoch;
      this.e = hash;
      this.q = bytes.length;
      this.text = message.text;
      this.L("snapshot", message);
    }
    /** @internal */
    $delta(message) {
      const ahead = message.epoch - this.a || message.from - this.pos;
      if (ahead < 0) return;
      if (ahead) return this.A();
      const bytes = encode(message.text), hash = fold(bytes, this.e);
      if (!this.z(message, hash)) return;
      this.e = hash;
      this.q += bytes.length;
      this.text += message.text;
      this.L("delta", message.text, message);
    }
    /** @internal */
    $reset(message) {
      const { pos } = message;
      if (message.epoch < this.a) return;
      this.a = message.epoch;
      this.status = "in_progress";
      if (pos < this.pos) this.pa(pos, unhex(message.hash));
      if (pos === this.pos) this.z(message, this.e);
      this.L("reset", message);
    }
    /** @internal */
    $top(message) {
      if (this.a < 0) this.a = message.epoch;
      this.owner = message.owner;
      this.cancelRequested = message.cancel_requested;
      this.I = Date.now() - message.idle_ms;
      if (message.epoch === this.a && message.pos === this.pos) {
        this.z(message, this.e);
      } else {
        const here = this.cursor();
        if (this.H === here) this.A();
        this.H = here;
      }
      this.g("top", message);
    }
    /** @internal */
    $end(message) {
      this.verified = message.hash === this.hash && (!!message.id || message.epoch === this.a);
      if (!this.verified && !message.id) return this.A(message.pos === this.pos && message.hash !== this.hash);
      this.result = message.result;
      this.i(message.error ?? (this.verified ? null : new GatewayError("expired")), message.status);
    }
    /** @internal It is over, or nothing is heard of it any more. */
    i(error, status = this.status) {
      if (this.h) return;
      this.h = true;
      this.error = error && { code: error.code, message: error.message };
      this.status = status;
      this.Y(error ?? new GatewayError("detached"));
      this.x.y(this);
      this.g("end", this);
      this._(this);
    }
    z(message, hash) {
      this.verified = message.hash === hex(hash);
      if (this.verified) this.l = 0;
      else this.A(true);
      return this.verified;
    }
    /** Something is missing, or wrong: it asks once more, from where it is or from the start. */
    A(anew) {
      if (anew) this.a = -1;
      this.x.r(this, true);
    }
    pa(pos, hash) {
      const bytes = encode(this.text).slice(0, Math.max(0, pos - this.c));
      this.c = Math.min(this.c, pos);
      this.q = bytes.length;
      this.text = decode(bytes);
      this.e = this.c ? hash : fold(bytes);
      this.ba();
    }
    ba() {
      this.w++;
      this.J = [];
      this.K = 0;
    }
    L(event, ...told) {
      this.H = void 0;
      this.I = Date.now();
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
      this.U = _options;
      this.b = /* @__PURE__ */ new Set();
      this.j = /* @__PURE__ */ new Set();
      this.l = 0;
      this.O = 0;
      this.ta = setInterval(() => this.ua(), 1e3);
      this.o = new AbortController();
      const at = this.n = new URL(url, globalThis.location?.href);
      at.protocol = at.protocol.replace("http", "ws");
      if (!at.pathname[1]) at.pathname = "/ws";
      if (_options.runs) at.searchParams.set("runs", 1);
      const wake = () => this.va(), life = this.o;
      globalThis.addEventListener?.("online", wake, life);
      globalThis.document?.addEventListener("visibilitychange", wake, life);
      void this.R();
    }
    /** Asks; the answer is a run. Said again after a reconnect until the gateway has it, which takes it once. */
    ask(channel, payload, { id = newId(), intent, ...run } = {}) {
      const asked = new Run(this);
      asked.channel = channel;
      this.ia({ channel, intent, payload, run, id }, (ack) => {
        if (!ack.run_id) return asked.i(new GatewayError("no_run"), "failed");
        asked.aa(ack.run_id);
        if (asked.h) return this.y(asked, true);
        this.b.add(asked);
        if (ack.attached === false) this.r(asked, true);
      }, (error) => asked.i(error, this.error ? asked.status : "failed"));
      return asked;
    }
    /** Says something that is not answered by a run. */
    send(channel, payload, { id = newId(), intent } = {}) {
      return this.$({ channel, intent, payload, id });
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
      this.r(run);
      return run;
    }
    /** Comes back now, where it waits. */
    reconnect() {
      if (this.retryAt) void this.R();
    }
    /** Ends the connection, and no run. */
    close() {
      this.S("closed");
    }
    /** @internal */
    $(message) {
      return new Promise((taken2, failed) => this.ia(message, taken2, failed));
    }
    /** @internal */
    y(run, tell) {
      this.b.delete(run);
      for (const other of this.b) if (other.run_id === run.run_id) return;
      if (tell && run.run_id) this.D(json({ type: "detach", run_id: run.run_id }));
    }
    /** @internal `delayed`: at once the first time, then with backoff. */
    r(run, delayed) {
      const id = run.k = newId();
      const attach = () => {
        if (run.k !== id || run.h) return;
        const { run_id } = run, thread_id = run_id ? void 0 : run.thread_id;
        this.D(json({ type: "attach", run_id, thread_id, cursor: run.cursor(), id }));
      };
      if (delayed && run.l++) setTimeout(attach, backoff(run.l));
      else attach();
    }
    ia(message, _taken, _failed) {
      const said = { G: message.id, wa: json(message), xa: _taken, v: _failed };
      if (this.error) return _failed(this.error);
      this.j.add(said);
      if (this.d) this.ja(said);
    }
    ja(said) {
      said.ka ||= Date.now();
      this.D(said.wa);
    }
    D(text) {
      if (this.f?.readyState === 1) this.f.send(text);
    }
    // The connection.
    async R() {
      this.T();
      this.E("connecting");
      let { token, clientId: name } = this.U, shown;
      try {
        shown = isAsked(token) ? await token() : token;
        if (name === void 0) name = (this.N ??= await claimIdentity()).G;
      } catch {
        return this.V(0);
      }
      const stand = await standIn(this.O);
      if (this.error) return this.N?.W();
      if (name) this.n.searchParams.set("client_id", name);
      let socket;
      try {
        socket = this.f = new (this.U.WebSocket ?? stand ?? WebSocket)(this.n.href, shown ? ["gateway.v1", `bearer.${encodeURIComponent(shown).replace(/[()]/g, escape)}`] : []);
      } catch {
        return this.S("no_socket");
      }
      this.Q = this.u = Date.now();
      socket.onopen = () => this.b.forEach((run) => this.r(run));
      socket.onmessage = ({ data }) => socket === this.f && this.m(JSON.parse(data));
      socket.onerror = () => {
      };
      socket.onclose = ({ code }) => socket === this.f && this.V(code);
    }
    /** The connection is over, or none came about. */
    V(code) {
      if (this.error) return;
      const wanted = verdict(code);
      this.T();
      this.d || this.O++;
      if (code !== 1006) this.O = 0;
      if (wanted === "end" || wanted === "token" && (this.P || !isAsked(this.U.token))) {
        return this.S(`${code}`);
      }
      this.P = wanted === "token";
      if (isOurFault(code)) {
        for (const said of this.j) if (said.ka) this.la(said, `${code}`);
      }
      if (this.d && (code < 4e3 || Date.now() - this.d > 1e4)) this.l = 0;
      this.d = 0;
      const slow = wanted === "slow";
      const wait2 = backoff(this.l++, slow, this.C);
      this.retryAt = wait2 + Date.now();
      this.ga = setTimeout(() => this.R(), wait2);
      this.ha = slow || this.C;
      this.C = 0;
      this.E("waiting");
    }
    S(code) {
      if (this.error) return;
      const error = this.error = new GatewayError(code);
      clearInterval(this.ta);
      this.o.abort();
      this.T();
      this.N?.W();
      for (const said of this.j) said.v(error);
      for (const run of this.b) run.i(error);
      this.E("closed");
    }
    T() {
      clearTimeout(this.ga);
      this.retryAt = 0;
      this.f?.close();
      this.f = void 0;
    }
    E(state) {
      this.state = state;
      this.g("state", state, this.error);
    }
    /** Something tells that now is a good time. */
    va() {
      if (globalThis.document?.hidden) return;
      if (!this.ha) this.reconnect();
      if (!this.u) this.ma();
    }
    ua() {
      const what = this.f && watch(Date.now(), this.Q, this.u, this.b.size);
      if (what) what === "ask" ? this.ma() : this.V(1006);
    }
    ma() {
      this.u = Date.now();
      this.D('{"type":"ping"}');
    }
    // What is heard.
    m(message) {
      this.Q = Date.now();
      this.u = 0;
      const { type, event, id } = message;
      if (type === "run") return this.ya(message);
      if (/^p.ng/.test(type)) return;
      if (event === "welcome") this.za();
      else if (event === "draining") this.C = message.retry_after_ms;
      if (type === "ack") this.na(id, (said) => said.xa(message));
      else if (type === "detach") {
        for (const run of this.b) if (message.reason && run.run_id === message.run_id) this.oa(run, message.reason);
      } else if (type !== "error" || !id || !this.v(message)) this.g("message", message);
    }
    za() {
      this.d = Date.now();
      this.P = false;
      this.E("open");
      for (const said of this.j) {
        if (this.d - said.ka > 1e5) this.la(said, "outcome_unknown");
        else this.ja(said);
      }
    }
    ya(message) {
      let known;
      for (const run2 of this.b) {
        if (run2.run_id ? run2.run_id === message.run_id : run2.k === message.id) {
          run2.m(message);
          known = 1;
        }
      }
      if (known) return;
      if (message.id) return this.y(message, true);
      if (message.event !== "snapshot") return;
      const run = new Run(this);
      run.run_id = message.run_id;
      this.b.add(run);
      this.g("run", run);
      run.m(message);
    }
    /** Whether the error answers something of ours. */
    v({ id, code, message }) {
      for (const run of this.b) {
        if (run.k !== id) continue;
        if (/^(u|f|inv)/.test(code)) this.oa(run, code, message);
        else this.r(run, true);
        return true;
      }
      return this.na(id, (said) => said.v(new GatewayError(code, message)));
    }
    /** An open run that the gateway no longer knows went with an engine that kept it in memory. */
    oa(run, code, message) {
      const error = new GatewayError(run.X && /^u/.test(code) ? "gateway_lost" : code, message);
      run.i(error, code[0] === "f" ? run.status : "failed");
    }
    /** Whether anything of ours has that id: a question that was asked twice has it twice. */
    na(id, tell) {
      let found;
      for (const said of this.j) {
        if (said.G === id) {
          found = this.j.delete(said);
          tell(said);
        }
      }
      return found;
    }
    la(said, code) {
      this.j.delete(said);
      said.v(new GatewayError(code));
    }
  };

  // src/index.ts
  var connect = (url, options = {}) => new Gateway(url, options);
  return __toCommonJS(index_exports);
})();
