// The service API: one call, and the same again until there is an answer.

import { json } from './json.js';
import { wait } from './wait.js';

const LONGEST = 10e3; // milliseconds for an answer that waits for nothing

/** The gateway understood, and said no: the same again would not help. `code` and `body` say why. */
export class Refused extends Error {
  readonly code: string;

  constructor(readonly status: number, readonly body: any) {
    super(`${status} ${body?.code ?? ''} ${body?.error ?? ''}`.trim());
    this.name = 'Refused';
    this.code = body?.code ?? '';
  }
}

export interface ApiOptions {
  key?: string;
  fetch?: typeof fetch;
  /** Hears of each attempt that got no answer, before the next one. */
  onRetry?: (error: unknown) => void;
}

/** Milliseconds before the attempt after `failures`, not less than the gateway asked for. */
export const pause = (failures: number, floor: number, chance: number): number =>
  floor + chance * Math.min(5e3, 100 * 2 ** failures);

interface Link {
  signal: AbortSignal;
  abort(reason: unknown): void;
  free(): void;
}

/**
 * A controller that fires with its parents, until free(). AbortSignal.any() would be kept for as long as a parent lives:
 * two kilobytes for each request of an agent.
 */
export function linked(...parents: (AbortSignal | undefined)[]): Link {
  const controller = new AbortController(), abort = (reason: unknown) => controller.abort(reason);
  const links = parents.filter((parent) => parent !== undefined).map((parent) => ({ parent, fire: () => abort(parent.reason) }));
  for (const { parent, fire } of links) {
    if (parent.aborted) fire();
    else parent.addEventListener('abort', fire);
  }
  const free = () => links.forEach(({ parent, fire }) => parent.removeEventListener('abort', fire));
  return { signal: controller.signal, abort, free };
}

export class Api {
  readonly url: string;
  readonly onRetry?: (error: unknown) => void;
  private _fetch: typeof fetch;
  private _headers: Record<string, string>;

  constructor(url: string | URL, { key, fetch: given, onRetry }: ApiOptions) {
    this.url = String(url).replace(/\/+$/, '') + '/api/post-office';
    this._fetch = given ?? fetch;
    this.onRetry = onRetry;
    this._headers = key ? { authorization: `Bearer ${key}` } : {};
  }

  /** A response that is not yet read. */
  async open(path: string, init: RequestInit): Promise<Response> {
    const response = await this._fetch(this.url + path, { ...init, headers: { ...this._headers, ...init.headers } });
    if (response.ok) return response;
    const text = await response.text(), { status } = response;
    let body: any;
    try { body = JSON.parse(text); } catch { /* a proxy's page */ }
    // Who refuses says a code: without one, something in between has answered. To it, too, this may be too much.
    const isRefusal = status === 413 || (status < 500 && status !== 429 && status !== 408 && typeof body?.code === 'string');
    if (!isRefusal) {
      throw Object.assign(new Error(`${status} ${text.slice(0, 500)}`), { retryAfter: +(response.headers.get('retry-after') ?? 0) });
    }
    throw new Refused(status, body);
  }

  async post(path: string, body: object | string, signal?: AbortSignal, patience = LONGEST): Promise<any> {
    const link = linked(signal), timer = setTimeout(() => link.abort(new Error('No answer in time')), patience);
    try {
      const headers = { 'content-type': 'application/json' }, text = typeof body === 'string' ? body : json(body);
      return await (await this.open(path, { method: 'POST', headers, body: text, signal: link.signal })).json();
    } finally {
      clearTimeout(timer);
      link.free();
    }
  }

  /** The same bytes again, with full jitter, until there is an answer or the signal fires. */
  async untilAnswered(path: string, body: object | string, signal: AbortSignal, patience = LONGEST, longest = Infinity): Promise<any> {
    const text = typeof body === 'string' ? body : json(body);
    for (let failures = 0; ; failures++) {
      try {
        return await this.post(path, text, signal, patience);
      } catch (error: any) {
        if (error instanceof Refused) throw error;
        signal.throwIfAborted();
        this.onRetry?.(error);
        await wait(Math.min(longest, pause(failures, (error.retryAfter ?? 0) * 1e3, Math.random())), signal);
        signal.throwIfAborted();
      }
    }
  }
}
