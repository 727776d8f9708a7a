"""An agent with nothing but a Redis client: it listens, answers and publishes by names alone."""

import json
import time

import pytest

from support.forms import TIMESTAMP
from support.redis_agent import RedisAgent
from support.wait import eventually

ENVELOPE = {
    "message_id", "connection_id", "channel", "message", "timestamp", "gateway_instance", "session_ref", "user_id",
    "tenant_id", "reply_to", "traceparent",
}  # fmt: skip


@pytest.fixture
def without_inbox(cluster):
    return cluster.start("--inbox", "pubsub")


@pytest.fixture
def agent(redis, gateway, closing):
    return closing(RedisAgent(redis, "guide"))


@pytest.fixture
def publish(redis):
    with redis.client() as client:
        yield lambda name, message: client.publish(
            f"websocket:{name}", message if isinstance(message, str | bytes) else json.dumps(message)
        )


def test_it_receives_the_envelope_of_the_contract(gateway, agent, redis):
    client = gateway.connect(gateway.new_session(user_id="ada", context={"tenant_id": "acme"}))
    assert client.say(id="m1", text="hello")["status"] == "published"
    envelope = agent.next()
    assert ENVELOPE - {"traceparent"} <= set(envelope) <= ENVELOPE
    assert envelope["connection_id"] == client.connection_id
    assert envelope["channel"] == "guide"
    assert envelope["message"] == {"channel": "guide", "payload": {"message": "hello"}, "id": "m1"}
    assert TIMESTAMP.fullmatch(envelope["timestamp"])
    assert envelope["gateway_instance"] == gateway.instance_id
    assert envelope["reply_to"] == f"websocket:gateway:{gateway.instance_id}"
    assert (envelope["user_id"], envelope["tenant_id"]) == ("ada", "acme")
    with redis.client() as store:
        assert store.hget(f"websocket:connection:{client.connection_id}", "session_ref") == envelope["session_ref"]


def test_the_clients_message_passes_byte_for_byte(gateway, agent):
    client = gateway.connect()
    odd = '{ "payload" : {"n":1.50e+3,"é":"\\u00e9\\/", "z":[ ] ,"a":{"a":1,"a":2}},"channel":"guide" }'
    client.send(odd)
    assert odd in agent.next_text()


def test_its_answer_reaches_that_client_alone_byte_for_byte(gateway, agent):
    client, other = gateway.connect(), gateway.connect()
    client.say()
    envelope = agent.next()
    raw = '{"connection_id":"%s", "message": {"b":1.0,"a":"\\u00e9", "c":[ 1 ,2]} }' % envelope["connection_id"]
    assert agent.reply(envelope, raw) == 1
    assert client.receive_text() == '{"b":1.0,"a":"\\u00e9", "c":[ 1 ,2]}'
    other.assert_silent()


def test_a_thousand_messages_come_in_order_and_so_do_their_answers(gateway, redis, closing):
    closing(RedisAgent(redis, "guide", on_envelope=lambda agent, envelope: agent.answer(envelope, envelope["message"])))
    client = gateway.connect()
    for n in range(1000):
        client.send({"payload": {"n": n}})
    assert [client.receive()["payload"]["n"] for _ in range(1000)] == list(range(1000))


def test_it_listens_on_the_channel_it_named_only(without_inbox, redis, closing):
    agent = closing(RedisAgent(redis, "pillar:content"))
    client = without_inbox.connect()
    assert client.say("guide", id=1)["status"] == "queued"
    assert client.say("pillar:content", id=2)["status"] == "published"
    assert agent.next()["message"]["id"] == 2


def test_every_agent_of_a_channel_receives_all(gateway, agent, redis, closing):
    another = closing(RedisAgent(redis, "guide", "pillar:content"))
    gateway.connect().say(text="both")
    assert agent.next() == another.next()


def test_what_waited_for_an_agent_comes_in_order_within_a_second(without_inbox, redis, closing, record_property):
    client = without_inbox.connect()
    for n in range(200):
        assert client.say(id=n)["status"] == "queued"
    start = time.monotonic()
    agent = closing(RedisAgent(redis, "guide"))
    first = agent.next()
    record_property("the first that waited comes after, s (promised 1)", time.monotonic() - start)
    assert [first["message"]["id"], *(agent.next()["message"]["id"] for _ in range(199))] == list(range(200))
    eventually(lambda: client.say(id=f"x{time.monotonic_ns()}")["status"] == "published")


