"""Sizes and shapes of files, functions and classes."""

import re

from tree import Finding, is_cpp, is_test, line_of, without_comments

LINES_MAX = 600
PRODUCT_LINES_MAX = 400  # of a file in src/ that is no test
FUNCTION_LINES_MAX = 45
PRIVATE_FUNCTIONS_MAX = 40  # of a class
SOURCE_SUFFIXES = (".h", ".cc", ".py", ".js", ".mjs", ".ts", ".go", ".html", ".css", ".sh", ".cmake")

# Files that may be longer, each with its reason. An entry that is no longer needed is a finding too.
LONG_FILES: dict[str, str] = {
    "src/post_office/console/client.js": "built from clients/js/src, which is not one file",
}


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
        most = PRODUCT_LINES_MAX if _is_product(path) else LINES_MAX
        if is_source and lines > most and path not in excused:
            found.append(Finding(path, most, "length", f"{lines} lines; look for a second noun in it"))
    for path in excused:
        if tree.get(path, "").count("\n") <= LINES_MAX:
            found.append(Finding(path, 1, "length", "needs no exception any more; drop it from tests/tidy/shape.py"))
    return found


def _is_product(path: str) -> bool:
    return path.startswith("src/") and is_cpp(path) and not is_test(path)


_NO_FUNCTION = re.compile(r"^\s*(namespace|struct|class|enum|union|extern|if|for|while|switch|do|else|try|return)\b|=\s*\{$|\benum\b")


_CLASS = re.compile(r"^(?:class|struct) (\w+)[^;]*\{$")


def functions(text: str):
    """(first line, lines) of each that stands in a namespace or directly in a class, as clang-format lays it out."""
    in_class, first, begin, end = False, 0, 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        if begin:
            if line == end:
                yield begin, number - begin + 1
                begin = first = 0
            continue
        if _CLASS.match(line):
            in_class = True
        elif line.startswith("};"):
            in_class = False
        indent = "  " if in_class else ""
        if re.match(indent + r"[\w~:\[<]", line):
            first = number if "(" in line and not _NO_FUNCTION.search(line) else 0
        if first and line.endswith((";", "}")):
            first = 0
        if first and line.endswith("{"):
            begin, end = first, indent + "}"


def check_functions(tree: dict[str, str]) -> list[Finding]:
    return [Finding(path, line, "function", f"{count} lines, more than {FUNCTION_LINES_MAX}")
            for path, text in tree.items() if _is_product(path)
            for line, count in functions(text) if count > FUNCTION_LINES_MAX]



def private_functions(text: str):
    """(line, class, private functions) of each class in a namespace."""
    name, at, private, count = None, 0, False, 0
    for number, line in enumerate(without_comments(text).split("\n"), 1):
        if match := _CLASS.match(line):
            name, at, private, count = match[1], number, line.startswith("class"), 0
        elif name and line.startswith("};"):
            yield at, name, count
            name = None
        elif name and (match := re.match(r" (public|protected|private):", line)):
            private = match[1] == "private"
        elif name and private and re.match(r"  \w[^=(]*\(", line) and not line.startswith("  using"):
            count += 1


def check_classes(tree: dict[str, str]) -> list[Finding]:
    return [Finding(path, line, "class", f"{name} has {count} private functions, more than {PRIVATE_FUNCTIONS_MAX}")
            for path, text in tree.items() if _is_product(path)
            for line, name, count in private_functions(text) if count > PRIVATE_FUNCTIONS_MAX]


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
