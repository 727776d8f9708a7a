"""A journal by runs and readers, which run_history.py has one by one; and what disturbed them.

The checks (checks_*.py) ask nothing else.
"""

from collections import defaultdict
from datetime import datetime

from torture.fold import parse_cursor
from torture.run_history import Ask, Attach, Heard, RunHistory
from torture.view import View

ENDS_OF_INSTANCES = ("kill", "drain")
START_TIMEOUT, ACK_WAIT = 60.0, 30.0  # unless the journal's `settings` say otherwise
# After these an engine takes it that it slept, and gives each run a whole lease.
SLEEPS = ("redis", "tail", "failover", "redis-stop", "redis-slow", "redis-cut", "stop", "starved")


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
