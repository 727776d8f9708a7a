import { newId } from './events.js';

export interface Identity {
  _id: string;
  /** Another connection of this page may have the name now. */
  _release(): void;
}

const taken = new Set<string>();

/**
 * The client_id of a connection: the same each time this tab loads the page. A duplicated tab copies its storage, but
 * not the Web Lock, and a page that cannot get the lock makes a new name.
 */
export async function claimIdentity(): Promise<Identity> {
  let slot = 'gateway-client', unlock = () => {}, id: string | null;
  while (taken.has(slot)) slot += '+';
  taken.add(slot);
  // A page that is loaded again may have to wait for itself to be gone.
  const lock = () => new Promise<void>((locked, refused) => {
    navigator.locks.request(slot + id, { signal: AbortSignal.timeout(1e3) }, () => {
      locked();
      return new Promise<void>((release) => unlock = release);
    }).catch(refused);
  });
  try {
    id = sessionStorage.getItem(slot) || newId();
    await lock().catch(() => { // by the tab that this one is a copy of
      id = newId();
      return lock();
    });
    sessionStorage.setItem(slot, id);
  } catch {
    id = newId(); // no storage, or no locks: not a page, or not a secure one
  }
  return {
    _id: id,
    _release: () => {
      unlock();
      taken.delete(slot);
    },
  };
}
