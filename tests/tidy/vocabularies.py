"""Words that code and documents share: log events, close codes, error codes."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tree import Finding, is_cpp, is_test, line_of, without_comments

LOGS, PROTOCOL = "docs/operations/logs.md", "docs/PROTOCOL.md"
OPENAPI, ASYNCAPI = "docs/openapi.json", "docs/asyncapi.json"
# Declares log::info() and the others.
LOG = "src/base/log.h"

_LITERAL = re.compile(r'"((?:\\.|[^"\\\n])*)"')
_WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def check_log_events(tree: dict[str, str]) -> list[Finding]:
    """Every event has a row in the table, with its level, and every row an event."""
    logged, found = _logged_events(tree)
    documented, rows = set(), _table(tree[LOGS], "| event | level | meaning |")
    for line, (events, levels, *_) in rows:
        for event in re.findall(r"`([^`]+)`", events):
            said = set(levels.split(", "))
            if event in documented:
                found.append(Finding(LOGS, line, "log events", f"{event} has two rows"))
            elif event not in logged:
                found.append(Finding(LOGS, line, "log events", f"nothing logs {event}"))
            elif said != logged[event].keys():
                found.append(Finding(LOGS, line, "log events",
                                     f"{event} is logged as {', '.join(sorted(logged[event]))}"))
            documented.add(event)
    for event in logged.keys() - documented:
        path, line = min(logged[event].values())
        found.append(Finding(path, line, "log events", f"{event} has no row in {LOGS}"))
    return found


def _logged_events(tree) -> tuple[dict[str, dict[str, tuple[str, int]]], list[Finding]]:
    """event -> level -> where; and the calls whose event cannot be read off."""
    logged, found = defaultdict(dict), []
    for path, level, line, argument in _calls(tree, r"\blog::(debug|info|warn|error|fatal|audit)\s*\("):
        events = _LITERAL.findall(argument)
        if not events or not all(map(_WORD.fullmatch, events)):
            found.append(Finding(path, line, "log events", "an event is a fixed word, written in the call"))
            continue
        for event in events:
            logged[event].setdefault("info" if level == "audit" else level, (path, line))
    return logged, found


def check_scripts(tree: dict[str, str]) -> list[Finding]:
    """Every script is among those that a connection to Redis loads: another would be refused when it is first run."""
    header, source = "src/engine/redis/scripts.h", "src/engine/redis/scripts.cc"
    loaded = set(re.findall(r"&scripts::(\w+)", tree[source]))
    return [Finding(header, line, "scripts", f"{source} does not load {match[1]}")
            for line, text in enumerate(tree[header].splitlines(), 1)
            if (match := re.match(r"extern const Script (\w+);", text)) and match[1] not in loaded]


def check_close_codes(tree: dict[str, str]) -> list[Finding]:
    """The tables of both documents are what the code may send."""
    core = re.findall(r"constexpr Disconnect \w+\{(\d+),", without_comments(tree["src/core/disconnect.h"]))
    text = tree["src/ws/close_code.h"]
    ws = re.findall(r"constexpr CloseCode \w+ = (\d+);(?!.*never on the wire)", text)
    sent = set(map(int, core + ws))
    told = json.loads(tree[ASYNCAPI])["info"]["description"]
    return [finding
            for path, table in ((PROTOCOL, tree[PROTOCOL]), (ASYNCAPI, told))
            for finding in _differences(path, 1, "close codes", sent, _close_codes(table))]


def _close_codes(text) -> set[int]:
    return {int(code) for _, (codes, *_) in _table(text, "| code | meaning | come back? |") for code in codes.split(", ")}


def check_message_codes(tree: dict[str, str]) -> list[Finding]:
    """Error codes and ack statuses of the WebSocket protocol."""
    errors, statuses = _enumeration(tree, "ErrorCode"), _enumeration(tree, "AckStatus")
    messages = json.loads(tree[ASYNCAPI])["components"]["messages"]
    prose = re.search(r"^Error codes: (.*?)\.$", tree[PROTOCOL], re.MULTILINE | re.DOTALL)
    acks = re.search(r"^\| `ack` \| `id`, `status`: ([^|]*) \|", tree[PROTOCOL], re.MULTILINE)
    sides = (
        (PROTOCOL, errors, re.findall(r"`(\w+)`", prose[1] if prose else "")),
        (PROTOCOL, statuses, re.findall(r"`(\w+)`", acks[1] if acks else "")),
        (ASYNCAPI, errors, messages["error"]["payload"]["properties"]["code"]["enum"]),
        (ASYNCAPI, statuses, messages["ack"]["payload"]["properties"]["status"]["enum"]),
    )
    return [finding for path, code, document in sides
            for finding in _differences(path, 1, "message codes", code, document)]


def _enumeration(tree, name) -> set[str]:
    return set(re.findall(rf'case {name}::\w+: return "(\w+)";', tree["src/protocol/codes.cc"]))


def check_api_codes(tree: dict[str, str]) -> list[Finding]:
    """`code` in HTTP's error answers: those of Errc, of a status, and those that name one themselves."""
    answered = set(re.findall(r'case Errc::\w+: return "(\w+)";', tree["src/base/error.cc"]))
    answered.update(re.findall(r'\{\d+, "[\w ]+", "([a-z_]+)"\}', tree["src/net/http/message.cc"]))
    found = []
    for path, _, line, argument in _calls(tree, r"\bResponse::(error)\s*\(", index=1):
        if _WORD.fullmatch(argument):
            # A variable: what the file assigns to it.
            assigned = re.search(rf"\b{argument}\s*=([^;]*);", without_comments(tree[path]))
            argument = assigned[1] if assigned else ""
        codes = _LITERAL.findall(argument)
        answered.update(codes)
        if not codes and "code_of(" not in argument and not path.startswith("src/net/http/message."):
            found.append(Finding(path, line, "api codes", "the code is a fixed word"))
    schema = json.loads(tree[OPENAPI])["components"]["schemas"]["Error"]["properties"]["code"]
    return found + _differences(OPENAPI, 1, "api codes", answered, schema.get("enum", ()))


