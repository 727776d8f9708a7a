"""Documents against each other and the tree: links, names of files and functions, alerts and the runbook."""

import posixpath
import re
from collections.abc import Iterator

import layers
from tree import Finding, code_only, is_cpp, line_of

INDEX = "docs/README.md"
RUNBOOK, ALERTS = "docs/RUNBOOK.md", "deploy/prometheus/alerts.yml"
TOUR, HACKING, ARCHITECTURE = "docs/TOUR.md", "docs/HACKING.md", "docs/ARCHITECTURE.md"
PREFIX = "WebSocketGateway"  # of every alert's name
PARTS = ("**Symptom.**", "**Check.**", "**Do.**", "**If it does not help.**")
COLUMNS_MAX = 118
# Of one subject of docs/operations: short enough to be read when it is needed.
LINES_MAX = 250
# Prose that people read from end to end. Tables and commands cannot be broken.
WRAPPED = ("docs/", "README.md", "SECURITY.md", "deploy/README.md", "bench/README.md")


# --- Links

_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def check_links(tree: dict[str, str]) -> list[Finding]:
    """What a document links to is there, and the heading in it too."""
    found = []
    for path, text in tree.items():
        if not path.endswith(".md"):
            continue
        for match in _LINK.finditer(_without_code(text)):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1])) if match[1] else path
            why = None
            if target not in tree and not any(other.startswith(f"{target}/") for other in tree):
                why = f"{match[1]} does not exist"
            elif match[2] and match[2] not in anchors(tree.get(target, "")):
                why = f"{target} has no heading #{match[2]}"
            if why:
                found.append(Finding(path, line_of(text, match.start()), "link", why))
    return found


def check_index(tree: dict[str, str]) -> list[Finding]:
    """Every document of docs/ is in its index."""
    listed = {posixpath.normpath(f"docs/{target}") for target, _ in _LINK.findall(tree[INDEX])}
    return [Finding(INDEX, 1, "index", f"{path} is not listed")
            for path in tree if path.startswith("docs/") and path != INDEX and path not in listed]


_CITED = re.compile(r'\b(docs/[\w/]+\.md)(?:,(?:\s|//|#)+"([^"]+)")?')


def check_citations(tree: dict[str, str]) -> list[Finding]:
    """A document that code names is there, and so is the heading: docs/PROTOCOL.md, "Redis"."""
    found = []
    for path, text in tree.items():
        if path.startswith("tests/tidy/tidy_test") or path.endswith(".md"):
            continue
        for match in _CITED.finditer(text):
            headings = re.findall(r"^#+ .*", _without_code(tree.get(match[1], "")), re.MULTILINE)
            if match[1] not in tree:
                found.append(Finding(path, line_of(text, match.start()), "citation", f"{match[1]} does not exist"))
            elif match[2] and not any(match[2].lower() in heading.lower() for heading in headings):
                found.append(Finding(path, line_of(text, match.start()), "citation", f'{match[1]} has no heading "{match[2]}"'))
    return found


