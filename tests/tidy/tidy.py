#!/usr/bin/env python3
"""Layering and style as a test. Standard library only.

    tests/tidy/tidy.py [--junit FILE] [--quick] [RULE...]

Prints `file:line: rule: why`, ends with 1 when there is anything to print. --quick leaves out what
needs a compiler.
"""

import argparse
import sys
from pathlib import Path
from xml.sax.saxutils import quoteattr

import bans
import compilers
import documents
import layers
import reference
import shape
import threats
import vocabularies
from tree import Finding, read_tree

ROOT = Path(__file__).resolve().parents[2]

RULES = {
    "includes": layers.check_includes,
    "cmake": layers.check_cmake,
    "orphans": layers.check_orphans,
    "calls": bans.check_calls,
    "text": bans.check_text,
    "pragma-once": shape.check_pragma_once,
    "lengths": shape.check_lengths,
    "functions": shape.check_functions,
    "classes": shape.check_classes,
    "links": documents.check_links,
    "index": documents.check_index,
    "citations": documents.check_citations,
    "document-sizes": documents.check_sizes,
    "runbook": documents.check_runbook,
    "names": documents.check_names,
    "layers-shown": documents.check_layers,
    "changes": documents.check_changes,
    "api-reference": reference.check_reference,
    "patches": shape.check_patches,
    "log-events": vocabularies.check_log_events,
    "scripts": vocabularies.check_scripts,
    "close-codes": vocabularies.check_close_codes,
    "message-codes": vocabularies.check_message_codes,
    "api-codes": vocabularies.check_api_codes,
    "threats": threats.check_threats,
    "format": lambda tree: compilers.check_format(tree, ROOT),
    "headers-alone": lambda tree: compilers.check_headers_alone(tree, ROOT, ROOT / "build/tidy/headers.json"),
}
NEED_COMPILER = ("format", "headers-alone")


def junit(results: dict[str, list[Finding]]) -> str:
    cases = []
    for rule, found in results.items():
        inner = f"<failure message={quoteattr(chr(10).join(map(str, found)))}/>" if found else ""
        cases.append(f'<testcase classname="tidy" name={quoteattr(rule)}>{inner}</testcase>')
    failures = sum(map(bool, results.values()))
    return f'<testsuite name="tidy" tests="{len(results)}" failures="{failures}">{"".join(cases)}</testsuite>\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rules", nargs="*", metavar="RULE", help=f"one of: {' '.join(RULES)} (default: all)")
    parser.add_argument("--junit", type=Path, help="write the result there as JUnit XML")
    parser.add_argument("--quick", action="store_true", help="text rules only")
    options = parser.parse_args()
    unknown = set(options.rules) - set(RULES)
    if unknown:
        parser.error(f"no such rule: {' '.join(sorted(unknown))}")
    chosen = options.rules or [rule for rule in RULES if not (options.quick and rule in NEED_COMPILER)]

    tree = read_tree(ROOT)
    results = {rule: sorted(RULES[rule](tree)) for rule in chosen}
    for found in results.values():
        for finding in found:
            print(finding)
    if options.junit:
        options.junit.parent.mkdir(parents=True, exist_ok=True)
        options.junit.write_text(junit(results))
    count = sum(map(len, results.values()))
    print(f"tidy: {len(tree)} files, {len(chosen)} rules, {count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
