// Where WebSockets are blocked: the same messages as Server-Sent Events down and POSTs up. Loaded only when needed.

import { EventSplitter, parseEvent } from './sse.js';
import { wait } from './wait.js';

// After so long a WebSocket is tried again, in milliseconds, when a connection is needed then.
const REMEMBERED = 6e5;
const BATCH = 16e3; // characters that are posted together
const LONGEST_PAUSE = 2e3;

let until = 0; // WebSockets are blocked
try {
  until = +sessionStorage.gatewaySse || 0;
} catch { /* none */ }

function remember(): void {
  until = Date.now() + REMEMBERED;
  try {
    sessionStorage.gatewaySse = until;
  } catch { /* for as long as the page lives */ }
}

/**
 * What the next connection is, after so many in a row that came to nothing: this, while WebSockets are remembered to be
 * blocked. Else by turns, since it may be the gateway that is not there.
 */
export const choose = (failures: number): typeof FallbackSocket | undefined =>
  until > Date.now() || (failures > 1 && failures % 2 === 0) ? StandIn : undefined;

/** As much of a WebSocket as the client uses. */
export class FallbackSocket {
  readyState = 0;
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number; reason: string }) => void;
  onerror?: () => void;

  protected _url: string;
  private _base: URL;
  private _life = new AbortController();
  private _unsent: string[] = [];
  private _posting = false;
  private _posted = 0;
  private _token?: string; // that each POST shows

  /** As for /ws, beside which the other two addresses are. */
  constructor(url: string, protocols: string[] = []) {
    this._url = url.replace(/\?.*/, '');
    const at = this._base = new URL(url);
    at.protocol = at.protocol.replace('ws', 'http');
    at.pathname = at.pathname.replace(/[^/]*\/?$/, 'connection/');
    const [, shown] = /^bearer\.(.*)/.exec(protocols[1] ?? '') ?? [];
    void this._read(shown && decodeURIComponent(shown));
  }

  send(text: string): void {
    this._unsent.push(text.replace(/[\r\n]+/g, ' ')); // JSON has them between tokens alone
    void this._post();
  }

  /** Nobody hears of it: who closes knows. */
  close(): void {
    this.onclose = undefined;
    this._end(1000, '');
  }

  private _fetch(address: string, token: string | undefined, init: RequestInit): Promise<Response> {
    const url = new URL(this._base);
    url.pathname += address;
    if (init.body) url.search = `seq=${this._posted + 1}`;
    const headers = { ...init.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) };
    // A POST without a body shows the page's origin, which a cookie needs.
    return fetch(url, { method: 'POST', cache: 'no-store', signal: this._life.signal, ...init, headers });
  }

  private async _read(shown: string | undefined): Promise<void> {
    try {
      const response = await this._fetch('sse', shown, { credentials: 'include', headers: { accept: 'text/event-stream' } });
      if (!response.ok || !response.body) throw 0;
      this.readyState = 1;
      this.onopen?.();
      const splitter = new EventSplitter(), reader = response.body.getReader(), decoder = new TextDecoder();
      for (let read; !(read = await reader.read()).done;) {
        for (const text of splitter.push(decoder.decode(read.value, { stream: true }))) this._take(text);
      }
    } catch { /* its end says it */ }
    this._end(1006, '');
  }

  private _take(text: string): void {
    const { event, data } = parseEvent(text);
    if (event === 'close') {
      const { code, reason } = JSON.parse(data);
      return this._end(code, reason);
    }
    if (!data) return;
    const message = JSON.parse(data);
    if (message.send_token && !this._token) {
      this._token = message.send_token;
      this._welcomed();
      void this._post();
    }
    if (message.type === 'ping') this.send('{"type":"pong"}'); // nothing else tells that we are here
    this.onmessage?.({ data });
  }

  /** In order, each until it is taken: the next is not posted before. */
  private async _post(): Promise<void> {
    if (this._posting || !this._token) return;
    this._posting = true;
    let count = 1;
    for (let failures = 0; this._unsent.length && this.readyState === 1;) {
      const body = this._unsent.slice(0, count).join('\n');
      const status = await this._postNow(body);
      if (status === 413 && count > 1) {
        count = 1;
      } else if (status === 200) {
        this._unsent.splice(0, count);
        failures = 0;
        count = this._batch();
      } else if (status >= 400 && status < 500 && status !== 429 && status !== 408) {
        this._end(status === 413 ? 1009 : 1006, '');
      } else {
        await wait(Math.min(LONGEST_PAUSE, 100 * 2 ** failures++) * (0.5 + Math.random()), this._life.signal);
      }
    }
    this._posting = false;
  }

  private async _postNow(body: string): Promise<number> {
    try {
      const response = await this._fetch('send', this._token, { body, headers: { 'content-type': 'application/x-ndjson' } });
      if (response.ok) this._posted++;
      return response.status;
    } catch {
      return 0;
    }
  }

  /** How many of those that wait go together. */
  private _batch(): number {
    let count = 0, size = 0;
    while (count < this._unsent.length && (size += this._unsent[count].length + 1) <= BATCH) count++;
    return count || 1;
  }

  protected _welcomed(): void {}

  protected _end(code: number, reason: string): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this._life.abort();
    this.onclose?.({ code, reason });
  }
}

/** Once it is there, it looks whether it is needed: the gateway may have been away when WebSockets failed, and be back. */
class StandIn extends FallbackSocket {
  protected override _welcomed(): void {
    if (until > Date.now()) return;
    const probe = new WebSocket(this._url);
    probe.onopen = () => {
      probe.close();
      this._end(1012, ''); // to come back by one
    };
    probe.onerror = remember;
  }
}
