"""A client's side of /ws, over any number of connections. No I/O and no clock: messages and the time go in, and what has
to be sent is in `out`."""

import json
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .backoff import Backoff
from .characters import well_formed
from .errors import ConnectionFailed, Refused, Unanswered
from .hashing import parse_cursor
from .view import View, Want

Message = Mapping[str, Any]

# The gateway remembers message ids for 120 s: a question that was sent longer ago could be answered twice.
ASK_AGAIN_SECONDS = 110.0
# What the gateway takes of attaches before it has said welcome.
EARLY_ATTACHES, EARLY_BYTES = 60, 15_000
NOT_NOW = ("overloaded", "internal", "rate_limited", "too_many_runs")
GATEWAY_LOST = "the gateway ended, and the run with it"


def new_id() -> str:
    return uuid.uuid4().hex


@dataclass
class Held:
    """A run that the client reads, or is about to."""

    changed: Callable[[], None]
    run_id: str | None = None
    thread_id: str | None = None
    channel: str | None = None
    view: View = field(default_factory=View)
    coalesce_ms: int | None = None
    has_cursor: bool = False
    known: bool = False  # the gateway has told of it
    awaiting: str | None = None  # the attach whose answer has to come before anything else counts
    retry_at: float | None = None
    failure: Exception | None = None
    reader: Any = None  # whom it belongs to
    same_as: "Held | None" = None  # it was found to be one that is read already
    backoff: Backoff = field(default_factory=lambda: Backoff(0.5, 20.0))


@dataclass
class Pending:
    """A message that is sent, with its id, until the gateway has answered it."""

    message: dict[str, Any]
    answered: Callable[[Message], None]
    failed: Callable[[Exception], None]
    held: Held | None = None
    text: str = ""  # as it goes out
    first_sent: float | None = None
    scope: str | None = None  # what it was first sent under