def anchors(text: str) -> set[str]:
    """Of the headings of a Markdown document, as GitHub and GitLab make them."""
    headings = re.findall(r"^#+ +(.*?) *$", _without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _without_code(text: str) -> str:
    """Fenced code becomes blanks; lines keep their numbers."""
    return _FENCED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


# --- Sizes

def check_sizes(tree: dict[str, str]) -> list[Finding]:
    """Prose ends at COLUMNS_MAX, and a file of docs/operations at LINES_MAX."""
    long = [Finding(path, LINES_MAX, "length", "look for a second subject in it")
            for path, text in tree.items() if path.startswith("docs/operations/") and text.count("\n") > LINES_MAX]
    wide = [Finding(path, number, "width", f"{len(line)} columns; wrap at {COLUMNS_MAX}")
            for path, text in tree.items() if path.endswith(".md") and path.startswith(WRAPPED)
            for number, line in enumerate(_without_code(text).splitlines(), 1)
            if len(line.rstrip()) > COLUMNS_MAX and not line.startswith("    ") and not line.lstrip().startswith("|")]
    return long + wide


# --- The runbook and the alerts

_ALERT = re.compile(r"^ *- alert: (\w+)\n(.*?)(?=^ *- alert: |\Z)", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| \[([^\]]*)\]\(#([^)]*)\) \|$", re.MULTILINE)


def check_runbook(tree: dict[str, str]) -> list[Finding]:
    """An alert leads to the section that the runbook's table names for it; a section has all its parts in order."""
    text = tree[RUNBOOK]
    rows = {name: (severity, title, anchor) for name, severity, title, anchor in _ROW.findall(text)}
    found, seen = [], set()
    for match in _ALERT.finditer(tree[ALERTS]):
        name, line = match[1].removeprefix(PREFIX), line_of(tree[ALERTS], match.start())
        severity = re.search(r"severity: (\w+)", match[2])
        url = re.search(r"^ *runbook_url: (\S+)$", match[2], re.MULTILINE)
        seen.add(name)
        if name not in rows:
            found.append(Finding(RUNBOOK, 1, "runbook", f"no row for the alert {name}"))
        elif not url or url[1] != f"{RUNBOOK}#{rows[name][2]}":
            found.append(Finding(ALERTS, line, "runbook", f"runbook_url is {RUNBOOK}#{rows[name][2]} in the runbook's table"))
        elif not severity or severity[1] != rows[name][0]:
            found.append(Finding(ALERTS, line, "runbook", f"its severity is {rows[name][0]} in the runbook's table"))
    found += [Finding(RUNBOOK, 1, "runbook", f"there is no alert {name}") for name in sorted(rows.keys() - seen)]
    return found + list(_sections(text))


def _sections(text: str) -> Iterator[Finding]:
    """Every section that a table of the runbook leads to."""
    led_to = dict(re.findall(r"\| \[([^\]]*)\]\(#([^)]*)\) \|$", text, re.MULTILINE))
    bodies = re.split(r"^## (.*)\n", _without_code(text), flags=re.MULTILINE)
    for title, body in zip(bodies[1::2], bodies[2::2], strict=True):
        if title not in led_to:
            continue
        at = [body.find(part) for part in PARTS]
        if -1 in at or at != sorted(at):
            yield Finding(RUNBOOK, line_of(text, text.index(f"\n## {title}\n") + 1), "runbook",
                          f"{title}: a section has {', '.join(PARTS)}")


# --- Names

_NAMED = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"(?:[\w.-]+/)*[\w.-]+\.(?:h|cc|py|mjs|json|md|yml|yaml|sh|cmake)|(?:[\w.-]+/)+")
ROOTS = ("src/", "tests/", "docs/", "scripts/", "deploy/", "examples/", "bench/")


def check_names(tree: dict[str, str]) -> list[Finding]:
    """Files, classes and functions that the documents for developers name are there.

    A file is named from the root, from src/, or from the folder that was named last under the same heading.
    """
    found, words = [], _words(tree)
    for path in (TOUR, HACKING, ARCHITECTURE):
        folder = ""
        for number, line in enumerate(_without_code(tree[path]).splitlines(), 1):
            if line.startswith("#"):
                folder = ""
            for name in _NAMED.findall(line):
                if _FILE.fullmatch(name):
                    if name.startswith(ROOTS):
                        folder = name[: name.rindex("/") + 1]
                    if not any(_is_there(start + name, tree) for start in ("", folder, "src/")):
                        found.append(Finding(path, number, "names", f"there is no {name}"))
                elif not _is_known(name, words):
                    found.append(Finding(path, number, "names", f"nothing is called {name}"))
    return found


def _is_there(path, tree) -> bool:
    return any(other.startswith(path) for other in tree) if path.endswith("/") else path in tree


def _words(tree) -> set[str]:
    return {word for path, text in tree.items() if path.startswith(("src/", "tests/", "scripts/")) and is_cpp(path)
            for word in re.findall(r"\w+", code_only(text))}


def _is_known(name, words) -> bool:
    """Only what can be nothing but C++ is looked for: Class::function, function(), CamelCase."""
    code = re.fullmatch(r"(?:\w+::)*\w+(?:\(\))?", name)
    if not code or not ("::" in name or name.endswith("()") or re.fullmatch(r"(?:[A-Z][a-z0-9]+){2,}", name)):
        return True
    return all(part in words for part in re.findall(r"\w+", name))


# --- Layers

def check_layers(tree: dict[str, str]) -> list[Finding]:
    """ARCHITECTURE.md shows the layers that layers.py holds."""
    rows = re.findall(r"^(\w+(?:, \w+)*) +includes? (.*?)(?:  .*|;.*)?$", tree[ARCHITECTURE], re.MULTILINE)
    shown = {name: set(below.split()) - {"nothing"} for names, below in rows for name in names.split(", ")}
    held = {name: set(below) for name, below in layers.LAYERS.items()} | {"app": {"everything"}}
    return [Finding(ARCHITECTURE, 1, "layers", f"{name} is shown otherwise than tests/tidy/layers.py has it")
            for name in sorted(shown.keys() | held.keys()) if shown.get(name) != held.get(name)]


# --- What a change touches

_LIST = re.compile(r"^### ([^\n]*): (\d+) files\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)


def check_changes(tree: dict[str, str]) -> list[Finding]:
    """A list of HACKING.md has as many rows as its title says, each a file."""
    text, found = tree[HACKING], []
    lists = list(_LIST.finditer(text))
    if not lists:
        found.append(Finding(HACKING, 1, "changes", "no list of what a change touches"))
    for match in lists:
        rows = re.findall(r"^\| (`[^|]*`) \|", match[3], re.MULTILINE)
        if len(rows) != int(match[2]):
            found.append(Finding(HACKING, line_of(text, match.start()), "changes", f"{match[1]}: {len(rows)} files are listed"))
    return found
