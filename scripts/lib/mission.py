"""Runs the suites on real infrastructure as a user would: against a gateway and a Redis that were started for them.

scripts/mission starts this with the Python of tests/.venv.
"""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build/mission-logs"
sys.path.insert(0, str(ROOT / "tests"))

from support.cluster import KEY, Cluster  # noqa: E402
from support.process import Process  # noqa: E402
from support.redis_server import RedisServer  # noqa: E402

SUITES = [f"integration/smart_city/test_websocket_gateway_{name}.py" for name in ("integration", "e2e")]
BUSY = "while True: pass"


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/mission",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Starts a Redis and a gateway ($GATEWAY_BINARY, else build/release/websocket-gateway) on free ports, and runs\n"
        "the suites of tests/integration/smart_city against them. See tests/README_WEBSOCKET_TESTS.md.",
        epilog="scripts/mission -- -m integration -x       what follows -- is for pytest\n"
        "scripts/mission --times 10 --busy          ten runs with a busy loop on each processor",
    )
    parser.add_argument("--times", type=int, default=1, metavar="N", help="runs, one after another (default: 1)")
    parser.add_argument("--busy", action="store_true", help="with a busy loop on each processor all the while")
    parser.add_argument("pytest", nargs="*", metavar="-- ARGS", help="for pytest (default: the two suites)")
    return parser.parse_args()


def pytest_command(arguments):
    given = any(argument.startswith("integration/") for argument in arguments)
    return [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", *arguments, *([] if given else SUITES)]


@contextlib.contextmanager
def busy_processors():
    loops = []
    try:
        for core in sorted(os.sched_getaffinity(0)):
            loops.append(Process([sys.executable, "-c", BUSY], preexec_fn=lambda c=core: os.sched_setaffinity(0, {c})))
        yield
    finally:
        for loop in loops:
            loop.kill()


def run_many(command, env, times) -> int:
    """Each run's output goes to a log; a line tells how it went."""
    LOGS.mkdir(parents=True, exist_ok=True)
    green = 0
    for number in range(1, times + 1):
        log, began = LOGS / f"run-{number}.log", time.monotonic()
        with open(log, "wb") as output:
            code = subprocess.run(command, cwd=ROOT / "tests", env=env, stdout=output, stderr=subprocess.STDOUT).returncode
        green += code == 0
        last = re.sub(r"^=+ | =+$", "", (log.read_text(errors="replace").strip().splitlines() or ["no output"])[-1])
        state = "green" if code == 0 else f"RED, see {log.relative_to(ROOT)}"
        print(f"run {number} of {times}: {state} ({last}; {time.monotonic() - began:.0f} s)", flush=True)
    print(f"{green} of {times} green", flush=True)
    return 0 if green == times else 1


def main() -> int:
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    command = pytest_command(options.pytest)
    with RedisServer() as redis, Cluster(redis) as cluster, contextlib.ExitStack() as stack:
        gateway = cluster.start()
        given = {"TEST_BACKEND_URL": gateway.url, "TEST_REDIS_URL": redis.url, "TEST_API_KEY": KEY}
        if options.busy:
            stack.enter_context(busy_processors())
        if options.times > 1:
            return run_many(command, os.environ | given, options.times)
        return subprocess.run(command, cwd=ROOT / "tests", env=os.environ | given).returncode


if __name__ == "__main__":
    sys.exit(main())
