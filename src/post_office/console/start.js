// Wiring: every control of the page, and what happens when it is opened.

const onClick = (id, action) => $(id).addEventListener("click", action);
const onSubmit = (id, action) => $(id).addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.submitter ?? event.target;
  once(button, action);
});

onSubmit("key-form", () => useKey($("key").value.trim()));
onClick("key-show", () => {
  const shown = $("key").type === "password";
  $("key").type = shown ? "text" : "password";
  $("key-show").setAttribute("aria-pressed", String(shown));
});
onClick("key-change", changeKey);

onSubmit("session-form", () => startSession(sessionWish()));
onSubmit("token-form", () => useToken($("token").value.trim()));
onClick("session-refresh", () => once($("session-refresh"), refreshSession));
onClick("session-end", () => once($("session-end"), endSession));

onClick("connect", () => connectWith(state.session.id));
onClick("renew", () => once($("renew"), () => startSession(sessionWish())));
onClick("reconnect", () => link.reconnectNow());
onClick("disconnect", () => link.disconnect());
onClick("ping", () => {
  state.pingedAt = performance.now();
  transmit('{"type":"ping"}');
});

onClick("clear-log", () => log.clear());
onClick("conversation-new", () => { $("conversation").value = `c-${randomId()}`; });
onSubmit("send-form", sendMessage);
onSubmit("publish-form", publish);

// Not one at a time: who is looked for now matters more than who was before.
$("find-form").addEventListener("submit", (event) => {
  event.preventDefault();
  people.find($("find").value.trim());
});
onClick("more-sessions", () => once($("more-sessions"), () => people.more("sessions")));
onClick("more-connections", () => once($("more-connections"), () => people.more("connections")));
onClick("to-setup", (event) => {
  event.preventDefault();
  $("key-form").hidden ? $("user").focus() : $("key").focus();
});

$("message").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || $("raw-mode").checked) return;
  event.preventDefault();
  sendMessage();
});

$("raw-mode").addEventListener("change", () => {
  const raw = $("raw-mode").checked;
  $("message-label").textContent = raw ? "Raw frame" : "Message";
  $("message-note").textContent = raw ? "Sent exactly as written, right or wrong. Enter makes a new line." : "Enter sends, Shift and Enter makes a new line.";
  $("message").classList.toggle("code", raw);
  $("message").rows = raw ? 6 : 2;
  for (const id of ["channel", "intent"]) $(id).disabled = raw;
  $("message-more").hidden = raw;
  if (raw) $("message").value = rawExample();
  else $("message").value = parseObject($("message").value)?.payload?.message ?? "";
});

function rawExample() {
  const payload = { message: $("message").value || "Hello", conversation_id: $("conversation").value, metadata: {} };
  const frame = { channel: $("channel").value, intent: $("intent").value, payload, id: `raw-${pageId}-1`, run: runWish() };
  return JSON.stringify(frame, null, 2);
}

// A browser cannot point at a wrong value inside a closed disclosure.
addEventListener("invalid", (event) => {
  const more = event.target.closest("details");
  if (more) more.open = true;
}, true);

addEventListener("hashchange", () => {
  const key = takeKeyFromAddress();
  if (key) return useKey(key);
  showView();
});

setInterval(() => {
  showTimeLeft();
  showCountdown();
  log.pauseSilent();
  runs.refresh();
}, 250);
setInterval(() => {
  if (!document.hidden) drawMinute(minute);
  runs.save();
}, 1000);
addEventListener("pagehide", () => runs.save());

async function begin() {
  const given = takeKeyFromAddress();
  const known = recall();
  $("conversation").value = `c-${randomId()}`;
  showChannels();
  showCodes();
  drawMinute(minute);
  showView();
  const key = given || known.key;
  if (key) await useKey(key);
  else $("key").focus({ preventScroll: true });
  if (known.session && !given) {
    state.session = known.session;
    remember();   // the key was, without it
    showSession();
    runs.restore();
    connectWith(known.session.id);
  }
}

begin();
