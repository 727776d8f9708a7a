// One WebSocket to the gateway, and the policy of coming back.

const BACKOFF = { firstMs: 500, factor: 2, lastMs: 30000 };
// Where somebody else has to leave first: from 5 to 60 seconds.
const SLOW_BACKOFF = { firstMs: 10000, factor: 2, lastMs: 60000 };
// A connection that stayed this long counts as good: the next backoff starts anew.
const STEADY_MS = 10000;
const WELCOME_DEADLINE_MS = 10000;
// Nothing for this many heartbeats means that the line is dead though nobody said so.
const SILENT_HEARTBEATS = 2.5;
// While a run is followed something comes every two seconds; after so much silence the gateway is asked.
const RUN_SILENT_MS = 6000;
const PONG_DEADLINE_MS = 10000;

// Half of it is fixed and half is chance, so that clients of a restarted gateway do not return as one.
function backoffMs(attempt, { firstMs, factor, lastMs }, chance = Math.random()) {
  const full = Math.min(lastMs, firstMs * factor ** attempt);
  return full / 2 + (full / 2) * chance;
}

// Characters a subprotocol may hold (RFC 7230, token).
const isSubprotocolToken = (text) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);

// States: idle, connecting, open (after the welcome), waiting (for a retry), ended (no retry).
class GatewaySocket {
  // `onOpening`: frames can be sent, though none has come. `hearsOften`: whether a run is followed.
  constructor({ onState, onFrame, onOpening, hearsOften }) {
    Object.assign(this, { onState, onFrame, onOpening, hearsOften });
    this.state = "idle";
    this.attempt = 0;
    this.retryAt = 0;
    this.retryFloorMs = 0;
    this.timer = 0;
    // The scope of message ids: it outlives a connection, so what was sent again is known again.
    this.clientId = `console-${randomId()}`;
  }

  connect(token) {
    this.token = token;
    this.attempt = 0;
    this.open();
  }

  reconnectNow() {
    if (this.state === "waiting") this.open();
  }

  disconnect() {
    this.abandon();
    this.enter("ended", { code: 1000 });
  }

  send(text) {
    this.socket.send(text);
  }

  // False when there is no socket for it.
  sendEarly(text) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(text);
    return true;
  }

  open() {
    this.abandon();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const address = `${scheme}//${location.host}/ws?client_id=${this.clientId}&runs=1`;
    const socket = new WebSocket(address, ["gateway.v1", `bearer.${this.token}`]);
    this.socket = socket;
    this.welcomed = 0;
    this.retryFloorMs = 0;
    socket.onopen = () => this.onOpening();
    socket.onmessage = (event) => this.received(event.data);
    socket.onclose = (event) => this.closed(event.code, event.reason);
    this.enter("connecting");
    this.expect(WELCOME_DEADLINE_MS);
  }

  // The old socket is left without listeners: a dead line may take minutes to say that it closed.
  abandon() {
    clearTimeout(this.timer);
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(1000);
    this.socket = null;
  }

  expect(withinMs) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.abandon();
      this.closed(1006, "nothing heard");
    }, withinMs);
  }

  listen() {
    if (!this.hearsOften()) return this.expect(this.silenceMs);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.send('{"type":"ping"}');
      this.expect(PONG_DEADLINE_MS);
    }, RUN_SILENT_MS);
  }

  received(text) {
    const frame = parseObject(text);
    if (!this.welcomed && frame?.type === "system" && frame.event === "welcome") {
      this.welcomed = performance.now();
      this.silenceMs = (frame.heartbeat_interval || 30) * 1000 * SILENT_HEARTBEATS;
      this.enter("open", { welcome: frame });
    }
    if (frame?.event === "draining") this.retryFloorMs = frame.retry_after_ms || 0;
    if (this.welcomed) this.listen();
    this.onFrame(text, frame);
  }

  closed(code, reason) {
    clearTimeout(this.timer);
    this.socket = null;
    const opened = this.welcomed > 0;
    if (opened && performance.now() - this.welcomed > STEADY_MS) this.attempt = 0;
    const { retry, slow } = closeWords(code);
    if (!retry) return this.enter("ended", { code, reason, opened });
    const delay = Math.max(backoffMs(this.attempt++, slow ? SLOW_BACKOFF : BACKOFF), this.retryFloorMs);
    this.retryAt = performance.now() + delay;
    this.timer = setTimeout(() => this.open(), delay);
    this.enter("waiting", { code, reason, opened });
  }

  enter(state, detail = {}) {
    this.state = state;
    this.onState(state, detail);
  }
}
