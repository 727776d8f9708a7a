"""What a client says reaches the agents of its channel, and nobody else."""

import pytest

from support.forms import TIMESTAMP, TRACEPARENT

CHANNELS = ["guide", "pillar:content", "pillar:insights", "pillar:operations", "pillar:business_outcomes"]


@pytest.fixture(scope="module")
def agents(gateway):
    """An agent on every channel, so that nothing waits in a queue."""
    return {channel: gateway.subscribe(channel) for channel in CHANNELS}


@pytest.fixture
def client(gateway, agents):
    return gateway.connect()


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_message_reaches_the_agent_of_its_channel(agents, client, channel):
    assert client.say(channel, id="m", text=f"to {channel}")["status"] == "published"
    envelope = agents[channel].next_from(client).json()
    assert envelope["channel"] == channel
    assert envelope["message"]["payload"] == {"message": f"to {channel}"}


def test_the_envelope_has_exactly_these_fields(gateway, agents):
    session = gateway.new_session(user_id="ada", context={"tenant_id": "acme"})
    client = gateway.connect(session)
    message = {
        "channel": "guide",
        "intent": "query",
        "payload": {"message": "hello", "conversation_id": "c1", "metadata": {"k": [1, None]}},
        "id": "m1",
    }
    client.ask(message)
    envelope = agents["guide"].next_from(client).json()
    assert TIMESTAMP.fullmatch(envelope["timestamp"])
    assert envelope["traceparent"] is None or TRACEPARENT.fullmatch(envelope["traceparent"])
    assert envelope == {
        "message_id": envelope["message_id"],
        "connection_id": client.connection_id,
        "channel": "guide",
        "message": message,
        "timestamp": envelope["timestamp"],
        "gateway_instance": gateway.instance_id,
        "session_ref": gateway.api.session(session)["session_ref"],
        "user_id": "ada",
        "tenant_id": "acme",
        "reply_to": f"websocket:gateway:{gateway.instance_id}",
        "traceparent": envelope["traceparent"],
    }
    assert session not in str(envelope)


def test_a_session_without_a_tenant_has_none(agents, client):
    client.say(text="hello")
    assert agents["guide"].next_from(client).json()["tenant_id"] is None


def test_a_trace_that_the_client_began_goes_on(agents, client):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client.say(text="hello", traceparent=trace)
    assert agents["guide"].next_from(client).json()["traceparent"].startswith(trace[:36])


def test_message_ids_are_unique_and_sort_by_time(agents, client):
    for n in range(200):
        client.say(text=str(n))
    events = [agents["guide"].next_from(client) for _ in range(200)]
    ids = [event.json()["message_id"] for event in events]
    assert [event.json()["message"]["payload"]["message"] for event in events] == [str(n) for n in range(200)]
    assert ids == sorted(set(ids))
    assert all(event.id for event in events)


def test_without_a_channel_it_is_guide(agents, client):
    client.send({"payload": {"message": "somewhere"}})
    assert agents["guide"].next_from(client).json()["channel"] == "guide"


@pytest.mark.parametrize(
    "older, channel",
    [
        ({"agent_type": "guide", "message": "hi"}, "guide"),
        ({"agent_type": "liaison", "pillar": "content", "message": "hi"}, "pillar:content"),
        ({"agent_type": "liaison", "pillar": "business_outcomes", "message": "hi"}, "pillar:business_outcomes"),
    ],
)
def test_the_older_form_is_still_read(agents, client, older, channel):
    client.send(older)
    envelope = agents[channel].next_from(client).json()
    assert envelope["channel"] == channel
    assert envelope["message"] == older


@pytest.mark.parametrize("intent", ["chat", "query", "command"])
def test_the_three_intents(client, intent):
    assert client.say(id="i", intent=intent)["type"] == "ack"


