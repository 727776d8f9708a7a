"""What a client holds of one run. No I/O and no clock: messages and the time go in, what to ask for comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .hashing import EMPTY, Hash, cursor_text, fold, hash_text, parse_hash

OVER = ("completed", "failed", "cancelled", "abandoned")
BEAT_SECONDS = 1.5  # tops come every 2 s; whoever is behind one for so long has lost something
REPAIRS_MAX = 8  # in a row, without a byte of progress


class Want(Enum):
    """What has to be asked of the gateway after a message."""

    NOTHING = 0
    ATTACH = 1  # with the cursor: something is missing
    START_OVER = 2  # without: what we have is not what the log has


@dataclass
class View:
    """`data` is the log from `base` on; `base` is 0 but for one that was attached by a foreign cursor."""

    epoch: int = 0
    base: int = 0
    base_hash: Hash = EMPTY
    data: bytearray = field(default_factory=bytearray)
    hash: Hash = EMPTY
    status: str = "queued"
    error: dict[str, Any] | None = None
    result: Any = None
    over: bool = False
    verified: bool = False  # the hash of the last message that had one was that of our text
    cuts: int = 0  # how often something was taken back
    owner: str = "none"
    idle_ms: int = 0
    cancel_requested: bool = False
    _behind: tuple[int, int, float] | None = None  # the top that we were not at, and since when
    _repairs: int = 0

    @classmethod
    def at(cls, epoch: int, pos: int, value: Hash, text: bytes = b"") -> "View":
        """One that goes on at a cursor, with the text before it if that is known."""
        if text:
            return cls(epoch=epoch, data=bytearray(text), hash=value)
        return cls(epoch=epoch, base=pos, base_hash=value, hash=value)

    @property
    def pos(self) -> int:
        return self.base + len(self.data)

    @property
    def cursor(self) -> str:
        return cursor_text(self.epoch, self.pos, self.hash)

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")

    def take(self, message: Mapping[str, Any], now: float, *, answers_attach: bool = False) -> Want:
        """One `run` message. `answers_attach`: it is the first that answers an attach of ours."""
        if self.over:
            return Want.NOTHING
        event = message["event"]
        if event == "snapshot":
            want = self._snapshot(message)
        elif event == "delta":
            want = self._delta(message)
        elif event == "reset":
            want = self._reset(message)
        elif event == "top":
            want = self._top(message, now)
        elif event == "end":
            want = self._end(message, final=answers_attach or self._repairs >= REPAIRS_MAX)
        else:
            want = Want.NOTHING  # of a later gateway
        if event != "top":
            self._behind = None
        return self._counted(want, event)

    def lose(self, status: str, code: str, message: str) -> None:
        """It is over without an end of the gateway's."""
        self.over, self.status, self.verified = True, status, False
        self.error = {"code": code, "message": message}

    # Inside.

    def _counted(self, want: Want, event: str) -> Want:
        """Who cannot be repaired from its cursor starts over, and who cannot do that either waits for the next top."""
        if want is Want.NOTHING:
            if self.verified:
                self._repairs = 0
            return want
        self._repairs += 1
        if self._repairs > REPAIRS_MAX and event != "top":
            return Want.NOTHING
        return Want.START_OVER if self._repairs > REPAIRS_MAX // 2 else want

    def _snapshot(self, message: Mapping[str, Any]) -> Want:
        text = message["text"].encode()
        value = fold(text)
        if not is_at(message, len(text), value):
            return self._distrust()
        if self.base or not text.startswith(bytes(self.data)):
            self.cuts += 1
        self.base, self.base_hash = 0, EMPTY
        self.data, self.hash = bytearray(text), value
        self.epoch, self.status = message["epoch"], message.get("status", self.status)
        return self._compare(message)

    def _delta(self, message: Mapping[str, Any]) -> Want:
        if message["epoch"] != self.epoch:
            return Want.ATTACH
        if message["pos"] <= self.pos:
            return Want.NOTHING  # we have it
        if message["from"] != self.pos:
            return Want.ATTACH
        more = message["text"].encode()
        value = fold(more, self.hash)
        if not is_at(message, self.pos + len(more), value):
            return self._distrust()
        self.data += more
        self.hash = value
        if self.status == "queued":
            self.status = "in_progress"
        return self._compare(message)

    def _distrust(self) -> Want:
        """What does not fit its own hash, or not what is here, is shown to nobody."""
        self.verified = False
        return Want.START_OVER

    def _reset(self, message: Mapping[str, Any]) -> Want:
        if message["epoch"] <= self.epoch:
            return Want.ATTACH
        self.epoch = message["epoch"]
        self.status = "in_progress" if self.status == "queued" else self.status
        pos = message["pos"]
        if pos > self.pos:
            return Want.NOTHING  # nothing of ours is cut, and what is missing follows
        if pos < self.pos:
            self.cuts += 1
        if pos < self.base:
            self.base, self.data = pos, bytearray()
            self.base_hash = self.hash = parse_hash(message["hash"])
        elif pos < self.pos:
            del self.data[pos - self.base :]
            self.hash = fold(bytes(self.data), self.base_hash)
        return self._compare(message)

    def _top(self, message: Mapping[str, Any], now: float) -> Want:
        self.status, self.owner = message["status"], message.get("owner", "none")
        self.idle_ms, self.cancel_requested = message.get("idle_ms", 0), bool(message.get("cancel_requested"))
        if (message["epoch"], message["pos"]) == (self.epoch, self.pos):
            self._behind = None
            return self._compare(message)
        if self._behind is None or self._behind[:2] != (self.epoch, self.pos):
            self._behind = (self.epoch, self.pos, now)
        elif now - self._behind[2] >= BEAT_SECONDS:
            self._behind = None
            return Want.ATTACH
        return Want.NOTHING

    def _end(self, message: Mapping[str, Any], *, final: bool) -> Want:
        fits = (message["epoch"], message["pos"]) == (self.epoch, self.pos)
        is_equal = fits and message["hash"] == hash_text(self.hash)
        if not is_equal and not final:
            return Want.START_OVER if fits else Want.ATTACH
        self.status, self.over, self.verified = message["status"], True, is_equal
        self.error, self.result = message.get("error"), message.get("result")
        return Want.NOTHING

    def _compare(self, message: Mapping[str, Any]) -> Want:
        self.verified = is_at(message, self.pos, self.hash)
        return Want.NOTHING if self.verified else Want.START_OVER


def is_at(message: Mapping[str, Any], pos: int, value: Hash) -> bool:
    return bool(message["pos"] == pos and message["hash"] == hash_text(value))
