"""Random agents, clients, callers and Redis outages, many at once, against gateways built with sanitizers.

scripts/stress starts this with the Python of tests/.venv.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT / "tests")

from stress.run import ENGINES, Stress, fix_addresses, told  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/stress",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Agents, clients, API calls and Redis outages at random, many at once. Fails when a gateway ends or a sanitizer\n"
        "reports, and when afterwards it does not answer, holds on to what has left, or does not drain with exit 0.",
        epilog="scripts/stress --seconds 600                           every engine side by side, build/dev\n"
        "scripts/stress --build tsan --engine stream --seed 7    the peers' lives of that seed; their timing is the machine's",
    )
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="how long (default: 60)")
    parser.add_argument("--seed", type=int, metavar="N", help="draws every peer's life (default: a new one, which is printed)")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="repeatable: memory, redis (Pub/Sub) or stream (default: all)")
    parser.add_argument("--build", default="dev", metavar="PRESET", help="whose build/PRESET/websocket-gateway: dev, tsan, release (default: dev)")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="the result of each engine for a machine")
    return parser.parse_args()


async def stress_all(engines, seed, seconds):
    return await asyncio.gather(*(Stress(engine, seed, seconds).run() for engine in engines))


def write_junit(file, outcomes):
    suite = ElementTree.Element("testsuite", name="stress")
    for outcome in outcomes:
        case = ElementTree.SubElement(suite, "testcase", name=outcome.engine, time=f"{outcome.seconds:.1f}")
        if outcome.failure:
            ElementTree.SubElement(case, "failure").text = "".join(c for c in outcome.failure if c.isprintable() or c in "\n\t")
    ElementTree.ElementTree(suite).write(file)


def main() -> int:
    options = parse_arguments()
    os.environ["GATEWAY_BINARY"] = f"build/{options.build}/websocket-gateway"
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    fix_addresses()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcomes = asyncio.run(stress_all(options.engine or list(ENGINES), seed, options.seconds))
    for outcome in outcomes:
        print(told(outcome), flush=True)
    if options.junit:
        write_junit(options.junit, outcomes)
    failed = [outcome.engine for outcome in outcomes if outcome.failure]
    if failed:
        print(f"again: scripts/stress --build {options.build} --seed {seed} --engine {' --engine '.join(failed)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
