"""What the examples need is said by them, not by a traceback: a package, a key, an address, a gateway, the right key."""

import contextlib
import os
import re
import subprocess
import sys

import pytest

from support.chat import agent_command
from support.gateway import REPOSITORY
from support.process import Process
from support.server_process import free_port
from support.tools import built
from support.wait import eventually

EXAMPLES = REPOSITORY / "examples"
PROGRAMS = sorted(str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.py") if "node_modules" not in path.parts)
# The machine's Python without any package of its own.
BARE_PYTHON = ("/usr/bin/python3", "-I", "-S", "-B")
KEY, WRONG_KEY = "0123456789abcdef", "fedcba9876543210"


def environment(**added):
    return {name: value for name, value in os.environ.items() if name not in ("GATEWAY_API_KEY", "GATEWAY_URL", "REDIS_URL")} | added


def run(command, **env):
    return subprocess.run(list(map(str, command)), env=environment(**env), capture_output=True, text=True, timeout=30, check=False)


def bare(program, *flags):
    return run([*BARE_PYTHON, EXAMPLES / program, *flags])


def commands() -> dict:
    """Each with what it needs to run, but for the gateway."""
    return {
        "agent.py": [sys.executable, EXAMPLES / "agent.py"],
        "agent.sh": ["sh", EXAMPLES / "agent.sh"],
        "mcp_agent.py": [f"{built('mcp_clients')}/python-2/bin/python", EXAMPLES / "mcp_agent.py"],
        "webhook_agent.py": [sys.executable, EXAMPLES / "webhook_agent.py", "--port", free_port()],
        "chat/agent.py": agent_command("python"),
        "chat/agent.ts": agent_command("typescript"),
        "chat/serve.py": [sys.executable, EXAMPLES / "chat/serve.py", "--directory", built("chat_page"), "--port", free_port()],
    }


OVER_HTTP = ("agent.py", "agent.sh", "mcp_agent.py", "webhook_agent.py", "chat/agent.py", "chat/agent.ts", "chat/serve.py")


def says(place, command, expected, **env):
    """On its standard error; it may end then or go on trying, but never with a traceback."""
    said = place / "said"
    with said.open("w") as output, contextlib.closing(Process(command, env=environment(**env), stderr=output, stdout=output)):
        eventually(lambda: re.search(expected, said.read_text()), message=f"it says {expected}: {command}")
    assert "Traceback" not in said.read_text() and "    at " not in said.read_text(), said.read_text()


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_needs_nothing(program):
    shown = bare(program, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"usage: {program.rpartition('/')[2]}" in shown.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_missing_is_named(program):
    refused = bare(program)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert "pip install" in refused.stderr or "GATEWAY_API_KEY" in refused.stderr


@pytest.mark.parametrize("program", OVER_HTTP)
def test_without_a_key_it_says_where_that_comes_from(program):
    refused = run(commands()[program])
    assert refused.returncode == 2 and "GATEWAY_API_KEY" in refused.stderr, refused


@pytest.mark.parametrize("program", [program for program in OVER_HTTP if program != "agent.sh"])  # curl says what it is
def test_what_is_no_address_is_shown(program):
    refused = run(commands()[program], GATEWAY_API_KEY=KEY, GATEWAY_URL="ftp:nowhere")
    assert refused.returncode != 0 and "nowhere" in refused.stderr and "Traceback" not in refused.stderr, refused


def test_what_is_no_address_of_a_redis_is_shown():
    refused = run([sys.executable, EXAMPLES / "redis_agent.py", "--url", "ftp:nowhere"])
    assert refused.returncode == 2 and "redis://" in refused.stderr, refused


@pytest.mark.parametrize("program", OVER_HTTP)
def test_where_no_gateway_is_it_says_so(program, tmp_path):
    port = free_port()
    expected = f"port {port}" if program == "agent.sh" else f"127.0.0.1:{port}"
    says(tmp_path, commands()[program], expected, GATEWAY_API_KEY=KEY, GATEWAY_URL=f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("program", OVER_HTTP)
def test_a_wrong_key_is_refused(gateway, program, tmp_path):
    says(tmp_path, commands()[program], "401|the API key is not known", GATEWAY_API_KEY=WRONG_KEY, GATEWAY_URL=gateway.url)


def test_the_site_says_that_its_page_is_not_built(tmp_path):
    refused = run([sys.executable, EXAMPLES / "chat/serve.py", "--directory", tmp_path], GATEWAY_API_KEY=KEY)
    assert refused.returncode == 2 and "npm run build" in refused.stderr


def test_the_site_says_that_the_gateway_does_not_let_its_page_in(gateway):
    refused = run(commands()["chat/serve.py"], GATEWAY_API_KEY=gateway.api_key, GATEWAY_URL=gateway.url)
    assert refused.returncode == 2 and "--allowed-origin http://127.0.0.1:" in refused.stderr
