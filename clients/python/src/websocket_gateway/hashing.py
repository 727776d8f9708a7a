"""The hash of a run's log: h = (h * B + byte + 1) mod M for each byte, in two moduli. It finds accidents, no attackers.

It folds, h(xy) = h(x) * B^|y| + h(y), so a text is checked piece by piece, however it was cut.
"""

import operator
from functools import cache

MODULI, BASES = (67108859, 67108837), (31415927, 27182819)
BLOCK = 4096

Hash = tuple[int, int]
EMPTY: Hash = (0, 0)


@cache
def _powers(which: int) -> list[int]:
    """B^0 .. B^BLOCK."""
    found = [1]
    for _ in range(BLOCK):
        found.append(found[-1] * BASES[which] % MODULI[which])
    return found


def _fold_block(which: int, block: bytes, start: int) -> int:
    size, powers = len(block), _powers(which)
    places = powers[:size][::-1]
    said: int = sum(map(operator.mul, block, places)) + sum(places)
    return (start * powers[size] + said) % MODULI[which]


def fold(data: bytes, start: Hash = EMPTY) -> Hash:
    """Of what `start` is the hash of, with `data` behind it."""
    for at in range(0, len(data), BLOCK):
        block = data[at : at + BLOCK]
        start = (_fold_block(0, block, start[0]), _fold_block(1, block, start[1]))
    return start


def hash_text(value: Hash) -> str:
    return f"{value[0]:07x}{value[1]:07x}"


def parse_hash(text: str) -> Hash:
    if len(text) != 14:
        raise ValueError(f"no hash of a run: {text!r}")
    return int(text[:7], 16), int(text[7:], 16)


def cursor_text(epoch: int, pos: int, value: Hash) -> str:
    return f"{epoch}.{pos}.{hash_text(value)}"


def parse_cursor(text: str) -> tuple[int, int, Hash]:
    """(epoch, pos, hash), of either form."""
    parts = text.split(".")
    if len(parts) != 3 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        raise ValueError(f"no cursor of a run: {text!r}")
    return int(parts[0]), int(parts[1]), parse_hash(parts[2])
