"""A journal by runs and readers: who claimed, what was asked and answered, what may stand in a log, what readers heard.

The checks (checks_*.py) ask nothing else.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from torture.fold import Folded, hash_text, parse_cursor
from torture.journal import dumps
from torture.view import View

OVER = ("completed", "failed", "cancelled", "abandoned")
ENDS_OF_INSTANCES = ("kill", "drain")
VARIANTS_MAX = 8
START_TIMEOUT, ACK_WAIT = 60.0, 30.0  # unless the journal's `settings` say otherwise
# After these an engine takes it that it slept, and gives each run a whole lease.
SLEEPS = ("redis", "tail", "failover", "redis-stop", "redis-slow", "redis-cut", "stop", "starved")


def bytes_of(body) -> bytes:
    """Of a log, as an append has them: text, or items a line each."""
    if "items" in body:
        return "".join(dumps(item) + "\n" for item in body["items"]).encode()
    return body.get("text", "").encode()


@dataclass
class Ask:
    """One request; asked again with the same number of a batch it is another Ask."""

    t: float
    call: str
    run: str
    body: dict
    gateway: int
    status: int | None = None  # None: no answer
    answer: dict = field(default_factory=dict)
    answered_at: float | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def code(self) -> str:
        return self.answer.get("code", "")

    @property
    def refused(self) -> bool:
        """For good: it has done nothing."""
        return self.status is not None and 400 <= self.status < 500 and self.status != 429

    def __str__(self):
        body = {name: (value if len(str(value)) < 60 else f"{str(value)[:40]}… {len(str(value))}") for name, value in self.body.items()}
        return f"{self.t:.3f} {self.call} {self.run} {body} -> {self.status} {self.answer}"


def may_be_stored(asks) -> bool:
    """Of one batch, none of which was answered well. A later one may be refused although the first is there: by a fence, or by an
    instance that knows nothing any more."""
    return not all(ask.refused for ask in asks) and not any(ask.code == "sequence_conflict" for ask in asks)


@dataclass
class Heard:
    t: float
    message: dict
    view: View  # the tab's; as it is at the end of the history
    pos: int = 0  # and epoch, of the view after the message
    epoch: int = 0
    problems: tuple = ()


@dataclass
class Attach:
    """One place of one tab on one connection, from its asking or from the ack of the run's message."""

    tab: str
    conn: str
    run: str | None  # None until it is known: by thread
    t: float
    cursor: str | None = None
    asked: dict | None = None  # the message; None: by asking for the run
    heard: list = field(default_factory=list)
    replaced_at: float | None = None
    closed_at: float | None = None
    held: bytes = b""  # what the tab had of the run

    @property
    def ends(self) -> list:
        return [one for one in self.heard if one.message["event"] == "end"]

    @property
    def over_at(self) -> float | None:
        return min((t for t in (self.replaced_at, self.closed_at) if t is not None), default=None)