def test_when_it_leaves_messages_wait_again(without_inbox, redis):
    agent = RedisAgent(redis, "guide")
    client = without_inbox.connect()
    assert client.say(id=1)["status"] == "published"
    agent.close()
    eventually(lambda: client.say(id=f"x{time.monotonic_ns()}")["status"] == "queued")


class TestFanout:
    def test_it_reaches_who_is_subscribed(self, gateway, publish):
        first, second, elsewhere = (gateway.connect() for _ in range(3))
        elsewhere.ask({"type": "unsubscribe", "channel": "guide"})
        assert publish("fanout:guide", {"source": "tests", "message": {"news": 1}}) == 1
        assert first.receive() == second.receive() == {"news": 1}
        elsewhere.assert_silent()

    def test_byte_for_byte(self, gateway, publish):
        client = gateway.connect()
        publish("fanout:guide", '{"source":"tests","message": {"n":1.0, "s":"\\u00e9"}}')
        assert client.receive_text() == '{"n":1.0, "s":"\\u00e9"}'

    def test_of_a_tenant_only_when_it_names_one(self, gateway, publish):
        acme = gateway.connect(gateway.new_session(context={"tenant_id": "acme"}))
        other = gateway.connect(gateway.new_session(user_id="eve", context={"tenant_id": "other"}))
        publish("fanout:guide", {"source": "tests", "message": {"for": "acme"}, "tenant_id": "acme"})
        publish("fanout:guide", {"source": "tests", "message": {"for": "all"}})
        assert [acme.receive(), acme.receive()] == [{"for": "acme"}, {"for": "all"}]
        assert other.receive() == {"for": "all"}

    def test_agents_see_what_the_post_office_publishes(self, gateway, agent):
        client = gateway.connect()
        gateway.api.publish("guide", {"news": 2}, realm="journal")
        assert client.receive() == {"news": 2}
        seen = agent.next()
        assert (seen["channel"], seen["source"], seen["message"]) == ("guide", "journal", {"news": 2})
        assert TIMESTAMP.fullmatch(seen["timestamp"]) and seen["message_id"]

    def test_the_post_office_reaches_who_listens_to_the_fanout(self, gateway, redis, closing):
        listener = closing(RedisAgent(redis, "fanout:guide"))
        gateway.api.publish("guide", {"news": 3}, realm="journal")
        heard = listener.next()
        assert (heard["source"], heard["message"]) == ("journal", {"news": 3})


NONSENSE = [
    "", "{", "[]", "null", "7", '"x"', "{}", b"\xff\xfe", b"\x00", '{"message":', '{"connection_id":7,"message":{}}',
    '{"connection_id":"ws_nobody","message":{}}', '{"connection_id":"%s"}', '{"source":7}', '{"message":{},"tenant_id":7}',
    "x" * 100_000, "[" * 20_000, '{"connection_id":"%s","message":"\\ud800"}',
]  # fmt: skip


def test_nonsense_on_its_names_harms_nobody(gateway, agent, publish):
    client = gateway.connect()
    names = [f"gateway:{gateway.instance_id}", "fanout:guide", "guide", "events"]
    for text in NONSENSE:
        for name in names:
            publish(name, text)
    publish("fanout:guide", {"source": "tests", "message": {"after": "all"}})
    while client.receive() != {"after": "all"}:
        pass
    client.assert_silent()
    assert client.say(id=1)["status"] == "published"


def test_one_message_is_one_command_on_the_wire(gateway, agent, redis):
    client = gateway.connect()
    client.say(id="warm")
    with redis.monitor() as monitor:
        for n in range(50):
            assert client.say(id=n)["status"] == "published"
        told = [command for command in monitor.commands() if command.client != "lua"]
    ours = [command for command in told if any(b'"payload"' in argument for argument in command.arguments)]
    assert len(ours) == 50, [command.name for command in ours]
    # Beside them: the lease, the probe and the record's changes, by time and not by message.
    assert len(told) < 50 + 40, [command.name for command in told]
