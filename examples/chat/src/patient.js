// A fetch for the AI SDK's transport, which by itself gives up when a line breaks.
import { resumable } from 'websocket-gateway-client/resumable';

const LONGEST = 5e3; // milliseconds between attempts

/**
 * Each request is made again until a gateway answers it, with a token that is asked for each time; a stream that breaks
 * goes on where it was. A question may be said again: the gateway knows it by its id, and takes it once.
 */
export function patient({ token, onCut, onTaken }) {
  const pause = (failures) => {
    onCut(true);
    return Math.random() * Math.min(LONGEST, 100 * 2 ** failures);
  };
  async function answered(input, { signal, ...init }) {
    for (let failures = 0; ; failures++) {
      try {
        const headers = new Headers(init.headers);
        headers.set('authorization', `Bearer ${await token()}`);
        const response = await fetch(input, { ...init, headers, signal });
        if (response.status < 500) {
          onCut(false);
          if (init.method === 'POST' && response.ok) onTaken();
          return response;
        }
      } catch { /* no line */ }
      signal?.throwIfAborted();
      await waitForLine(pause(failures));
      signal?.throwIfAborted();
    }
  }
  return resumable(answered, { attempts: Infinity, delay: pause });
}

/** So long, or until the network is back. */
const waitForLine = (milliseconds) => new Promise((done) => {
  const timer = setTimeout(done, milliseconds);
  addEventListener('online', () => { clearTimeout(timer); done(); }, { once: true });
});
