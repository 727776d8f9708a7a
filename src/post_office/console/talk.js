// Sending, and telling apart what comes.

// False when there is no connection that has been welcomed.
function transmit(text) {
  return link.send(text);
}

function control(type, channel) {
  transmit(JSON.stringify({ type, channel }));
}

// --- Sending ---

function composed() {
  const metadata = parseObject($("metadata").value || "{}");
  if (!metadata) throw new Error("Metadata has to be a JSON object, for example {}.");
  if (!$("message").value.trim()) throw new Error("Write a message first.");
  const [channel, intent, conversation] = [$("channel").value, $("intent").value, $("conversation").value];
  const id = `${pageId}-${++state.sentCount}`;
  const payload = { message: $("message").value, conversation_id: conversation, metadata };
  return { id, channel, intent, conversation, text: payload.message, payload, run: runWish() };
}

// The conversation is the run's thread, where its id may be one.
function runWish() {
  if (!$("as-run").checked) return undefined;
  const conversation = $("conversation").value;
  return /^[A-Za-z0-9._:@+=-]{1,128}$/.test(conversation) ? { thread_id: conversation } : {};
}

// A frame as the user wrote it, right or wrong. Its id is looked for only to show the ack.
function composedRaw() {
  const frame = $("message").value;
  const object = parseObject(frame);
  return { id: object?.id, channel: object?.channel ?? "guide", intent: "raw frame", text: frame, frame };
}

function sendMessage() {
  let message;
  try {
    message = $("raw-mode").checked ? composedRaw() : composed();
  } catch (error) {
    $("message").focus();
    return tell("send-result", error.message, "bad");
  }
  if (link.state !== "open") return tell("send-result", "Not connected: start a session first. Your words stay here.", "bad");
  tell("send-result", "");
  const entry = log.sent(message);
  if (state.channels.includes(message.channel)) { state.wanted.add(message.channel); showChips(); }
  deliver(entry, message);
  if (!$("raw-mode").checked) $("message").value = "";
  $("message").focus();
}

// By the package, which says it again after a lost connection until the gateway has it; a raw frame as it is.
function deliver(entry, { id, channel, intent, payload, run, frame, text }) {
  if (id === undefined) {
    entry.frame("→", frame);
    entry.say("sent without an id, so no ack comes");
    minute.countOut();
    return void link.send(frame);
  }
  state.unanswered.set(JSON.stringify(id), { entry, channel, text, isRaw: Boolean(frame) });
  if (frame) return void link.send(frame);
  if (run) {
    const answer = link.client.ask(channel, payload, { id, intent, ...run });
    answer.ready.catch(() => outcomeUnknown(id));
    return void runs.asked(answer, { mine: entry, channel, asked: text });
  }
  link.client.send(channel, payload, { id, intent }).catch(() => outcomeUnknown(id));
}

// Given up by the package. What a frame has refused, or acknowledged, is settled by then.
function outcomeUnknown(id) {
  settle(id)?.entry.say("no ack came: it may or may not have arrived", "bad");
}

// What the package, or this page, has put on the wire.
function frameSent(text) {
  const frame = parseObject(text);
  const waiting = frame && frame.id !== undefined && !frame.type && state.unanswered.get(JSON.stringify(frame.id));
  if (!waiting) return;
  const { entry } = waiting;
  minute.countOut();
  if (waiting.sentAt && waiting.socket !== link.socket) entry.say("sent again after the connection was lost…");
  Object.assign(waiting, { sentAt: performance.now(), socket: link.socket });
  entry.via.now();
  entry.frame("→", text);
  entry.again ??= againButton(entry, { id: frame.id, channel: frame.channel, text });
}

function againButton(entry, { id, channel, text }) {
  const button = el("button", { type: "button", className: "quiet small", textContent: "Send again with the same id" });
  button.addEventListener("click", () => {
    if (link.state !== "open") return tell("send-result", "Not connected: start a session first.", "bad");
    entry.say("sending again…");
    deliver(entry, { id, channel, frame: text });
  });
  entry.frames.append(button);
  return button;
}

// --- What comes ---

const CONTROL = new Set(["ping", "pong", "heartbeat", "subscribe", "unsubscribe", "authenticated"]);

function frameReceived(text, frame) {
  const type = frame?.type;
  if (type === "ack") acknowledged(text, frame);
  else if (type === "error") refused(text, frame);
  else if (type === "system") noted(text, frame);
  else if (type === "run") runFrame(text, frame);
  else if (type === "detach") { /* the package tells its run */ }
  else if (CONTROL.has(type)) controlled(text, frame);
  else {
    minute.countIn();
    log.received(text, frame);
  }
}

