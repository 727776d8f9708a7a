"""SECURITY.md promises a test for each threat: every row names some, and all of them are there."""

import re

from tree import Finding

SECURITY = "SECURITY.md"
HEAD = "| threat | what stands against it | shown by |"
_NAMED = re.compile(r"`([^`]+)`")


def check_threats(tree: dict[str, str]) -> list[Finding]:
    lines = tree[SECURITY].splitlines()
    found = [] if HEAD in lines else [Finding(SECURITY, 1, "threats", f"no table with the head {HEAD}")]
    for at, line in enumerate(lines):
        if line != HEAD:
            continue
        for number, row in enumerate(lines[at + 2 :], start=at + 3):
            if not row.startswith("|"):
                break
            found += [Finding(SECURITY, number, "threats", why) for why in _faults(row, tree)]
    return found


def _faults(row: str, tree):
    shown_by = _NAMED.findall(row.rstrip(" |").rsplit(" | ", 1)[-1])
    if not shown_by:
        yield "a row without a test"
    for test in shown_by:
        path, *names = test.split("::")
        if path not in tree:
            yield f"there is no {path}"
        elif not names and not path.endswith("_fuzz.cc"):
            yield f"{path} is a file: which test of it?"
        elif not all(_defines(tree[path], path, name) for name in names):
            yield f"{path} has no {'::'.join(names)}"


def _defines(text: str, path: str, name: str) -> bool:
    if path.endswith(".py"):
        return re.search(rf"^ *(async )?(def|class) {re.escape(name)}\b", text, re.MULTILINE) is not None
    suite, _, case = name.partition(".")
    return re.search(rf"^TEST(_F|_P)?\({re.escape(suite)}, {re.escape(case)}\)", text, re.MULTILINE) is not None
