import { Events, GatewayError } from './events.js';
import { decode, EMPTY, encode, fold, type Hash, hex, unhex } from './fold.js';

export type Status = 'queued' | 'in_progress' | 'completed' | 'failed' | 'cancelled' | 'abandoned';

export interface Failure {
  code: string;
  message: string;
}

/** What the gateway says of a run, as it stands in docs/PROTOCOL.md. */
export interface RunMessage {
  type: 'run';
  event: 'snapshot' | 'delta' | 'reset' | 'top' | 'end';
  run_id: string;
  id?: string;
  thread_id?: string | null;
  channel?: string;
  format?: string;
  epoch: number;
  from?: number;
  pos: number;
  hash: string;
  text?: string;
  status?: Status;
  cause?: string;
  owner?: 'live' | 'lost' | 'none';
  idle_ms?: number;
  cancel_requested?: boolean;
  error?: Failure | null;
  result?: unknown;
  timestamp: string;
}

export type RunEvents = {
  /** The whole text, each time it has changed. */
  text: [text: string, run: Run];
  /** What was added. */
  delta: [text: string, message: RunMessage];
  /** The text was replaced. */
  snapshot: [message: RunMessage];
  /** Another agent has it now; the text may have been cut. */
  reset: [message: RunMessage];
  top: [message: RunMessage];
  /** It is over, or this client hears no more of it. */
  end: [run: Run];
};

/** @internal What a run needs of its connection. */
export interface Connection {
  _attach(run: Run, delayed?: boolean): void;
  /** `tell`: the gateway, too. */
  _drop(run: Run, tell?: boolean): void;
  _cancel(run: Run, reason?: string): Promise<string>;
}

/** One answer: what is held of it is always a beginning of the gateway's log. */
export class Run extends Events<RunEvents> implements AsyncIterable<string> {
  run_id?: string;
  thread_id?: string | null;
  channel?: string;
  format?: string;
  text = '';
  status: Status = 'queued';
  error: Failure | null = null;
  result: unknown = null;
  /** Whether the text has the hash that the gateway said last. */
  verified = false;
  /** Of its agent: `live`, `lost` (another may go on), `none` (yet). */
  owner: 'live' | 'lost' | 'none' = 'none';
  cancelRequested = false;
  /** The run_id, once the gateway has the question. Rejected when it was refused. */
  readonly ready: Promise<string>;
  /** This run, once it is over, or this client hears no more of it. Never rejected. */
  readonly done: Promise<Run>;

  /** @internal */ _over = false;
  /** @internal The attach that has to be answered before anything else counts. */ _attaching?: string;
  /** @internal */ _failures = 0;
  /** @internal The gateway has it, or had. */ _known = false;
  /** @internal */ _refuse!: (error: Error) => void;
  private _ready!: (id: string) => void;
  private _done!: (run: Run) => void;
  private _epoch = -1;
  private _hash = EMPTY;
  private _start = 0; // bytes of the log before `text`
  private _startHash = EMPTY;
  private _size = 0; // bytes of `text`
  private _cuts = 0;
  private _late = '';
  private _changedAt = Date.now();
  private _items: unknown[] = [];
  private _parsed = 0;

  /** @internal */
  constructor(private _connection: Connection, cursor?: string, text = '') {
    super();
    this.ready = new Promise((settle, refuse) => { this._ready = settle; this._refuse = refuse; });
    this.ready.catch(() => {}); // `error` says it too
    this.done = new Promise((done) => { this._done = done; });
    const [epoch, pos, hash] = cursor?.split('.') ?? [];
    if (!hash) return;
    this._epoch = +epoch;
    this._hash = unhex(hash);
    this._size = encode(text).length;
    this._start = +pos - this._size;
    this._startHash = this._hash;
    this.text = text;
    if (!text) return;
    this._startHash = EMPTY;
    if (this._start || hex(fold(encode(text))) !== hash) this._forget(); // it is not the text of that cursor
  }

  get pos(): number { return this._start + this._size; }
  get epoch(): number { return Math.max(this._epoch, 0); }
  get hash(): string { return hex(this._hash); }

  /** Milliseconds since its agent has said something. */
  get idleMs(): number { return Math.max(0, Date.now() - this._changedAt); }

  /** Of a `json` run: its lines, as far as they are whole. */
  get items(): unknown[] {
    const end = this.text.lastIndexOf('\n') + 1;
    for (const line of this.text.slice(this._parsed, end).split('\n')) if (line) this._items.push(JSON.parse(line));
    this._parsed = Math.max(this._parsed, end);
    return this._items;
  }

  /** Where it is: another page goes on from there with `attach({ run_id, cursor, text })`. */
  cursor(): string | undefined { return this._epoch < 0 ? undefined : `${this._epoch}.${this.pos}.${this.hash}`; }

  /** Asks its agent to end it: `asked`, `already`, or `ended`. */
  cancel(reason?: string): Promise<string> { return this.ready.then(() => this._connection._cancel(this, reason)); }

  /** Hears no more of it; it goes on. */
  detach(): void {
    if (this._over) return;
    this._connection._drop(this, true);
    this._stop({ code: 'detached', message: 'This page reads it no more' });
  }

