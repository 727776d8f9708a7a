// Live figures: what this page sent and received in the last minute, and the gateway's counts.

const SECONDS = 60;
const POLL_MS = 2000;

// A ring of one slot a second; a slot is emptied when its second comes round again.
class Minute {
  constructor() {
    this.slots = Array.from({ length: SECONDS + 1 }, () => ({ second: -1, in: 0, out: 0, acks: [] }));
  }

  slot(second) {
    const slot = this.slots[second % this.slots.length];
    if (slot.second !== second) Object.assign(slot, { second, in: 0, out: 0, acks: [] });
    return slot;
  }

  static now() { return Math.floor(performance.now() / 1000); }
  countIn() { this.slot(Minute.now()).in += 1; }
  countOut() { this.slot(Minute.now()).out += 1; }
  countAck(ms) { this.slot(Minute.now()).acks.push(ms); }

  // The last minute's whole seconds, oldest first. The current second is not whole yet.
  history() {
    const now = Minute.now();
    return Array.from({ length: SECONDS }, (_, i) => now - SECONDS + i)
      .map((second) => (second < 0 ? { in: 0, out: 0, acks: [] } : this.slot(second)));
  }
}

const PLOT = { width: 300, height: 80 };

function niceMax(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

// Bars: a count per second is not a slope, and a single message has to be seen.
function bars(values, max, offset, width) {
  const step = PLOT.width / SECONDS;
  return values.map((value, i) => {
    if (!value) return "";
    const height = Math.max(2, (value / max) * (PLOT.height - 4));
    return `M${(i * step + offset).toFixed(2)} ${PLOT.height}v${-height.toFixed(2)}h${width}V${PLOT.height}z`;
  }).join("");
}

function drawPlot(root, series) {
  const grid = svg("path", { class: "grid", d: `M0 .5H${PLOT.width}M0 ${PLOT.height / 2}H${PLOT.width}M0 ${PLOT.height - 0.5}H${PLOT.width}` });
  root.replaceChildren(grid, ...series.map(({ name, d }) => svg("path", { class: name, d })));
}

function drawMinute(minute) {
  const history = minute.history();
  const ins = history.map((slot) => slot.in);
  const outs = history.map((slot) => slot.out);
  const max = niceMax(Math.max(...ins, ...outs));
  drawPlot($("rate-plot"), [
    { name: "in", d: bars(ins, max, 0.4, 2) },
    { name: "out", d: bars(outs, max, 2.6, 2) },
  ]);
  $("rate-scale").textContent = `top ${max}/s`;
  const recent = history.slice(-5);
  const rate = (name) => recent.reduce((sum, slot) => sum + slot[name], 0) / recent.length;
  const [rateIn, rateOut] = [rate("in"), rate("out")].map((n) => (n >= 10 || n === 0 ? String(Math.round(n)) : n.toFixed(1)));
  $("rate-in").textContent = rateIn;
  $("rate-out").textContent = rateOut;
  $("rate-plot").setAttribute("aria-label", `Messages per second in the last minute: now ${rateIn} in and ${rateOut} out, at most ${Math.max(...ins)} in and ${Math.max(...outs)} out`);
  drawAcks(history);
}

function drawAcks(history) {
  const worst = history.map((slot) => Math.max(0, ...slot.acks));
  const max = niceMax(Math.max(...worst));
  drawPlot($("ack-plot"), [{ name: "ack", d: bars(worst, max, 0.8, 3.4) }]);
  $("ack-scale").textContent = `top ${max} ms`;
  const all = history.flatMap((slot) => slot.acks).sort((a, b) => a - b);
  const words = all.length === 0 ? "No acks in the last minute."
    : `${plural(all.length, "ack")} in the last minute: median ${millis(all[Math.floor((all.length - 1) / 2)])}, worst ${millis(all.at(-1))}.`;
  if ($("ack-summary").textContent !== words) $("ack-summary").textContent = words;
  $("ack-plot").setAttribute("aria-label", `Time to the ack. ${words}`);
}

const CIRCUIT_WORDS = { closed: "closed", open: "open", half_open: "half open" };

// A name may be broken after a colon, dot or underscore, and nowhere else.
const breakable = (name) => name.split(/(?<=[:._])/).flatMap((part, i) => (i ? [el("wbr"), part] : [part]));

const number = (value) => el("td", { className: "number", textContent: value ?? "–" });

function showCounts(counts) {
  $("count-global").textContent = counts.global;
  sawInstances(Object.keys(counts.by_gateway ?? {}));
}

// Asks every two seconds while the page is seen and a key is there, one question at a time.
class Poll {
  constructor(api) {
    this.api = api;
    this.refused = false;
    document.addEventListener("visibilitychange", () => this.soon());
  }

  // A new key may do what the last one might not.
  start() {
    this.refused = false;
    this.soon();
  }

  soon() {
    clearTimeout(this.timer);
    if (document.hidden || this.refused || !this.api.key || this.asking) return;
    this.ask();
  }

  async ask() {
    this.asking = true;
    const key = this.api.key;
    try {
      showCounts(await this.api.counts());
      this.say("");
    } catch (error) {
      this.failed(error, key);
    }
    this.asking = false;
    this.timer = setTimeout(() => this.soon(), POLL_MS);
  }

  failed(error, key) {
    // Asking again with the same key would only fill the gateway's log.
    this.refused = key === this.api.key && (error.status === 401 || error.status === 403);
    $("count-global").textContent = "–";
    this.say(apiWords(error));
  }

  // Said once, not every two seconds.
  say(words) {
    if ($("live-result").textContent !== words) tell("live-result", words, "bad");
  }
}
