"""The conformance suite of Durable Streams: runs it, and reads what came of each test."""

import functools
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
README = HERE / "README.md"
# What is answered 501: `Fork - Creation` and so on, and what the suite itself leaves out unless asked.
FORKS, SUBSCRIPTIONS = "Fork - ", "Reserved subscription APIs"
SUITE_SECONDS_MAX = 300
TEST_MS_MAX = 30_000  # its own 5 s are too few on a machine that does other things, too


@functools.cache
def packages() -> Path:
    """Where the packages are, installed if need be."""
    installed = subprocess.run([REPOSITORY / "scripts/lib/durable_streams.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(installed.stdout.strip())


@dataclass(frozen=True)
class Outcome:
    name: str  # "Area > … > test"
    status: str  # passed, failed, skipped
    said: str

    @property
    def is_left_out(self):
        return self.name.startswith((FORKS, SUBSCRIPTIONS))


def run_suite(base_url, api_key, directory: Path) -> list[Outcome]:
    """All tests but those of forks, in `directory`, which may be left behind."""
    installed = packages()
    (directory / "conformance.test.mjs").write_text((HERE / "conformance.test.mjs").read_text())
    (directory / "package.json").write_text('{"type":"module"}')
    (directory / "node_modules").symlink_to(installed / "node_modules")
    report = directory / "report.json"
    command = [installed / "node", installed / "node_modules/vitest/vitest.mjs", "run", "--root", directory, "--reporter=json", f"--testTimeout={TEST_MS_MAX}",
               f"--outputFile={report}", "-t", f"^(?!.*{FORKS})"]
    ended = subprocess.run(command, env=os.environ | {"GATEWAY_URL": base_url, "GATEWAY_API_KEY": api_key},
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SUITE_SECONDS_MAX, check=False)
    assert report.exists(), ended.stdout
    results = json.loads(report.read_text())["testResults"]
    return [Outcome(" > ".join([*test["ancestorTitles"], test["title"]]), test["status"], "\n".join(test["failureMessages"]))
            for result in results for test in result["assertionResults"]]


def expected_failures() -> set[str]:
    """The names in the README's table."""
    return set(re.findall(r"^\| `([^`]+)` \|", README.read_text(), re.MULTILINE))
