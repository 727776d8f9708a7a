// The Operate view: what all instances tell of themselves, and who may be acted on. Rates are the cluster's.

const OPERATE_MS = 2000;
const RUNS_SHOWN = 50;   // of each status that is open
const CLOSE_BUCKETS = 60;
const CLOSE_BUCKET_MS = 10000;

// Sums of what every instance counts. One that began anew counts from zero.
class Increases {
  constructor() {
    this.before = new Map();
  }

  // By how much `counts` of an instance have grown since the last time; nothing the first time.
  take(instance, counts) {
    const before = this.before.get(instance);
    this.before.set(instance, counts);
    if (!before) return {};
    return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count - (count >= (before[name] ?? 0) ? before[name] ?? 0 : 0)]));
  }
}

class Closes {
  constructor() {
    this.buckets = [];   // { at, byCode }, oldest first
    this.total = new Map();
  }

  add(byCode) {
    const at = Math.floor(Date.now() / CLOSE_BUCKET_MS);
    if (this.buckets.at(-1)?.at !== at) this.buckets.push({ at, byCode: new Map() });
    this.buckets = this.buckets.filter((bucket) => at - bucket.at < CLOSE_BUCKETS);
    for (const [code, count] of Object.entries(byCode)) {
      if (!count) continue;
      const now = this.buckets.at(-1).byCode;
      now.set(code, (now.get(code) ?? 0) + count);
      this.total.set(code, (this.total.get(code) ?? 0) + count);
    }
  }

  // Those that are nobody's trouble, and the others.
  show() {
    const now = Math.floor(Date.now() / CLOSE_BUCKET_MS);
    const calm = Array(CLOSE_BUCKETS).fill(0), bad = Array(CLOSE_BUCKETS).fill(0);
    for (const { at, byCode } of this.buckets) {
      const slot = CLOSE_BUCKETS - 1 - (now - at);
      for (const [code, count] of byCode) (code === "1000" || code === "1001" ? calm : bad)[slot] += count;
    }
    const max = niceMax(Math.max(...calm, ...bad));
    drawPlot($("close-plot"), [{ name: "in", d: bars(calm, max, 0.4, 2) }, { name: "out", d: bars(bad, max, 2.6, 2) }]);
    $("close-scale").textContent = `top ${max}`;
    const totals = [...this.total].sort(([a], [b]) => a - b);
    $("close-plot").setAttribute("aria-label", `Closed connections since this page was opened: ${totals.map(([code, count]) => `${count} with ${code}`).join(", ") || "none"}`);
    $("close-rows").replaceChildren(...totals.map(([code, count]) => {
      const key = el("span", { className: code === "1000" || code === "1001" ? "key in" : "key out", textContent: `${code} ${closeWords(Number(code)).title}` });
      return el("li", {}, key, el("b", { textContent: count }));
    }));
  }
}

class Operate {
  constructor(api) {
    this.api = api;
    this.increases = new Increases();
    this.closes = new Closes();
    this.asked = 0;
    document.addEventListener("visibilitychange", () => this.soon());
  }

  get isSeen() { return !document.hidden && !$("operate").hidden && Boolean(this.api.key); }

  soon() {
    clearTimeout(this.timer);
    if (this.isSeen && !this.asking) this.ask();
  }

  async ask() {
    this.asking = true;
    await Promise.all([
      this.look("gateway-rows", async () => this.show((await this.api.instances()).instances, await this.api.counts())),
      this.look("run-rows", async () => this.showRuns(await this.openRuns())),
    ]);
    this.asking = false;
    this.timer = setTimeout(() => this.soon(), OPERATE_MS);
  }

  // Old figures stay, and are seen to be old. What went wrong is said once, not every two seconds.
  async look(rows, show) {
    let words = "";
    try {
      await show();
    } catch (error) {
      words = apiWords(error);
    }
    $(rows).classList.toggle("stale", words !== "");
    const line = $(`${rows}-result`);
    if (line.textContent !== words) tell(line.id, words, "bad");
  }

  async openRuns() {
    const lists = await Promise.all(["in_progress", "queued"].map((status) => this.api.runs(status, RUNS_SHOWN + 1)));
    return { runs: lists.flatMap((list) => list.runs.slice(0, RUNS_SHOWN)), isMore: lists.some((list) => list.after !== null) };
  }

