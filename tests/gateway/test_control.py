"""Subscribing, and the controls that never reach an agent."""

import pytest

from support.forms import TIMESTAMP

CHANNELS = ["guide", "pillar:content", "pillar:insights", "pillar:operations", "pillar:business_outcomes"]


@pytest.fixture
def client(gateway):
    return gateway.connect()


def receives(gateway, client, channel) -> bool:
    """Whether a publication to the channel reaches the client, and reaches it once."""
    gateway.api.publish(channel, {"probe": channel})
    received = gateway.received_by(client)
    assert received in ([], [{"probe": channel}]), received
    return bool(received)


def test_a_connection_begins_on_guide_alone(gateway, client):
    assert [channel for channel in CHANNELS if receives(gateway, client, channel)] == ["guide"]


@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe"])
def test_the_answer_has_exactly_these_fields(client, kind):
    answer = client.ask({"type": kind, "channel": "pillar:content"})
    assert TIMESTAMP.fullmatch(answer["timestamp"])
    assert answer == {"type": kind, "channel": "pillar:content", "status": "ok", "timestamp": answer["timestamp"]}


def test_subscribing_and_unsubscribing(gateway, client):
    client.ask({"type": "subscribe", "channel": "pillar:content"})
    assert receives(gateway, client, "pillar:content")
    client.ask({"type": "unsubscribe", "channel": "pillar:content"})
    assert not receives(gateway, client, "pillar:content")
    client.ask({"type": "unsubscribe", "channel": "guide"})
    assert not receives(gateway, client, "guide")


def test_a_subscription_twice_is_a_subscription_once(gateway, client):
    for _ in range(2):
        assert client.ask({"type": "subscribe", "channel": "pillar:content"})["status"] == "ok"
    assert receives(gateway, client, "pillar:content")
    client.ask({"type": "unsubscribe", "channel": "pillar:content"})
    assert not receives(gateway, client, "pillar:content")


def test_speaking_on_a_channel_subscribes_to_it(gateway, client):
    client.say("pillar:insights", id=1)
    assert receives(gateway, client, "pillar:insights")


def test_a_refused_message_subscribes_to_nothing(gateway, client):
    client.ask({"channel": "pillar:insights", "payload": 1})
    assert not receives(gateway, client, "pillar:insights")


def test_a_ping_is_answered(client):
    answer = client.ask({"type": "ping"})
    assert TIMESTAMP.fullmatch(answer["timestamp"])
    assert answer == {"type": "pong", "timestamp": answer["timestamp"]}


def test_a_heartbeat_is_answered(client):
    answer = client.ask({"type": "heartbeat", "action": "ping", "client_time": 1})
    assert TIMESTAMP.fullmatch(answer["timestamp"])
    assert answer == {"type": "heartbeat", "action": "pong", "timestamp": answer["timestamp"]}


def test_a_pong_is_taken_silently(client):
    client.send({"type": "pong"})
    client.send({"type": "pong", "timestamp": "whatever"})
    client.assert_silent()


def test_no_control_reaches_an_agent(gateway, client):
    agents = [gateway.subscribe(channel) for channel in CHANNELS]
    for control in (
        {"type": "ping", "channel": "guide", "payload": {}},
        {"type": "heartbeat", "channel": "guide", "payload": {}},
        {"type": "pong", "channel": "guide", "payload": {}},
        {"type": "subscribe", "channel": "guide", "payload": {}},
        {"type": "unsubscribe", "channel": "pillar:content", "payload": {}},
        {"type": "authenticate", "session_token": "unknown", "channel": "guide", "payload": {}},
    ):
        client.send(control)
    for channel, agent in zip(CHANNELS, agents, strict=True):
        client.say(channel, text="a message")
        assert agent.next_from(client).json()["message"]["payload"] == {"message": "a message"}
