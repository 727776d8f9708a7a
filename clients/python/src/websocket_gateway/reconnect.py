"""Whether and when to come back after a connection has ended. Pure: close codes in, decisions out."""

import random
from dataclasses import dataclass

from .backoff import Backoff

LOG_IN_AGAIN = (1008, 4001, 4003)
LATER = (4004, 4029)  # the user's connections are too many, or its messages were
REPLACED = 4010
OUR_FAULT = (1002, 1003, 1007, 1009)  # what was sent last would end the next connection too
LATER_SECONDS = (5.0, 60.0)
CUT = (None, 1006)
STEADY_SECONDS = 5.0  # who is sent away sooner after each welcome waits longer each time


@dataclass(frozen=True)
class Again:
    delay: float


@dataclass(frozen=True)
class Stop:
    code: int
    reason: str


class Reconnect:
    """`can_renew`: the token comes from a function, which is asked before each connection and may know a better one."""

    def __init__(self, *, can_renew: bool, rng: random.Random | None = None) -> None:
        rng = rng or random.Random()
        self._can_renew, self._rng = can_renew, rng
        self._backoff = Backoff(0.25, 20.0, rng)
        self._floor, self._later = 0.0, 0  # seconds; how often "later" was said
        self._renewed = self._is_welcome = self._is_sent_on = False

    def welcomed(self) -> None:
        self._is_welcome = True
        self._renewed, self._floor = False, 0.0

    def draining(self, retry_after_ms: int) -> None:
        """The gateway goes, and said when to come back at the earliest; 0: at once, since each is sent on in its turn."""
        self._floor = max(self._floor, retry_after_ms / 1000)
        self._is_sent_on = retry_after_ms == 0

    def closed(self, code: int | None, reason: str = "", *, lived: float = 0.0) -> Again | Stop:
        """`code`: None when it was cut, or never opened. `lived`: for how many seconds it was open."""
        if self._is_welcome and (code in CUT or lived >= STEADY_SECONDS):
            self._backoff.reset()
            self._later = 0
        is_sent_on = self._is_welcome and self._is_sent_on and code not in (*LOG_IN_AGAIN, *LATER, REPLACED)
        self._is_welcome = self._is_sent_on = False
        if is_sent_on:
            return Again(0.0)
        if code == REPLACED:
            return Stop(code, reason or "replaced by a newer connection of the same client")
        if code in LOG_IN_AGAIN:
            if not self._can_renew or self._renewed:
                return Stop(code, reason or "the session is not valid")
            self._renewed = True
            return Again(self._backoff.next(self._floor))
        if code in LATER:
            first, longest = LATER_SECONDS
            self._later = min(self._later + 1, 10)
            most = min(longest, first * 2**self._later)
            return Again(max(self._floor, first + self._rng.random() * (most - first)))
        return Again(self._backoff.next(self._floor))
