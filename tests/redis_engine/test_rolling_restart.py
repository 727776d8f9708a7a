"""One instance after another is replaced while clients talk: they come back, and miss nothing."""

import time

import pytest

from support.checker import Checker
from support.client import Client
from support.cluster import registered, traces
from support.crowd import quiet_agent
from support.redis_agent import RedisAgent
from support.talker import Talker
from support.wait import eventually


class Balancer:
    """Sends clients to any of the instances that are ready, like the proxy before them would.

    They are no gateway's own, which would close them before it is stopped.
    """

    def __init__(self, *gateways):
        self.gateways = list(gateways)
        self._turn = 0

    def connect(self, session, client_id):
        self._turn += 1
        gateway = self.gateways[self._turn % len(self.gateways)]
        return Client.open(gateway.ws_url, session, query=f"&client_id={client_id}")


def test_no_acknowledged_message_is_lost(cluster, redis, closing, record_property):
    flags = ("--max-connections-per-user", "0", "--drain-timeout", "2")
    old = [cluster.start(*flags) for _ in range(2)]
    balancer = Balancer(*old)
    checker = Checker()
    closing(quiet_agent(redis, checker, "guide"))

    def connect_as(name):
        session = old[0].new_session(user_id=name)
        return lambda: balancer.connect(session, name)

    talkers = [Talker(checker, connect_as(f"t{n}"), f"t{n}").start() for n in range(12)]
    for gateway in old:
        seen = checker.taken()
        eventually(lambda seen=seen: checker.taken() > seen + 300, 30)
        balancer.gateways.append(cluster.start(*flags))
        balancer.gateways.remove(gateway)
        assert gateway.stop() == 0
    seen = checker.taken()
    eventually(lambda: checker.taken() > seen + 300, 30)
    for talker in talkers:
        talker.stop()
    eventually(lambda: not checker.missing_ids(), 60)
    closes = [code for talker in talkers for code in talker.closes]
    report = checker.report()
    record_property("messages", report.taken)
    record_property("slowest answer, s", report.slowest_answer)
    assert len(closes) >= 12 and set(closes) == {1012}
    report.assert_clean(allowed=["redelivered"])
    for gateway in balancer.gateways:
        assert gateway.stop() == 0
    assert registered(redis) == {"sets": {}, "records": {}}
    for gateway in [*old, *balancer.gateways]:
        assert traces(redis, gateway.instance_id) == []


@pytest.mark.parametrize("inbox", ["pubsub", "stream"])
def test_what_waits_for_an_agent_outlives_the_instance(cluster, redis, closing, record_property, inbox):
    leaving, staying = (cluster.start("--inbox", inbox, "--drain-timeout", "1") for _ in range(2))
    clients = [leaving.connect() for _ in range(2)]
    for n in range(60):
        assert clients[n % 2].say(id=n)["status"] == ("queued" if inbox == "pubsub" else "published")
    assert leaving.stop() == 0
    start = time.monotonic()
    agent = closing(RedisAgent(redis, "guide")) if inbox == "pubsub" else staying.subscribe("guide", "agents")
    if inbox == "pubsub":
        assert [agent.next()["message"]["id"] for _ in range(60)] == list(range(60))
        record_property("delivered after, s (promised 1)", time.monotonic() - start)
        assert agent.waiting() == 0
    else:
        assert [event.json()["message"]["id"] for event in agent.take(60)] == list(range(60))


def test_what_waits_outlives_all_instances(cluster, redis, closing):
    first = cluster.start("--inbox", "pubsub")
    client = first.connect()
    for n in range(20):
        assert client.say(id=n)["status"] == "queued"
    assert first.stop() == 0
    second = cluster.start("--inbox", "pubsub")
    agent = closing(RedisAgent(redis, "guide"))
    assert [agent.next()["message"]["id"] for _ in range(20)] == list(range(20))
    assert second.connect().say(id="next")["status"] == "published"


def test_a_drain_without_redis_ends_all_the_same(cluster, redis):
    gateway = cluster.start("--drain-timeout", "1")
    gateway.connect()
    redis.stop_process()
    start = time.monotonic()
    assert gateway.stop(20) == 0
    assert time.monotonic() - start < 15
    redis.continue_process()


def test_sessions_outlive_the_instances(cluster):
    first = cluster.start()
    session = first.new_session(user_id="ada", context={"tenant_id": "acme"})
    first.stop()
    second = cluster.start()
    assert second.api.session(session)["user_id"] == "ada"
    second.connect(session)
