// The owner's side of a run: batches, one in flight, sent again as they were until answered.
import { type Api, Refused } from './api.js';
import { type Batch, bodyOf, bytesOf, type Piece, pieceOf, sizeOf } from './batch.js';
import { textOf } from './chunks.js';
import { decode, EMPTY, encode, fold, hex, unhex } from './fold.js';
import { json } from './json.js';
import { wait } from './wait.js';

const BATCH_MS = 25, BATCH = 4096; // what a model says in this time, or so many characters, is one append
const BATCH_MOST = 65536; // characters, when it says more than the gateway takes at the time
const HELD_MOST = 1 << 20; // characters that are not sent yet: append() waits
const ITEMS_MOST = 1000;
const HEALS = 20;
/** Events of AI SDK and AG-UI that end a stream: beside the run's end they are it, before that the gateway leaves them out. */
const LASTS = ['finish', 'abort', 'RUN_FINISHED', 'RUN_ERROR'];
/** Whose the run is by now: nobody's, or another's. */
export const OVER = ['run_ended', 'run_not_found', 'expired'];
export const ANOTHERS = ['fenced', 'run_held', 'run_moved', 'sequence_conflict'];

export type EndStatus = 'completed' | 'failed' | 'cancelled';

export interface End {
  status: EndStatus;
  error?: { code: string; message: string };
  result?: unknown;
}

export interface Claim {
  /** Of what an earlier agent has written: nothing (the default), all, or so many bytes. */
  keep?: 'all' | number;
  lease_ms?: number;
  takeover_ms?: number;
}

/** What an agent throws for its user to read: of any other error he sees the name alone. */
export class AgentError extends Error {
  constructor(message: string, readonly code = 'agent_error') {
    super(message);
    this.name = 'AgentError';
  }
}

const failureOf = (error: unknown, code: string) =>
  ({ status: 'failed' as const, error: { code, message: String((error as Error)?.message ?? error).slice(0, 500) } });

/** A run that this process owns. */
export class AgentRun {
  epoch = 0;
  /** What stood there when it was claimed, as far as it was kept. */
  kept = '';
  /** Fires when somebody cancels, and when the run is over or another's. */
  readonly signal: AbortSignal;
  cancelled = false;
  /** Nothing can be added any more. */
  over = false;

  private _path: string;
  private _stop = new AbortController();
  private _beats = new AbortController();
  private _leave = () => this._finish(new Error('The agent was closed'));
  private _lease = 10e3;
  private _before: Uint8Array = new Uint8Array(); // the log before the first batch
  private _batches: Batch[] = [];
  private _next = 0;
  private _buffer: Piece[] = [];
  private _lasts = new Map<string, { _line: string }>(); // wait for the end, by their type
  private _held = 0; // characters
  private _end?: string;
  private _timer?: ReturnType<typeof setTimeout>;
  private _pumping?: Promise<void>;
  private _claiming = false;
  private _lostTo?: number; // the engine lost its claim, and has so much of the log
  /** @internal */ _failure?: unknown;
  /** @internal Its end was answered. */ _ended = false;

  /** @internal */
  constructor(
    private _api: Api, private _producer: string, readonly run_id: string, private _token: () => string,
    private _life: AbortSignal, private _options: Claim & { delivery?: object; json?: boolean; framed?: boolean },
  ) {
    this._path = `/runs/${encodeURIComponent(run_id)}`;
    this.signal = this._stop.signal;
    _life.addEventListener('abort', this._leave);
  }

  /** Bytes of the log, as far as they are this process's to know. */
  get pos(): number { return this._batches.at(-1)?.pos ?? this._before.length; }

  /** @internal */
  async _begin(created?: { epoch: number; lease_ms: number }): Promise<this> {
    if (created) [this.epoch, this._lease] = [created.epoch, created.lease_ms];
    else await this._claimFirst(this._options.keep ?? 0).catch((error) => {
      this._finish(error);
      throw error;
    });
    if (!this._options.framed) this.kept = decode(this._before);
    void this._beat();
    return this;
  }

