"""A long run of test_troubles.py: many lives beside each other, and what was counted in them.

scripts/clients starts this with the Python of tests/.venv.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

TESTS = Path(__file__).resolve().parents[1]
TROUBLES_OF_A_LIFE = 250


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/clients",
        description="Lets a client and an agent of each package ask and answer while lines end at random bytes, requests come twice, and the\n"
        "gateway, the client and the agent are killed and started again. Each answer is compared with what was said, byte by byte.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit code 1: a text was not exact, or something did not come back.",
    )
    parser.add_argument("--troubles", type=int, default=10_000, metavar="N", help="drops and restarts of each package (default: 10000)")
    parser.add_argument("--client", choices=("js", "js_by_events", "python"), help="one package alone, or one as where WebSockets are blocked (default: all, one after the other)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the first life; the next ones count on (default: 1)")
    parser.add_argument("--jobs", type=int, default=8, metavar="J", help="so many lives at a time, which mostly wait (default: 8)")
    return parser.parse_args()


def run(kind, given) -> bool:
    """Whether all of a package's lives were without fault; tells of them."""
    lives = max(1, math.ceil(given.troubles / TROUBLES_OF_A_LIFE))
    troubles = math.ceil(given.troubles / lives)
    settings = {"CLIENT_LIVES": str(lives), "CLIENT_TROUBLES": str(troubles), "CLIENT_SEED": str(given.seed)}
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = [sys.executable, "-B", "-m", "pytest", "-c", TESTS / "pytest.ini", "-p", "no:cacheprovider", "-q", "--timeout", "7200", "--junitxml", report.name,
                   "-n", str(min(given.jobs, lives)), "--dist", "worksteal", "-k", f"{kind}-", TESTS / "clients/test_troubles.py"]  # fmt: skip
        began = time.monotonic()
        code = subprocess.run(command, env=os.environ | settings).returncode
        seconds = time.monotonic() - began
        counts = counted(report.name)
    print(f"{kind}: {'exact' if code == 0 else 'FAILED'}, {lives} lives in {seconds:.0f} s: "
          + ", ".join(f"{count} {name}" for name, count in counts.items()), flush=True)  # fmt: skip
    return code == 0


def counted(report) -> Counter:
    counts = Counter()
    for told in ElementTree.parse(report).iter("property"):
        counts[told.get("name")] += int(told.get("value"))
    return counts


def main() -> int:
    given = parse_arguments()
    kinds = [given.client] if given.client else ["js", "js_by_events", "python"]
    return 0 if all([run(kind, given) for kind in kinds]) else 1


if __name__ == "__main__":
    sys.exit(main())