class Conversation:
    def __init__(
        self,
        *,
        on_message: Callable[[Message], None] = lambda message: None,
        on_pushed: Callable[[Message], Held | None] = lambda message: None,
        rng: random.Random | None = None,
    ) -> None:
        self.out: list[str] = []
        self.is_open = self.is_welcomed = False
        self.draining_ms: int | None = None
        self.ticket: str | None = None  # with which it is sent on
        self.connection_id: str | None = None
        self.runs: dict[str, Held] = {}
        self._on_message, self._on_pushed = on_message, on_pushed
        self._rng = rng or random.Random()
        self._finding: list[Held] = []  # known by their thread only
        self._attaching: dict[str, Held] = {}
        self._pending: dict[str, Pending] = {}
        self._scope: str | None = None
        self._left: set[str] = set()  # detached by whoever read them: not to be pushed again
        self._unwanted: set[str] = set()  # this connection was told to detach

    # The connection.

    def opened(self, now: float, scope: str | None = None) -> None:
        """Runs go on in one round trip: the attaches do not wait for the welcome.

        `scope`: the session in which the gateway knows message ids again; without one it does so in this connection only.
        """
        self.is_open, self.draining_ms, self.ticket, self._scope = True, None, None, scope
        self._unwanted.clear()
        size = 0
        for count, held in enumerate(self._unfinished()):
            if count >= EARLY_ATTACHES or size > EARLY_BYTES:
                held.retry_at = now
            else:
                size += self._attach(held)

    def closed(self, *, ours: bool = False) -> None:
        """`ours`: what we sent ended it, so that is not sent again."""
        self.is_open = self.is_welcomed = False
        self.out.clear()
        self._attaching.clear()
        for held in self._unfinished():
            held.awaiting = None
        if ours:
            for pending in self._pop_pending(lambda one: one.first_sent is not None):
                pending.failed(ConnectionFailed("the gateway closed the connection over this message"))

    def ended(self, error: Exception) -> None:
        """There will be no connection any more."""
        self.closed()
        for pending in self._pop_pending(lambda _: True):
            pending.failed(error)
        for held in self._unfinished():
            held.failure = error
            self._let_go(held)

    @property
    def expects_tops(self) -> bool:
        """Whether silence means that the gateway is dead."""
        return bool(self._attaching) or any(held.retry_at is None for held in self.runs.values())

    def tick(self, now: float) -> None:
        if self.is_welcomed:
            for held in self._unfinished():
                if held.retry_at is not None and held.retry_at <= now:
                    self._attach(held)

    # What the client says.

    def say(self, pending: Pending, now: float) -> None:
        """`pending.message` has an id; the same goes out again after each reconnect until it is answered.

        TypeError or ValueError where it cannot be said: it is no JSON, or its id is that of one on its way.
        """
        pending.text = json_of(pending.message)
        if pending.message["id"] in self._pending:
            raise ValueError("a message with this id waits for its answer")
        self._pending[pending.message["id"]] = pending
        if self.is_welcomed:
            self._send(pending, now)

    def forget(self, pending: Pending) -> None:
        if self._pending.get(pending.message["id"]) is pending:
            del self._pending[pending.message["id"]]

    def attach(self, held: Held, now: float) -> None:
        if held.run_id is not None:
            self._read(held.run_id, held)
        else:
            self._finding.append(held)
        if self.is_welcomed:
            self._attach(held)
        elif self.is_open:
            held.retry_at = now

    def detach(self, held: Held) -> None:
        is_over = held.view.over or held.failure is not None
        self._let_go(held)
        if held.run_id is not None and not is_over and held.run_id not in self.runs:
            self._left.add(held.run_id)
            if self.is_open:
                self._unwanted.add(held.run_id)
                self._put({"type": "detach", "run_id": held.run_id})

    # What it hears.

    def received(self, text: str, now: float) -> None:
        message = json.loads(text)
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "run":
            self._run(message, now)
        elif kind == "ack":
            self._ack(message)
        elif kind == "error":
            self._error(message, now)
        elif kind == "system":
            self._system(message, now)
        elif kind == "detach" and message.get("run_id") in self.runs:
            self._detached(message)
        elif kind == "ping":
            self._put({"type": "pong"})
        elif kind not in ("detach", "pong"):
            self._on_message(message)

    def _system(self, message: Message, now: float) -> None:
        if message["event"] == "welcome":
            self.is_welcomed, self.connection_id = True, message.get("connection_id")
            for pending in list(self._pending.values()):
                self._send(pending, now)
            self.tick(now)
        elif message["event"] == "draining":
            self.draining_ms, self.ticket = message.get("retry_after_ms", 0), message.get("ticket")
        else:
            self._on_message(message)

    def _ack(self, message: Message) -> None:
        pending = self._pending.pop(message["id"], None)
        if pending is None:
            return
        if pending.held is None:
            pending.answered(message)
        elif run_id := message.get("run_id"):
            held = pending.held
            held.run_id, held.known = run_id, True
            held.same_as = self.runs.get(run_id)
            if held.same_as is None:
                self._read(run_id, held)
                if message.get("attached") is False:
                    self._attach(held)
            pending.answered(message)
        else:
            pending.failed(Refused("duplicate", "a message with this id made no run"))

    def _run(self, message: Message, now: float) -> None:
        held = self._attaching.pop(message.get("id", ""), None)
        is_answer = held is not None
        if held is None:
            # With an id it answers an attach that was replaced or given up: that is no push.
            held = self.runs.get(message["run_id"]) or (None if "id" in message else self._pushed(message))
            if held is None or held.awaiting is not None:
                return  # of the place that an attach on its way replaces
        if is_answer:
            held = self._found(held, message)
        want = held.view.take(message, now, answers_attach=is_answer)
        if held.view.over:
            self._let_go(held)
        elif want is not Want.NOTHING:
            self._attach(held, start_over=want is Want.START_OVER)
        held.changed()

    def _found(self, held: Held, message: Message) -> Held:
        run_id: str = message["run_id"]
        if held in self._finding:
            self._finding.remove(held)
        held.run_id, held.known, held.awaiting, held.retry_at = run_id, True, None, None
        held.channel = message.get("channel", held.channel)
        held.backoff.reset()
        if (read := self.runs.get(run_id, held)) is not held:
            held.same_as, read.awaiting = read, None
            held.changed()
            return read
        self._read(run_id, held)
        return held

    def _pushed(self, message: Message) -> Held | None:
        run_id, is_end = message["run_id"], message["event"] == "end"
        if run_id in self._unwanted:
            held = None
        else:
            held = None if run_id in self._left else self._on_pushed(message)
            if held is not None:
                self._read(run_id, held)
            elif not is_end and run_id not in self._unwanted:  # on_pushed may have detached it
                self._unwanted.add(run_id)
                self._put({"type": "detach", "run_id": run_id})
        if is_end:
            self._left.discard(run_id)
        return held

    def _detached(self, message: Message) -> None:
        reason = message.get("reason")
        held = self.runs[message["run_id"]]
        if reason == "unknown_run":
            held.view.lose("failed", "gateway_lost", GATEWAY_LOST)
        elif reason:
            held.failure = Refused(reason, "the session may not read this run any more")
        else:
            return  # the answer to a detach of before
        self._let_go(held)

    def _error(self, message: Message, now: float) -> None:
        error = Refused(message.get("code", "internal"), message.get("message", ""), body=message)
        if pending := self._pending.pop(message.get("id", ""), None):
            pending.failed(error)
        elif held := self._attaching.pop(message.get("id", ""), None):
            held.awaiting = None
            self._not_attached(held, error, now)
        elif "id" not in message:
            self._on_message(message)

    def _not_attached(self, held: Held, error: Refused, now: float) -> None:
        if error.code in NOT_NOW and (held.known or error.code != "too_many_runs"):
            held.retry_at = now + held.backoff.next()
            return
        if error.code == "unknown_run" and held.known:
            held.view.lose("failed", "gateway_lost", GATEWAY_LOST)
        else:
            held.failure = error
        self._let_go(held)

    # Inside.

    def _read(self, run_id: str, held: Held) -> None:
        held.run_id = run_id
        self.runs[run_id] = held
        self._left.discard(run_id)
        self._unwanted.discard(run_id)

    def _unfinished(self) -> list[Held]:
        return [*self.runs.values(), *self._finding]

    def _pop_pending(self, which: Callable[[Pending], bool]) -> list[Pending]:
        chosen = {key: one for key, one in self._pending.items() if which(one)}
        for key in chosen:
            del self._pending[key]
        return list(chosen.values())

    def _let_go(self, held: Held) -> None:
        if held.run_id is not None and self.runs.get(held.run_id) is held:
            del self.runs[held.run_id]
        if held in self._finding:
            self._finding.remove(held)
        if held.awaiting is not None:
            self._attaching.pop(held.awaiting, None)
        held.changed()

    def _attach(self, held: Held, *, start_over: bool = False) -> int:
        if held.awaiting is not None:
            self._attaching.pop(held.awaiting, None)
        held.awaiting, held.retry_at = new_id(), None
        message: dict[str, Any] = {"type": "attach", "id": held.awaiting}
        if held.run_id is None:
            message["thread_id"] = held.thread_id
        else:
            message["run_id"] = held.run_id
            if (held.known or held.has_cursor) and not start_over:
                message["cursor"] = held.view.cursor
        if held.coalesce_ms is not None:
            message["coalesce_ms"] = held.coalesce_ms
        self._attaching[held.awaiting] = held
        return self._put(message)

    def _send(self, pending: Pending, now: float) -> None:
        if pending.first_sent is None:
            pending.first_sent, pending.scope = now, self._scope
        elif why := self._why_not_again(pending, now):
            del self._pending[pending.message["id"]]
            pending.failed(Unanswered(f"sent, never answered, and not sent again: {why}"))
            return
        self.out.append(pending.text)

    def _why_not_again(self, pending: Pending, now: float) -> str:
        if pending.first_sent is not None and now - pending.first_sent > ASK_AGAIN_SECONDS:
            return "it is too long ago"
        if pending.message.get("type") == "cancel":
            return ""  # twice is once
        if pending.scope is None or pending.scope != self._scope:
            return "the gateway knows an id again only in the same session"
        return ""

    def _put(self, message: Message) -> int:
        self.out.append(json_of(message))
        return len(self.out[-1])


def json_of(message: Message) -> str:
    return well_formed(json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def held_at(cursor: str, text: str, changed: Callable[[], None], run_id: str) -> Held:
    """A run that goes on at a cursor that was kept somewhere, with its text if that was kept too."""
    epoch, pos, value = parse_cursor(cursor)
    data = text.encode()
    if data and len(data) != pos:
        raise ValueError(f"the text has {len(data)} bytes, and the cursor is at {pos}")
    return Held(changed, run_id, view=View.at(epoch, pos, value, data), has_cursor=True)
