"""The parts of the test suite: what each runs, and how its result is counted."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from test_repeats import gtest_ids, pytest_ids, repeat

ROOT = Path(__file__).resolve().parents[2]
CORES = os.cpu_count() or 2
PART_SECONDS_MAX = 2700
STRESS_SECONDS = 60
SIMULATION_SEEDS = 500
# The only layers in which two threads meet; the others have nothing that the thread sanitizer could find.
THREADED_LAYERS = ("base", "net", "gateway")


@dataclass(frozen=True)
class Failure:
    suite: str
    name: str
    said: str

    def __str__(self):
        return f"{self.suite}.{self.name}: {self.said}"


@dataclass
class Result:
    name: str
    passed: int
    failed: int
    seconds: float = 0
    reason: str = ""
    log: str = ""
    exit_code: int = 0  # of the runner
    failures: list[Failure] = field(default_factory=list)
    flaky: list[Failure] = field(default_factory=list)  # passed when repeated

    def add(self, other: "Result"):
        self.passed += other.passed
        self.failed += other.failed
        self.failures += other.failures
        self.flaky += other.flaky
        if other.failed:
            self.log, self.reason = other.log, other.reason


@dataclass
class Context:
    root: Path
    logs: Path
    fuzz_seconds: int
    select: str
    repeats_left: int = 0
    _children: set = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, command: list, log: str, env: dict | None = None, append=False) -> int:
        """Runs to the end, output to the log; a command over its time is ended with all that it started."""
        with open(self.logs / f"{log}.log", "ab" if append else "wb") as output:
            output.write(f"$ {' '.join(map(str, command))}\n".encode())
            output.flush()
            child = subprocess.Popen(list(map(str, command)), cwd=self.root, env=os.environ | (env or {}),
                                     stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                     start_new_session=True)
            with self._lock:
                self._children.add(child)
            try:
                return child.wait(PART_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                _end_group(child)
                output.write(f"\nended after {PART_SECONDS_MAX} s\n".encode())
                return 124
            except BaseException:  # this script is told to end
                _end_group(child)
                raise
            finally:
                with self._lock:
                    self._children.discard(child)

    def end_children(self):
        with self._lock:
            for child in self._children:
                _end_group(child)


def _end_group(child: subprocess.Popen):
    """SIGTERM first: ninja runs each compiler in a group of its own, and ends them when it is asked to."""
    for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, number)
            child.wait(patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass


@dataclass(frozen=True)
class Part:
    name: str
    title: str
    preset: str | None
    run: Callable[[Context], Result]


# Counting. A skipped test proves nothing, so it counts as failed.

def count_junit(path: Path, exit_code: int, result: Result):
    """Adds a JUnit file to the result; a runner that ended badly fails even if no test says so."""
    failed_before, result.exit_code = result.failed, exit_code
    cases = list(ElementTree.parse(path).iter("testcase")) if path.exists() else []
    for case in cases:
        bad = [case.find(tag) for tag in ("failure", "error", "skipped") if case.find(tag) is not None]
        if bad or case.get("status") == "notrun":
            result.failed += 1
            said = (bad[0].get("message") or bad[0].text or "") if bad else "did not run"
            result.failures.append(Failure(case.get("classname"), case.get("name"), said.strip()))
        else:
            result.passed += 1
    if exit_code != 0 and result.failed == failed_before:
        result.failed += 1
        result.reason = f"ended with {exit_code}"
    elif not cases:
        result.failed += 1
        result.reason = "ran no test"
    elif result.failed:
        result.reason = f"{result.failed} failed"


# Sanitizers. GCC 12's place their shadow where a kernel with much address randomisation may map libraries.

def _fixed_addresses() -> list[str]:
    probe = subprocess.run(["setarch", "-R", "true"], capture_output=True)
    return ["setarch", "-R"] if probe.returncode == 0 else []


# The suites mostly wait. A module and its gateway stay together.
PARALLEL = ("-n", "4", "--dist", "loadfile")
# Of so many tests whoever is done takes from the others: the longest file took half of the time.
PARALLEL_MANY = ("-n", "8", "--dist", "worksteal")
# Each of these tests starts what it needs, and waits for leases and deadlines most of its time.
PARALLEL_EACH = ("-n", "8", "--dist", "load", "--maxschedchunk", "1")

SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"second_deadlock_stack=1:suppressions={ROOT}/tests/tsan_suppressions.txt",
}


def _runner_for(preset: str) -> tuple[list[str], dict]:
    return (_fixed_addresses(), SANITIZER_ENV) if preset in ("dev", "tsan") else ([], {})


# What a suite finds where a tool is by, and who prints that.
TOOL_SCRIPTS = {
    "CONSUL": ("go_tools.sh", "consul"),
    "HELM": ("go_tools.sh", "helm"),
    "OTEL_COLLECTOR": ("go_tools.sh", "otel-collector"),
    "TRAEFIK": ("go_tools.sh", "traefik"),
    "PROMETHEUS": ("debian_tools.sh", "prometheus"),
    "PROXIES": ("debian_tools.sh", "proxies"),
    "REDIS_SERVER": ("debian_tools.sh", "valkey"),
}


def _tool(context: Context, variable: str) -> str:
    script, name = TOOL_SCRIPTS[variable]
    found = subprocess.run([context.root / "scripts/lib" / script, name], stdout=subprocess.PIPE, text=True)
    if found.returncode != 0:
        raise RuntimeError(f"no {name}: see build/setup-logs/{name}.log")
    return found.stdout.strip()


# The parts.

def run_tidy(context: Context) -> Result:
    result = Result("tidy", 0, 0, log="tidy")
    python, junit = "/usr/bin/python3", context.logs / "tidy.xml"
    for self_test in ("tidy_test.py", "vocabularies_test.py", "repeats_test.py"):
        code = context.run([python, "-B", f"tests/tidy/{self_test}"], "tidy", append=True)
        result.passed, result.failed = (result.passed + 1, result.failed) if code == 0 else (result.passed, result.failed + 1)
    code = context.run([python, "-B", "tests/tidy/tidy.py", "--junit", junit], "tidy", append=True)
    count_junit(junit, code, result)
    return result


# The engines' tests wait for real servers, most of five minutes, and each process starts its own.
UNIT_SHARDS = {"engine": 6}


def run_unit(preset: str, layers: tuple[str, ...] = ()) -> Callable[[Context], Result]:
    def run(context: Context) -> Result:
        name = f"unit-{preset}"
        prefix, env = _runner_for(preset)
        listing = subprocess.run(["ctest", "--test-dir", f"build/{preset}", "--show-only=json-v1"],
                                 cwd=context.root, capture_output=True, text=True, check=True).stdout
        tests = [test for test in json.loads(listing)["tests"] if not layers or test["name"] in layers]

        def run_one(test, suffix="", flags=(), more_env=None):
            one = Result(name, 0, 0, log=f"{name}-{test['name']}{suffix}")
            junit = context.logs / f"{one.log}.xml"
            code = context.run([*prefix, *test["command"], f"--gtest_output=xml:{junit}", *flags], one.log, env | (more_env or {}))
            count_junit(junit, code, one)
            return one

        def run_shard(shard):
            test, index, total = shard
            if total == 1:
                return run_one(test)
            return run_one(test, f"-{index}", more_env={"GTEST_TOTAL_SHARDS": str(total), "GTEST_SHARD_INDEX": str(index)})

        shards = [(test, index, total) for test in tests
                  for total in [UNIT_SHARDS.get(test["name"], 1)] for index in range(total)]
        # Those of the longest first.
        shards.sort(key=lambda shard: -shard[2])
        result = Result(name, 0, 0, log=name)
        # The engines' shards use a tenth of a core: one more at a time than there are cores.
        with ThreadPoolExecutor(CORES + 1) as pool:
            layers_run = list(zip(shards, pool.map(run_shard, shards)))
        for (test, _, _), one in layers_run:
            repeat(context, one, gtest_ids(one.failures), lambda ids: run_one(test, "-again", [f"--gtest_filter={':'.join(ids)}"]))
            result.add(one)
        if not tests:
            result.failed, result.reason = 1, "ran no test"
        return result
    return run


def run_pytest(name: str, paths: list[str], preset: str, *flags: str,
               tools: tuple[str, ...] = ()) -> Callable[[Context], Result]:
    def run(context: Context) -> Result:
        prefix, env = _runner_for(preset)
        env = env | {variable: _tool(context, variable) for variable in tools}
        select = ["-k", context.select] if context.select else []

        def run_some(suffix, *which):
            some = Result(name, 0, 0, log=f"{name}{suffix}")
            junit = context.logs / f"{some.log}.xml"
            code = context.run(
                [*prefix, "tests/.venv/bin/python", "-B", "-m", "pytest", "-c", "tests/pytest.ini", "-p", "no:cacheprovider",
                 f"--junitxml={junit}", "--durations=15", *which],
                some.log, env | {"GATEWAY_BINARY": f"build/{preset}/websocket-gateway"})
            count_junit(junit, code, some)
            return some

        result = run_some("", *flags, *select, *paths)
        repeat(context, result, pytest_ids(context.root, result.failures), lambda ids: run_some("-again", *ids))
        return result
    return run


def run_stress(preset: str) -> Callable[[Context], Result]:
    """Every engine at the same time: they share the machine, as they would share a bad day."""
    def run(context: Context) -> Result:
        name = f"stress-{preset}"
        junit = context.logs / f"{name}.xml"
        code = context.run(["tests/.venv/bin/python", "-B", "tests/stress/main.py", "--build", preset,
                            f"--seconds={STRESS_SECONDS}", f"--junit={junit}"], name, SANITIZER_ENV)
        result = Result(name, 0, 0, log=name)
        count_junit(junit, code, result)
        return result
    return run


def run_mission(context: Context) -> Result:
    """As a user runs them: the script starts a gateway and a Redis, and the suites are pointed at these."""
    junit = context.logs / "mission.xml"
    select = ["-k", context.select] if context.select else []
    code = context.run(["tests/.venv/bin/python", "-B", "scripts/lib/mission.py", "--", f"--junitxml={junit}", "--durations=15",
                        *select, "integration/smart_city"],
                       "mission", {"GATEWAY_BINARY": "build/release/websocket-gateway"})
    result = Result("mission", 0, 0, log="mission")
    count_junit(junit, code, result)
    return result


def run_simulation(context: Context) -> Result:
    """Many gateways and a model of Redis on one virtual clock; each seed counts as a test."""
    code = context.run(["build/release/tests/sim/simulation", "--seeds", SIMULATION_SEEDS, "--jobs", CORES], "sim")
    log = (context.logs / "sim.log").read_text(errors="replace")
    ended = re.search(r"^\d+ seeds, (\d+) failed", log, re.MULTILINE)
    failed = int(ended[1]) if ended else SIMULATION_SEEDS
    result = Result("sim", SIMULATION_SEEDS - failed, failed, log="sim")
    if not ended or (code != 0) != (failed > 0):
        result.passed, result.failed, result.reason = 0, 1, f"ended with {code}"
    elif failed:
        result.reason = f"{failed} seeds failed"
    elif context.run(["/usr/bin/python3", "-B", "tests/sim/scale/page.py", "build/release/tests/sim/scale", "check"], "scale") != 0:
        result.failed, result.log, result.reason = 1, "scale", "docs/operations/scale.md is not what its model says"
    return result


def run_fuzz(context: Context) -> Result:
    """Each target on a copy of its kept corpus: what it finds stays in the build directory."""
    build = context.root / "build/fuzz/tests/fuzz"
    targets = sorted(path for path in build.glob("fuzz_*") if path.is_file() and os.access(path, os.X_OK))

    def run_one(target: Path):
        name = target.name.removeprefix("fuzz_")
        log = f"fuzz-{name}"
        found = build / "corpus" / name
        found.mkdir(parents=True, exist_ok=True)
        kept = context.root / "tests/fuzz/corpus" / name
        code = context.run(
            [target, found, *([kept] if kept.is_dir() else []), f"-max_total_time={context.fuzz_seconds}", "-timeout=10",
             "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={context.logs}/{log}-"],
            log, {"ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-14"})
        return log, code

    result = Result("fuzz", 0, 0, log="fuzz")
    with ThreadPoolExecutor(CORES) as pool:
        for log, code in pool.map(run_one, targets):
            if code == 0:
                result.passed += 1
                continue
            result.failed, result.log = result.failed + 1, log
            reproducers = sorted(path.name for path in context.logs.glob(f"{log}-*") if path.suffix != ".log")
            result.reason = f"{log}: {', '.join(f'build/test-logs/{r}' for r in reproducers) or f'ended with {code}'}"
    if not targets:
        result.failed, result.reason = 1, "no target was built"
    return result


def run_bench(context: Context) -> Result:
    """That every message arrives, and how many Redis commands it costs; the machine is too busy for figures of time to mean anything."""
    smoke = ["bench/run", "--smoke", "--no-pin", "--gateway", "build/release/websocket-gateway", "--load", "build/release/gateway-load"]
    runs = {"memory engine": smoke, "Redis": [*smoke, "--redis"], "durable runs": [*smoke, "--runs"],
            "clients": ["bench/clients", "--smoke"]}
    codes = {name: context.run(command, "bench", append=True) for name, command in runs.items()}
    bad = [f"{name}: ended with {code}" for name, code in codes.items() if code != 0]
    return Result("bench", len(codes) - len(bad), len(bad), reason="; ".join(bad), log="bench")


PARTS = (
    Part("tidy", "layering and style, every header alone", None, run_tidy),
    Part("unit", "unit tests, release", "release", run_unit("release")),
    Part("sim", "500 seeds: gateways, agents, clients and a model of Redis on a virtual clock", "release", run_simulation),
    Part("blackbox", "the gateway over real sockets, release", "release",
         run_pytest("blackbox", ["tests/gateway"], "release", *PARALLEL_MANY)),
    Part("redis", "many instances over a real Redis, and every fault", "release",
         run_pytest("redis", ["tests/redis_engine"], "release", *PARALLEL_EACH)),
    Part("valkey", "the same over Valkey 8, but for what waits long", "release",
         run_pytest("valkey", ["tests/redis_engine"], "release", *PARALLEL_EACH, "-m", "not slow", tools=("REDIS_SERVER",))),
    Part("front", "two gateways behind nginx, HAProxy and Traefik, with the configurations from deploy/", "release",
         run_pytest("front", ["tests/front"], "release", *PARALLEL, tools=("PROXIES", "TRAEFIK", "CONSUL"))),
    Part("deploy", "Helm chart, Debian package, compose file, collector's and systemd's files, as far as no container engine is needed", "release",
         run_pytest("deploy", ["tests/deploy"], "release", *PARALLEL, tools=("OTEL_COLLECTOR", "HELM"))),
    Part("dashboard", "the dashboard's queries and the alerts, at a real Prometheus that watches a gateway", "release",
         run_pytest("dashboard", ["tests/dashboard"], "release", tools=("PROMETHEUS", "CONSUL", "OTEL_COLLECTOR"))),
    Part("consul", "registration and discovery with a real Consul, and every fault of it", "release",
         run_pytest("consul", ["tests/consul"], "release", *PARALLEL_EACH, tools=("CONSUL",))),
    Part("examples", "the example agents, the chat page in Chromium, the programs of the guides, and scripts/run", "release",
         run_pytest("examples", ["tests/examples"], "release", *PARALLEL)),
    Part("clients", "the client packages, each on its own and in one table of scenarios", "release",
         run_pytest("clients", ["tests/clients"], "release", *PARALLEL)),
    Part("streams", "Durable Streams: the protocol's conformance suite and client, on either engine", "release",
         run_pytest("streams", ["tests/streams"], "release", *PARALLEL_EACH)),
    Part("adapters", "the clients of AI SDK, AG-UI and CopilotKit as they are published, behind a proxy that cuts", "release",
         run_pytest("adapters", ["tests/adapters"], "release", *PARALLEL)),
    Part("identity", "JSON Web Tokens of an OpenID provider and of jose, as they are published", "release",
         run_pytest("identity", ["tests/identity"], "release", *PARALLEL)),
    Part("mcp", "POST /mcp, with the official clients of both revisions", "release",
         run_pytest("mcp", ["tests/mcp"], "release", *PARALLEL_MANY)),
    Part("documents", "/openapi.json and /asyncapi.json held by schemathesis and the official parser", "release",
         run_pytest("documents", ["tests/documents"], "release")),
    Part("browser", "the console in Chromium, release", "release", run_pytest("browser", ["tests/browser"], "release", *PARALLEL)),
    Part("torture", "runs on both engines while everything breaks, and the checker of that", "release",
         run_pytest("torture", ["tests/torture"], "release", "-n", "2", "--dist", "load", "--maxschedchunk", "1")),
    Part("mission", "the suites on real infrastructure, and their check", "release", run_mission),
    Part("telemetry", "spans and metrics at a real collector", "release",
         run_pytest("telemetry", ["tests/telemetry"], "release", *PARALLEL_MANY)),
    Part("bench", "the load generator, once through", "release", run_bench),
    Part("unit-dev", "unit tests with address and undefined sanitizers", "dev", run_unit("dev")),
    Part("blackbox-dev", "the gateway with address and undefined sanitizers", "dev",
         run_pytest("blackbox-dev", ["tests/gateway"], "dev", *PARALLEL_MANY, "-m", "not last_words")),
    Part("redis-dev", "the gateway on Redis with address and undefined sanitizers, but for what waits long", "dev",
         run_pytest("redis-dev", ["tests/redis_engine"], "dev", *PARALLEL_EACH, "-m", "not slow")),
    Part("mcp-dev", "POST /mcp with address and undefined sanitizers, but for what waits long", "dev",
         run_pytest("mcp-dev", ["tests/mcp"], "dev", *PARALLEL_MANY, "-m", "not slow")),
    Part("stress-dev", "peers, calls and outages at random on every engine, with address and undefined sanitizers", "dev",
         run_stress("dev")),
    Part("unit-tsan", "unit tests of what has threads, with the thread sanitizer", "tsan", run_unit("tsan", THREADED_LAYERS)),
    Part("blackbox-tsan", "the gateway with the thread sanitizer, but for what waits long", "tsan",
         run_pytest("blackbox-tsan", ["tests/gateway"], "tsan", *PARALLEL_MANY, "-m", "not slow and not last_words")),
    Part("stress-tsan", "the same with the thread sanitizer", "tsan", run_stress("tsan")),
    Part("fuzz", "fuzz targets on their kept corpora", "fuzz", run_fuzz),
    Part("unit-clang", "unit tests built with clang", "clang", run_unit("clang")),
)

GROUPS = {
    "sanitizers": ("unit-dev", "blackbox-dev", "redis-dev", "mcp-dev", "stress-dev", "unit-tsan", "blackbox-tsan", "stress-tsan"),
    "quick": ("tidy", "unit", "blackbox"),
}


def chosen_parts(names: list[str]) -> list[Part]:
    """In the order of PARTS; KeyError for a name that is neither a part nor a group."""
    known = {part.name for part in PARTS}
    wanted = set()
    for name in names or known:
        if name not in known and name not in GROUPS:
            raise KeyError(name)
        wanted.update(GROUPS.get(name, (name,)))
    return [part for part in PARTS if part.name in wanted]
