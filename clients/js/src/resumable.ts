import { EventSplitter, parseEvent } from './sse.js';
import { wait } from './wait.js';

export interface ResumableOptions {
  /** So many attempts in a row bring nothing new: then the body fails as it would have. Default 10. */
  attempts?: number;
  /** Milliseconds before the attempt after `failures`. Absent: full jitter up to 5 s. */
  delay?: (failures: number) => number;
}

type Fetch = typeof fetch;

const pause = (failures: number): number => Math.random() * Math.min(5e3, 100 * 2 ** failures);

/**
 * A fetch whose event streams survive their connections. When the body of a response breaks, it goes on by GET of the
 * response's `Location` (of a GET without one, its own address) with `Last-Event-ID`; who reads it sees one body, of
 * whole events, and a clean end only where the gateway has ended it.
 */
export function resumable(inner: Fetch = fetch, { attempts = 10, delay = pause }: ResumableOptions = {}): Fetch {
  return async (input, init) => {
    // What was asked; a Request is not copied, as that would take its body.
    const asked = { ...(input instanceof Request ? fieldsOf(input) : { url: String(input) }), ...init } as Asked;
    const { url, method = 'GET', credentials, mode } = asked, signal = asked.signal ?? undefined;
    const response = await inner(input, init);
    const location = response.headers.get('location') ?? (method.toUpperCase() === 'GET' ? response.url || url : null);
    if (!response.ok || !isStream(response) || !response.body || location === null) return response;

    const address = new URL(location, response.url || undefined), headers = new Headers(asked.headers);
    headers.delete('content-type');
    headers.set('accept', 'text/event-stream');
    const again = (signal: AbortSignal, last?: string) => {
      if (last !== undefined) headers.set('last-event-id', last);
      return inner(address, { headers, signal, credentials, mode });
    };
    const body = new ReadableStream(new Resumed(response.body, again, signal, attempts, delay), { highWaterMark: 0 });
    const { status, statusText } = response, whole = new Response(body, { status, statusText, headers: response.headers });
    Object.defineProperty(whole, 'url', { value: response.url });
    return whole;
  };
}

const isStream = ({ headers }: Response): boolean => !!headers.get('content-type')?.startsWith('text/event-stream');

type Asked = RequestInit & { url: string };

const fieldsOf = ({ url, method, headers, signal, credentials, mode }: Request): Asked =>
  ({ url, method, headers, signal, credentials, mode });

/** Where the bytes come from: one body after another. */
class Resumed implements UnderlyingDefaultSource<Uint8Array> {
  private _reader: ReadableStreamDefaultReader<Uint8Array>;
  private _splitter = new EventSplitter();
  private _decoder = new TextDecoder();
  private _last?: string;
  private _passed = false; // something without an id: it cannot be told from what comes again
  private _failures = 0;
  private _stop = new AbortController();

  constructor(
    body: ReadableStream<Uint8Array>, private _again: (signal: AbortSignal, last?: string) => Promise<Response>,
    signal: AbortSignal | undefined, private _attempts: number, private _delay: (failures: number) => number,
  ) {
    this._reader = body.getReader();
    // Until it is over: the caller's signal may live longer.
    signal?.addEventListener('abort', () => this._stop.abort(signal.reason), { signal: this._stop.signal });
  }

  /** Until a whole event is there: half of one would be said twice. */
  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (let found = false; !found; ) {
      try {
        const { done, value } = await this._reader.read();
        if (done) return this._close(controller);
        for (const text of this._splitter.push(this._decoder.decode(value, { stream: true }))) {
          found = true;
          this._remember(text);
          controller.enqueue(new TextEncoder().encode(text));
        }
      } catch (error) {
        if (!(await this._resume(error))) return this._close(controller);
      }
    }
  }

  async cancel(reason: unknown): Promise<void> {
    this._stop.abort(reason);
    await this._reader.cancel(reason).catch(() => {}); // it is broken already
  }

  private _close(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (this._stop.signal.aborted) return; // by cancel()
    controller.close();
    this._stop.abort();
  }

  private _remember(text: string): void {
    this._failures = 0;
    const { id, data } = parseEvent(text);
    if (id !== undefined) this._last = id;
    this._passed ||= id === undefined && data !== '';
  }

  /** Another body; false when there is nothing more to come. */
  private async _resume(broken: unknown): Promise<boolean> {
    const mayGoOn = this._last !== undefined || !this._passed, { signal } = this._stop;
    while (mayGoOn && this._failures < this._attempts) {
      if (!signal.aborted) await wait(this._delay(this._failures++), signal);
      if (signal.aborted) break;
      let response: Response;
      try {
        response = await this._again(signal, this._last);
      } catch {
        continue;
      }
      if (response.status === 204) return false; // over, and all of it was read
      if (response.ok && response.body && isStream(response) && !signal.aborted) {
        this._reader = response.body.getReader();
        this._splitter = new EventSplitter();
        this._decoder = new TextDecoder();
        return true;
      }
      await response.body?.cancel().catch(() => {});
      if (!response.ok && response.status < 500 && response.status !== 429 && response.status !== 408) break;
    }
    if (!signal.aborted) this._stop.abort(broken);
    throw signal.reason;
  }
}
