"""The hash of a run's log and the cursor, computed from what the protocol says of them: a second pair of eyes.

    h = fold(b"Once "); h = fold(b"upon", h); text_of(h) == "…"
"""

import operator
import re
from functools import cache

MODULI, BASES = (67108859, 67108837), (31415927, 27182819)
EMPTY = (0, 0)
BLOCK = 4096
CURSOR = re.compile(r"(\d{1,4})\.(\d{1,12})\.([0-9a-f]{14})")


@cache
def powers(which) -> list:
    """B^0 .. B^BLOCK."""
    found = [1]
    for _ in range(BLOCK):
        found.append(found[-1] * BASES[which] % MODULI[which])
    return found


def fold(data: bytes, start=EMPTY) -> tuple:
    """Of what `start` is the hash of, followed by `data`: h = (h * B + byte + 1) mod M for each byte."""
    for at in range(0, len(data), BLOCK):
        block = data[at : at + BLOCK]
        start = tuple(fold_block(which, block, start[which]) for which in (0, 1))
    return start


def fold_block(which, block, start) -> int:
    size, table = len(block), powers(which)
    places = table[:size][::-1]
    return (start * table[size] + sum(map(operator.mul, block, places)) + sum(places)) % MODULI[which]


def text_of(value) -> str:
    return f"{value[0]:07x}{value[1]:07x}"


def hash_text(data: bytes) -> str:
    return text_of(fold(data))


def cursor_text(epoch, pos, hash, *, sortable=False) -> str:
    return f"{epoch:04}.{pos:012}.{hash}" if sortable else f"{epoch}.{pos}.{hash}"


def parse_cursor(text) -> tuple | None:
    """(epoch, pos, hash) of either form."""
    match = CURSOR.fullmatch(text or "")
    return (int(match[1]), int(match[2]), match[3]) if match else None


class Folded:
    """Bytes whose prefixes are hashed again and again: marks each 1 KiB, folded once."""

    MARK = 1024

    def __init__(self, data=b""):
        self.data = bytes(data)
        self._marks = [EMPTY]

    def hash_at(self, pos) -> str:
        assert 0 <= pos <= len(self.data), (pos, len(self.data))
        mark = pos // self.MARK
        while len(self._marks) <= mark:
            at = (len(self._marks) - 1) * self.MARK
            self._marks.append(fold(self.data[at : at + self.MARK], self._marks[-1]))
        return text_of(fold(self.data[mark * self.MARK : pos], self._marks[mark]))
