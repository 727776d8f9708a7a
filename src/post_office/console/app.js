// The page itself: what the user does, what the connection does, and what is shown of both.

const DEFAULT_CHANNELS = ["guide", "pillar:content", "pillar:insights", "pillar:operations", "pillar:business_outcomes"];
const STORE = "gateway-console";

const state = {
  channels: DEFAULT_CHANNELS,
  session: null,            // { id, user, tenant, ttl, expiresAt }
  wanted: new Set(["guide"]),   // channels the user listens to, kept over reconnects
  unanswered: new Map(),    // id -> { entry, frame, sentAt } of messages without an ack
  refreshing: null,         // the session that `authenticate` was asked for
  ending: false,            // the user has ended the session, and its connection will be closed for that
  pingedAt: 0,
  sentCount: 0,
};

const api = new Api();
const minute = new Minute();
const log = new Log($("log"), $("to-end"));
const poll = new Poll(api);
const people = new People(api);
const operate = new Operate(api);
const runs = new Runs({ log });
const link = new Link({
  onState: connectionChanged,
  onSent: frameSent,
  onFrame: frameReceived,
  onRun: (run) => runs.follow(run),
});
const pageId = randomId().slice(0, 8);

// --- What a reload of this tab may find again. ---

function remember() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify({ key: api.key, session: state.session }));
  } catch { /* Storage may be switched off: then a reload asks again. */ }
}

function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
}

// A key in the fragment never reached the network; it leaves the address bar and history too.
function takeKeyFromAddress() {
  const match = /^#key=(.+)$/.exec(location.hash);
  if (!match) return "";
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return match[1];
  }
}

// --- Access ---

async function useKey(key) {
  if (!/^[\x21-\x7e]+$/.test(key)) return tell("key-result", "A key has no spaces and no special letters. Was it copied whole?", "bad");
  tell("key-result", "Asking the gateway…");
  api.key = key;
  let channels = [];
  try {
    channels = (await api.endpoint()).channels ?? [];
  } catch (error) {
    // A key without the scope of this one call is still a key.
    if (error.status !== 403) {
      api.key = "";
      return tell("key-result", apiWords(error), "bad");
    }
  }
  if (channels.length > 0) state.channels = channels;
  keyAccepted();
}

function keyAccepted() {
  $("key").value = "";
  $("key-form").hidden = true;
  $("key-accepted").hidden = false;
  document.body.dataset.key = "";
  tell("key-result", "");
  showChannels();
  remember();
  poll.start();
  showView();
  if (link.state === "idle") {
    showBanner("idle", "Not connected", "Start a session to connect.");
    $("user").focus({ preventScroll: true });
  }
}

function changeKey() {
  api.key = "";
  remember();
  $("key-form").hidden = false;
  $("key-accepted").hidden = true;
  delete document.body.dataset.key;
  $("key").focus();
}

// --- Session ---

async function createSession({ user, tenant, ttl }) {
  const body = { user_id: user, session_type: "web", ttl_seconds: ttl, context: tenant ? { tenant_id: tenant } : {} };
  const answer = await api.createSession(body);
  return { id: answer.session_id, user, tenant, ttl, expiresAt: Date.now() + ttl * 1000 };
}

// One call at a time: a second click while the first is under way would make two sessions.
async function once(button, action) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    await action();
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function sessionWish() {
  return { user: $("user").value, tenant: $("tenant").value, ttl: Number($("ttl").value) };
}

async function startSession(wish) {
  if (!api.key) {
    tell("session-result", "Enter an API key first.", "bad");
    return $("key").focus();
  }
  tell("session-result", "Asking the gateway…");
  try {
    const session = await createSession(wish);
    tell("session-result", "");
    useSession(session);
  } catch (error) {
    tell("session-result", apiWords(error), "bad");
  }
}

function useSession(session) {
  state.session = session;
  state.ending = false;
  // Another session is another scope of ids: what the last one left open stays open.
  abandonUnanswered();
  remember();
  showSession();
  connectWith(session.id);
}

function connectWith(token) {
  runs.connected(link.connect(token));
}

function useToken(token) {
  tell("session-result", "");
  $("token").value = "";
  useSession({ id: token, user: "of this token", tenant: "", ttl: 0, expiresAt: 0 });
}

async function refreshSession() {
  const old = state.session;
  try {
    const session = await createSession(old.ttl ? old : sessionWish());
    if (link.state !== "open") return useSession(session);
    state.refreshing = session;
    link.send(JSON.stringify({ type: "authenticate", session_token: session.id }));
  } catch (error) {
    tell("session-result", apiWords(error), "bad");
  }
}

function sessionRefreshed() {
  state.session = state.refreshing;
  state.refreshing = null;
  link.token = state.session.id;
  remember();
  showSession();
  tell("session-result", "Session refreshed, on the same connection.", "good");
}

async function endSession() {
  state.ending = true;
  try {
    await api.endSession(state.session.id);
    tell("session-result", "");
    if (link.state !== "open") forgetSession();
  } catch (error) {
    state.ending = false;
    tell("session-result", apiWords(error), "bad");
  }
}

function forgetSession() {
  state.session = null;
  remember();
  showSession();
}

function showSession() {
  const session = state.session;
  for (const id of ["session-form", "token-form"]) $(id).hidden = session !== null;
  $("session-live").hidden = session === null;
  if (!session) return;
  $("session-user").textContent = session.user;
  $("session-tenant").textContent = session.tenant;
  $("session-tenant-row").hidden = !session.tenant;
  showTimeLeft();
}

function showTimeLeft() {
  const session = state.session;
  if (!session) return;
  const left = (session.expiresAt - Date.now()) / 1000;
  $("session-left").textContent = !session.ttl ? "not known here" : left > 0 ? span(left) : "expired";
}
