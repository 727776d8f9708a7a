"""What only the compiler and the formatter can tell. Both run on all cores; clean results are remembered."""

import hashlib
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tree import Finding, includes, is_cpp

FLAGS = ("-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-DBOOST_ASIO_NO_DEPRECATED", "-DBOOST_ERROR_CODE_HEADER_ONLY",
         "-DBOOST_ASIO_DISABLE_BOOST_DATE_TIME")


def check_headers_alone(tree: dict[str, str], root: Path, cache_file: Path) -> list[Finding]:
    """Every header under src/ compiles as the first line of a program.

    One that is the first include of a source is shown to by the build itself, so only the others cost time here.
    """
    known = set(json.loads(cache_file.read_text())) if cache_file.exists() else set()
    built = first_includes(tree)
    headers = {path: _fingerprint(path, tree) for path in tree
               if path.startswith("src/") and path.endswith(".h") and path not in built}
    stale = [path for path, fingerprint in headers.items() if fingerprint not in known]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = dict(zip(stale, pool.map(lambda path: _compile(path, root), stale)))
    cache_file.parent.mkdir(parents=True, exist_ok=True)
    cache_file.write_text(json.dumps(sorted(f for path, f in headers.items() if not errors.get(path))))
    return [Finding(path, 1, "header alone", error) for path, error in errors.items() if error]


def first_includes(tree: dict[str, str]) -> set[str]:
    """The headers that some source under src/ includes before anything else."""
    found = set()
    for path, text in tree.items():
        if path.startswith("src/") and path.endswith(".cc"):
            found.update(f"src/{header}" for _, header, quoted in includes(text)[:1] if quoted)
    return found


def _fingerprint(path: str, tree: dict[str, str]) -> str:
    """Of the header, everything of ours that it includes, and the flags."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    seen, queue = set(), [path]
    while queue:
        current = queue.pop()
        if current in seen or current not in tree:
            continue
        seen.add(current)
        digest.update(f"{current}\0{tree[current]}\0".encode())
        queue += [f"src/{header}" for _, header, quoted in includes(tree[current]) if quoted]
    return digest.hexdigest()


def _compile(path: str, root: Path) -> str:
    """Empty, or the first error."""
    run = subprocess.run(["g++", *FLAGS, "-I", str(root / "src"), "-x", "c++", "-"], input=f'#include "{path[4:]}"\n',
                         capture_output=True, text=True)
    if run.returncode == 0:
        return ""
    errors = [line for line in run.stderr.splitlines() if "error:" in line] or run.stderr.splitlines() or ["failed"]
    return errors[0].replace(f"{root}/", "")


def check_format(tree: dict[str, str], root: Path) -> list[Finding]:
    """clang-format 14, the one of Debian 12: others differ in details."""
    files = [path for path in tree if is_cpp(path)]
    batches = [files[i::4] for i in range(4) if files[i::4]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outputs = pool.map(lambda batch: _format_errors(batch, root), batches)
    first_of_file = {}
    for output in outputs:
        for path, line in re.findall(r"^(.+?):(\d+):\d+: error: code should be clang-formatted", output, re.MULTILINE):
            first_of_file.setdefault(path, int(line))
    return [Finding(path, line, "format", f"run clang-format-14 -i {path}") for path, line in first_of_file.items()]


def _format_errors(paths: list[str], root: Path) -> str:
    run = subprocess.run(["clang-format-14", "--dry-run", "-Werror", *paths], cwd=root, capture_output=True, text=True)
    return run.stderr
