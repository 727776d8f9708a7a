import { Events, GatewayError, newId } from './events.js';
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
  _promise(message: { id: string; [member: string]: unknown }): Promise<{ status: string }>;
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

  /** @internal */ _over?: boolean;
  /** @internal The attach that has to be answered before anything else counts. */ _attaching?: string;
  /** @internal */ _failures = 0;
  /** @internal The gateway has it, or had. */ _known?: boolean;
  /** @internal */ _refuse!: (error: Error) => void;
  private _ready!: (id: string) => void;
  private _done!: (run: Run) => void;
  private _epoch = -1;
  private _hash = EMPTY;
  private _start = 0; // bytes of the log before `text`
  private _size = 0; // bytes of `text`
  private _cuts = 0;
  private _late?: string;
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
    const bytes = encode(text), own = fold(bytes);
    if (!text) [this._start, this._hash] = [+pos, unhex(hash)];
    else if (hex(own) === hash) {
      this.text = text;
      this._size = bytes.length;
      this._hash = own;
    }
    else return; // it is not the text of that cursor
    this._epoch = +epoch;
  }

  get pos(): number { return this._start + this._size; }
  get epoch(): number { return this._epoch < 0 ? 0 : this._epoch; }
  get hash(): string { return hex(this._hash); }

  /** Milliseconds since its agent has said something. */
  get idleMs(): number { return Date.now() - this._changedAt; }

  /** Of a `json` run: its lines, as far as they are whole. */
  get items(): unknown[] {
    const lines = this.text.slice(this._parsed).split('\n');
    this._parsed = this.text.length - lines.pop()!.length;
    for (const line of lines) if (line) this._items.push(JSON.parse(line));
    return this._items;
  }

  /** Where it is: another page goes on from there with `attach({ run_id, cursor, text })`. */
  cursor(): string | undefined { return this._epoch < 0 ? undefined : `${this._epoch}.${this.pos}.${this.hash}`; }

  /** Asks its agent to end it: `asked`, `already`, or `ended`. */
  async cancel(reason?: string): Promise<string> {
    const run_id = await this.ready;
    return (await this._connection._promise({ type: 'cancel', run_id, reason, id: newId() })).status;
  }

  /** Hears no more of it; it goes on. */
  detach(): void {
    if (this._over) return;
    this._connection._drop(this, true);
    this._stop(null);
  }

  /**
   * What is added, from the start. Throws when it fails, and (`replaced`) when another agent begins again and text that
   * was given out counts no more: a new loop reads from the start.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    let seen = '', cuts = this._cuts, wake = () => {};
    const start = this._start, off = (['text', 'end'] as const).map((name) => this.on(name, () => wake()));
    try {
      for (;;) {
        const held = this.text;
        if (cuts !== this._cuts) {
          if (this._start === start && held.startsWith(seen)) cuts = this._cuts;
          else if (this._over || this._start < start || !seen.startsWith(held)) throw new GatewayError('replaced');
        }
        const piece = held.slice(seen.length);
        if (piece) {
          seen = held;
          yield piece;
        } else if (this._over) {
          const { error, status } = this;
          if (error && status !== 'cancelled' || /^[fa]/.test(status)) throw new GatewayError(error?.code ?? status, error?.message);
          return;
        } else {
          await new Promise<void>((resolve) => wake = resolve);
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
    for (const name of ['thread_id', 'channel', 'format'] as const) this[name] = message[name] ?? this[name] as string;
    // That it is over counts when its text is whole: its `end` says so.
    if (/^(q|in)/.test(message.status!)) this.status = message.status!;
    this[`$${message.event}`]?.(message);
  }

  /** @internal */
  $snapshot(message: RunMessage): void {
    const bytes = encode(message.text!), hash = fold(bytes);
    if (!this._check(message, hash)) return;
    this._replaced();
    this._start = 0;
    this._epoch = message.epoch;
    this._hash = hash;
    this._size = bytes.length;
    this.text = message.text!;
    this._changed('snapshot', message);
  }

  /** @internal */
  $delta(message: RunMessage): void {
    const ahead = message.epoch - this._epoch || message.from! - this.pos;
    if (ahead < 0) return;
    if (ahead) return this._again();
    const bytes = encode(message.text!), hash = fold(bytes, this._hash);
    if (!this._check(message, hash)) return;
    this._hash = hash;
    this._size += bytes.length;
    this.text += message.text;
    this._changed('delta', message.text!, message);
  }

  /** @internal */
  $reset(message: RunMessage): void {
    const { pos } = message;
    if (message.epoch < this._epoch) return;
    this._epoch = message.epoch;
    this.status = 'in_progress';
    if (pos < this.pos) this._cut(pos, unhex(message.hash));
    if (pos === this.pos) this._check(message, this._hash);
    this._changed('reset', message);
  }

  /** @internal */
  $top(message: RunMessage): void {
    if (this._epoch < 0) this._epoch = message.epoch;
    this.owner = message.owner!;
    this.cancelRequested = message.cancel_requested!;
    this._changedAt = Date.now() - message.idle_ms!;
    if (message.epoch === this._epoch && message.pos === this.pos) {
      this._check(message, this._hash);
    } else {
      // What it tells of may be on its way: a beat later it should be here.
      const here = this.cursor()!;
      if (this._late === here) this._again();
      this._late = here;
    }
    this._emit('top', message);
  }

  /** @internal */
  $end(message: RunMessage): void {
    this.verified = message.hash === this.hash && (!!message.id || message.epoch === this._epoch);
    // Of a log that has gone, the end is all that an attach is answered.
    if (!this.verified && !message.id) return this._again(message.pos === this.pos && message.hash !== this.hash);
    this.result = message.result;
    this._stop(message.error ?? (this.verified ? null : new GatewayError('expired')), message.status);
  }

  /** @internal It is over, or nothing is heard of it any more. */
  _stop(error: GatewayError | Failure | null, status = this.status): void {
    if (this._over) return;
    this._over = true;
    this.error = error && { code: error.code, message: error.message };
    this.status = status;
    this._refuse(error as Error ?? new GatewayError('detached'));
    this._connection._drop(this);
    this._emit('end', this);
    this._done(this);
  }

  private _check(message: RunMessage, hash: Hash): boolean {
    this.verified = message.hash === hex(hash);
    if (this.verified) this._failures = 0;
    else this._again(true);
    return this.verified;
  }

  /** Something is missing, or wrong: it asks once more, from where it is or from the start. */
  private _again(anew?: boolean): void {
    if (anew) this._epoch = -1;
    this._connection._attach(this, true);
  }

  private _cut(pos: number, hash: Hash): void {
    const bytes = encode(this.text).slice(0, Math.max(0, pos - this._start));
    this._start = Math.min(this._start, pos);
    this._size = bytes.length;
    this.text = decode(bytes);
    this._hash = this._start ? hash : fold(bytes); // what is before its text is not known
    this._replaced();
  }

  private _replaced(): void {
    this._cuts++;
    this._items = [];
    this._parsed = 0;
  }

  private _changed<Name extends keyof RunEvents>(event: Name, ...told: RunEvents[Name]): void {
    this._late = undefined;
    this._changedAt = Date.now();
    this._emit(event, ...told);
    this._emit('text', this.text, this);
  }
}
