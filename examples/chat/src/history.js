// What was said, kept in this browser and shared by its tabs. In earnest it is your database's: a gateway keeps an
// answer for an hour after its end.
import { useCallback, useMemo, useSyncExternalStore } from 'react';

const listeners = new Set();
/** 128 random bits. */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const newThread = () => ({ thread: newId(), turns: [] });

function subscribe(changed) {
  listeners.add(changed);
  addEventListener('storage', changed); // another tab has written
  return () => {
    listeners.delete(changed);
    removeEventListener('storage', changed);
  };
}

function write(key, value) {
  localStorage.setItem(key, JSON.stringify(value));
  for (const changed of listeners) changed();
}

function read(key) {
  if (!localStorage.getItem(key)) localStorage.setItem(key, JSON.stringify(newThread()));
  return localStorage.getItem(key);
}

/** A conversation: its `thread`, its `turns`, and the verbs `save(turn)` (known by its id) and `clear()`. */
export function useHistory(name) {
  const key = `chat.${name}`;
  const text = useSyncExternalStore(subscribe, () => read(key));
  const kept = useMemo(() => JSON.parse(text), [text]);
  const save = useCallback((turn) => {
    const { thread, turns } = JSON.parse(read(key)), at = turns.findIndex(({ id }) => id === turn.id);
    if (at < 0) turns.push(turn);
    else turns[at] = { ...turns[at], ...turn };
    write(key, { thread, turns });
  }, [key]);
  const clear = useCallback(() => write(key, newThread()), [key]);
  return { ...kept, save, clear };
}