  show(instances, counts) {
    sawInstances(instances.map((one) => one.instance_id));
    const elapsed = (performance.now() - this.asked) / 1000;
    this.asked = performance.now();
    let received = 0, sent = 0;
    for (const one of instances) {
      const grown = this.increases.take(one.instance_id, { in: one.messages_received_total, out: one.messages_sent_total });
      received += grown.in ?? 0;
      sent += grown.out ?? 0;
      this.closes.add(this.increases.take(`${one.instance_id} closes`, one.closes_total));
    }
    const rate = (count) => (count === 0 ? "0" : count / elapsed >= 10 ? String(Math.round(count / elapsed)) : (count / elapsed).toFixed(1));
    $("all-connections").textContent = counts.global;
    $("all-in").textContent = rate(received);
    $("all-out").textContent = rate(sent);
    $("all-instances").textContent = `${instances.filter((one) => one.status === "ready").length} of ${instances.length}`;
    showRows("gateway-rows", [...instances].sort((a, b) => (a.instance_id < b.instance_id ? -1 : 1)).map(gatewayRow));
    showChannelTable(instances, counts.by_channel ?? {});
    this.closes.show();
  }

  showRuns({ runs, isMore }) {
    $("all-runs").textContent = isMore ? `${runs.length}+` : runs.length;
    $("more-runs").hidden = !isMore;
    showRows("run-rows", runs.map(runRow), "None is open.");
  }
}

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
const STATE_WORDS = { ready: ["ready", "good"], not_ready: ["not ready", "bad"], draining: ["draining", "warn"] };

function gatewayRow(one) {
  const [word, tone] = STATE_WORDS[one.status] ?? [one.status, "bad"];
  const name = el("th", { scope: "row" }, el("span", { className: "mono", textContent: one.instance_id }));
  if (instances.seen.size > 1 && one.instance_id === instances.here) name.append(" ", tag("this page", "good"));
  return tableRow(one.instance_id, "", name, el("td", {}, tag(word, tone)), el("td", { textContent: one.version }), number(one.connections),
    number(`${one.cpu_percent} %`), number(megabytes(one.memory_bytes)), number(span(one.uptime_seconds)));
}

const sum = (loads, name) => loads.reduce((total, load) => total + (load[name] ?? 0), 0);

// One row for all instances; where they differ in what a person has to know, one for each below.
function showChannelTable(all, clients) {
  const names = [...new Set([...Object.keys(clients), ...all.flatMap((one) => Object.keys(one.channels))])];
  showRows("channel-rows", names.flatMap((name) => {
    const loads = all.filter((one) => one.channels[name]).map((one) => ({ instance: one.instance_id, ...one.channels[name] }));
    const busy = loads.filter((load) => load.agents || load.waiting || load.unacknowledged || load.dead_letters_total);
    const each = all.length > 1 ? busy.map((load) => channelRow(name, undefined, [load], load.instance)) : [];
    return [channelRow(name, clients[name] ?? 0, loads), ...each];
  }));
}

// `part`: the one instance that it is of.
function channelRow(name, clients, loads, part) {
  const waiting = number(sum(loads, "waiting"));
  if (sum(loads, "waiting") > 0) waiting.dataset.tone = loads.some((load) => load.waiting >= load.waiting_max * 0.8) ? "bad" : "warn";
  const dead = number(sum(loads, "dead_letters_total"));
  if (sum(loads, "dead_letters_total") > 0) dead.dataset.tone = "warn";
  const open = loads.find((load) => load.circuit_state !== "closed");
  const circuit = el("td", {}, tag(CIRCUIT_WORDS[open?.circuit_state ?? "closed"], open ? "bad" : "good"));
  return tableRow(part ? `${name} ${part}` : name, part ? "part" : "",
    el("th", { scope: "row" }, ...(part ? [el("span", { className: "mono", textContent: part })] : breakable(name))),
    number(clients ?? ""), number(sum(loads, "agents")), waiting, number(sum(loads, "unacknowledged")), dead, circuit);
}

function runRow(run) {
  return tableRow(run.run_id, "", el("th", { scope: "row" }, mono(run.run_id)), el("td", {}, ...breakable(run.channel)), el("td", {}, tag(run.status)),
    el("td", { className: "time", textContent: ago(run.created_at) }), el("td", { className: "actions" }, action("Cancel", run.run_id, () => cancelRun(run))));
}

// --- Which view is seen ---

function showView() {
  const isOperate = location.hash === "#operate";
  $("operate").hidden = !isOperate;
  for (const id of ["talk", "talk-footer"]) $(id).hidden = isOperate;
  for (const [id, here] of [["view-operate", isOperate], ["view-talk", !isOperate]]) {
    if (here) $(id).setAttribute("aria-current", "page");
    else $(id).removeAttribute("aria-current");
  }
  if (!isOperate) return;
  if (!api.key) tell("operate-result", "Enter an API key in the Talk view first.", "bad");
  else if ($("operate-result").dataset.tone === "bad") tell("operate-result", "");
  operate.soon();
  if (api.key) people.again();
}