  /** What is added, from the start. Throws where it fails, and where text that was given out is replaced. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    let pieces = [this.text], seen = '', cuts = this._cuts, wake = () => {};
    const off = [
      this.on('delta', (piece) => void pieces.push(piece)),
      this.on('text', () => wake()),
      this.on('end', () => wake()),
    ];
    try {
      for (;;) {
        if (cuts !== this._cuts) {
          const held = this.text;
          if (held.startsWith(seen)) {
            cuts = this._cuts;
            pieces = [held.slice(seen.length)];
          } else if (this._over || !seen.startsWith(held)) {
            throw new GatewayError('replaced', 'Another agent has begun again: read the run from its start');
          } else {
            pieces = [];
          }
        }
        const piece = pieces.join('');
        pieces = [];
        if (piece) {
          seen += piece;
          yield piece;
        } else if (this._over) {
          if (this.error && this.status !== 'cancelled' && this.error.code !== 'detached') throw new GatewayError(this.error.code, this.error.message);
          return;
        } else {
          await new Promise<void>((resolve) => { wake = resolve; });
        }
      }
    } finally {
      off.forEach((stop) => stop());
    }
  }

  /** @internal */
  _settle(id: string): void {
    this.run_id = id;
    this._known = true;
    this._ready(id);
  }

  /** @internal */
  _take(message: RunMessage): void {
    // An answer to an attach is for its reader alone, and he waits for nothing else.
    if (message.id !== this._attaching) return;
    this._attaching = undefined;
    this._settle(message.run_id);
    for (const name of ['thread_id', 'channel', 'format'] as const) if (name in message) this[name] = message[name] as string;
    // That it is over counts when its text is whole: its `end` says so.
    if (message.status === 'queued' || message.status === 'in_progress') this.status = message.status;
    const { event } = message;
    if (event === 'snapshot') this._snapshot(message);
    else if (event === 'delta') this._delta(message);
    else if (event === 'reset') this._reset(message);
    else if (event === 'top') this._top(message);
    else this._end(message);
  }

  private _snapshot(message: RunMessage): void {
    const bytes = encode(message.text!), hash = fold(bytes);
    if (!this._check(message, hash)) return;
    this._forget();
    this._epoch = message.epoch;
    this._hash = hash;
    this._size = bytes.length;
    this.text = message.text!;
    this._changed();
    this._emit('snapshot', message);
    this._emit('text', this.text, this);
  }

  private _delta(message: RunMessage): void {
    const { epoch, from } = message;
    if (epoch < this._epoch || (epoch === this._epoch && from! < this.pos)) return;
    if (epoch > this._epoch || from! > this.pos) return this._again();
    const bytes = encode(message.text!), hash = fold(bytes, this._hash);
    if (!this._check(message, hash)) return;
    this._hash = hash;
    this._size += bytes.length;
    this.text += message.text;
    this._changed();
    this._emit('delta', message.text!, message);
    this._emit('text', this.text, this);
  }

  private _reset(message: RunMessage): void {
    const { pos } = message;
    if (message.epoch < this._epoch) return;
    this._epoch = message.epoch;
    this.status = 'in_progress';
    if (pos < this.pos) this._cut(pos, unhex(message.hash));
    if (pos === this.pos) this._check(message, this._hash);
    this._emit('reset', message);
    this._emit('text', this.text, this);
  }

  private _top(message: RunMessage): void {
    if (this._epoch < 0) this._epoch = message.epoch;
    this.owner = message.owner!;
    this.cancelRequested = message.cancel_requested!;
    this._changedAt = Date.now() - message.idle_ms!;
    this._emit('top', message);
    if (message.epoch === this._epoch && message.pos === this.pos) return void this._check(message, this._hash);
    // What it tells of may be on its way: a beat later it should be here.
    const here = this.cursor()!;
    if (this._late === here) this._again();
    this._late = here;
  }

  private _end(message: RunMessage): void {
    this.verified = message.epoch === this._epoch && message.hash === this.hash;
    // Of a log that has gone, the end is all that an attach is answered.
    if (!this.verified && !message.id) return this._again(message.pos !== this.pos || message.hash === this.hash);
    this.result = message.result;
    this._stop(message.error ?? null, message.status);
  }

  /** @internal It is over, or nothing is heard of it any more. */
  _stop(error: Failure | null, status = this.status): void {
    if (this._over) return;
    this._over = true;
    this.error = error;
    this.status = status;
    this._refuse(new GatewayError(error?.code ?? 'closed', error?.message));
    this._connection._drop(this);
    this._emit('end', this);
    this._done(this);
  }

  private _check(message: RunMessage, hash: Hash): boolean {
    this.verified = message.hash === hex(hash);
    if (this.verified) this._failures = 0;
    else this._again(false);
    return this.verified;
  }

  /** Something is missing, or wrong: it asks once more, from where it is or from the start. */
  private _again(keep = true): void {
    if (!keep) this._epoch = -1;
    this._connection._attach(this, true);
  }

  private _cut(pos: number, hash: Hash): void {
    const bytes = encode(this.text).subarray(0, Math.max(0, pos - this._start));
    if (pos < this._start) [this._start, this._startHash] = [pos, hash];
    this._size = bytes.length;
    this.text = decode(bytes);
    this._hash = fold(bytes, this._startHash);
    this._replaced();
  }

  private _forget(): void {
    this._epoch = -1;
    this._start = this._size = 0;
    this._hash = this._startHash = EMPTY;
    this.text = '';
    this._replaced();
  }

  private _replaced(): void {
    this._cuts++;
    this._items = [];
    this._parsed = 0;
  }

  private _changed(): void {
    this._late = '';
    this._changedAt = Date.now();
  }
}
