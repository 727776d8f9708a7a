import { digits } from './fold.js';

/** What failed, as the gateway names it (docs/PROTOCOL.md), or `closed`, `replaced`, `outcome_unknown`, a close code. */
export class GatewayError extends Error {
  constructor(readonly code: string, message: string = code) {
    super(message);
    this.name = 'GatewayError';
  }
}

type Listener = (...told: any[]) => void;

/** Listeners by the name of an event. One that throws is reported, and disturbs nobody. */
export class Events<Map extends Record<string, unknown[]>> {
  /** @internal */
  _listeners = new Set<[unknown, Listener]>();

  /** Returns what takes the listener away again. */
  on<Name extends keyof Map>(name: Name, listener: (...told: Map[Name]) => void): () => void {
    const entry: [unknown, Listener] = [name, listener as Listener];
    this._listeners.add(entry);
    return () => void this._listeners.delete(entry);
  }

  /** @internal */
  _emit<Name extends keyof Map>(name: Name, ...told: Map[Name]): void {
    for (const [wanted, listener] of this._listeners) {
      try {
        if (wanted === name) listener(...told);
      } catch (error) {
        setTimeout(() => { throw error; }, 0);
      }
    }
  }
}

/** 128 random bits: never a counter, which a copied tab would count on with. */
export const newId = (): string => digits(crypto.getRandomValues(new Uint32Array(4)), 8);
