// A fetch for the AI SDK's transport, which by itself gives up when a line breaks.
import { resumable } from 'websocket-gateway-client/resumable';

const LONGEST = 5e3; // milliseconds between attempts
const SILENCE = 15e3; // comments come every 5 s: who says nothing for longer is gone

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
      const silence = new AbortController(), signals = [silence.signal, ...signal ? [signal] : []];
      try {
        const headers = new Headers(init.headers);
        headers.set('authorization', `Bearer ${await token()}`);
        const response = await fetch(input, { ...init, headers, signal: AbortSignal.any(signals) });
        if (response.status < 500) {
          onCut(false);
          if (init.method === 'POST' && response.ok) onTaken();
          return response.body ? watched(response, () => silence.abort()) : response;
        }
      } catch { /* no line */ }
      signal?.throwIfAborted();
      await waitForLine(pause(failures));
      signal?.throwIfAborted();
    }
  }
  return resumable(answered, { attempts: Infinity, delay: pause });
}

/** The same response, whose body breaks when nothing comes any more. */
function watched(response, onSilence) {
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(onSilence, SILENCE);
  };
  heard();
  const body = response.body.pipeThrough(new TransformStream({
    transform(bytes, reader) {
      heard();
      reader.enqueue(bytes);
    },
    flush: () => clearTimeout(timer),
  }));
  return Object.defineProperty(new Response(body, response), 'url', { value: response.url });
}

/** So long, or until the network is back. */
const waitForLine = (milliseconds) => new Promise((done) => {
  const timer = setTimeout(done, milliseconds);
  addEventListener('online', () => { clearTimeout(timer); done(); }, { once: true });
});
