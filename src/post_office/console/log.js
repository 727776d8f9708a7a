// The conversation: what was sent, what came, and how each message fared.

const ENTRIES_MAX = 400;
const FRAMES_SHOWN_MAX = 100;
// An agent that says nothing more for so long has stopped, or will take its time.
const SILENT_MS = 30000;
// A scroll so soon after a wheel, key, finger or pointer is a person's.
const HANDLED_MS = 1000;

class Entry {
  // `kind` is mine, theirs, error or note. Headings are words or nodes beside each other.
  constructor(kind, label, headings) {
    this.text = el("p", { className: "text" });
    this.status = el("p", { className: "status" });
    this.raw = el("pre", { tabIndex: 0 });
    this.frames = el("details", { className: "frames", hidden: true }, el("summary", { textContent: "JSON" }), this.raw);
    this.via = new Via();
    if (headings.length > 0) headings = [...headings, this.via.node];
    const heading = el("p", { className: "heading" }, ...headings, el("time", { textContent: clock(new Date()) }));
    this.node = el("article", { className: `entry ${kind}`, "aria-label": label },
      heading, this.text, this.status, this.frames);
    this.lines = [];
    this.frames.addEventListener("toggle", () => this.showFrames());
  }

  say(text, tone = "plain") {
    this.status.textContent = text;
    this.status.dataset.tone = tone;
  }

  // The bytes as they went over the wire: parsing and printing them again would change numbers.
  frame(direction, text) {
    this.frames.hidden = false;
    if (this.lines.length === FRAMES_SHOWN_MAX) this.lines.push("… more frames are not shown");
    if (this.lines.length < FRAMES_SHOWN_MAX) this.lines.push(`${direction} ${text}`);
    this.showFrames();
  }

  showFrames() {
    this.raw.textContent = this.frames.open ? this.lines.join("\n") : "";
  }
}

const chip = (text) => el("span", { className: "chip", textContent: text });

