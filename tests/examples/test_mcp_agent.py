"""The example that is an MCP client and nothing else, run by the Python that has the official client."""

import contextlib
import os
import signal
import subprocess

import pytest

from support.gateway import REPOSITORY
from support.mcp_client import installed
from support.process import Process

DEADLINE = 30
KEY = "a-key-that-survives-the-restart"


@pytest.fixture
def gateway(gateway_factory):
    return gateway_factory(env={"GATEWAY_API_KEY": KEY})


@pytest.fixture
def start_agent(gateway):
    agents = []

    def start(*flags, key=KEY):
        python = installed() / "python-2/bin/python"
        environment = os.environ | {"GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": key}
        agents.append(Process([python, "-B", REPOSITORY / "examples/mcp_agent.py", *flags], env=environment,
                              stderr=subprocess.PIPE, text=True))
        return agents[-1]

    yield start
    for agent in agents:
        agent.kill()
        agent.process.communicate(timeout=DEADLINE)


def test_answers_who_asked_and_ends_when_told(gateway, start_agent):
    asking, other = gateway.connect(), gateway.connect()
    asking.say("guide", text="before it came")
    agent = start_agent()
    reply = asking.receive(DEADLINE)
    assert (reply["type"], reply["agent_type"]) == ("agent_response", "guide")
    assert "“before it came”" in reply["message"]
    for n in range(3):
        asking.say("guide", text=f"question {n}")
        assert f"“question {n}”" in asking.receive(DEADLINE)["message"]
    assert gateway.received_by(other) == []
    agent.terminate()
    assert agent.wait_exit() == 0


def test_ends_when_told_in_the_background_of_a_shell(gateway, start_agent):
    """There, a program begins with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        agent = start_agent()
    finally:
        signal.signal(signal.SIGINT, before)
    client = gateway.connect()
    client.say("guide")
    client.receive(DEADLINE)
    agent.terminate()
    assert agent.wait_exit() == 0


# On a busy machine the client library does so one time in six.
CANCELLATION_BECOMES_AN_ERROR = """
import asyncio, sys
import mcp_agent

async def serve(client, channel, cursor):
    try:
        print("serving", file=sys.stderr, flush=True)
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise OSError from None

mcp_agent.serve = serve
sys.exit(mcp_agent.main())
"""


def test_ends_when_told_whatever_the_client_makes_of_it(gateway):
    environment = os.environ | {"GATEWAY_URL": gateway.url, "GATEWAY_API_KEY": KEY, "PYTHONPATH": str(REPOSITORY / "examples")}
    command = [installed() / "python-2/bin/python", "-B", "-c", CANCELLATION_BECOMES_AN_ERROR]
    with contextlib.closing(Process(command, env=environment, stderr=subprocess.PIPE, text=True)) as agent:
        assert any("serving" in line for line in agent.process.stderr)
        agent.terminate()
        assert agent.wait_exit() == 0


def test_a_publication_is_not_answered(gateway, start_agent):
    client = gateway.connect()
    start_agent("--channel", "pillar:content")
    client.say("pillar:content", text="there?")
    assert "“there?”" in client.receive(DEADLINE)["message"]
    gateway.api.publish("pillar:content", {"note": "to all"})
    client.say("pillar:content", text="still there?")
    assert client.receive(DEADLINE) == {"note": "to all"}
    assert "“still there?”" in client.receive(DEADLINE)["message"]


def test_comes_back_after_the_gateway_was_gone(gateway, gateway_factory, start_agent):
    agent = start_agent()
    client = gateway.connect()
    client.say("guide")
    client.receive(DEADLINE)
    gateway.stop()
    again = gateway_factory("--listen", f"127.0.0.1:{gateway.port}", env={"GATEWAY_API_KEY": KEY})
    client = again.connect()
    client.say("guide", text="again")
    assert "“again”" in client.receive(DEADLINE)["message"]
    agent.kill()
    assert "messages may have been missed: unknown_cursor" in agent.process.communicate(timeout=DEADLINE)[1]


def test_a_key_that_is_refused_ends_it(start_agent):
    agent = start_agent(key="wrong")
    assert agent.wait_exit() == 1
    assert "the API key is not known" in agent.process.stderr.read()
