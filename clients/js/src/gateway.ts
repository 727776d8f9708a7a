import { Events, GatewayError, newId } from './events.js';
import { claimIdentity, type Identity } from './identity.js';
import { backoff, isOurFault, verdict, watch } from './policy.js';
import { Run, type RunMessage } from './run.js';

export interface Options {
  /** The session token, or what fetches one: called before each connection. */
  token?: string | null | (() => string | null | undefined | Promise<string | null | undefined>);
  /** The name of this client, the scope of its message ids. Absent: kept per tab. `null`: none. */
  clientId?: string | null;
  /** Get the runs that are pushed to this user, too: `on('run')`. */
  runs?: boolean;
  /** Where there is none: that of the package `ws`, say. */
  WebSocket?: any;
}

export interface Ask {
  /** Its conversation: `attach({ thread_id })` finds the latest run of it. */
  thread_id?: string;
  format?: 'text' | 'json';
  intent?: 'chat' | 'query' | 'command';
  /** Absent: 128 random bits. The same again is the same question. */
  id?: string;
}

export type Target = string | { run_id?: string; thread_id?: string; cursor?: string; text?: string };

export interface Ack {
  status: string;
  id: string;
  run_id?: string;
  attached?: boolean;
}

export type State = 'connecting' | 'open' | 'waiting' | 'closed';

export type GatewayEvents = {
  /** `error`, once it is closed for good: why. */
  state: [state: State, error?: GatewayError];
  /** Everything that answers no call of this client and is of none of its runs. */
  message: [message: any];
  /** A run that was pushed. */
  run: [run: Run];
};

// Half of a character, which no gateway takes, is U+FFFD.
const json = (value: object): string => JSON.stringify(value, (_, said) => said?.toWellFormed?.() ?? said);

/** What stands in for a WebSocket, after so many in a row that came to nothing; or where it did before. */
async function standIn(failures: number): Promise<any> {
  try {
    if (failures > 1 || sessionStorage.gatewaySse) return (await import('./fallback.js')).choose(failures);
  } catch { /* no storage, or no such file: none */ }
}

/** Whether there may be a fresh token. */
const isAsked = (token: Options['token']): token is Exclude<Options['token'], string | null | undefined> => typeof token === 'function';

type Identified = { id: string; [member: string]: unknown };

interface Said {
  _id: string;
  _text: string; // the same bytes each time
  _taken(ack: Ack): void;
  _failed(error: GatewayError): void;
  _first?: number; // when it was sent first
}

/** One WebSocket at a time, and what has to be said and heard over it. */
export class Gateway extends Events<GatewayEvents> {
  state!: State;
  /** Why it is closed. */
  error?: GatewayError;
  /** When it comes back, in milliseconds since 1970; 0 unless it waits. */
  retryAt!: number;

  private _url: URL;
  private _socket?: WebSocket;
  private _identity?: Identity;
  private _runs = new Set<Run>();
  private _said = new Set<Said>();
  private _retry?: ReturnType<typeof setTimeout>;
  private _failures = 0;
  private _unheard = 0; // connections that came to nothing
  private _floor?: number; // what the gateway has asked for
  private _query: URLSearchParams;
  private _patient?: boolean | number; // it was asked to wait
  private _refused?: boolean; // the last token was
  private _welcomed!: number; // when; or nothing
  private _heard!: number;
  private _pinged!: number;
  private _ticking = setInterval(() => {
    const what = this._socket && watch(Date.now(), this._heard, this._pinged, this._runs.size as any);
    if (what) what === 'ask' ? this._ping() : this._gone(1006);
  }, 1e3);
  private _life = new AbortController();

  /** @internal */
  constructor(url: string | URL, private _options: Options) {
    super();
    const at = this._url = new URL(url, globalThis.location?.href);
    at.protocol = at.protocol.replace('http', 'ws');
    if (!at.pathname[1]) at.pathname = '/ws';
    this._query = at.searchParams;
    if (_options.runs) this._query.set('runs', 1 as any);
    /** Something tells that now is a good time. */
    const wake = () => {
      if (globalThis.document?.hidden) return;
      if (!this._patient) this.reconnect();
      if (!this._pinged) this._ping();
    }, life = this._life; // its `signal` is the option that counts
    globalThis.addEventListener?.('online', wake, life);
    globalThis.document?.addEventListener('visibilitychange', wake, life);
    void this._dial();
  }

