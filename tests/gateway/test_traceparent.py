"""What a client's trace context becomes on its way to agents: written anew from what was read, never copied."""

import pytest

from support.traces import PARENT, PARENT_ID, TRACE_ID, ids

LATER_VERSION = "cc" + PARENT[2:]
VERSION_ZERO = [PARENT, PARENT[:-2] + "ff", PARENT[:-2] + "03"]
# What may come behind a later version; in a header as Latin-1.
TAILS = ["", "-", "-what-comes-later", "-\xff\xfe", "-\xc3\x28", "-\xed\xa0\x80", "-\x80" * 40, "-" + "x" * 15_000]
INVALID = ["", "x", PARENT[:-1], PARENT + "-", PARENT + "\xff", "ff" + PARENT[2:], LATER_VERSION + "\xff", "\xff" * 55]


@pytest.fixture
def agent(gateway):
    return gateway.subscribe("guide")


def told(gateway, agent, headers=(), **fields):
    """The envelope's traceparent of a message on a connection of its own; an agent that can't read it fails."""
    peer = gateway.raw_connect(headers=headers)
    welcome = peer.welcome()
    peer.send_message({"payload": {}, **fields})
    while (envelope := agent.next().json())["connection_id"] != welcome["connection_id"]:
        pass
    return ids(envelope["traceparent"])


@pytest.mark.parametrize("value", VERSION_ZERO + [LATER_VERSION + tail for tail in TAILS], ids=lambda v: repr(v[52:72]))
class TestValid:
    def test_of_the_handshake(self, gateway, agent, value):
        assert told(gateway, agent, [("traceparent", value)]) == (TRACE_ID, PARENT_ID, True)

    def test_of_the_message(self, gateway, agent, value):
        assert told(gateway, agent, traceparent=value) == (TRACE_ID, PARENT_ID, True)


@pytest.mark.parametrize("value", INVALID, ids=lambda v: repr(v[:8] + v[-8:]))
class TestInvalidIsNone:
    def test_of_the_handshake(self, gateway, agent, value):
        trace_id, _, sampled = told(gateway, agent, [("traceparent", value)])
        assert trace_id != TRACE_ID and not sampled

    def test_of_the_message(self, gateway, agent, value):
        trace_id, _, sampled = told(gateway, agent, traceparent=value)
        assert trace_id != TRACE_ID and not sampled


@pytest.mark.parametrize(
    "name", ["User-Agent", "X-Request-Id", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "tracestate", "Cookie", "X-\xff"]
)
def test_nothing_else_of_a_header_reaches_an_agent(gateway, agent, name):
    peer = gateway.peer()
    response = peer.upgrade(f"/ws?session_token={gateway.new_session()}", [(name, "\xff\xfe\xc3(")])
    if response.status != 101:
        assert response.status == 400
        return
    peer.welcome()
    peer.send_message({"payload": {}, "id": 1})
    assert agent.next().json()["message"]["id"] == 1