def _differences(path, line, rule, code: Iterable, document: Iterable) -> list[Finding]:
    code, document = set(code), set(document)
    return ([Finding(path, line, rule, f"{word} is missing; the code has it") for word in sorted(code - document)]
            + [Finding(path, line, rule, f"{word} is not in the code") for word in sorted(document - code)])


def _calls(tree, pattern, index=0) -> Iterator[tuple[str, str, int, str]]:
    """(path, first group, line, argument number `index`) of each call outside tests."""
    for path, text in tree.items():
        if not path.startswith("src/") or not is_cpp(path) or is_test(path) or path == LOG:
            continue
        text = without_comments(text)
        for match in re.finditer(pattern, text):
            arguments = _arguments(text, match.end())
            yield path, match[1], line_of(text, match.start()), arguments[index] if index < len(arguments) else ""


_STEP = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|[^"\']')


def _arguments(text, start) -> list[str]:
    """Of a call whose "(" ends at `start`, however many lines it has."""
    arguments, depth = [""], 0
    for match in _STEP.finditer(text, start):
        step = match[0]
        depth += (step in "([{") - (step in ")]}")
        if depth < 0:
            break
        if step == "," and depth == 0:
            arguments.append("")
        else:
            arguments[-1] += step
    return [argument.strip() for argument in arguments]


def _table(text, head) -> list[tuple[int, list[str]]]:
    """(line, cells) of each row of the Markdown table with that head."""
    lines = text.splitlines()
    if head not in lines:
        return []
    first = lines.index(head) + 2
    rows = []
    for number, line in enumerate(lines[first:], first + 1):
        if not line.startswith("|"):
            break
        rows.append((number, [cell.strip() for cell in line.strip("|").split(" | ")]))
    return rows
