"""Sizes and shapes of files."""

from tree import Finding, line_of, without_comments

LINES_MAX = 600
SOURCE_SUFFIXES = (".h", ".cc", ".py", ".js", ".mjs", ".ts", ".go", ".html", ".css", ".sh", ".cmake")

# Files that may be longer, each with its reason. An entry that is no longer needed is a finding too.
LONG_FILES: dict[str, str] = {}


def check_pragma_once(tree: dict[str, str]) -> list[Finding]:
    return [Finding(path, 1, "pragma once", "a header begins with #pragma once")
            for path, text in tree.items()
            if path.endswith(".h") and not without_comments(text).lstrip().startswith("#pragma once")]


def check_lengths(tree: dict[str, str], long_files: dict[str, str] | None = None) -> list[Finding]:
    excused = LONG_FILES if long_files is None else long_files
    found = []
    for path, text in tree.items():
        lines = text.count("\n")
        is_source = path.endswith(SOURCE_SUFFIXES) or text.startswith("#!")
        if is_source and lines > LINES_MAX and path not in excused:
            found.append(Finding(path, LINES_MAX, "length", f"{lines} lines; look for a second noun in it"))
    for path in excused:
        if tree.get(path, "").count("\n") <= LINES_MAX:
            found.append(Finding(path, 1, "length", "needs no exception any more; drop it from tests/tidy/shape.py"))
    return found


def check_patches(tree: dict[str, str]) -> list[Finding]:
    """What a mutation replaces stands in the source: else scripts/mutate finds out after many minutes."""
    found = []
    for path, text in tree.items():
        if not path.endswith(".patch"):
            continue
        target, at = "", 0
        before: list[str] = []

        def end_hunk():
            if before and "\n".join(before) + "\n" not in tree.get(target, ""):
                found.append(Finding(path, at, "patch", f"{target} has no such lines any more"))
            before.clear()

        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("--- a/"):
                end_hunk()
                target = line.removeprefix("--- a/")
            elif line.startswith("@@ "):
                end_hunk()
                at = number
            elif at and target and line[:1] in (" ", "-", "") and not line.startswith("--- "):
                before.append(line[1:])
        end_hunk()
    return found
