// Built from clients/js/src by its build.mjs: not to be edited.
"use strict";
var gatewayClient = (() => {
  var __defProp = Object.defineProperty;
  var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
  var __getOwnPropNames = Object.getOwnPropertyNames;
  var __hasOwnProp = Object.prototype.hasOwnProperty;
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
  var unhex = (text) => [parseInt(text.slice(0, 7), 16), parseInt(text.slice(7), 16)];
  var encode = (text) => new TextEncoder().encode(text);
  var decode = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

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
      this.z = /* @__PURE__ */ new Set();
    }
    /** Returns what takes the listener away again. */
    on(name, listener) {
      const entry = [name, listener];
      this.z.add(entry);
      return () => void this.z.delete(entry);
    }
    /** @internal */
    f(name, ...told) {
      for (const [wanted, listener] of this.z) {
        if (wanted !== name) continue;
        try {
          listener(...told);
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
        return new Promise((release) => {
          unlock = release;
        });
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
      A: id,
      P: () => {
        unlock();
        taken.delete(slot);
      }
    };
  }

  // src/policy.ts
  var SILENCE = 6e3;
  var SILENCE_IDLE = 45e3;
  var PONG = 1e4;
  function verdict(code) {
    if (code === 4010) return "end";
    if ([1008, 4001, 4003].includes(code)) return "token";
    return [4004, 4029].includes(code) ? "slow" : "back";
  }
  var isOurFault = (code) => [2, 3, 7, 9].includes(code - 1e3);
  var backoff = (failures, slow = false, floor = 0, chance = Math.random()) => Math.max(floor, slow ? 5e3 : 0) + chance * (slow ? Math.min(55e3, 5e3 * 2 ** failures) : Math.min(2e4, 250 * 2 ** failures));
  function watch(now, heard, pinged, open) {
    if (pinged) return now - pinged > PONG ? "dead" : "fine";
    return now - heard > (open ? SILENCE : SILENCE_IDLE) ? "ask" : "fine";
  }

  // src/run.ts
  var Run = class extends Events {
    /** @internal */
    constructor(_connection, cursor, text = "") {
      super();
      this.r = _connection;
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
      this.d = EMPTY;
      this.c = 0;
      // bytes of the log before `text`
      this.m = 0;
      // bytes of `text`
      this.q = 0;
      this.C = Date.now();
      this.D = [];
      this.E = 0;
      this.ready = new Promise((settle, refuse) => {
        this.S = settle;
        this.R = refuse;
      });
      this.ready.catch(() => {
      });
      this.done = new Promise((done) => {
        this.T = done;
      });
      const [epoch, pos, hash] = cursor?.split(".") ?? [];
      if (!hash) return;
      const bytes = encode(text), own = fold(bytes);
      if (!text) [this.c, this.d] = [+pos, unhex(hash)];
      else if (hex(own) === hash) [this.text, this.m, this.d] = [text, bytes.length, own];
      else return;
      this.a = +epoch;
    }
    get pos() {
      return this.c + this.m;
    }
    get epoch() {
      return Math.max(this.a, 0);
    }
    get hash() {
      return hex(this.d);
    }
    /** Milliseconds since its agent has said something. */
    get idleMs() {
      return Date.now() - this.C;
    }
    /** Of a `json` run: its lines, as far as they are whole. */
    get items() {
      const end = this.text.lastIndexOf("\n") + 1;
      for (const line of this.text.slice(this.E, end).split("\n")) if (line) this.D.push(JSON.parse(line));
      this.E = end;
      return this.D;
    }
    /** Where it is: another page goes on from there with `attach({ run_id, cursor, text })`. */
    cursor() {
      return this.a < 0 ? void 0 : `${this.a}.${this.pos}.${this.hash}`;
    }
    /** Asks its agent to end it: `asked`, `already`, or `ended`. */
    async cancel(reason) {
      const run_id = await this.ready;
      return (await this.r.U({ type: "cancel", run_id, reason, id: newId() })).status;
    }
    /** Hears no more of it; it goes on. */
    detach() {
      if (this.g) return;
      this.r.s(this, true);
      this.h(null);
    }
    /**
     * What is added, from the start. Throws when it fails, and (`replaced`) when another agent begins again and text that
     * was given out counts no more: a new loop reads from the start.
     */
    async *[Symbol.asyncIterator]() {
      let seen = "", cuts = this.q, wake = () => {
      };
      const start = this.c, off = ["text", "end"].map((name) => this.on(name, () => wake()));
      try {
        for (; ; ) {
          const held = this.text;
          if (cuts !== this.q) {
            if (this.c === start && held.startsWith(seen)) cuts = this.q;
            else if (this.g || this.c < start || !seen.startsWith(held)) throw new GatewayError("replaced");
          }
          const piece = held.slice(seen.length);
          if (piece) {
            seen = held;
            yield piece;
          } else if (this.g) {
            const { error, status } = this;
            if (error && status !== "cancelled" || /^[fa]/.test(status)) throw new GatewayError(error?.code ?? status, error?.message);
            return;
          } else {
            await new Promise((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        off.forEach((stop) => stop());
      }
    }
    /** @internal */
    V(id) {
      this.run_id = id;
      this.Q = true;
      this.S(id);
    }
    /** @internal */
    t(message) {
      if (message.id !== this.k) return;
      this.k = void 0;
      this.V(message.run_id);
      for (const name of ["thread_id", "channel", "format"]) this[name] = message[name] ?? this[name];
      if (/^(q|in)/.test(message.status)) this.status = message.status;
      this[`$${message.event}`]?.(message);
    }
    /** @internal */
    $snapshot(message) {
      const bytes = encode(message.text), hash = fold(bytes);
      if (!this.u(message, hash)) return;
      this.W();
      this.c = 0;
      this.a = message.epoch;
      this.d = hash;
      this.m = bytes.length;
      this.text = message.text;
      this.F("snapshot", message);
    }
    /** @internal */
    $delta(message) {
      const ahead = message.epoch - this.a || message.from - this.pos;
      if (ahead < 0) return;
      if (ahead) return this.v();
      const bytes = encode(message.text), hash = fold(bytes, this.d);
      if (!this.u(message, hash)) return;
      this.d = hash;
      this.m += bytes.length;
      this.text += message.text;
      this.F("delta", message.text, message);
    }
    /** @internal */
    $reset(message) {
      const { pos } = message;
      if (message.epoch < this.a) return;
      this.a = message.epoch;
      this.status = "in_progress";
      if (pos < this.pos) this.fa(pos, unhex(message.hash));
      if (pos === this.pos) this.u(message, this.d);
      this.F("reset", message);
    }
    /** @internal */
    $top(message) {
      if (this.a < 0) this.a = message.epoch;
      this.owner = message.owner;
      this.cancelRequested = message.cancel_requested;
      this.C = Date.now() - message.idle_ms;
      if (message.epoch === this.a && message.pos === this.pos) {
        this.u(message, this.d);
      } else {
        const here = this.cursor();
        if (this.B === here) this.v();
        this.B = here;
      }
      this.f("top", message);
    }
    /** @internal */
    $end(message) {
      this.verified = message.hash === this.hash && (!!message.id || message.epoch === this.a);
      if (!this.verified && !message.id) return this.v(message.pos === this.pos && message.hash !== this.hash);
      this.result = message.result;
      this.h(message.error ?? (this.verified ? null : new GatewayError("expired")), message.status);
    }
    /** @internal It is over, or nothing is heard of it any more. */
    h(error, status = this.status) {
      if (this.g) return;
      this.g = true;
      this.error = error && { code: error.code, message: error.message };
      this.status = status;
      this.R(error ?? new GatewayError("detached"));
      this.r.s(this);
      this.f("end", this);
      this.T(this);
    }
    u(message, hash) {
      this.verified = message.hash === hex(hash);
      if (this.verified) this.l = 0;
      else this.v(true);
      return this.verified;
    }
    /** Something is missing, or wrong: it asks once more, from where it is or from the start. */
    v(anew) {
      if (anew) this.a = -1;
      this.r.n(this, true);
    }
    fa(pos, hash) {
      const bytes = encode(this.text).subarray(0, Math.max(0, pos - this.c));
      this.c = Math.min(this.c, pos);
      this.m = bytes.length;
      this.text = decode(bytes);
      this.d = this.c ? hash : fold(bytes);
      this.W();
    }
    W() {
      this.q++;
      this.D = [];
      this.E = 0;
    }
    F(event, ...told) {
      this.B = void 0;
      this.C = Date.now();
      this.f(event, ...told);
      this.f("text", this.text, this);
    }
  };

  // src/gateway.ts
  var json = (value) => JSON.stringify(value, (_, said) => said?.toWellFormed?.() ?? said);
  var Gateway = class extends Events {
    /** @internal */
    constructor(url, _options) {
      super();
      this.N = _options;
      this.b = /* @__PURE__ */ new Set();
      this.i = /* @__PURE__ */ new Set();
      this.l = 0;
      this.ga = setInterval(() => this.ha(), 1e3);
      this.Z = new AbortController();
      const at = this.G = new URL(url, globalThis.location?.href);
      at.protocol = at.protocol.replace("http", "ws");
      if (at.pathname === "/") at.pathname = "/ws";
      if (_options.runs) at.searchParams.set("runs", "1");
      const wake = () => this.ia(), life = this.Z;
      globalThis.addEventListener?.("online", wake, life);
      globalThis.document?.addEventListener("visibilitychange", wake, life);
      void this.K();
    }
    /** Asks; the answer is a run. Said again after a reconnect until the gateway has it, which takes it once. */
    ask(channel, payload, { id = newId(), intent, ...run } = {}) {
      const asked = new Run(this);
      asked.channel = channel;
      this._({ channel, intent, payload, run, id }, (ack) => {
        if (!ack.run_id) return asked.h(new GatewayError("no_run"), "failed");
        asked.V(ack.run_id);
        if (asked.g) return this.s(asked, true);
        this.b.add(asked);
        if (ack.attached === false) this.n(asked, true);
      }, (error) => asked.h(error, this.error ? asked.status : "failed"));
      return asked;
    }
    /** Says something that is not answered by a run. */
    send(channel, payload, { id = newId(), intent } = {}) {
      return this.U({ channel, intent, payload, id });
    }
    /** Reads a run: from its start, or on from a cursor. One that this client reads already is that one. */
    attach(target) {
      const { run_id, thread_id, cursor, text } = typeof target === "string" ? { run_id: target } : target;
      for (const run2 of this.b) if (run_id && run_id === run2.run_id) return run2;
      const run = new Run(this, cursor, text);
      run.run_id = run_id;
      run.thread_id = thread_id;
      this.b.add(run);
      if (this.error) run.h(this.error);
      this.n(run);
      return run;
    }
    /** Comes back now, where it waits. */
    reconnect() {
      if (this.retryAt) void this.K();
    }
    /** Ends the connection, and no run. */
    close() {
      this.L("closed");
    }
    /** @internal */
    U(message) {
      return new Promise((taken2, failed) => this._(message, taken2, failed));
    }
    /** @internal */
    s(run, tell) {
      this.b.delete(run);
      for (const other of this.b) if (other.run_id === run.run_id) return;
      if (tell && run.run_id) this.x(json({ type: "detach", run_id: run.run_id }));
    }
    /** @internal `delayed`: at once the first time, then with backoff. */
    n(run, delayed) {
      const id = run.k = newId();
      const attach = () => {
        if (run.k !== id || run.g) return;
        const { run_id } = run, thread_id = run_id ? void 0 : run.thread_id;
        this.x(json({ type: "attach", run_id, thread_id, cursor: run.cursor(), id }));
      };
      if (delayed && run.l++) setTimeout(attach, backoff(run.l));
      else attach();
    }
    _(message, _taken, _failed) {
      const said = { A: message.id, ja: json(message), ka: _taken, p: _failed };
      if (this.error) return _failed(this.error);
      this.i.add(said);
      if (this.j) this.$(said);
    }
    $(said) {
      said.aa ||= Date.now();
      this.x(said.ja);
    }
    x(text) {
      if (this.e?.readyState === 1) this.e.send(text);
    }
    // The connection.
    async K() {
      this.M();
      this.y("connecting");
      const { token, clientId } = this.N;
      let shown, name = clientId;
      try {
        shown = typeof token === "function" ? await token() : token;
        if (name === void 0) name = (this.H ??= await claimIdentity()).A;
      } catch {
        return this.O(0);
      }
      if (this.error) return this.H?.P();
      if (name) this.G.searchParams.set("client_id", name);
      let socket;
      try {
        const protocols = shown ? ["gateway.v1", `bearer.${encodeURIComponent(shown).replace(/[()]/g, escape)}`] : [];
        socket = this.e = new (this.N.WebSocket ?? WebSocket)(this.G.href, protocols);
      } catch {
        return this.L("no_socket");
      }
      this.J = this.o = Date.now();
      socket.onopen = () => this.b.forEach((run) => this.n(run));
      socket.onmessage = ({ data }) => socket === this.e && this.t(JSON.parse(data));
      socket.onerror = () => {
      };
      socket.onclose = ({ code }) => socket === this.e && this.O(code);
    }
    /** The connection is over, or none came about. */
    O(code) {
      if (this.error) return;
      const wanted = verdict(code);
      this.M();
      if (wanted === "end" || wanted === "token" && (this.I || typeof this.N.token !== "function")) {
        return this.L(`${code}`);
      }
      this.I = wanted === "token";
      if (isOurFault(code)) {
        for (const said of this.i) if (said.aa) this.ba(said, `${code}`);
      }
      if (this.j && (code < 4e3 || Date.now() - this.j > 1e4)) this.l = 0;
      this.j = 0;
      const slow = wanted === "slow";
      const wait = backoff(this.l++, slow, this.w);
      this.retryAt = wait + Date.now();
      this.X = setTimeout(() => void this.K(), wait);
      this.Y = slow || this.w;
      this.w = 0;
      this.y("waiting");
    }
    L(code) {
      if (this.error) return;
      const error = this.error = new GatewayError(code);
      clearInterval(this.ga);
      this.Z.abort();
      this.M();
      this.H?.P();
      for (const said of this.i) said.p(error);
      for (const run of this.b) run.h(error);
      this.y("closed");
    }
    M() {
      clearTimeout(this.X);
      this.retryAt = 0;
      const socket = this.e;
      this.e = void 0;
      socket?.close();
    }
    y(state) {
      this.state = state;
      this.f("state", state, this.error);
    }
    /** Something tells that now is a good time. */
    ia() {
      if (globalThis.document?.hidden) return;
      if (!this.Y) this.reconnect();
      if (this.j && !this.o) this.ca();
    }
    ha() {
      const what = this.e && watch(Date.now(), this.J, this.o, this.b.size > 0);
      if (what === "ask") this.ca();
      else if (what === "dead") this.O(1006);
    }
    ca() {
      this.o = Date.now();
      this.x(json({ type: "ping" }));
    }
    // What is heard.
    t(message) {
      this.J = Date.now();
      this.o = 0;
      const { type, event, id } = message;
      if (type === "run") return this.la(message);
      if (/^p.ng$/.test(type)) return;
      if (event === "welcome") this.ma();
      else if (event === "draining") this.w = message.retry_after_ms;
      if (type === "ack") return void this.da(id, (said) => said.ka(message));
      if (type === "error" && id && this.p(message)) return;
      if (type !== "detach") return this.f("message", message);
      for (const run of this.b) if (message.reason && run.run_id === message.run_id) this.ea(run, message.reason);
    }
    ma() {
      this.j = Date.now();
      this.I = false;
      this.y("open");
      for (const said of this.i) {
        if (this.j - said.aa > 1e5) this.ba(said, "outcome_unknown");
        else this.$(said);
      }
    }
    la(message) {
      let known;
      for (const run2 of this.b) {
        if (run2.run_id ? run2.run_id === message.run_id : run2.k === message.id) {
          run2.t(message);
          known = 1;
        }
      }
      if (known) return;
      if (message.id) return this.s(message, true);
      if (message.event !== "snapshot") return;
      const run = new Run(this);
      run.run_id = message.run_id;
      this.b.add(run);
      this.f("run", run);
      run.t(message);
    }
    /** Whether the error answers something of ours. */
    p({ id, code, message }) {
      for (const run of this.b) {
        if (run.k !== id) continue;
        if (/^(unknown|forbidden|invalid)/.test(code)) this.ea(run, code, message);
        else this.n(run, true);
        return true;
      }
      return this.da(id, (said) => said.p(new GatewayError(code, message)));
    }
    /** An open run that the gateway no longer knows went with an engine that kept it in memory. */
    ea(run, code, message) {
      const error = new GatewayError(code === "unknown_run" && run.Q ? "gateway_lost" : code, message);
      run.h(error, code === "forbidden" ? run.status : "failed");
    }
    /** Whether anything of ours has that id: a question that was asked twice has it twice. */
    da(id, tell) {
      let found = false;
      for (const said of this.i) {
        if (said.A === id) {
          found = this.i.delete(said);
          tell(said);
        }
      }
      return found;
    }
    ba(said, code) {
      this.i.delete(said);
      said.p(new GatewayError(code));
    }
  };

  // src/index.ts
  var connect = (url, options = {}) => new Gateway(url, options);
  return __toCommonJS(index_exports);
})();