@pytest.mark.parametrize(
    "message, code, field",
    [
        ({}, "invalid_message", ""),
        ([], "invalid_message", ""),
        ([{"payload": {}}], "invalid_message", ""),
        ("7", "invalid_message", ""),
        ('"text"', "invalid_message", ""),
        ("null", "invalid_message", ""),
        ("true", "invalid_message", ""),
        ({"channel": "guide"}, "invalid_message", "payload"),
        ({"channel": "guide", "payload": "text"}, "invalid_message", "payload"),
        ({"channel": "guide", "payload": []}, "invalid_message", "payload"),
        ({"channel": "guide", "payload": None}, "invalid_message", "payload"),
        ({"channel": 7, "payload": {}}, "invalid_message", "channel"),
        ({"channel": None, "payload": {}}, "invalid_message", "channel"),
        ({"intent": "shout", "payload": {}}, "invalid_message", "intent"),
        ({"intent": 1, "payload": {}}, "invalid_message", "intent"),
        ({"type": "launch", "payload": {}}, "invalid_message", "type"),
        ({"type": 1, "payload": {}}, "invalid_message", "type"),
        ({"type": "subscribe"}, "invalid_message", "channel"),
        ({"type": "subscribe", "channel": []}, "invalid_message", "channel"),
        ({"type": "unsubscribe"}, "invalid_message", "channel"),
        ({"agent_type": "liaison", "message": "hi"}, "invalid_message", "pillar"),
        ({"agent_type": "wizard", "message": "hi"}, "invalid_message", "agent_type"),
        ({"channel": "nowhere", "payload": {}}, "unknown_channel", "channel"),
        ({"channel": "", "payload": {}}, "unknown_channel", "channel"),
        ({"channel": "GUIDE", "payload": {}}, "unknown_channel", "channel"),
        ({"channel": "websocket:guide", "payload": {}}, "unknown_channel", "channel"),
        ({"channel": "fanout:guide", "payload": {}}, "unknown_channel", "channel"),
        ({"channel": "guide\n", "payload": {}}, "unknown_channel", "channel"),
        ({"channel": "x" * 5000, "payload": {}}, "unknown_channel", "channel"),
        ({"agent_type": "liaison", "pillar": "magic", "message": "hi"}, "unknown_channel", ""),
        ({"type": "subscribe", "channel": "nowhere"}, "unknown_channel", "channel"),
        ({"type": "unsubscribe", "channel": "nowhere"}, "unknown_channel", "channel"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_wrong_is_said_and_the_connection_stays(client, message, code, field):
    answer = client.ask(message)
    assert (answer["type"], answer["code"]) == ("error", code)
    assert field in answer["message"]
    assert "id" not in answer
    assert TIMESTAMP.fullmatch(answer["timestamp"])
    assert client.say(id="after")["type"] == "ack"


def test_an_error_names_the_message_it_is_about(client):
    for bad in ({"channel": "nowhere", "payload": {}}, {"channel": "guide"}, {"intent": "shout", "payload": {}}):
        assert client.ask(bad | {"id": "m7"})["id"] == "m7"
        assert client.ask(bad | {"id": 7})["id"] == 7


def test_a_wrong_message_reaches_no_agent(agents, client):
    client.ask({"channel": "guide", "payload": "text"})
    client.ask('{"channel":"guide","payload":{}')
    client.say(text="a good one")
    assert agents["guide"].next_from(client).json()["message"]["payload"] == {"message": "a good one"}


def test_a_message_never_reaches_another_client(gateway, agents, client):
    others = [gateway.connect() for _ in range(3)]
    for n in range(20):
        client.say(text=f"private {n}", id=n)
        agents["guide"].next_from(client)
    for other in others:
        assert gateway.received_by(other) == []


def test_context_channels_narrow_what_a_session_may_use(gateway, agents):
    session = gateway.new_session(user_id="narrow", context={"channels": ["guide"]})
    client = gateway.connect(session)
    assert client.say("guide", id=1)["type"] == "ack"
    answer = client.say("pillar:content", id=2)
    assert (answer["code"], answer["id"]) == ("forbidden_channel", 2)
    assert client.ask({"type": "subscribe", "channel": "pillar:content"})["code"] == "forbidden_channel"
    gateway.api.publish("pillar:content", {"secret": True})
    assert gateway.received_by(client) == []


def test_the_configured_channels_are_the_only_ones(gateway_factory):
    gateway = gateway_factory("--channels", "guide,billing.v2:eu_west-1")
    agent = gateway.subscribe("billing.v2:eu_west-1")
    client = gateway.connect()
    assert client.say("billing.v2:eu_west-1", id=1)["status"] == "published"
    assert agent.envelope()["channel"] == "billing.v2:eu_west-1"
    assert client.say("pillar:content", id=2)["code"] == "unknown_channel"
