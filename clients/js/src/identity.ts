import { newId } from './events.js';

export interface Identity {
  id: string;
  /** Another connection of this page may have the name now. */
  release(): void;
}

const taken = new Set<string>();
const LOCK_WAIT = 250; // a page that is loaded again may have to wait for itself to be gone

/**
 * The client_id of a connection: the same each time this tab loads the page. A duplicated tab copies its storage, but
 * not the Web Lock, and a page that cannot get the lock makes a new name.
 */
export async function claimIdentity(): Promise<Identity> {
  let number = 0;
  while (taken.has(`gateway-client-${number}`)) number++;
  const slot = `gateway-client-${number}`;
  taken.add(slot);
  let unlock: (() => void) | undefined;
  const lock = (id: string) => new Promise<boolean>((resolve) => {
    navigator.locks.request(`gateway-client ${id}`, { signal: AbortSignal.timeout(LOCK_WAIT) }, () => {
      resolve(true);
      return new Promise<void>((release) => { unlock = release; });
    }).catch(() => resolve(false));
  });
  let id: string | null = null;
  try {
    id = sessionStorage.getItem(slot);
    if (!id || !(await lock(id))) {
      id = newId();
      if (await lock(id)) sessionStorage.setItem(slot, id);
    }
  } catch {
    id = newId(); // no storage, or no locks: not a page, or not a secure one
  }
  return { id: id!, release: () => { unlock?.(); taken.delete(slot); } };
}
