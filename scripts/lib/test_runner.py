"""Builds and runs every part of the test suite; scripts/test starts it once its tools are installed.

Two lanes share the machine: one builds the trees one after another at low priority, the other runs the
parts as their trees become ready, so that suites that mostly wait run while the compiler works.
A part that fails stops nothing: one run tells everything. Output of each goes to build/test-logs/.
"""

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from test_parts import GROUPS, PARTS, THREADED_LAYERS, Context, Result, chosen_parts

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build/test-logs"
FAILURES_SHOWN, FAILURE_LINES = 10, 20
# What a preset builds, when that is not everything.
TARGETS = {
    "fuzz": ["tests/fuzz/all"],
    "tsan": ["websocket-gateway", *(f"{layer}_tests" for layer in THREADED_LAYERS)],
}


class Builder(threading.Thread):
    """Configures and builds the presets in order; `wait` blocks until one is built."""

    def __init__(self, presets: list[str], context: Context):
        super().__init__(daemon=True)
        self.results: dict[str, Result] = {}
        self._presets = presets
        self._context = context
        self._done = {preset: threading.Event() for preset in presets}

    def run(self):
        for preset in self._presets:
            started = time.monotonic()
            log = f"build-{preset}"
            # The suites that run meanwhile have deadlines, the compiler has none.
            build = ["nice", "-n", "15", "cmake", "--build", "--preset", preset, "--target", *TARGETS.get(preset, ["all"]),
                     "--", "-k", "0"]
            steps = (["cmake", "--preset", preset, "-Wno-dev"], build)
            ok = all(self._context.run(step, log, append=step is build) == 0 for step in steps)
            self.results[preset] = Result(f"build {preset}", 0, 0 if ok else 1, time.monotonic() - started,
                                          "" if ok else "does not build", log)
            report(self.results[preset])
            self._done[preset].set()

    def wait(self, preset: str) -> bool:
        self._done[preset].wait()
        return self.results[preset].failed == 0


def report(result: Result):
    state = "FAILED" if result.failed else "ok"
    tests = f"{result.passed + result.failed} tests, " if result.passed else ""
    print(f"[{time.strftime('%H:%M:%S')}] {result.name}: {state} ({tests}{result.seconds:.0f} s)", flush=True)
    if result.failed:
        for failure in result.failures[:FAILURES_SHOWN]:
            print("".join(f"    ! {line}\n" for line in str(failure).splitlines()[:FAILURE_LINES]), end="")
        log = LOGS / f"{result.log}.log"
        tail = log.read_text(errors="replace").splitlines()[-60:] if log.exists() else []
        print(f"    {result.reason}; the end of {log.relative_to(ROOT)}:")
        print("".join(f"    | {line}\n" for line in tail), end="", flush=True)


def run_part(part, builder: Builder, context: Context) -> Result:
    if part.preset and not builder.wait(part.preset):
        return Result(part.name, 0, 1, 0, f"not run: build {part.preset} failed", f"build-{part.preset}")
    print(f"[{time.strftime('%H:%M:%S')}] {part.name}: {part.title} ...", flush=True)
    started = time.monotonic()
    try:
        result = part.run(context)
    except Exception as error:  # a part that cannot run is a failed part, and the others go on
        result = Result(part.name, 0, 1, 0, f"could not run: {error}", part.name)
    result.name, result.seconds = part.name, time.monotonic() - started
    return result


def summarise(results: list[Result], seconds: float):
    width = max(len(result.name) for result in results)
    print(f"\n{'part'.ljust(width)}  result   passed  failed  seconds")
    for result in results:
        state = "FAILED" if result.failed else "ok"
        print(f"{result.name.ljust(width)}  {state:<6}  {result.passed:>7} {result.failed:>7} {result.seconds:>8.0f}"
              f"{'   ' + result.reason if result.reason else ''}")
    for result in results:
        for failure in result.failures[:FAILURES_SHOWN]:
            print(f"{result.name}: {str(failure).splitlines()[0]}")
        for failure in result.flaky:
            print(f"{result.name}: FLAKY, it failed once and passed when repeated: {failure}")
    passed, failed = sum(r.passed for r in results), sum(r.failed for r in results)
    print(f"\n{seconds / 60:.1f} minutes; logs in {LOGS.relative_to(ROOT)}/\n")
    print(f"{passed} passed, {failed} failed", flush=True)
    return failed == 0 and passed > 0


def parse_arguments():
    names = "\n".join(f"  {part.name:<15} {part.title}" for part in PARTS)
    groups = "\n".join(f"  {name:<15} {' '.join(members)}" for name, members in GROUPS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/test", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Installs what the tests need (Debian 12, as root), builds and runs them: all, or the parts named.",
        epilog=f"parts:\n{names}\ngroups:\n{groups}\n\nOutput of each part: build/test-logs/")
    parser.add_argument("parts", nargs="*", metavar="PART", help="a part or a group (default: all)")
    parser.add_argument("--setup-only", action="store_true", help="install packages and tests/.venv, test nothing")
    parser.add_argument("--list", action="store_true", help="name the parts and stop")
    parser.add_argument("--fuzz-seconds", type=int, default=20, metavar="N", help="for each fuzz target (default: 20)")
    parser.add_argument("--repeat-failed", type=int, default=0, metavar="N",
                        help="repeat up to N failed tests, each once; one that passes then is named as flaky (default: 0)")
    parser.add_argument("-k", dest="select", default="", metavar="EXPR", help="pytest's -k for the black-box parts")
    return parser, parser.parse_args()


def main() -> int:
    parser, options = parse_arguments()
    if options.list:
        print(parser.epilog)
        return 0
    try:
        parts = chosen_parts(options.parts)
    except KeyError as unknown:
        parser.error(f"no such part: {unknown.args[0]}")

    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    context = Context(ROOT, LOGS, options.fuzz_seconds, options.select, options.repeat_failed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    try:
        builder = Builder(list(dict.fromkeys(part.preset for part in parts if part.preset)), context)
        builder.start()
        results = []
        for part in parts:
            results.append(run_part(part, builder, context))
            report(results[-1])
        builder.join()
        return 0 if summarise(list(builder.results.values()) + results, time.monotonic() - started) else 1
    finally:
        context.end_children()


if __name__ == "__main__":
    sys.exit(main())
