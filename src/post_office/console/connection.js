// What the connection does, and what is shown of it.

function showBanner(tone, title, text) {
  $("banner").dataset.tone = tone;
  $("pill").dataset.tone = tone;
  if ($("banner-title").textContent !== title) $("banner-title").textContent = title;
  if ($("banner-text").textContent !== text) $("banner-text").textContent = text;
}

const PILLS = { idle: "Not connected", connecting: "Connecting", open: "Connected", waiting: "Reconnecting", ended: "Disconnected" };

function connectionChanged(now, detail) {
  $("pill-text").textContent = PILLS[now];
  const code = detail.code;
  const actions = {
    connect: now === "ended" && !closeWords(code).renew && state.session !== null,
    renew: now === "ended" && closeWords(code).renew === true,
    reconnect: now === "waiting",
    ping: now === "open",
    disconnect: now === "open" || now === "connecting" || now === "waiting",
  };
  showActions(actions);
  $("connection-facts").hidden = now !== "open";
  $("countdown").hidden = now !== "waiting";
  if (now === "connecting") showBanner("busy", "Connecting…", `To ${location.host}`);
  if (now === "open") opened(detail.welcome);
  if (now === "waiting" || now === "ended") lost(now, detail);
}

// Focus never falls to the top of the page because the button that had it went away.
function showActions(actions) {
  const focused = document.activeElement;
  const hadFocus = $("connection-actions").contains(focused);
  for (const [id, shown] of Object.entries(actions)) $(id).hidden = !shown;
  if (!hadFocus || !focused.hidden) return;
  const first = Object.keys(actions).find((id) => actions[id]);
  if (first) $(first).focus({ preventScroll: true });
}

// Where a person goes next after connecting, unless they are busy somewhere already. On a touch screen
// the message box would raise the keyboard over the page, so the heading takes the focus there.
function focusConversation() {
  const focused = document.activeElement;
  const idle = focused === document.body || focused.closest("[hidden], #connection-actions");
  if (!idle) return;
  const touch = matchMedia("(pointer: coarse)").matches;
  $(touch ? "talk-heading" : "message").focus();
}

function opened(welcome) {
  showBanner("good", "Connected", welcome.message);
  connectedTo(welcome.instance_id);
  $("connection-id").textContent = welcome.connection_id;
  $("connection-since").textContent = clock(new Date());
  focusConversation();
  runs.welcomed();
  subscribeAgain();
}

// A new connection listens to `guide` alone; the rest is asked for anew.
function subscribeAgain() {
  const wanted = [...state.wanted];
  state.wanted = new Set(["guide"]);
  for (const channel of wanted) if (channel !== "guide") control("subscribe", channel);
  if (!wanted.includes("guide")) control("unsubscribe", "guide");
  showChips();
}

function abandonUnanswered() {
  for (const { entry } of state.unanswered.values()) entry.say("no ack came: it may or may not have arrived", "bad");
  state.unanswered.clear();
}

async function lost(now, { code, reason, opened: wasOpen }) {
  const endedHere = code === 4003 && state.ending;
  const words = endedHere ? ENDED_HERE : closeWords(code);
  const tone = now === "waiting" ? "warn" : code === 1000 || endedHere ? "idle" : "bad";
  log.interrupt();
  runs.lost();
  state.refreshing = null;
  const title = code === 1000 ? "Disconnected" : `${words.title} (${code})`;
  const said = reason && !endedHere ? ` The gateway said: “${reason}”.` : "";
  showBanner(tone, title, `${words.what}${said} ${words.todo}`);
  if (code !== 1000 && (wasOpen || now === "ended")) log.note(`${title}.${said}`, tone);
  if (now === "ended") abandonUnanswered();
  if (words.renew) forgetSession();
  markCode(code);
  if (code === 1006) await explainBreak(wasOpen);
}

// A browser does not tell why a connection broke: ask the gateway whether it is there at all.
async function explainBreak(wasOpen) {
  const answers = await api.answers();
  if (link.state !== "waiting") return;
  const words = !answers ? "The gateway does not answer. Nothing to do: this page comes back when it does."
    : wasOpen ? "The gateway answers, but the connection broke on the way. Nothing to do: wait a moment."
      : "The gateway answers but did not accept the connection: it may be starting, shutting down, or not allow this page’s origin. Nothing to do: wait a moment.";
  showBanner("warn", "Connection lost (1006)", words);
}

function showCountdown() {
  if (link.state !== "waiting") return;
  const seconds = Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000));
  $("countdown").textContent = seconds > 0 ? `Next attempt in ${seconds} s` : "Trying now…";
}

// The roles are written out: on a phone the rows are no table to the style sheet, and stay one to a reader.
function showCodes() {
  const cell = (...children) => el("td", { role: "cell" }, ...children);
  const rows = [...CLOSE_CODES].map(([code, words]) => el("tr", { id: `code-${code}`, role: "row" },
    el("th", { scope: "row", role: "rowheader", textContent: code }),
    cell(el("b", { textContent: words.title }), el("br"), words.what),
    cell(words.todo),
    cell(words.slow ? "comes back by itself, after 5 to 60 seconds" : words.retry ? "comes back by itself" : words.renew ? "asks for a new session" : "waits for you")));
  $("code-rows").replaceChildren(...rows);
}

function markCode(code) {
  for (const row of $("code-rows").children) row.toggleAttribute("data-last", row.id === `code-${code}`);
}
