"""A Prometheus of a test's own, with the configuration that deploy/prometheus gives away.

    with Prometheus(["127.0.0.1:9000"]) as prometheus:
        prometheus.values("gateway_ready == 1")

`replacements` lists what a test changes in the configuration: the targets and the intervals. The rules run as they are
deployed. The programs are unpacked by scripts/lib/debian_tools.sh; scripts/test hands on where ($PROMETHEUS).
"""

import functools
import math
import os
import subprocess
from pathlib import Path

import httpx

from support.gateway import REPOSITORY
from support.reverse_proxy import adapted
from support.server_process import ServerProcess, free_ports, says_ok

RULES = REPOSITORY / "deploy/prometheus/alerts.yml"


@functools.cache
def programs() -> Path:
    """Where prometheus and promtool are."""
    found = os.environ.get("PROMETHEUS")
    if not found:
        script = subprocess.run([REPOSITORY / "scripts/lib/debian_tools.sh", "prometheus"], capture_output=True, text=True)
        assert script.returncode == 0, f"no Prometheus: {script.stderr.strip()}"
        found = script.stdout.strip()
    return Path(found)


def promtool(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([programs() / "promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60)


class Prometheus(ServerProcess):
    """Scrapes the targets each second; what it has is in its directory and ends with it."""

    def __init__(self, targets):
        super().__init__()
        self.targets = targets
        self.port = None

    def replacements(self) -> dict:
        return {
            '["gateway-1:9000", "gateway-2:9000"]': str(list(self.targets)),
            "scrape_interval: 15s": "scrape_interval: 1s",
            "evaluation_interval: 15s": "evaluation_interval: 1s",
            "scrape_timeout: 5s": "scrape_timeout: 1s",
        }

    def command(self):
        if self.port is None:
            [self.port] = free_ports(1)
        config = self.directory / "prometheus.yml"
        config.write_text(adapted("deploy/prometheus/prometheus.yml", self.replacements()))
        (self.directory / RULES.name).write_text(RULES.read_text())
        return [
            programs() / "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.directory}/data",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
        ]  # fmt: skip

    def answers(self):
        return says_ok(f"http://127.0.0.1:{self.port}/-/ready")

    # Its HTTP API. What it refuses is a failure with its words.

    def query(self, expression) -> list:
        """The series now."""
        return self._get("query", query=expression)["result"]

    def query_range(self, expression, start, end, step=1) -> list:
        """The series over a time, a value each step; times are seconds since 1970."""
        return self._get("query_range", query=expression, start=start, end=end, step=step)["result"]

    def values(self, expression) -> list:
        """The numbers that it gives now."""
        return numbers(self.query(expression))

    def label_values(self, metric, label) -> list:
        return self._get(f"label/{label}/values", **{"match[]": metric})

    def rules(self) -> list:
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def targets_up(self) -> list:
        return [target for target in self._get("targets")["activeTargets"] if target["health"] == "up"]

    def _get(self, path, **parameters):
        response = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/{path}", params=parameters, timeout=30, trust_env=False)
        body = response.json()
        assert body["status"] == "success", f"{parameters}: {body.get('error')}"
        return body["data"]


def numbers(series) -> list:
    """All values of an answer that are numbers, of every series and time."""
    samples = [sample for item in series for sample in item.get("values", [item.get("value")])]
    return [number for _, text in samples if not math.isnan(number := float(text))]
