"""The promises of durable runs, each a function over what clients and agents wrote down (journal.py). Pure.

    found = check(entries, engine="redis", margin=2.0)
    found["I5"].verdict     # "held", "violated" or "not exercised"
"""

import traceback

from torture import checks_life, checks_log, checks_readers
from torture.found import Found
from torture.history import History

CHECKS = {
    name.upper(): getattr(module, name)
    for module, names in (
        (checks_log, ("i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8", "i9")),
        (checks_life, ("i10", "i11", "i12", "i13", "i14", "i15", "i16")),
        (checks_readers, ("i17", "i18", "i19", "i20", "i21", "i22", "i28", "i29")),
    )
    for name in names
}


def title(invariant) -> str:
    """Its first sentence."""
    return CHECKS[invariant].__doc__.strip().split(". ")[0].replace("\n    ", " ").removesuffix(".")


def check(entries, *, engine="redis", margin=2.0) -> dict[str, Found]:
    if not entries:
        return {name: Found() for name in CHECKS}
    history = History(entries, engine=engine)
    return {name: run(one, history, margin) for name, one in CHECKS.items()}


def run(one, history, margin) -> Found:
    """A check that cannot make sense of what was said has found something, too."""
    try:
        return one(history, margin)
    except (KeyError, TypeError, ValueError, AttributeError):
        return Found(checked=1, violations=[f"what was said cannot be read: {traceback.format_exc()}"])