  /**
   * Adds text, or of a `json` run an item. Resolves when it is in the batch: at once, but when much waits. An event of AI SDK
   * or AG-UI that ends the stream waits for the end.
   */
  async append(piece: string | object): Promise<void> {
    if (this._failure) throw this._failure;
    if (this._end) throw new Error('The run has been ended');
    if (piece === '') return;
    const taken = pieceOf(piece, !!this._options.json), type = this._options.framed && (piece as { type?: string }).type;
    if (type !== 'finish' || this._lasts.has(type)) this._followed(); // an abort may stand before it
    if (type && LASTS.includes(type)) this._lasts.set(type, taken as { _line: string });
    else this._put(taken);
    if (this._held >= BATCH) this._pump();
    else this._timer ??= setTimeout(() => this._pump(), BATCH_MS);
    while (this._held > HELD_MOST && this._pumping) await this._pumping.catch(() => {});
    if (this._failure) throw this._failure;
  }

  /** Adds what a model streams, until it is cancelled. */
  async pipe(stream: AsyncIterable<any> | Iterable<any>): Promise<void> {
    const pieces = Symbol.asyncIterator in stream ? stream[Symbol.asyncIterator]() : stream[Symbol.iterator]();
    const stopped = new Promise<{ done: true; value?: undefined }>((resolve) => {
      if (this.signal.aborted) resolve({ done: true });
      else this.signal.addEventListener('abort', () => resolve({ done: true }), { once: true });
    });
    for (;;) {
      const { done, value } = await Promise.race([pieces.next(), stopped]);
      if (done) break;
      const piece = this._options.json && value && typeof value === 'object' ? value : textOf(value);
      await this.append(piece);
    }
    if (this.signal.aborted) void Promise.resolve(pieces.return?.()).catch(() => {});
    if (this._failure) throw this._failure;
  }

  /** Resolves when all that was appended is in the log. */
  async flush(): Promise<void> {
    this._pump();
    while (this._pumping) await this._pumping.catch(() => {});
    if (this._failure) throw this._failure;
  }

  /** Ends it, and resolves when the gateway has answered. */
  async end(status: EndStatus = 'completed', { error, result }: Omit<End, 'status'> = {}): Promise<void> {
    if (this._failure) throw this._failure;
    if (!this._end) for (const last of this._lasts.values()) this._put(last);
    this._end ??= json({ status, error, result });
    await this.flush();
  }

  /** @internal What was thrown may hold what no user should see. */
  _thrown(error: unknown): Promise<void> {
    if (error instanceof AgentError) return this.fail(error, error.code);
    return this.fail(error instanceof Error ? error.name : 'Error');
  }

  fail(error: unknown, code = 'agent_error'): Promise<void> {
    const { status, ...more } = failureOf(error, code);
    return this.end(status, more);
  }

  private _put(piece: Piece): void {
    this._buffer.push(piece);
    this._held += sizeOf(piece);
  }

  /** What was to be the end was none. Of it the gateway would say the metadata alone. */
  private _followed(): void {
    const finish = this._lasts.get('finish'), messageMetadata = finish && JSON.parse(finish._line).messageMetadata;
    this._lasts.clear();
    if (messageMetadata != null) this._put(pieceOf({ type: 'message-metadata', messageMetadata }, true));
  }

  // Sending.

  private _pump(): void {
    clearTimeout(this._timer);
    this._timer = undefined;
    this._pumping ??= this._send().then(() => {
      this._pumping = undefined;
      if (this._take()) this._pump(); // it came while the last one left
    }, async (error) => {
      await this._giveUp(error);
      this._pumping = undefined;
      this._finish(error);
    });
  }

  private async _send(): Promise<void> {
    for (let heals = 0; ; ) {
      if (this._lostTo !== undefined) await this._claimAgain(this._lostTo);
      if (!this._take() && this._next === this._batches.length) return;
      const batch = this._batches[this._next], { text, items, end } = batch, seq = this._next;
      try {
        const body = bodyOf(batch, { producer: this._producer, epoch: this.epoch, seq });
        const answer = await this._api.untilAnswered(`${this._path}/${text || items ? 'append' : 'end'}`, body, this._life);
        this._hear(answer);
        if (this._options.framed || (answer.pos === batch.pos && answer.hash === batch.hash)) this._next++;
        else if (!end && heals++ < HEALS) await this._claimAgain('all');
        else {
          this._next++;
          this._ended = !!end;
          throw new Error(`The log of ${this.run_id} is not what was written, and cannot be healed`);
        }
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (heals++ < HEALS && (await this._heal(error))) continue;
        throw error;
      }
      if (this._batches[this._next - 1]?.end) {
        this._ended = true;
        this._finish();
      }
    }
  }