@dataclass
class RunHistory:
    run: str
    claims: dict = field(default_factory=lambda: defaultdict(list))  # epoch -> asks that were given it
    asks: list = field(default_factory=list)
    records: list = field(default_factory=list)  # entries
    streams: list = field(default_factory=list)
    attaches: list = field(default_factory=list)
    intended: dict | None = None
    observed: list = field(default_factory=list)  # (t, epoch, from, bytes, where)
    first_seen: float = float("inf")
    last_seen: float = 0.0
    seen_at: list = field(default_factory=list)
    lossy: bool = False  # the engine lost something while it lived
    ended_by_death: bool = False  # memory engine: its instance went
    _variants: dict = field(default_factory=dict)
    _longest: dict = field(default_factory=dict)

    def calls(self, *names) -> list:
        return [ask for ask in self.asks if ask.call in names]

    @property
    def appends(self) -> list:
        return self.calls("append", "end")

    def claim(self, epoch) -> Ask | None:
        return self.claims[epoch][0] if self.claims.get(epoch) else None

    def batches(self, epoch) -> list:
        """For each seq from 0, while there are any, the bodies that may have been stored under it."""
        by_seq = defaultdict(dict)
        for ask in self.appends:
            if ask.body["epoch"] == epoch:
                known = by_seq[ask.body["seq"]].setdefault(dumps(ask.body), [])
                known.append(ask)
        found = []
        while len(found) in by_seq:
            bodies = by_seq[len(found)].values()
            taken = [asks for asks in bodies if any(ask.ok for ask in asks)]
            possible = taken or [asks for asks in bodies if may_be_stored(asks)]
            if not possible:
                break
            found.append(possible)
        return found

    def variants(self, epoch) -> list:
        """What the whole log may be at the end of an epoch, every batch that was asked for included."""
        if epoch not in self._variants:
            self._variants[epoch] = self._make_variants(epoch)
        return self._variants[epoch]

    def _make_variants(self, epoch) -> list:
        if epoch <= 0:
            return [b""]
        before, claim = self.variants(epoch - 1), self.claim(epoch)
        if claim is None:  # an ending by the gateway, or a claim whose answer nobody had
            return before
        pos, hash = claim.answer["pos"], claim.answer["hash"]
        bases = {one[:pos] for one in before if len(one) >= pos and hash_text(one[:pos]) == hash}
        found = [(base,) for base in bases]
        for possible in self.batches(epoch):
            found = [one + (bytes_of(asks[0].body),) for one in found for asks in possible][:VARIANTS_MAX]
        return [b"".join(one) for one in found]

    def base(self, epoch) -> int:
        """Where that epoch began, as its claim was told."""
        return self.claim(epoch).answer["pos"] if self.claim(epoch) else 0

    def allowed(self, epoch, at, text) -> bool:
        return any(one[at : at + len(text)] == text for one in self.variants(epoch))

    def boundaries(self, epoch) -> set:
        """Where an append may leave the log: the base of the epoch and of those before, and each batch's end."""
        if epoch <= 0:
            return {0}
        if self.claim(epoch) is None:
            return self.boundaries(epoch - 1)
        pos = self.base(epoch)
        ends, at = {pos}, {pos}
        for possible in self.batches(epoch):
            at = {end + len(bytes_of(asks[0].body)) for end in at for asks in possible}
            ends |= at
        return ends

    def known(self, epoch) -> Folded:
        """The longest text of an epoch that anybody has seen, or been answered to have written."""
        if epoch not in self._longest:
            seen = [(at, text) for _, of, at, text, _ in self.observed if of == epoch and self.allowed(epoch, at, text)]
            fitting = [one for one in self.variants(epoch) if all(one[at : at + len(text)] == text for at, text in seen)]
            ends = [at + len(text) for at, text in seen] + [self.base(epoch)]
            ends += [ask.answer["pos"] for ask in self.appends if ask.ok and ask.body["epoch"] == epoch]
            self._longest[epoch] = Folded(fitting[0][: max(ends)] if fitting else b"")
        return self._longest[epoch]

    def terminals(self) -> list:
        """(t, status, epoch, pos, hash, where): each time that somebody was told that it is over."""
        told = []
        for attach in self.attaches:
            told += [(one.t, *terminal_of(one.message), f"{attach.tab} on {attach.conn}") for one in attach.ends]
            told += [(one.t, *terminal_of(one.message), f"top of {attach.tab}") for one in attach.heard
                     if one.message["event"] == "top" and one.message["status"] in OVER]  # fmt: skip
        told += [(entry["over_at"], *terminal_of(entry["record"]), f"record at {entry['gateway']}") for entry in self.records
                 if entry["record"]["status"] in OVER]  # fmt: skip
        return sorted(told)

    @property
    def over_at(self) -> float | None:
        """When the first was told; None: nobody was."""
        told = [one[0] for one in self.terminals()]
        told += [ask.answered_at for ask in self.appends if ask.ok and "end" in ask.body]
        return min(told, default=None)

    @property
    def last_record(self) -> dict | None:
        return self.records[-1] if self.records else None

    def settled(self) -> dict | None:
        """The last record that was read with its log, when the run was over by then."""
        last = self.last_record
        return last if last and last["record"]["status"] in OVER and last.get("log") is not None else None


def terminal_of(message) -> tuple:
    return message["status"], message["epoch"], message["pos"], message["hash"]


