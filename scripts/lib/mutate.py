"""Applies each patch of tests/mutations to a copy of the sources, builds it, and runs the suites against it.

A mutant is found when a test fails; one that survives, or a patch that no longer applies, fails the script.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATCHES = ROOT / "tests/mutations"
WORK = ROOT / "build/mutants"
TREE = WORK / "tree"
# What the program is built of.
SOURCES = ("CMakeLists.txt", "CMakePresets.json", "cmake", "src", "docs", "bench", "tests/fuzz", "tests/sim")
PROGRAMS = {"websocket-gateway": "build/release/websocket-gateway", "simulation": "build/release/tests/sim/simulation"}
# What stands for the tests of a mutant that the simulation finds, with some seed.
SIMULATION = "sim"
RUN_SECONDS_MAX = 900
FLAGS = ("-x", "-q", "--tb=short", "-p", "no:cacheprovider")
# What a run says when it was the gateway that failed; anything else that ends it proves nothing.
VERDICTS = (
    re.compile(r"^(?:FAILED|ERROR) \S*::(\S+)", re.MULTILINE),
    re.compile(r"(can't begin: .+)$", re.MULTILINE),
    re.compile(r"(gateway did not become ready)"),
    re.compile(r"^FAILED (seed \d+)", re.MULTILINE),
)


@dataclass
class Mutation:
    name: str
    path: Path
    what: str
    found_by: list  # the tests that are run first; by a path when they are none of the suites'; or SIMULATION alone

    @classmethod
    def read(cls, path):
        text = path.read_text(encoding="utf-8")
        fields = dict(re.findall(r"^(What|Found by): (.+)$", text.partition("\n--- ")[0], re.MULTILINE))
        if set(fields) != {"What", "Found by"}:
            sys.exit(f"{path.relative_to(ROOT)}: a patch begins with the lines 'What:' and 'Found by:'")
        name = str(path.relative_to(PATCHES).with_suffix(""))
        return cls(name, path, fields["What"], re.split(r",\s*", fields["Found by"]))

    @property
    def program(self) -> str:
        return "simulation" if self.found_by == [SIMULATION] else "websocket-gateway"


@dataclass
class Outcome:
    mutation: Mutation
    found: bool
    how: str
    seconds: float


def all_mutations():
    return [Mutation.read(path) for path in sorted(PATCHES.glob("*/*.patch"))]


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/mutate",
        description="Breaks a copy of the gateway in each way that tests/mutations has a patch for, builds it, and runs the tests that "
        "the patch names, then, if they pass, all of tests/integration/smart_city; or the simulation alone, where the patch names that. "
        "Ends with 0 only when "
        "every mutant is found and every patch applies. The copy is build/mutants; the sources here are not touched.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="area or area/name (default: all)")
    parser.add_argument("--list", action="store_true", help="name the mutations and what each breaks")
    parser.add_argument("--no-baseline", action="store_true", help="do not first check that the named tests pass unbroken")
    return parser, parser.parse_args()


def copy_sources():
    """Only what has changed, so that the build stays incremental."""
    TREE.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *SOURCES], cwd=ROOT, capture_output=True, text=True,
                            check=True).stdout.splitlines()
    wanted = {name for name in listed if (ROOT / name).is_file()}
    for path in [path for path in TREE.rglob("*") if path.is_file() and "build" not in path.relative_to(TREE).parts[:1]]:
        if str(path.relative_to(TREE)) not in wanted:
            path.unlink()
    for name in wanted:
        source, target = ROOT / name, TREE / name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def apply(mutation, *flags) -> str:
    """Empty when it went well."""
    # The copy lies inside a repository, of which git must not think here.
    env = os.environ | {"GIT_CEILING_DIRECTORIES": str(WORK)}
    result = subprocess.run(["git", "apply", *flags, mutation.path], cwd=TREE, env=env, capture_output=True, text=True)
    return result.stderr.strip() if result.returncode else ""


def build(log, program) -> bool:
    env = os.environ | {"CCACHE_BASEDIR": str(TREE), "CCACHE_NOHASHDIR": "true"}
    commands = [["cmake", "--preset", "release", "-Wno-dev"]] if not (TREE / "build/release/build.ninja").exists() else []
    commands += [["nice", "cmake", "--build", "--preset", "release", "--target", program]]
    with open(log, "wb") as output:
        return all(subprocess.run(c, cwd=TREE, env=env, stdout=output, stderr=output).returncode == 0 for c in commands)


def keep_binary(name, program) -> Path:
    kept = WORK / "bin" / name.replace("/", "-")
    kept.parent.mkdir(exist_ok=True)
    shutil.copy2(TREE / PROGRAMS[program], kept)
    return kept


def run_tests(binary, log, tests) -> str:
    """What failed first; empty when everything passed."""
    if tests == [SIMULATION]:
        return run_command(binary, log, [binary, "--jobs", str(os.cpu_count() or 2)])
    elsewhere = [test for test in tests if "/" in test]
    suites = [test for test in tests if "/" not in test]
    failed = run_python(binary, log, ["-m", "pytest", "-c", "tests/pytest.ini", *FLAGS, *elsewhere]) if elsewhere else ""
    return failed or (run_suites(binary, log, suites) if suites else "")


def run_suites(binary, log, tests=()) -> str:
    """The suites on real infrastructure, all of them or these tests."""
    select = ["-k", " or ".join(tests)] if tests else []
    return run_python(binary, log, [ROOT / "scripts/lib/mission.py", "--", *FLAGS, *select])


def run_python(binary, log, arguments) -> str:
    return run_command(binary, log, [ROOT / "tests/.venv/bin/python", "-B", *arguments])


def run_command(binary, log, command) -> str:
    env = os.environ | {"GATEWAY_BINARY": str(binary)}
    with open(log, "ab") as output:
        result = subprocess.run(command, cwd=ROOT, env=env, stdout=output, stderr=output, timeout=RUN_SECONDS_MAX)
    if result.returncode == 0:
        return ""
    text = log.read_text(errors="replace")
    verdict = next((match[1] for pattern in VERDICTS if (match := pattern.search(text))), "")
    assert verdict, f"the run ended with {result.returncode} for a reason of its own: {log}"
    return verdict


def judge(mutation, binary) -> Outcome:
    began, log = time.monotonic(), WORK / "logs" / f"{mutation.name.replace('/', '-')}.log"
    log.unlink(missing_ok=True)
    try:
        failed = run_tests(binary, log, mutation.found_by)
        if failed:
            how = f"by {failed}"
        elif mutation.program != "simulation" and (failed := run_suites(binary, log)):
            how = f"by {failed}, which the patch does not name"
        else:
            how = f"SURVIVED, see {log.relative_to(ROOT)}"
    except (AssertionError, subprocess.TimeoutExpired) as error:
        failed, how = "", str(error)
    binary.unlink()
    return Outcome(mutation, bool(failed), how, time.monotonic() - began)


def check_baseline(mutations):
    print("unbroken: building, and running the tests that are to find the mutants", flush=True)
    log = WORK / "logs/unbroken.log"
    log.unlink(missing_ok=True)
    for program in PROGRAMS:
        tests = sorted({test for mutation in mutations if mutation.program == program for test in mutation.found_by})
        if not tests:
            continue
        if not build(WORK / "build.log", program):
            sys.exit(f"the sources do not build: {WORK / 'build.log'}")
        if failed := run_tests(keep_binary("unbroken", program), log, tests):
            sys.exit(f"the tests fail on the unbroken gateway ({failed}): {log}")


def report(outcome, done, total):
    state = "found" if outcome.found else "NOT FOUND"
    print(f"[{done:>2} of {total}] {outcome.mutation.name:<42} {state:<9} {outcome.seconds:4.0f} s  {outcome.how}", flush=True)


def run_all(mutations) -> list[Outcome]:
    """The next mutant is built while the last one is judged."""
    outcomes, pending = [], []

    def finish(outcome):
        outcomes.append(outcome)
        report(outcome, len(outcomes), len(mutations))

    with ThreadPoolExecutor(1) as judges:
        for mutation in mutations:
            if error := apply(mutation):
                finish(Outcome(mutation, False, f"the patch does not apply: {error.splitlines()[0]}", 0))
                continue
            built = build(WORK / "build.log", mutation.program)
            binary = keep_binary(mutation.name, mutation.program) if built else None
            assert not apply(mutation, "-R"), "the copy could not be restored"
            if not built:
                last = (WORK / "build.log").read_text(errors="replace").splitlines()
                finish(Outcome(mutation, False, "does not build: " + next((x for x in last if "error" in x), last[-1]), 0))
                continue
            while pending:
                finish(pending.pop(0).result())
            pending.append(judges.submit(judge, mutation, binary))
        for future in pending:
            finish(future.result())
    return outcomes


def main() -> int:
    parser, options = parse_arguments()
    mutations = all_mutations()
    if options.list:
        for mutation in mutations:
            print(f"{mutation.name:<42} {mutation.what}")
        return 0
    if options.names:
        unknown = [name for name in options.names if not any(f"{m.name}/".startswith(f"{name}/") for m in mutations)]
        if unknown:
            parser.error(f"no such mutation: {', '.join(unknown)}")
        mutations = [m for m in mutations if any(f"{m.name}/".startswith(f"{name}/") for name in options.names)]
    began = time.monotonic()
    (WORK / "logs").mkdir(parents=True, exist_ok=True)
    copy_sources()
    if not options.no_baseline:
        check_baseline(mutations)
    outcomes = run_all(mutations)
    found = sum(outcome.found for outcome in outcomes)
    print(f"\n{found} of {len(mutations)} found, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 0 if found == len(mutations) else 1


if __name__ == "__main__":
    sys.exit(main())
