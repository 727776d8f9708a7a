// Codes of the protocol in the words of a person.

// `retry`: the page comes back by itself, with backoff, `slow`: with a long one. `renew`: only a new session helps.
const CLOSE_CODES = new Map([
  [1000, { title: "Closed", what: "This page closed the connection.", todo: "Connect again whenever you like." }],
  [1001, { title: "Going away", what: "The gateway, or something between you and it, went away.", todo: "Nothing: wait a moment.", retry: true }],
  [1002, { title: "Protocol error", what: "A frame broke the rules of WebSocket.", todo: "Look for a proxy that alters traffic, if it happens again.", retry: true }],
  [1003, { title: "Binary frame", what: "A binary frame was sent. The gateway takes text only.", todo: "Send text, if it happens again.", retry: true }],
  [1006, { title: "Connection lost", what: "The connection broke without a goodbye: the network, a crash, or a refused handshake.", todo: "Nothing: wait a moment.", retry: true }],
  [1007, { title: "Not UTF-8", what: "A text frame was not valid UTF-8.", todo: "Send UTF-8, if it happens again.", retry: true }],
  [1008, { title: "Refused by policy", what: "Something between you and the gateway refused this connection; the gateway itself never uses this code.", todo: "Look at the proxy, or start a new session.", renew: true }],
  [1009, { title: "Message too large", what: "A message was larger than the gateway accepts (64 KiB unless configured).", todo: "Send less at once, if it happens again.", retry: true }],
  [1011, { title: "Out of memory", what: "The gateway had no memory to unpack a compressed message.", todo: "Nothing: wait a moment.", retry: true }],
  [1012, { title: "Gateway restarts", what: "The gateway is being restarted and asked its clients to come back.", todo: "Nothing: wait a moment.", retry: true }],
  [4000, { title: "Internal error", what: "The gateway met an error of its own.", todo: "Nothing: it comes back. If it happens again, look at the gateway’s log.", retry: true }],
  [4001, { title: "Session not accepted", what: "The gateway does not know this session, or it has expired or been suspended. With the memory engine, sessions end when the gateway restarts.", todo: "Start a new session.", renew: true }],
  [4003, { title: "Session ended", what: "The session expired, was ended or was suspended while you were connected.", todo: "Start a new session.", renew: true }],
  [4004, { title: "Too many connections", what: "This user already has as many connections as one user may have (5 unless configured).", todo: "Close another tab of this user. This page comes back when there is room.", retry: true, slow: true }],
  [4005, { title: "Gateway full", what: "The gateway holds as many connections as it may.", todo: "Nothing: wait a moment.", retry: true }],
  [4008, { title: "Too slow", what: "This page read slower than messages came, and the gateway stopped keeping them for it.", todo: "Nothing: it comes back. Listen to fewer channels if it happens again.", retry: true }],
  [4009, { title: "Evicted", what: "The gateway heard nothing from this connection for too long.", todo: "Nothing: it comes back.", retry: true }],
  [4010, { title: "Replaced", what: "The same client has connected again, and its new connection took this one’s place.", todo: "Nothing, unless you want this page to take it back: then connect again." }],
  [4029, { title: "Rate limit", what: "Messages were sent faster than allowed for too long.", todo: "Send more slowly. It comes back.", retry: true, slow: true }],
]);

function closeWords(code) {
  return CLOSE_CODES.get(code) ??
    { title: "Closed", what: `The connection was closed with code ${code}.`, todo: "Connect again." };
}

// By one's own click it is no accident.
const ENDED_HERE = { title: "Session ended", what: "You ended this session.", todo: "Start a new one whenever you like.", renew: true };

const ERROR_WORDS = {
  invalid_json: "That is not valid JSON.",
  invalid_message: "The gateway could not make sense of that message.",
  unknown_channel: "There is no such channel on this gateway.",
  forbidden_channel: "This session may not use that channel.",
  forbidden: "The gateway refused that for this session.",
  overloaded: "Too many messages are waiting for an agent already. Try again later.",
  rate_limited: "Too many messages at once. Send more slowly.",
  internal: "The gateway could not process that message.",
  unknown_run: "There is no such run, or it is not for this session.",
  too_many_runs: "This user or this connection has as many answers open as it may. Wait until one has ended.",
};

const errorWords = (code) => ERROR_WORDS[code] ?? `The gateway answered with the error “${code}”.`;

const ACK_WORDS = {
  published: "an agent has it, or the inbox holds it for one",
  queued: "no agent is listening yet, it waits in the gateway",
  duplicate: "the gateway had it already and did not pass it on again",
};

// How a run ended. By an agent's own code, which is a word like any other, it failed with the agent's words.
const RUN_END_WORDS = {
  no_agent: "no agent began to answer: there is none, or it answers without runs (then untick “Durable answer”)",
  agent_lost: "its agent was lost, and no other has taken over",
  deadline: "it took longer than an answer may",
  gateway_stopped: "the gateway stopped, and its memory engine keeps nothing",
  unknown_run: "the gateway has no such run for this session: a memory engine keeps none over a restart",
  gateway_lost: "the gateway has no such run for this session: a memory engine keeps none over a restart",
};

function runEndWords(status, error) {
  if (status === "completed") return { words: "completed", tone: "good" };
  if (status === "cancelled") return { words: "stopped", tone: "warn" };
  const words = RUN_END_WORDS[error?.code] ?? [error?.code, error?.message].filter(Boolean).join(": ");
  return { words: `${status}: ${words}`, tone: "bad" };
}

const API_WORDS = {
  0: "The gateway does not answer. Is it running?",
  401: "The gateway does not know this key. Check it, or look at what the gateway printed when it started: a restart can make a new key.",
  404: "The gateway knows nothing by that name.",
  409: "That is taken already.",
  413: "That is too large for the gateway.",
  429: "Too many requests. Try again in a moment.",
  503: "The gateway is not ready, or it is shutting down. Try again in a moment.",
};

function apiWords(error) {
  if (!(error instanceof ApiError)) return `Something in this page failed: ${error.message}`;
  if (error.status === 403) return `This key may not do that. ${error.message}`;
  if (error.status in API_WORDS) return API_WORDS[error.status];
  return `The gateway answered ${error.status}: ${error.message}`;
}