  /** Asks; the answer is a run. Said again after a reconnect until the gateway has it, which takes it once. */
  ask(channel: string, payload: object, { id = newId(), intent, ...run }: Ask = {}): Run {
    const asked = new Run(this);
    asked.channel = channel;
    this._say({ channel, intent, payload, run, id }, (ack) => {
      if (!ack.run_id) return asked._stop(new GatewayError('no_run'), 'failed');
      asked._settle(ack.run_id);
      if (asked._over) return this._drop(asked, true);
      this._runs.add(asked);
      if (ack.attached === false) this._attach(asked, true);
    }, (error) => asked._stop(error, this.error ? asked.status : 'failed'));
    return asked;
  }

  /** Says something that is not answered by a run. */
  send(channel: string, payload: object, { id = newId(), intent }: Pick<Ask, 'id' | 'intent'> = {}): Promise<Ack> {
    return this._promise({ channel, intent, payload, id });
  }

  /** Reads a run: from its start, or on from a cursor. One that this client reads already is that one. */
  attach(target: Target): Run {
    const { run_id, thread_id, cursor, text }: Exclude<Target, string> = typeof target === 'string' ? { run_id: target } : target;
    for (const run of this._runs) if (run_id && run_id === run.run_id) return run;
    const run = new Run(this, cursor, text);
    run.run_id = run_id;
    run.thread_id = thread_id;
    this._runs.add(run);
    if (this.error) run._stop(this.error);
    this._attach(run);
    return run;
  }

  /** Comes back now, where it waits. */
  reconnect(): void { if (this.retryAt) void this._dial(); }

  /** Ends the connection, and no run. */
  close(): void { this._finish('closed'); }

  /** @internal */
  _promise(message: Identified): Promise<Ack> {
    return new Promise((taken, failed) => this._say(message, taken, failed));
  }

  /** @internal */
  _drop(run: Run, tell?: boolean): void {
    this._runs.delete(run);
    for (const other of this._runs) if (other.run_id === run.run_id) return;
    if (tell && run.run_id) this._send(json({ type: 'detach', run_id: run.run_id }));
  }

  /** @internal `delayed`: at once the first time, then with backoff. */
  _attach(run: Run, delayed?: boolean): void {
    const id = run._attaching = newId();
    const attach = () => {
      if (run._attaching !== id || run._over) return;
      const { run_id } = run, thread_id = run_id ? undefined : run.thread_id;
      this._send(json({ type: 'attach', run_id, thread_id, cursor: run.cursor(), id }));
    };
    if (delayed && run._failures++) setTimeout(attach, backoff(run._failures));
    else attach();
  }

  private _say(message: Identified, _taken: Said['_taken'], _failed: Said['_failed']): void {
    const said: Said = { _id: message.id, _text: json(message), _taken, _failed };
    if (this.error) return _failed(this.error);
    this._said.add(said);
    if (this._welcomed) this._sayNow(said);
  }

  private _sayNow(said: Said): void {
    said._first ||= Date.now();
    this._send(said._text);
  }

  private _send(text: string): void {
    if (this._socket?.readyState === 1) this._socket.send(text);
  }

  // The connection.

  private async _dial(): Promise<void> {
    this._hangUp();
    this._become('connecting');
    let { token, clientId: name } = this._options, shown: string | null | undefined;
    try {
      shown = isAsked(token) ? await token() : token;
      if (name === undefined) name = (this._identity ??= await claimIdentity())._id;
    } catch {
      return this._gone(0);
    }
    const stand = await standIn(this._unheard);
    if (this.error) return this._identity?._release();
    if (name) this._query.set('client_id', name);
    let socket: WebSocket;
    try {
      // A subprotocol's name may hold less than encodeURIComponent() leaves.
      socket = this._socket = new (this._options.WebSocket ?? stand ?? WebSocket)(this._url.href, shown ? ['gateway.v1', `bearer.${encodeURIComponent(shown).replace(/[()]/g, escape)}`] : []);
    } catch {
      return this._finish('no_socket');
    }
    // A handshake that is not answered is a silence, too.
    this._heard = this._pinged = Date.now();
    this._query.delete('ticket'); // once
    socket.onopen = () => this._runs.forEach((run) => this._attach(run)); // a resume is one round trip
    socket.onmessage = ({ data }) => socket === this._socket && this._take(JSON.parse(data));
    socket.onerror = () => {}; // its close tells; the package `ws` would throw it
    socket.onclose = ({ code }) => socket === this._socket && this._gone(code);
  }

