// Answers that the gateway keeps, whoever comes and goes. The client package follows them; here they are shown, and
// what is open outlives a connection that ended for good, and a reload of this tab.

const RUN_STORE = "gateway-console-runs";
const RUN_TEXT_KEPT_MAX = 64 * 1024;   // a longer one is asked for anew after a reload
// What a `reset` says without saying it, but for one by the gateway itself.
const CLAIMED = { status: "in_progress", owner: "live" };
// These end what this page hears of a run, and nothing else.
const ONLY_HERE = /^(closed|no_socket|\d+)$/;

class Runs {
  constructor({ log }) {
    this.log = log;
    this.shown = new Map();   // run id -> { id, run, view, asked }; `run` is the package's
  }

  get open() { return [...this.shown.values()].filter((one) => !one.view.isOver); }

  // --- What becomes of a run here ---

  // A question's answer: there is one when the gateway says so.
  async asked(run, { mine, channel, asked }) {
    try {
      await run.ready;
    } catch {
      return;   // the question tells
    }
    this.follow(run, { channel, mine, asked });
  }

  follow(run, { channel = run.channel, mine = null, asked = "" } = {}) {
    const known = this.shown.get(run.run_id);
    if (known) return;
    this.add(run.run_id, { channel, mine, asked }).bind(run);
  }

  add(id, about) {
    const one = new ShownRun(id, about, this);
    this.shown.set(id, one);
    return one;
  }

  // --- What the connection does ---

  // Another client of the package takes up what is open; one that comes back does so by itself.
  connected(client) {
    for (const one of this.open) one.bind(client.attach({ run_id: one.id, ...one.place }));
  }

  welcomed() {
    for (const { view } of this.open) view.follow(true);
  }

  lost() {
    for (const { view } of this.open) view.follow(false);
  }

  refresh() {
    for (const { view } of this.open) view.refresh();
  }

  frame(text, { run_id: id }) {
    this.shown.get(id)?.view.frame("←", text);
  }

  // --- What a reload of this tab may find again ---

  save() {
    const kept = this.open.map(({ id, view, asked, place }) => {
      const isWhole = (place.text ?? "").length <= RUN_TEXT_KEPT_MAX;
      return { id, asked, channel: view.channel, ...(isWhole ? place : {}) };
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
      const one = this.add(id, { channel, mine: mine || null, asked });
      one.view.beganBefore = true;
      if (!cursor) continue;
      one.kept = { cursor, text };
      one.view.replace(text);
    }
  }
}

// One of them: the package's run, and what is seen of it.
class ShownRun {
  constructor(id, { channel, mine, asked }, runs) {
    Object.assign(this, { id, asked, runs, run: null, kept: {} });
    this.view = new RunView({ log: runs.log, channel, mine, stop: () => this.stop(), drop: () => this.drop() });
  }

  // Where it is: another connection goes on from there.
  get place() {
    const cursor = this.run?.cursor();
    return cursor ? { cursor, text: this.run.text } : this.kept;
  }

  bind(run) {
    const { view } = this;
    this.run = run;
    run.on("delta", (added) => view.append(added));
    run.on("snapshot", (message) => { view.replace(run.text); view.describe(message); });
    run.on("reset", (message) => { view.replace(run.text); view.describe(message.cause === "ended" ? message : CLAIMED); });
    run.on("top", (message) => view.describe(message));
    run.on("end", () => this.ended());
    if (run.text) view.replace(run.text);
    if (link.state === "open") view.follow(true);
  }

  ended() {
    const { run, view } = this;
    const code = run.error?.code ?? "";
    if (ONLY_HERE.test(code)) {
      this.kept = this.place;
      return view.follow(false);
    }
    if (code === "forbidden" || code === "forbidden_channel") return view.finish(errorWords("forbidden_channel"), "bad");
    if (code === "expired") return view.finish(`${run.status}${view.took()}; ${plural(run.pos, "byte")} are here, the rest is no longer kept`, "bad");
    const { words, tone } = runEndWords(run.status, run.error);
    view.finish(words + view.took() + (run.pos > 0 && run.verified ? `; ${plural(run.pos, "byte")}, checked` : ""), tone);
  }

  // Said again by the package when the connection is back.
  async stop() {
    if (link.state !== "open") tell("send-result", "Not connected: it will be stopped when the connection is back.", "bad");
    this.view.describe({ cancel_requested: true });
    try {
      await this.run.cancel("stopped by the user");
    } catch (error) {
      if (this.view.isOver || ONLY_HERE.test(error.code)) return;
      this.view.describe({ cancel_requested: false });
      tell("send-result", `${errorWords(error.code)} ${error.message}`, "bad");
    }
  }

  drop() {
    this.runs.shown.delete(this.id);
    this.run?.detach();
  }
}
