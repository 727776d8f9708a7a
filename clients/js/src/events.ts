/** What failed, as the gateway names it (docs/PROTOCOL.md), or `closed`, `detached`, `replaced`, `outcome_unknown`, `gateway_lost`. */
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

  /** @internal Whether anybody listens. */
  _emit<Name extends keyof Map>(name: Name, ...told: Map[Name]): boolean {
    let heard = false;
    for (const [wanted, listener] of this._listeners) {
      if (wanted !== name) continue;
      heard = true;
      try {
        listener(...told);
      } catch (error) {
        setTimeout(() => { throw error; });
      }
    }
    return heard;
  }
}

/** 128 random bits: never a counter, which a copied tab would count on with. */
export const newId = (): string => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
