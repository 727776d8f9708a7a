"""Gateways on two databases of one Redis are two gateways, although Pub/Sub knows no databases."""

import re

import pytest

from support.redis_agent import RedisAgent
from support.wait import eventually

INBOX = pytest.mark.parametrize("inbox", ["pubsub", "stream"])


def prefix(database):
    return f"websocket:@{database}:"


@pytest.fixture
def pair(cluster, redis):
    """One on database 1, one on database 2; both think they are the same instance."""
    flags = ("--instance-id", "gateway-1", "--max-connections-per-user", "0")
    return [cluster.start(*flags, url=redis.url_with(database=n)) for n in (1, 2)]


def test_what_is_published_in_one_is_not_heard_in_the_other(pair):
    clients = [gateway.connect() for gateway in pair]
    for n, gateway in enumerate(pair):
        gateway.api.publish("guide", {"from": n})
    for n, (gateway, client) in enumerate(zip(pair, clients, strict=True)):
        assert gateway.received_by(client) == [{"from": n}]


def test_the_answer_names_what_was_published_to(pair):
    assert [gateway.api.publish("guide", {})["channel"] for gateway in pair] == [prefix(1) + "guide", prefix(2) + "guide"]


@INBOX
def test_a_message_reaches_the_agents_of_its_own_database_alone(cluster, redis, closing, inbox):
    one, two = (cluster.start("--inbox", inbox, url=redis.url_with(database=n)) for n in (1, 2))
    client = one.connect()
    foreign = [two.subscribe("guide"), closing(RedisAgent(redis, "guide", prefix=prefix(2)))]
    # The stream holds it, whoever listens.
    assert client.say(id="m1")["status"] == ("queued" if inbox == "pubsub" else "published")
    agent = closing(RedisAgent(redis, "guide", prefix=prefix(1)))
    assert client.say(id="m2")["status"] in ("queued", "published")
    envelope = agent.next()
    assert envelope["connection_id"] == client.connection_id
    assert envelope["reply_to"] == f"{prefix(1)}gateway:{one.instance_id}"
    assert agent.answer(envelope, {"n": 1}) == 1
    assert client.receive() == {"n": 1}
    # What its own agents hear next is of this database.
    other = two.connect()
    other.say(id="own")
    assert foreign[0].envelope()["connection_id"] == other.connection_id
    assert foreign[1].next()["connection_id"] == other.connection_id


def test_a_session_that_ends_in_one_lives_on_in_the_other(pair):
    token = "chosen-by-the-caller-twice"
    clients = []
    for gateway in pair:
        gateway.api.create_session(user_id="ada", session_id=token)
        clients.append(gateway.connect(token))
    pair[0].api.delete(f"/api/traffic-cop/sessions/{token}")
    assert clients[0].closed()[0] == 4003
    assert pair[1].received_by(clients[1]) == []


def test_events_are_told_where_they_belong(pair, redis, closing):
    events = [closing(RedisAgent(redis, "events", prefix=prefix(n))) for n in (1, 2)]
    clients = [gateway.connect() for gateway in pair]
    for client in clients:
        client.close()
    for told, client in zip(events, clients, strict=True):
        heard = [told.next() for _ in range(2)]
        assert [event["event"] for event in heard] == ["connection_opened", "connection_closed"]
        assert {event["connection_id"] for event in heard} == {client.connection_id}


def test_a_group_hears_of_a_message_at_once(cluster, redis):
    gateway = cluster.start("--inbox", "stream", url=redis.url_with(database=3))
    agent = gateway.subscribe("guide", group="workers")
    client = gateway.connect()
    with redis.monitor() as monitor:
        assert client.say(id="m1")["status"] == "published"
        assert agent.envelope()["connection_id"] == client.connection_id
        published = {command.arguments[1].decode() for command in monitor.commands("PUBLISH")}
    notices = {name for name in published if ":inbox:guide" in name}
    assert notices and all(name.startswith(prefix(3)) for name in notices)


def test_every_name_that_is_listened_to_carries_the_number(pair, redis):
    def names():
        with redis.client() as client:
            return client.pubsub_channels()

    eventually(lambda: all(any(name.startswith(prefix(n)) for name in names()) for n in (1, 2)))
    assert [name for name in names() if not re.match(r"websocket:@[12]:", name)] == []
