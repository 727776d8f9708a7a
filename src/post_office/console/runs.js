// Runs: answers that the gateway keeps, whoever comes and goes. One that is open is taken up where it was after a
// lost connection, on any instance, and after a reload of this tab.

const RUN_STORE = "gateway-console-runs";
const RUNS_FOLLOWED_MAX = 64;
const RUN_TEXT_KEPT_MAX = 64 * 1024;   // a longer one is asked for anew after a reload
// Attaching so often without getting on does not help.
const MENDS_MAX = 5;
const ATTACH_AGAIN_MS = 1000;
// What a `reset` says without saying it.
const CLAIMED = { status: "in_progress", owner: "live" };

class Runs {
  // `send` takes a frame as soon as there is a socket, before its welcome too.
  constructor({ log, send }) {
    this.log = log;
    this.send = send;
    this.runs = new Map();       // run id -> { view, text, asked, ... }
    this.dropped = new Set();    // let go of here; what is still on its way is not for us
    this.count = 0;
  }

  get open() { return [...this.runs.values()].filter((run) => !run.view.isOver); }

  // --- What becomes of a run here ---

  add(id, { channel, mine, asked = "" }) {
    const view = new RunView({ log: this.log, channel, mine, stop: () => this.stop(run), drop: () => this.drop(run) });
    const run = { id, view, asked, text: new RunText(), mends: 0, attachId: "", cancelId: "" };
    this.runs.set(id, run);
    return run;
  }

  // The ack of a question names the run of its answer; the sender follows it from its beginning.
  asked({ run_id: id, attached }, { entry, frame }) {
    if (this.runs.has(id)) return;
    this.dropped.delete(id);
    const { channel = "guide", payload } = parseObject(frame);
    const run = this.add(id, { channel, mine: entry, asked: String(payload?.message ?? "") });
    if (attached === false) run.view.finish("not shown here: this connection follows as many runs as it may", "bad");
  }

  // Without a cursor from the beginning. The answer has the id, so that what was on its way before can be told apart.
  attach(run, { anew = false } = {}) {
    run.attachId = `attach-${++this.count}`;
    const cursor = anew ? undefined : run.text.cursor;
    this.send(JSON.stringify({ type: "attach", run_id: run.id, cursor, id: run.attachId }));
  }

  stop(run) {
    run.wantsStop = true;
    run.cancelId = `cancel-${++this.count}`;
    const sent = this.send(JSON.stringify({ type: "cancel", run_id: run.id, reason: "stopped by the user", id: run.cancelId }));
    if (!sent) tell("send-result", "Not connected: it will be stopped when the connection is back.", "bad");
    run.view.describe({ cancel_requested: true });
  }

  drop(run) {
    this.runs.delete(run.id);
    if (run.view.isOver) return;
    this.dropped.add(run.id);
    this.send(JSON.stringify({ type: "detach", run_id: run.id }));
  }

  // --- What the connection does ---

  // Asked before the welcome: going on takes one round trip.
  opening() {
    this.dropped.clear();
    for (const run of this.open.slice(-RUNS_FOLLOWED_MAX)) {
      run.mends = 0;
      this.attach(run);
    }
  }

  welcomed() {
    for (const run of this.open) {
      run.view.follow(true);
      if (run.wantsStop) this.stop(run);
    }
  }

  lost() {
    for (const run of this.open) run.view.follow(false);
  }

  refresh() {
    for (const run of this.open) run.view.refresh();
  }

  // --- What comes ---

  received(text, frame) {
    if (this.dropped.has(frame.run_id)) return;
    // A realm may give this user a run that nobody here has asked for.
    const run = this.runs.get(frame.run_id) ?? this.add(frame.run_id, { channel: frame.channel });
    if (run.view.isOver || (run.attachId && frame.id !== run.attachId)) return;
    run.attachId = "";
    if (frame.event !== "top") run.view.frame("←", text);
    this.take(run, frame);
  }

  take(run, frame) {
    const before = run.text.pos;
    const todo = run.text.take(frame);
    const grew = run.text.pos > before;
    if (grew && frame.event === "delta") run.view.append(frame.text);
    else run.view.replace(run.text.text);
    if (grew) run.mends = 0;
    if (frame.event === "end" && this.ended(run, frame, todo)) return;
    if (todo) return this.mend(run, todo);
    run.view.describe(frame.cause === "claimed" || frame.cause === "superseded" ? CLAIMED : frame);
  }

  // Its text may be gone at the gateway: then it ends without, however often it is asked for.
  ended(run, frame, todo) {
    if (todo && run.mends < 2) return false;
    const { words, tone } = runEndWords(frame.status, frame.error);
    const size = todo ? `; ${plural(run.text.pos, "byte")} are here, the rest is no longer kept`
      : run.text.pos > 0 ? `; ${plural(run.text.pos, "byte")}, checked` : "";
    run.view.finish(words + run.view.took() + size, todo ? "bad" : tone);
    return true;
  }

  mend(run, todo) {
    if (++run.mends > MENDS_MAX) {
      this.send(JSON.stringify({ type: "detach", run_id: run.id }));
      return run.view.finish("given up: text and hash did not agree, again and again", "bad");
    }
    this.attach(run, { anew: todo === "restart" });
  }

  // Whether this error is about a run here.
  refused({ id, run_id: runId, code, message }) {
    const run = this.runs.get(runId);
    if (!run || id === undefined || (id !== run.attachId && id !== run.cancelId)) return false;
    if (code === "unknown_run") run.view.finish(runEndWords("failed", { code: "gateway_lost" }).words, "bad");
    else if (id === run.cancelId) this.stopRefused(run, `${errorWords(code)} ${message}`);
    else if (code === "too_many_runs" || code.startsWith("forbidden")) run.view.finish(errorWords(code), "bad");
    else setTimeout(() => { if (!run.view.isOver && id === run.attachId) this.attach(run); }, ATTACH_AGAIN_MS * (1 + Math.random()));
    return true;
  }

  stopRefused(run, words) {
    run.wantsStop = false;
    run.view.describe({ cancel_requested: false });
    tell("send-result", words, "bad");
  }

  // Said by the gateway of itself, or as the answer to ours.
  detached({ run_id: id, reason }) {
    const run = this.runs.get(id);
    if (run && reason) run.view.finish(errorWords("forbidden_channel"), "bad");
  }

  // --- What a reload of this tab may find again ---

  save() {
    const kept = this.open.map(({ id, view, asked, text }) => {
      const whole = text.text.length <= RUN_TEXT_KEPT_MAX;
      return { id, asked, channel: view.channel, ...(whole ? { cursor: text.cursor, text: text.text } : {}) };
    });
    const json = JSON.stringify(kept);
    if (json === this.saved) return;
    this.saved = json;
    try {
      sessionStorage.setItem(RUN_STORE, json);
    } catch { /* Storage may be switched off, or full: then a reload starts with nothing. */ }
  }

  restore() {
    let kept;
    try {
      kept = JSON.parse(sessionStorage.getItem(RUN_STORE)) ?? [];
    } catch {
      return;
    }
    for (const { id, channel, asked, cursor, text } of kept) {
      const mine = asked && this.log.add(new Entry("mine", `You, to ${channel}`, [el("b", { textContent: "You" }), chip(channel)]));
      if (mine) mine.text.textContent = asked;
      const run = this.add(id, { channel, mine: mine || null, asked });
      run.view.beganBefore = true;
      if (!cursor) continue;
      run.text.restore(cursor, text);
      run.view.replace(run.text.text);
    }
  }
}