  /** What was said last will never be taken: readers are told, and wait for no lease. */
  private async _giveUp(error: unknown): Promise<void> {
    const code = (error instanceof Refused && error.code) || 'agent_error';
    if (this._ended || this._life.aborted || [...OVER, ...ANOTHERS].includes(code)) return;
    const end = json(failureOf(error, code));
    const body = bodyOf({ end }, { producer: this._producer, epoch: this.epoch, seq: this._next });
    await this._api.untilAnswered(`${this._path}/end`, body, this._life).then(() => { this._ended = true; }, () => {});
  }

  /** Makes a batch of what waits, when none is left to be sent. */
  private _take(): boolean {
    if (this._next < this._batches.length || this.over || (!this._buffer.length && !this._end)) return false;
    const batch: Partial<Batch> = {};
    if (typeof this._buffer[0] === 'string') batch.text = this._takeText();
    else if (this._buffer.length) batch.items = this._takeItems();
    if (this._end && !this._buffer.length) batch.end = this._end;
    if (!batch.text && !batch.items && !batch.end) return false;
    this._add(batch);
    return true;
  }

  private _takeText(): string {
    let count = this._buffer.findIndex((piece) => typeof piece !== 'string');
    if (count < 0) count = this._buffer.length;
    const all = this._buffer.splice(0, count).join('');
    let size = Math.min(all.length, BATCH_MOST);
    // A character in two halves waits for the other one.
    if (/[\ud800-\udbff]/.test(all[size - 1]!) && !(this._end && size === all.length)) size--;
    if (size < all.length) this._buffer.unshift(all.slice(size));
    this._held -= size;
    return all.slice(0, size).replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
  }

  private _takeItems(): string[] {
    const items: string[] = [];
    for (let size = 0; this._buffer.length && items.length < ITEMS_MOST && size < BATCH_MOST; ) {
      const first = this._buffer[0]!;
      if (typeof first === 'string') break;
      this._buffer.shift();
      items.push(first._line);
      size += first._line.length;
    }
    this._held = this._buffer.reduce((sum, piece) => sum + sizeOf(piece), 0);
    return items;
  }

  private _add({ text, items, end }: Partial<Batch>): void {
    const bytes = bytesOf({ text, items }), last = this._batches.at(-1);
    const hash = fold(bytes, last ? unhex(last.hash) : fold(this._before, EMPTY));
    this._batches.push({ text, items, end, pos: this.pos + bytes.length, hash: hex(hash) });
  }

  // Healing: after a failover the engine may have lost its last moments.

  private async _heal({ code, body }: Refused): Promise<boolean> {
    if (code === 'sequence_gap' && body.expected_seq < this._next) {
      this._next = body.expected_seq;
    } else if (code === 'fenced' && body.epoch < this.epoch) { // its claim was among it
      await this._claimAgain(body.run?.pos ?? 0);
    } else {
      return false;
    }
    return true;
  }

  /** What both have in common stays; the rest goes out again, in a new epoch. */
  private async _claimAgain(keep: 'all' | number): Promise<void> {
    const whole = this._whole(), old = this._batches, { end } = old.at(-1) ?? {};
    this._lostTo = undefined;
    await this._claimWhatIs(keep, whole);
    if (this._options.framed) {
      for (const batch of old) this._add(batch);
      return;
    }
    const rest = decode(whole.subarray(this._before.length));
    if (this._options.json) {
      const lines = rest.split('\n').filter(Boolean);
      while (lines.length) this._add({ items: lines.splice(0, ITEMS_MOST) });
    } else {
      for (const [piece] of rest.matchAll(/[^]{1,60000}(?![\udc00-\udfff])/g)) this._add({ text: piece });
    }
    if (end) this._add({ end });
  }