class Log {
  constructor(root, toEnd) {
    this.root = root;
    this.toEnd = toEnd;
    this.entries = [];
    this.runs = new Map();        // run id -> the reply that is being sent in parts; the gateway's own are in runs.js
    this.askedAt = new Map();     // conversation id -> when its last message was sent
    this.following = true;
    this.handledAt = -Infinity;
    for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
      root.addEventListener(kind, () => { this.handledAt = performance.now(); }, { passive: true });
    }
    root.addEventListener("scroll", () => this.scrolled());
    // The log shrinks when the banner above or the box below grows.
    new ResizeObserver(() => { if (this.following) this.follow(); }).observe(root);
    toEnd.addEventListener("click", () => { this.following = true; this.follow(); root.focus(); });
  }

  // Away from the end is where a person went, or where removed and added entries left the log: only the
  // former is a wish to stay there.
  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.root;
    const atEnd = scrollHeight - scrollTop - clientHeight < 48;
    if (atEnd) this.following = true;
    else if (performance.now() - this.handledAt < HANDLED_MS) this.following = false;
    if (atEnd) this.toEnd.hidden = true;
  }

  add(entry) {
    $("empty")?.remove();
    this.entries.push(entry);
    this.root.append(entry.node);
    if (this.entries.length > ENTRIES_MAX) this.drop(this.entries.shift());
    this.follow();
    return entry;
  }

  drop(entry) {
    entry.node.remove();
    if (entry.run) this.runs.delete(entry.run);
    entry.onDrop?.();
  }

  clear() {
    this.entries.splice(0).forEach((entry) => this.drop(entry));
  }

  // One scroll a picture, however many messages came since the last.
  follow() {
    if (!this.following) { this.toEnd.hidden = false; return; }
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.root.scrollTop = this.root.scrollHeight;
      this.toEnd.hidden = true;
    });
  }

  note(text, tone = "plain", frame = "") {
    const entry = new Entry("note", text, []);
    entry.text.textContent = text;
    entry.node.dataset.tone = tone;
    if (frame) entry.frame("←", frame);
    return this.add(entry);
  }

  error(words, detail, frame) {
    const entry = new Entry("error", "Error", [chip("error")]);
    entry.text.textContent = words;
    entry.say(detail);
    entry.frame("←", frame);
    return this.add(entry);
  }

  sent({ channel, intent, text, conversation }) {
    const entry = new Entry("mine", `You, to ${channel}`, [el("b", { textContent: "You" }), chip(channel), chip(intent)]);
    entry.text.textContent = text;
    entry.say("sending…");
    if (conversation) this.asked(conversation);
    return this.add(entry);
  }

  asked(conversation) {
    if (this.askedAt.size >= ENTRIES_MAX) this.askedAt.clear();
    this.askedAt.set(conversation, performance.now());
  }

  // What an agent or a realm said. Parts of a run are put together; anything else stands alone.
  received(text, message) {
    const data = message?.data;
    if (typeof data?.run_id === "string" && typeof data.delta === "string") return this.part(text, message, data);
    const entry = this.add(this.reply(message));
    entry.text.textContent = typeof message?.message === "string" ? message.message : text;
    entry.text.classList.toggle("code", typeof message?.message !== "string");
    entry.frame("←", text);
    return entry;
  }

  reply(message) {
    const speaker = message?.agent_type ?? message?.type ?? "message";
    // The conversation is named only when it is not the one this page is in.
    const elsewhere = message?.conversation_id === $("conversation").value ? "" : message?.conversation_id;
    const about = [message?.pillar, elsewhere].filter((word) => typeof word === "string" && word);
    return new Entry("theirs", `From ${speaker}`, [el("b", { textContent: speaker }), ...about.map(chip)]);
  }

  part(text, message, data) {
    const entry = this.runs.get(data.run_id) ?? this.begin(message, data.run_id);
    entry.frame("←", text);
    if (Number.isInteger(data.seq)) {
      if (data.seq <= entry.seq) return entry;   // delivered twice
      if (entry.seq >= 0 && data.seq > entry.seq + 1) entry.gap = true;
      entry.seq = data.seq;
    }
    if (data.delta) entry.parts += 1;
    entry.text.append(data.delta);
    entry.heardAt = performance.now();
    // A screen reader waits for the whole answer and does not stumble along word by word.
    entry.node.setAttribute("aria-busy", "true");
    if (data.final === true) this.finish(entry, message);
    else entry.say(entry.gap ? "answering… a part is missing" : "answering…");
    this.follow();
    return entry;
  }

  begin(message, run) {
    const entry = this.reply(message);
    const askedAt = this.askedAt.get(message.conversation_id);
    Object.assign(entry, { run, seq: -1, parts: 0, gap: false, startedAt: performance.now() });
    entry.firstAfter = askedAt === undefined ? "" : `, the first after ${millis(entry.startedAt - askedAt)}`;
    this.runs.set(run, entry);
    return this.add(entry);
  }

  // The last part carries the whole text, which mends whatever was missing.
  finish(entry, message) {
    if (typeof message.message === "string" && message.message) entry.text.textContent = message.message;
    const took = millis(performance.now() - entry.startedAt);
    entry.say(`${plural(entry.parts, "part")} in ${took}${entry.firstAfter}`);
    entry.node.setAttribute("aria-busy", "false");
    this.runs.delete(entry.run);
  }

  // Nothing more is waited for; should it come all the same, it is added.
  pause(entry, words) {
    entry.node.setAttribute("aria-busy", "false");
    entry.say(words, "bad");
    announce(`The answer was ${words}`);
  }

  interrupt() {
    for (const entry of this.runs.values()) this.pause(entry, "interrupted: the connection was lost before the end");
  }

  pauseSilent() {
    for (const entry of this.runs.values()) {
      const silent = performance.now() - entry.heardAt > SILENT_MS;
      if (silent && entry.node.getAttribute("aria-busy") === "true") {
        this.pause(entry, `not finished: nothing more has come for ${SILENT_MS / 1000} s`);
      }
    }
  }
}
