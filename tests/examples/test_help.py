"""What the example agents need is said by them, not by a traceback."""

import os
import subprocess

import pytest

from support.gateway import REPOSITORY

AGENTS = sorted(path.name for path in (REPOSITORY / "examples").glob("*.py"))
# The machine's Python without any package of its own.
BARE_PYTHON = ("/usr/bin/python3", "-I", "-S", "-B")


def run(agent, *flags):
    environment = {name: value for name, value in os.environ.items() if name not in ("GATEWAY_API_KEY", "REDIS_URL")}
    return subprocess.run([*BARE_PYTHON, REPOSITORY / "examples" / agent, *flags], env=environment, capture_output=True,
                          text=True, timeout=30, check=False)  # fmt: skip


@pytest.mark.parametrize("agent", AGENTS)
def test_help_needs_nothing(agent):
    shown = run(agent, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"usage: {agent}" in shown.stdout


@pytest.mark.parametrize("agent", AGENTS)
def test_what_is_missing_is_named(agent):
    refused = run(agent)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert "pip install" in refused.stderr or "GATEWAY_API_KEY" in refused.stderr