  /** Its log is a beginning of `whole` then, or of a framed run a new attempt. */
  private async _claimWhatIs(keep: 'all' | number, whole: Uint8Array): Promise<void> {
    for (let heals = 0; ; heals++) {
      try {
        await this._claim(this._options.framed ? 0 : keep);
        const common = this._options.framed ? this._before.length : this._commonWith(whole);
        if (common === this._before.length) return;
        keep = common;
      } catch (error) {
        if (!(error instanceof Refused) || heals >= HEALS) throw error;
        const { code, body } = error;
        if (code === 'run_moved' && body.run?.pos < Number(keep)) keep = body.run.pos;
        // By what the engine came back with an owner of before holds it: its lease will lapse.
        else if (code === 'run_held') await wait((body.retry_after_ms ?? 1e3) + Math.random() * 250, this._life);
        else throw error;
      }
    }
  }

  /** Bytes of the log that are as in `whole`, never a part of a character or a line. */
  private _commonWith(whole: Uint8Array): number {
    let common = 0;
    while (common < this._before.length && this._before[common] === whole[common]) common++;
    while (common && (whole[common]! & 0xc0) === 0x80) common--;
    if (this._options.json) while (common && whole[common - 1] !== 10) common--;
    return common;
  }

  private _whole(): Uint8Array {
    const parts = [this._before, ...this._batches.map(bytesOf)];
    const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  private async _claimFirst(keep: 'all' | number): Promise<void> {
    const { framed } = this._options;
    await this._claim(framed ? 'all' : keep);
    // In frames, another attempt is said: only where there was one before.
    if (framed && keep !== 'all' && this._before.length) await this._claim(0);
  }

  private async _claim(keep: 'all' | number): Promise<void> {
    const { text } = await this._ask(keep);
    this._before = encode(text ?? '');
    this._batches = [];
    this._next = 0;
  }

  private async _ask(keep: 'all' | number): Promise<any> {
    const { delivery, lease_ms, takeover_ms } = this._options;
    // The last epoch that was heard of: the new one is above it, though the engine has lost it.
    const epoch = this.epoch || undefined;
    const body = { producer: this._producer, token: this._token(), keep, epoch, include_text: true, delivery, lease_ms, takeover_ms };
    this._claiming = true;
    try {
      const claimed = await this._api.untilAnswered(`${this._path}/claim`, body, this._life);
      this.epoch = claimed.epoch;
      this._lease = claimed.lease_ms;
      return claimed;
    } finally {
      this._claiming = false;
    }
  }

  // The lease.

  private async _beat(): Promise<void> {
    const { signal } = this._beats;
    while (!signal.aborted) {
      // One that hangs is given up while there is time for another.
      const patience = this.cancelled ? 0 : Math.min(5e3, Math.floor(this._lease / 3)), { epoch } = this;
      try {
        const body = { producer: this._producer, epoch, wait_ms: patience || undefined };
        this._hear(await this._api.untilAnswered(`${this._path}/heartbeat`, body, signal, patience + this._lease / 4, this._lease / 10));
      } catch (error) {
        if (signal.aborted) return;
        if (this._end) return; // its answer says how it ended
        const isFenced = error instanceof Refused && error.code === 'fenced';
        if (isFenced && error.body.epoch < epoch && epoch === this.epoch && !this._claiming) {
          this._lostTo = error.body.run?.pos ?? 0;
          this._pump();
        } else if (!isFenced || (epoch === this.epoch && !this._claiming)) {
          return this._finish(error);
        }
        await wait(500, signal);
        continue;
      }
      await wait(this.cancelled ? this._lease / 3 : 50, signal); // a gateway that shuts down answers without waiting
    }
  }

  private _hear({ cancel_requested }: { cancel_requested?: boolean }): void {
    if (!cancel_requested || this.cancelled) return;
    this.cancelled = true;
    this._stop.abort();
  }

  private _finish(failure?: unknown): void {
    if (this.over) return;
    this.over = true;
    this._failure = failure;
    clearTimeout(this._timer);
    this._life.removeEventListener('abort', this._leave);
    this._beats.abort();
    this._stop.abort();
  }
}
