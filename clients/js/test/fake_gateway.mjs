// A WebSocket that a test speaks through, and what it says to a client.

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
