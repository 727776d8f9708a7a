"""One of the three connections to Redis dies while the others live: each is watched by itself."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.cluster import is_ready, seconds_until
from support.redis_agent import RedisAgent
from support.tcp_proxy import not_sent, sent
from support.wait import eventually

SUBSCRIBER, COMMANDS = sent(b"SUBSCRIBE"), not_sent(b"SUBSCRIBE")
WHICH = pytest.mark.parametrize("which", [SUBSCRIBER, COMMANDS], ids=["subscriber", "commands"])


@pytest.fixture
def cluster(proxied):
    return proxied


def assert_works(gateway, client, agent):
    """Both ways: to the agent by the commands, back by the subscriber."""
    assert client.say(id=f"x{time.monotonic_ns()}")["status"] == "published"
    envelope = agent.next()
    answer = {"answer": envelope["message_id"]}
    assert agent.answer(envelope, answer) == 1
    while (received := client.receive()) != answer:
        assert "answer" in received, received
    assert is_ready(gateway)


def works(gateway, client, agent):
    """For waiting: what an attempt that failed has left behind is passed over."""
    if not is_ready(gateway) or client.say(id=f"x{time.monotonic_ns()}").get("status") != "published":
        return False
    envelope = agent.next(2)
    while agent.waiting():
        envelope = agent.next()
    return agent.answer(envelope, {"answer": "late"}) == 1


@pytest.fixture
def talking(gateway, redis, closing):
    agent = closing(RedisAgent(redis, "guide"))
    client = gateway.connect()
    assert_works(gateway, client, agent)
    return client, agent


def test_the_proxy_tells_the_two_connections_apart(gateway, proxy):
    assert proxy.connections(SUBSCRIBER) >= 1 and proxy.connections(COMMANDS) >= 1


@WHICH
def test_a_cut_is_mended_at_once(gateway, talking, proxy, record_property, which):
    assert proxy.cut(only=which) >= 1
    record_property("works again after, s (promised 1)", seconds_until(lambda: works(gateway, *talking), 20))
    talking[0].send({"type": "ping"})
    while talking[0].receive().get("type") != "pong":
        pass


@pytest.mark.parametrize(
    ("which", "direction"),
    [(SUBSCRIBER, "down"), (COMMANDS, "up"), (COMMANDS, "down")],
    ids=["subscriber", "commands up", "commands down"],
)
def test_a_stall_shows_in_readiness_and_passes(gateway, talking, proxy, record_property, which, direction):
    client, agent = talking
    proxy.set(direction, stalled=True, only=which)
    record_property("not ready after, s (promised 2)", seconds_until(lambda: not is_ready(gateway), 20))
    start = time.monotonic()
    answer = client.say(id="meanwhile")
    record_property("a sender is answered after, s (promised 0.25)", time.monotonic() - start)
    assert answer.get("status") in ("published", "queued") or answer["code"] == "overloaded", answer
    assert time.monotonic() - start < 5
    assert gateway.api.get("/health/live").status_code == 200
    proxy.clear()
    record_property("works again after, s (promised 1)", seconds_until(lambda: works(gateway, client, agent), 60))


def test_a_subscriber_that_hears_but_is_not_heard_is_noticed_when_it_asks(gateway, talking, proxy, record_property):
    """Until then it does all that it is there for."""
    client, _ = talking
    proxy.set("up", stalled=True, only=SUBSCRIBER)
    before = proxy.accepted
    with ThreadPoolExecutor(1) as pool:
        stream = pool.submit(gateway.subscribe, "pillar:content")  # needs a SUBSCRIBE
        record_property("connected anew after, s", seconds_until(lambda: proxy.accepted > before, 20))
        proxy.clear()
        answered = stream.result(30)
        assert answered.status in (200, 503)
    eventually(lambda: is_ready(gateway), 20)
    agent = answered if answered.status == 200 else gateway.subscribe("pillar:content")
    eventually(lambda: client.say("pillar:content", id=f"x{time.monotonic_ns()}").get("status") == "published", 60)
    assert agent.envelope()["connection_id"] == client.connection_id


@WHICH
def test_half_open_is_noticed_and_mended_without_help(gateway, talking, proxy, record_property, which):
    """The server's end is gone and nothing says so: only a deadline can tell."""
    before = proxy.accepted
    assert proxy.half_open(dead="target", only=which) >= 1
    record_property("connected anew after, s", seconds_until(lambda: proxy.accepted > before, 20))
    record_property("works again after, s", seconds_until(lambda: works(gateway, *talking), 20))


def test_a_deaf_subscriber_misses_nothing_it_could_have_had(gateway, talking, proxy, redis):
    """What is published to clients after readiness is back arrives."""
    client, _ = talking
    proxy.set("down", stalled=True, only=SUBSCRIBER)
    eventually(lambda: not is_ready(gateway), 20)
    proxy.clear()
    eventually(lambda: is_ready(gateway), 20)
    for n in range(20):
        with redis.client() as store:
            assert store.publish("websocket:fanout:guide", '{"source":"t","message":{"n":%d}}' % n) >= 1
    received = []
    while len(received) < 20:
        message = client.receive()
        if "n" in message:
            received.append(message["n"])
    assert received == list(range(20))


def test_refused_for_a_while(gateway, talking, proxy, record_property):
    client, agent = talking
    proxy.refuse()
    proxy.cut()
    eventually(lambda: not is_ready(gateway), 20)
    assert client.say(id="meanwhile").get("status") == "queued"
    proxy.accept()
    record_property("works again after, s (promised 1)", seconds_until(lambda: works(gateway, client, agent), 60))


def test_redis_does_not_keep_the_dead_ones_connections(gateway, talking, proxy, redis):
    """Ten times half-open, and no connection is left over at the gateway's end."""
    before = gateway.open_descriptors
    for _ in range(10):
        accepted = proxy.accepted
        proxy.half_open(dead="target")
        eventually(lambda accepted=accepted: proxy.accepted > accepted and is_ready(gateway), 20)
    eventually(lambda: gateway.open_descriptors <= before + 2, 20)
