// A WebSocket that a test speaks through, and what it says to a client.
import { connect } from '../dist/index.js';
import { encode, fold, hex } from '../src/fold.ts';

export class FakeSocket {
  static all = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols, readyState: 0, sent: [] });
    FakeSocket.all.push(this);
  }

  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.readyState = 3; }

  open() {
    this.readyState = 1;
    this.onopen();
  }

  say(message) { this.onmessage({ data: JSON.stringify(message) }); }

  welcome() {
    this.open();
    this.say({ type: 'system', event: 'welcome' });
  }

  end(code) {
    this.readyState = 3;
    this.onclose({ code });
  }

  last(type) { return this.sent.findLast((message) => message.type === type); }
}

/** Until what has been promised is done. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export async function nextSocket(before) {
  while (FakeSocket.all.at(-1) === before) await settled();
  return FakeSocket.all.at(-1);
}

export const hashOf = (text) => hex(fold(encode(text)));

/** A client, its socket, and timers that a test moves. */
export async function started(t, options = {}) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1e12 });
  const before = FakeSocket.all.at(-1);
  const gateway = connect('https://host', { WebSocket: FakeSocket, clientId: 'c', ...options });
  t.after(() => gateway.close());
  return { gateway, socket: await nextSocket(before), clock: t.mock.timers };
}

/** A run that was acknowledged. */
export function asked({ gateway, socket }) {
  const run = gateway.ask('guide', { message: 'hello' });
  socket.say({ type: 'ack', id: socket.sent.at(-1).id, status: 'published', run_id: 'run_1' });
  return run;
}

export const of = (event, fields) => ({ type: 'run', event, run_id: 'run_1', ...fields });

/** A delta onto `before`. */
export const delta = (before, text, epoch = 1) =>
  of('delta', { epoch, from: encode(before).length, pos: encode(before + text).length, hash: hashOf(before + text), text });

export const claimed = of('reset', { epoch: 1, pos: 0, hash: hashOf(''), cause: 'claimed' });
export const top = (text, fields) => of('top', { epoch: 1, pos: encode(text).length, hash: hashOf(text), status: 'in_progress', owner: 'live', idle_ms: 0, ...fields });
