// One run as it is shown: its text, who writes it, and the button that stops it.

class RunView {
  // `mine` is the entry of the question, where it is still there. `stop` is called by the button, `drop` when the
  // log lets go of the answer.
  constructor({ log, channel = "", mine = null, stop, drop }) {
    Object.assign(this, { log, channel, mine, drop, entry: null });
    Object.assign(this, { status: "queued", owner: "none", isCancelAsked: false, isFollowed: true, isOver: false });
    this.state = el("span");
    this.agent = el("span", { className: "tag" });
    this.idle = el("span");
    this.button = el("button", { type: "button", className: "quiet small" }, "Stop", el("span", { className: "unseen", textContent: ` the answer from ${channel || "an agent"}` }));
    this.button.addEventListener("click", stop);
    this.line = el("div", { className: "status run" }, this.state, this.agent, this.idle, this.button);
    this.words = document.createTextNode("");
    this.idleSince = performance.now();
    mine?.status.after(this.line);
    this.refresh();
  }

  // Until somebody answers there is nothing to see of it but a line under the question.
  begin() {
    if (this.entry) return;
    const hadFocus = document.activeElement === this.button;
    this.startedAt = performance.now();
    this.entry = new Entry("theirs", `From ${this.channel || "an agent"}`, [el("b", { textContent: this.channel || "agent" }), chip("run")]);
    this.entry.text.append(this.words);
    this.entry.status.replaceWith(this.line);
    this.entry.onDrop = this.drop;
    this.entry.node.tabIndex = -1;
    // A screen reader waits for the whole answer and does not stumble along word by word.
    this.entry.node.setAttribute("aria-busy", "true");
    this.log.add(this.entry);
    if (hadFocus) this.button.focus({ preventScroll: true });
  }

  describe({ channel, format, status, owner, cancel_requested: isCancelAsked, idle_ms: idleMs }) {
    if (channel && !this.entry) this.channel = channel;
    if (format) this.isCode = format !== "text";
    if (status) this.status = status;
    if (owner) this.owner = owner;
    if (isCancelAsked !== undefined) this.isCancelAsked = isCancelAsked;
    if (idleMs !== undefined) this.idleSince = performance.now() - idleMs;
    if (this.status === "in_progress") this.begin();
    this.refresh();
  }

  append(text) {
    this.begin();
    this.words.appendData(text);
    this.wrote();
  }

  replace(text) {
    if (text) this.begin();
    if (this.words.data === text) return;
    this.words.data = text;
    this.wrote();
  }

  wrote() {
    Object.assign(this, { status: "in_progress", owner: "live", idleSince: performance.now() });
    this.entry.text.classList.toggle("code", this.isCode === true);
    this.log.follow();
    this.refresh();
  }

  frame(direction, text) {
    (this.entry ?? this.mine)?.frame(direction, text);
  }

  // Its connection is another one now, or none.
  follow(isFollowed) {
    const isInterrupted = this.isFollowed && !isFollowed && this.entry && !this.isOver;
    this.isFollowed = isFollowed;
    if (isFollowed) this.entry?.via.now();
    // What is not growing now does not look as if it were.
    this.entry?.node.setAttribute("aria-busy", String(isFollowed && !this.isOver));
    if (isInterrupted) announce(`The answer from ${this.channel || "an agent"} is interrupted: the connection is lost. It goes on when the connection is back.`);
    this.refresh();
  }

  took() {
    return this.entry && !this.beganBefore ? ` after ${millis(performance.now() - this.startedAt)}` : "";
  }

  // Four times a second: what is said is set only when it changes.
  refresh() {
    if (this.isOver) return;
    const isQueued = this.status === "queued";
    const idle = Math.floor((performance.now() - this.idleSince) / 1000);
    const agent = isQueued || this.owner === "none" ? "" : this.owner === "live" ? "agent live" : "agent lost";
    this.set(this.state, !this.isFollowed ? "not connected: it goes on at the gateway, and here when the connection is back"
      : this.isCancelAsked ? "stopping…" : isQueued ? "waiting for an agent to begin" : "in progress");
    this.set(this.agent, this.isFollowed ? agent : "", this.owner === "live" ? "good" : "bad");
    this.set(this.idle, agent && this.isFollowed && idle >= 2 ? `idle ${idle} s` : "");
    this.button.setAttribute("aria-busy", String(this.isCancelAsked));
  }

  set(node, text, tone) {
    if (node.textContent !== text) node.textContent = text;
    node.hidden = !text;
    if (tone) node.dataset.tone = tone;
  }

  // `words` is how it ended, for a person.
  finish(words, tone) {
    const hadFocus = document.activeElement === this.button;
    this.isOver = true;
    this.set(this.state, words);
    this.line.dataset.tone = tone;
    for (const node of [this.agent, this.idle, this.button]) node.hidden = true;
    this.entry?.node.setAttribute("aria-busy", "false");
    // Focus does not fall to the top of the page because the button that had it went away.
    if (hadFocus) (this.entry ?? this.mine)?.node.focus({ preventScroll: true });
  }
}
