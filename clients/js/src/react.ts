import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { connect, type Gateway, type Options, type Run, type State } from './index.js';

const never = () => () => {};

/** Closed for good over its token: another one may be taken. */
const REFUSED = ['1008', '4001', '4003'];

/**
 * A connection for as long as the component is there; null before it is mounted, and on a server. Another `url` or
 * `clientId` is another connection. Another `token` counts from the next reconnect on, or makes another connection when
 * this one was closed over the last one; the other options count when it is made. Who logs in as another user gives the component another `key`.
 */
export function useGateway(url: string | null | undefined, options: Options = {}): Gateway | null {
  const [gateway, setGateway] = useState<Gateway | null>(null), [round, setRound] = useState(0);
  const given = useRef(options.token), shown = useRef(options.token), current = useRef<Gateway | null>(null);
  const renew = () => {
    // A function was asked again already, and is another one with each rendering.
    const isOther = typeof given.current !== 'function' && given.current !== shown.current;
    if (isOther && REFUSED.includes(current.current?.error?.code ?? '')) setRound((count) => count + 1);
  };
  useEffect(() => {
    given.current = options.token;
    renew();
  });
  useEffect(() => {
    if (!url) return;
    const latest = () => {
      shown.current = given.current;
      return typeof given.current === 'function' ? given.current() : given.current;
    };
    const made = current.current = connect(url, { ...options, token: latest });
    made.on('state', renew);
    setGateway(made);
    return () => {
      current.current = null;
      setGateway(null);
      made.close();
    };
  }, [url, options.clientId, round]);
  return gateway;
}

/** `connecting`, `open`, `waiting` or `closed`. */
export function useGatewayState(gateway: Gateway | null): State {
  const subscribe = useCallback((changed: () => void) => gateway?.on('state', changed) ?? never(), [gateway]);
  return useSyncExternalStore(subscribe, () => gateway?.state ?? 'connecting', () => 'connecting');
}

export type RunView = Pick<Run, 'text' | 'status' | 'error' | 'result' | 'verified' | 'owner' | 'cancelRequested'> & { run_id?: string };

const EMPTY: RunView = { text: '', status: 'queued', error: null, result: null, verified: false, owner: 'none', cancelRequested: false };

/** What is to be seen of a run: rendered again each time it changes. */
export function useRun(run: Run | null | undefined): RunView {
  const [store] = useState(() => new RunStore());
  const subscribe = useCallback((changed: () => void) => run ? store.follow(run, changed) : never(), [run, store]);
  return useSyncExternalStore(subscribe, () => run ? store.look(run) : EMPTY, () => EMPTY);
}

/** Keeps the last view, as React asks for the same object while nothing has changed. */
class RunStore {
  private _run?: Run;
  private _view = EMPTY;

  follow(run: Run, changed: () => void): () => void {
    const off = (['text', 'top', 'end'] as const).map((name) => run.on(name, changed));
    run.ready.then(changed, changed);
    return () => off.forEach((stop) => stop());
  }

  look(run: Run): RunView {
    const { run_id, text, status, error, result, verified, owner, cancelRequested } = run;
    const view: RunView = { run_id, text, status, error, result, verified, owner, cancelRequested };
    const isSame = this._run === run && (Object.keys(view) as (keyof RunView)[]).every((name) => this._view[name] === view[name]);
    if (!isSame) [this._run, this._view] = [run, view];
    return this._view;
  }
}