class History:
    def __init__(self, entries, *, engine="redis"):
        self.engine = engine
        self.start_timeout, self.ack_wait = START_TIMEOUT, ACK_WAIT
        self.wall_ahead = None  # of the journal's clock
        self.entries = sorted(entries, key=lambda entry: entry["t"])
        self.runs = {}
        self.faults = [entry for entry in self.entries if entry["what"] == "fault"]
        self.deaths = [entry for entry in self.entries if entry["what"] == "died"]
        self.says = []  # (t, conn's opening, message): asked for a run
        self.acks = defaultdict(list)  # (session, client_id, id) -> acks
        self.envelopes = defaultdict(list)  # (session, client_id, id) is not in them: by the message's id
        self.closes = []  # entries
        self.errors = []  # (t, conn, message)
        self.conns = {}  # conn -> its opening
        self.views = {}  # (tab, run) -> View, as it is in the end
        self._asks, self._attaches, self._open, self._cancels = {}, {}, {}, {}
        for entry in self.entries:
            handle = getattr(self, f"_on_{entry['what']}", None)
            if handle is not None:
                handle(entry)
        self._judge_losses()

    def of(self, kind) -> list:
        return [entry for entry in self.entries if entry["what"] == kind]

    def run(self, run) -> RunHistory:
        return self.runs.setdefault(run, RunHistory(run))

    def whole_runs(self) -> list:
        """Those of which the engine lost nothing."""
        return [run for run in self.runs.values() if not run.lossy]

    def disturbed_until(self, since, until, kinds=None, target=None) -> float | None:
        """The end of the last fault that touches that time; None: it was calm."""
        ends = [fault["until"] for fault in self.faults if fault["since"] <= until and fault["until"] >= since
                and (kinds is None or fault["kind"] in kinds) and (target is None or fault["target"] in (None, target))]  # fmt: skip
        return max(ends, default=None)

    def deadline(self, since, within, lease) -> float:
        """When something must be there at the latest: whoever slept gives each a whole lease of grace."""
        end = since + within
        while (until := self.disturbed_until(end - within, end, SLEEPS)) is not None and until + lease + 2 > end:
            end = until + lease + 2
        return end

    # One kind of entry each.

    def _touch(self, run, t) -> RunHistory:
        found = self.run(run)
        found.first_seen, found.last_seen = min(found.first_seen, t), max(found.last_seen, t)
        found.seen_at.append(t)
        return found

    def _on_settings(self, entry):
        self.start_timeout, self.ack_wait = entry["start_timeout"], entry["ack_wait"]
        self.wall_ahead = entry["wall_ahead"]

    def told_at(self, t, wall) -> float:
        """When a gateway said what arrived at `t`: neither a slow line nor a reader that had no time is its fault."""
        if self.wall_ahead is None or not wall:
            return t
        return min(t, datetime.fromisoformat(wall).timestamp() + 0.001 - self.wall_ahead)

    def _on_asked(self, entry):
        ask = Ask(entry["t"], entry["call"], entry["run"], entry["body"] or {}, entry["gateway"])
        self._asks[entry["n"]] = ask
        if ask.run is not None:
            self._touch(ask.run, ask.t).asks.append(ask)

    def _on_answered(self, entry):
        ask = self._asks[entry["n"]]
        ask.status, ask.answer, ask.answered_at = entry["status"], entry["body"] or {}, entry["t"]
        if ask.run is None:
            return
        run = self._touch(ask.run, entry["t"])
        if ask.ok and ask.call in ("claim", "create"):
            run.claims[ask.answer["epoch"]].append(ask)

    def _on_intended(self, entry):
        self._touch(entry["run"], entry["t"]).intended = entry

    def _on_record(self, entry):
        run = self._touch(entry["run"], entry["t"])
        run.records.append(entry)
        entry["over_at"] = self.told_at(entry["t"], entry["record"].get("ended_at"))
        if entry.get("log") is not None:
            run.observed.append((entry["t"], entry["record"]["epoch"], 0, entry["log"].encode(), f"record at {entry['gateway']}"))

    def _on_stream(self, entry):
        self._touch(entry["run"], entry["t"]).streams.append(entry)

    def _on_envelope(self, entry):
        message = entry["envelope"].get("message")
        if isinstance(message, dict) and "id" in message:
            self.envelopes[message["id"]].append(entry)

    def _on_opened(self, entry):
        self.conns[entry["conn"]] = entry

    def _on_closed(self, entry):
        self.closes.append(entry)
        for (conn, _), attach in list(self._open.items()):
            if conn == entry["conn"]:
                attach.closed_at = entry["t"]
                del self._open[conn, attach.run]

    def _on_sent(self, entry):
        message, conn = entry["message"], entry["conn"]
        if "run" in message:
            self.says.append((entry["t"], self.conns[conn], message))
        elif message.get("type") == "attach":
            run = message.get("run_id")
            held = self.views.get((entry["tab"], run))
            self._attaches[conn, message.get("id")] = Attach(entry["tab"], conn, run, entry["t"], message.get("cursor"), message,
                                                             held=bytes(held.text) if held else b"")  # fmt: skip
        elif message.get("type") == "cancel":
            ask = Ask(entry["t"], "cancel", message["run_id"], message, self.conns[conn]["gateway"])
            self._cancels[conn, message.get("id")] = ask
            self._touch(ask.run, ask.t).asks.append(ask)

    def _on_heard(self, entry):
        message, conn = entry["message"], entry["conn"]
        kind = message.get("type")
        cancel = self._cancels.get((conn, message.get("id"))) if kind in ("ack", "error") else None
        if cancel is not None and cancel.status is None:
            cancel.status, cancel.answer, cancel.answered_at = (202 if kind == "ack" else 400), message, entry["t"]
        if kind == "run":
            self._on_run_message(entry, message)
        elif kind == "ack" and "run_id" in message and cancel is None:
            opening = self.conns[conn]
            self.acks[opening["session"], opening["client_id"], message["id"]].append((entry["t"], conn, message))
            before = self._open.get((conn, message["run_id"]))
            if message.get("attached", True) and (before is None or before.ends):
                self._begin(Attach(entry["tab"], conn, message["run_id"], entry["t"]))
        elif kind == "error":
            self.errors.append((entry["t"], conn, message))
        elif kind == "detach":
            attach = self._open.pop((conn, message["run_id"]), None)
            if attach:
                attach.closed_at = entry["t"]

    def _begin(self, attach):
        before = self._open.get((attach.conn, attach.run))
        if before is not None:
            before.replaced_at = attach.t
        self._open[attach.conn, attach.run] = attach
        self._touch(attach.run, attach.t).attaches.append(attach)

    def _on_run_message(self, entry, message):
        conn, run, tab = entry["conn"], message["run_id"], entry["tab"]
        asked = self._attaches.pop((conn, message.get("id")), None)
        view = self.views.setdefault((tab, run), View())
        problems = []
        if asked is not None:
            asked.run = run
            self._begin(asked)
            view.go_back(parse_cursor(asked.cursor), message)
        attach = self._open.get((conn, run))
        if attach is None:  # of a run that is pushed, or nobody's: the first check of readers asks
            self._begin(attach := Attach(tab, conn, run, entry["t"]))
        problems += view.apply(message)
        attach.heard.append(Heard(self.told_at(entry["t"], message.get("timestamp")), message, view, view.pos, view.epoch, tuple(problems)))
        self._touch(run, entry["t"])
        if not problems and "text" in message:
            at = message.get("from", 0)
            self.run(run).observed.append((entry["t"], view.epoch, at, message["text"].encode(), f"{tab} on {conn}"))

    def lease(self, run, epoch) -> float:
        """Seconds, as the claim of that epoch was told."""
        claim = run.claim(epoch)
        return (claim.answer.get("lease_ms") or claim.body.get("lease_ms") or 10_000) / 1000 if claim else 10.0

    def takeover(self, run, epoch) -> float:
        claim = run.claim(epoch)
        if claim is None:
            return 0.0
        given = claim.body.get("takeover_ms")
        return given / 1000 if given is not None else self.ack_wait + 5 if "delivery" in claim.body else 0.0

    def _judge_losses(self):
        for fault in self.faults:
            for run in self.runs.values():
                if "copied_at" in fault and any(fault["copied_at"] <= t <= fault["until"] for t in run.seen_at):
                    run.lossy = True
                if self.engine == "memory" and fault["kind"] in ENDS_OF_INSTANCES and run.first_seen <= fault["since"] <= (run.over_at or fault["since"]):
                    run.ended_by_death = True
