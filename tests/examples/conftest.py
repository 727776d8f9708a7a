"""Starts the example agents."""

import os
import signal
import subprocess
import sys

import pytest

from support.gateway import REPOSITORY
from support.process import Process


@pytest.fixture
def start_agent(gateway):
    """Starts examples/NAME with flags, on the module's gateway or by way of `url`; at the end kills it with whatever
    it started."""
    running = []

    def start(name, *flags, url=None):
        interpreter = [sys.executable] if name.endswith(".py") else ["sh"]
        environment = os.environ | {"GATEWAY_URL": url or gateway.url, "GATEWAY_API_KEY": gateway.api_key}
        agent = Process([*interpreter, REPOSITORY / "examples" / name, *flags], env=environment,
                        stderr=subprocess.PIPE, text=True, start_new_session=True)
        running.append(agent)
        return agent

    yield start
    for agent in running:
        try:
            os.killpg(agent.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        agent.process.communicate(timeout=30)
