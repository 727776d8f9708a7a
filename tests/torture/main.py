"""The promises of durable runs, tried from outside: clients and agents at random, and everything between them breaks.

scripts/torture starts this with the Python of tests/.venv.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT / "tests")

from torture.faults import KINDS  # noqa: E402
from torture.report import for_machine, lines  # noqa: E402
from torture.torture import Options, Torture  # noqa: E402

EPILOG = """examples:
  scripts/torture --minutes 5                                     two instances on a Redis, every fault
  scripts/torture --engine memory --seconds 60 --faults cut,slow  one instance that nothing happens to, over a bad network
  scripts/torture --seed 7 --journal journal.jsonl                the lives and faults of that seed; their timing is the machine's

An invariant that nothing came near is told as "not exercised". On the memory engine the end of an instance is the end of its
runs. Exit code 1: an invariant is violated, or a gateway ended by itself or did not drain with 0."""


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        prog="scripts/torture",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Asks for runs, writes, follows, cancels and loses them, many at once, while processes die and stop, lines break and\n"
        "Redis comes back without its tail. Then holds what clients and agents wrote down against what is promised of runs.",
        epilog=EPILOG,
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, metavar="N", help="how long")
    length.add_argument("--seconds", type=float, metavar="N", help="the same in seconds (default: 60)")
    parser.add_argument("--seed", type=int, metavar="S", help="draws lives and faults (default: a new one, which is printed)")
    parser.add_argument("--engine", choices=("memory", "redis"), default="redis", help="(default: redis)")
    parser.add_argument("--instances", type=int, default=2, metavar="N", help="gateways on the Redis (default: 2; memory: 1)")
    parser.add_argument("--faults", default=",".join(KINDS), metavar="LIST", help=f"of {','.join(KINDS)}, or none (default: all)")
    parser.add_argument("--sentinel", action="store_true", help="Redis under Sentinel: its faults are failovers")
    parser.add_argument("--pace", type=float, default=1.0, metavar="X", help="stretches the calm between faults (default: 1)")
    parser.add_argument("--margin", type=float, default=2.0, metavar="S", help="seconds that each deadline is longer, for slow machines (default: 2)")
    parser.add_argument("--binary", type=Path, metavar="PATH", help="the gateway (default: $GATEWAY_BINARY, build/release/websocket-gateway)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the report for a machine")
    parser.add_argument("--journal", type=Path, metavar="FILE", help="all that clients and agents wrote down, a line an entry")
    options = parser.parse_args(arguments)
    options.faults = tuple(filter(None, options.faults.split(","))) if options.faults != "none" else ()
    if unknown := set(options.faults) - set(KINDS):
        parser.error(f"what is {', '.join(sorted(unknown))}? (of {','.join(KINDS)})")
    return options


def main() -> int:
    given = parse_arguments()
    if given.binary:
        os.environ["GATEWAY_BINARY"] = str(given.binary.resolve())
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1 << 32)
    seconds = given.minutes * 60 if given.minutes else given.seconds or 60.0
    print(f"seed {seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = Options(seconds, seed, given.engine, given.instances, given.faults, given.margin, given.pace, given.sentinel, journal=given.journal)
    result = asyncio.run(Torture(options, say=lambda words: print(words, flush=True)).run())
    for line in lines(result):
        print(line, flush=True)
    if given.json:
        given.json.write_text(json.dumps(for_machine(result), indent=1) + "\n")
    if not result.ok:
        print(f"again: scripts/torture --engine {given.engine} --seed {seed} --seconds {seconds:g} --faults {','.join(given.faults) or 'none'}", flush=True)
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
