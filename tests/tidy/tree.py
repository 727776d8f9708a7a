"""The tree as the rules see it: path -> text, and what a rule answers with."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

CPP_SUFFIXES = (".h", ".cc")


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def read_tree(root: Path) -> dict[str, str]:
    """Every text file that git tracks or would track, and the names of pictures; build output never."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True).stdout
    tree = {}
    for path in sorted(set(filter(None, listed.split("\0")))):
        file = root / path
        if not file.is_file():
            continue
        data = file.read_bytes()
        if path.endswith(".png"):
            tree[path] = ""
        elif b"\0" not in data:
            tree[path] = data.decode("utf-8", "replace")
    return tree


def is_cpp(path: str) -> bool:
    return path.endswith(CPP_SUFFIXES)


def is_test(path: str) -> bool:
    """Code that only test programs contain."""
    return path.endswith(("_test.cc", "_testing.h", "_testing.cc")) or path.startswith("tests/")


def layer_of(path: str) -> str | None:
    """'core' for src/core/hub.h; None outside src/."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


# Comments, literals and digit separators, in the order in which a lexer would meet them.
_TOKEN = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>R"(?P<delimiter>[^()\\ \n]{0,16})\(.*?\)(?P=delimiter)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<separator>(?<=[0-9A-Fa-f])'(?=[0-9A-Fa-f]))"
    r"|(?P<char>'(?:\\.|[^'\\\n])+')",
    re.DOTALL)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def without_comments(text: str) -> str:
    return _TOKEN.sub(lambda m: _blank(m[0]) if m["comment"] else m[0], text)


def code_only(text: str) -> str:
    """Comments and the contents of literals become blanks; lines keep their numbers."""
    return _TOKEN.sub(lambda m: m[0] if m["separator"] else _blank(m[0]), text)


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def includes(text: str) -> list[tuple[int, str, bool]]:
    """(line, header, written in quotes)"""
    text = without_comments(text)
    return [(line_of(text, m.start(1)), m[2], m[1] == '"') for m in _INCLUDE.finditer(text)]


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