function runFrame(text, frame) {
  if (frame.event !== "top") minute.countIn();
  else if ($("show-control").checked) log.note("Control: top of a run", "plain", text);
  if (frame.event !== "top") runs.frame(text, frame);
}

function settle(id) {
  const name = JSON.stringify(id);
  const waiting = state.unanswered.get(name);
  state.unanswered.delete(name);
  return waiting;
}

function acknowledged(text, frame) {
  const waiting = settle(frame.id);
  if (!waiting) return;
  const took = performance.now() - waiting.sentAt;
  minute.countAck(took);
  waiting.entry.frame("←", text);
  waiting.entry.say(`${frame.status} in ${millis(took)}: ${ACK_WORDS[frame.status] ?? ""}`, frame.status === "published" ? "good" : "warn");
  // Asked for in a raw frame: the package has not heard of it.
  if (frame.run_id && waiting.isRaw) runs.follow(link.client.attach(frame.run_id), { channel: waiting.channel, mine: waiting.entry, asked: waiting.text });
}

function refused(text, frame) {
  if (frame.code === "forbidden" && state.refreshing) {
    state.refreshing = null;
    tell("session-result", "The gateway kept the old session: a fresh one has to be of the same user and tenant.", "bad");
  }
  const waiting = frame.id === undefined ? undefined : settle(frame.id);
  if (frame.run_id || frame.thread_id) return;   // about a run: the package tells it
  if (!waiting) return log.error(errorWords(frame.code), `${frame.message} (${frame.code})`, text);
  waiting.entry.frame("←", text);
  waiting.entry.say(`${errorWords(frame.code)} ${frame.message} (${frame.code})`, "bad");
}

function noted(text, frame) {
  if (frame.event === "welcome") return log.note(`Welcome from ${frame.instance_id}`, "good", text);
  if (frame.event === "draining") return log.note("The gateway is shutting down. It will close this connection, and this page comes back to it or to another.", "warn", text);
  if (frame.event === "gap") return log.note(`Publications on ${frame.channel} may have been missed: the gateway was cut off from the others.`, "warn", text);
  log.note(frame.message ?? frame.event, "plain", text);
}

function controlled(text, frame) {
  if (frame.type === "authenticated" && state.refreshing) sessionRefreshed();
  if (frame.type === "subscribe" || frame.type === "unsubscribe") listened(frame);
  if (frame.type === "pong" && state.pingedAt) {
    log.note(`Pong after ${millis(performance.now() - state.pingedAt)}`);
    state.pingedAt = 0;
  }
  if ($("show-control").checked) log.note(`Control: ${frame.type}`, "plain", text);
}

// --- Channels ---

function listened({ type, channel, status }) {
  if (status !== "ok") return;
  if (type === "subscribe") state.wanted.add(channel);
  else state.wanted.delete(channel);
  showChips();
}

function showChannels() {
  for (const id of ["channel", "publish-channel"]) {
    const chosen = $(id).value;
    $(id).replaceChildren(...state.channels.map((name) => el("option", { value: name, textContent: name })));
    if (state.channels.includes(chosen)) $(id).value = chosen;
  }
  $("chips").replaceChildren(...state.channels.map(channelChip));
  showChips();
}

function channelChip(channel) {
  const button = el("button", { type: "button", className: "toggle", textContent: channel });
  button.addEventListener("click", () => {
    if (link.state !== "open") return tell("send-result", "Not connected: start a session first.", "bad");
    control(state.wanted.has(channel) ? "unsubscribe" : "subscribe", channel);
  });
  return button;
}

function showChips() {
  for (const button of $("chips").children) button.setAttribute("aria-pressed", String(state.wanted.has(button.textContent)));
}

// --- Publish ---

async function publish() {
  const [channel, text, tenant] = [$("publish-channel").value, $("publish-text").value, $("publish-tenant").value];
  // An object goes out as it was typed: parsing and printing it would change numbers.
  const message = parseObject(text) ? text : JSON.stringify({ type: "publication", message: text });
  const fields = [`"channel":${JSON.stringify(channel)}`, `"realm":${JSON.stringify($("publish-realm").value)}`, `"message":${message}`];
  if (tenant) fields.push(`"tenant_id":${JSON.stringify(tenant)}`);
  if (!api.key) return tell("publish-result", "Enter an API key first.", "bad");
  try {
    await api.publish(`{${fields.join(",")}}`);
    tell("publish-result", `Published to ${channel} at ${clock(new Date())}.`, "good");
    $("publish-text").value = "";
  } catch (error) {
    tell("publish-result", apiWords(error), "bad");
  }
}
