"""One run of a journal: who claimed, what was asked and answered, what may stand in its log, what its readers heard."""

from collections import defaultdict
from dataclasses import dataclass, field

from torture.fold import Folded, hash_text
from torture.journal import dumps
from torture.view import View

OVER = ("completed", "failed", "cancelled", "abandoned")
VARIANTS_MAX = 8


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
