"""Words that must not appear: calls that the architecture forbids, and text that does not belong here."""

import re
from dataclasses import dataclass

from tree import Finding, code_only, is_cpp, is_test, layer_of, line_of

# This directory spells out what it forbids.
SELF = "tests/tidy/"


@dataclass(frozen=True)
class Ban:
    pattern: re.Pattern
    reason: str
    allowed: tuple[str, ...] = ()   # path prefixes
    only_in: tuple[str, ...] = ()   # layers; empty: everywhere
    in_tests: bool = True

    def covers(self, path: str) -> bool:
        if path.startswith(self.allowed) or (is_test(path) and not self.in_tests):
            return False
        return not self.only_in or layer_of(path) in self.only_in


def _ban(pattern: str, reason: str, **where) -> Ban:
    return Ban(re.compile(pattern, re.MULTILINE), reason, **where)


# Who reads a clock: the loops, once a turn; the log, whose lines belong to no turn; the SDK's threads, without one.
CLOCK_READERS = ("src/base/clock.cc", "src/base/time.h", "src/base/log", "src/net/event_loop.", "src/gateway/shard.cc", "src/app/",
                 "src/ops/otel_", "bench/")

CALLS = (
    _ban(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|(?<![\w.>:])sleep\s*\(",
         "a loop never sleeps, and a test waits for a condition", allowed=("bench/",)),
    _ban(r"\bsystem_clock::now\b", "the calendar is read through base/time.h",
         allowed=("src/base/clock.cc", "src/app/", "bench/")),
    _ban(r"(?<![\w.>])(steady_now|wall_now|unix_nanoseconds)\s*\(|\bsteady_clock::now\b",
         "time is an argument: ask the loop", allowed=CLOCK_READERS, in_tests=False),
    _ban(r"\bstd::(cout|cerr|clog)\b|(?<!\w)v?f?printf\s*\(|(?<!\w)f?puts\s*\(", "write through base/log.h",
         allowed=("src/app/", "src/base/assert.cc", "bench/", "tests/")),
    _ban(r"(?<![\w.>])s?rand\s*\(", "randomness comes from base/random.h"),
    _ban(r"\bgetenv\b", "settings are read in app/ only", allowed=("src/app/", "bench/", "tests/")),
    _ban(r"\bco_await\b[^;]*?(\[[^\]]*\]\s*(\(|\{|mutable)|\w\s*\{)",
         "g++ 12 destroys a lambda or aggregate made inside co_await twice: name it first"),
    _ban(r"\busing namespace std;", "say where names come from"),
)

TEXT = (
    _ban(r"\b(TODO|FIXME|XXX|HACK)\b", "do it, or file it"),
    _ban(r"GTEST_SKIP|\bDISABLED_\w|pytest\.skip\b|mark\.(skip|skipif|xfail)\b|importorskip"
         r"|unittest\.skip|\b(it|test|describe)\.(skip|only)\(",
         "a skipped test proves nothing"),
    _ban(r"(?<![\w.$})\]*/-])/(root|home|work|Users|tmp)/[\w.-]", "a path of one machine"),
    _ban(r"\b(deb\.debian\.org|pypi\.org|pythonhosted\.org|registry\.npmjs\.org|proxy\.golang\.org"
         r"|static\.crates\.io|repo\d?\.maven)", "a registry's address belongs to the machine"),
    _ban(r"^(<{7}|>{7}) ", "a conflict marker"),
)


def check_calls(tree: dict[str, str]) -> list[Finding]:
    found = []
    for path, text in tree.items():
        if is_cpp(path):
            found += _matches(path, code_only(text), CALLS, "banned call")
    return found


def check_text(tree: dict[str, str]) -> list[Finding]:
    found = []
    for path, text in tree.items():
        if not path.startswith(SELF) and path != "LICENSE":
            found += _matches(path, text, TEXT, "banned text")
    return found


def _matches(path: str, text: str, bans: tuple[Ban, ...], rule: str) -> list[Finding]:
    return [Finding(path, line_of(text, match.start()), rule, f"{match[0].split(chr(10))[0].strip()!r}: {ban.reason}")
            for ban in bans if ban.covers(path)
            for match in ban.pattern.finditer(text)]
