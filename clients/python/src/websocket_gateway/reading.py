"""One iteration over a run's text: what comes, piece by piece, and a clear word when something is taken back."""

from .errors import Superseded
from .view import View


class Reading:
    """next() is what has come since the last call, or "". An attempt that says the same again is no news."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._given = bytearray()
        self._cuts, self._base = view.cuts, view.base

    def next(self) -> str:
        data = self._view.data
        if self._view.cuts != self._cuts or self._view.base != self._base:
            if not self._caught_up():
                return ""
            self._cuts, self._base = self._view.cuts, self._view.base
        more = bytes(data[len(self._given) :])
        self._given += more
        return more.decode("utf-8", "replace")

    def _caught_up(self) -> bool:
        """Whether all that was given is there again; Superseded when it is not, and will not be."""
        given, data = bytes(self._given), bytes(self._view.data)
        is_same_log = self._view.base == self._base
        if is_same_log and data.startswith(given):
            return True
        if is_same_log and not self._view.over and given.startswith(data):
            return False  # it may come again
        kept = common_prefix(given, data) if is_same_log else 0
        self._given = bytearray(data[:kept])
        self._cuts, self._base = self._view.cuts, self._view.base
        raise Superseded(len(data[:kept].decode("utf-8", "replace")))


def common_prefix(one: bytes, other: bytes) -> int:
    """How many bytes both begin with, up to a whole character."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    while low and any(low < len(text) and text[low] & 0xC0 == 0x80 for text in (one, other)):
        low -= 1
    return low
