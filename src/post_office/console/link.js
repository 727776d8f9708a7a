// The client package (client.js) on this page: it connects, comes back and follows runs; here it is heard what goes
// over its sockets, so that the page can show each frame as it was.

// States: idle, connecting, open (after the welcome), waiting (for a retry), ended (no retry).
class Link {
  // `onRun` gets the runs that are pushed to this user.
  constructor({ onState, onSent, onFrame, onRun }) {
    Object.assign(this, { onState, onSent, onFrame, onRun });
    this.state = "idle";
  }

  connect(token) {
    this.leave();
    const link = this;
    this.options = { token, runs: true, WebSocket: class extends WebSocket {
      constructor(...address) {
        super(...address);
        link.begin(this);
      }

      send(text) {
        super.send(text);
        link.onSent(text);
      }
    } };
    const client = this.client = gatewayClient.connect("/ws", this.options);
    client.on("state", (state, error) => { if (client === this.client) this.changed(state, error); });
    client.on("run", (run) => this.onRun(run));
    this.enter("connecting");
    return client;
  }

  // What this page sees next is another client's.
  leave() {
    const { client } = this;
    this.client = this.socket = null;
    client?.close();
  }

  // Before the package listens: what it does with a frame is shown after the frame.
  begin(socket) {
    Object.assign(this, { socket, welcome: null, closed: null });
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.socket) return;
      const frame = parseObject(data);
      if (frame?.event === "welcome") this.welcome = frame;
      this.onFrame(data, frame);
    });
    socket.addEventListener("close", ({ code, reason }) => { if (socket === this.socket) this.closed = { code, reason }; });
  }

  // Counts from the next reconnect on.
  set token(token) { this.options.token = token; }
  get retryAt() { return this.client.retryAt; }

  reconnectNow() { this.client?.reconnect(); }
  disconnect() { this.client.close(); }

  // False when there is no connection that has been welcomed.
  send(text) {
    if (this.state !== "open" || this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(text);
    return true;
  }

  changed(state, error) {
    if (state === "connecting") return this.enter("connecting");
    if (state === "open") return this.enter("open", { welcome: this.welcome });
    const opened = Boolean(this.welcome);
    if (state === "waiting") return this.enter("waiting", { code: 1006, reason: "", ...this.closed, opened });
    const byUser = error.code === "closed";
    this.enter("ended", byUser ? { code: 1000 } : { code: Number(error.code) || 1006, reason: this.closed?.reason, opened });
  }

  enter(state, detail = {}) {
    if (state === this.state && state === "connecting") return;
    this.state = state;
    this.onState(state, detail);
  }
}