  /** The connection is over, or none came about. */
  private _gone(code: number): void {
    if (this.error) return;
    const wanted = verdict(code);
    this._hangUp();
    this._welcomed || this._unheard++;
    if (code !== 1006) this._unheard = 0;
    if (wanted === 'end' || (wanted === 'token' && (this._refused || !isAsked(this._options.token)))) {
      return this._finish(`${code}`);
    }
    this._refused = wanted === 'token';
    if (isOurFault(code)) {
      for (const said of this._said) if (said._first) this._fail(said, `${code}`);
    }
    if (this._welcomed && (code < 4000 || Date.now() - this._welcomed > 10e3)) this._failures = 0;
    this._welcomed = 0;
    const slow = wanted === 'slow';
    const wait = backoff(this._failures++, slow, this._floor);
    this.retryAt = wait + Date.now();
    this._retry = setTimeout(() => this._dial(), wait);
    this._become('waiting');
    this._patient = slow || this._floor;
    this._floor = 0;
  }

  private _finish(code: string): void {
    if (this.error) return;
    const error = this.error = new GatewayError(code);
    this._hangUp();
    this._identity?._release();
    clearInterval(this._ticking);
    this._life.abort();
    for (const said of this._said) said._failed(error);
    for (const run of this._runs) run._stop(error);
    this._become('closed');
  }

  private _hangUp(): void {
    this._socket?.close();
    this._socket = undefined;
    clearTimeout(this._retry);
    this.retryAt = 0;
  }

  private _become(state: State): void {
    this.state = state;
    this._emit('state', state, this.error);
  }

  private _ping(): void {
    this._pinged = Date.now();
    this._send('{"type":"ping"}');
  }

  // What is heard.

  private _take(message: any): void {
    this._heard = Date.now();
    this._pinged = 0;
    const { type, event, id } = message;
    if (type === 'run') return this._takeRun(message);
    if (/p.ng/.test(type)) return;
    if (event === 'welcome') this._welcome();
    else if (event === 'draining') {
      this._floor = message.retry_after_ms;
      if (message.ticket) { // it is its turn, and others are there
        this._query.set('ticket', message.ticket);
        void this._dial();
      }
    }
    if (type === 'ack') this._answer(id, (said) => said._taken(message));
    else if (type === 'detach') {
      for (const run of this._runs) if (run.run_id === message.run_id && message.reason) this._lose(run, message.reason);
    } else if (type !== 'error' || !id || !this._failed(message)) this._emit('message', message);
  }

  private _welcome(): void {
    this._welcomed = Date.now();
    this._refused = false;
    this._become('open');
    for (const said of this._said) {
      // Without an answer so long, it may have been forgotten by the gateway (which remembers 120 s).
      if (this._welcomed - said._first! > 1e5) this._fail(said, 'outcome_unknown');
      else this._sayNow(said);
    }
  }

  private _takeRun(message: RunMessage): void {
    let known;
    for (const run of this._runs) {
      if (run.run_id ? run.run_id === message.run_id : run._attaching === message.id) {
        run._take(message);
        known = 1;
      }
    }
    if (known) return;
    if (message.id) return this._drop(message as unknown as Run, true); // who asked for it is gone
    if (message.event !== 'snapshot') return;
    const run = new Run(this);
    run.run_id = message.run_id;
    this._runs.add(run);
    this._emit('run', run);
    run._take(message);
  }

  /** Whether the error answers something of ours. */
  private _failed({ id, code, message }: { id: string; code: string; message: string }): boolean {
    for (const run of this._runs) {
      if (run._attaching !== id) continue;
      if (/^(u|f|inv)/.test(code)) this._lose(run, code, message);
      else this._attach(run, true);
      return true;
    }
    return this._answer(id, (said) => said._failed(new GatewayError(code, message)));
  }

  /** An open run that the gateway no longer knows went with an engine that kept it in memory. */
  private _lose(run: Run, code: string, message?: string): void {
    const error = new GatewayError(run._known && /^u/.test(code) ? 'gateway_lost' : code, message);
    run._stop(error, code[0] === 'f' ? run.status : 'failed'); // forbidden to this one, it may go on
  }

  /** Whether anything of ours has that id: a question that was asked twice has it twice. */
  private _answer(id: string, tell: (said: Said) => void): boolean {
    let found;
    for (const said of this._said) {
      if (said._id === id) {
        found = this._said.delete(said);
        tell(said);
      }
    }
    return found!;
  }

  private _fail(said: Said, code: string): void {
    this._said.delete(said);
    said._failed(new GatewayError(code));
  }
}
