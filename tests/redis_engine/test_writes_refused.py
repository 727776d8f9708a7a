"""Redis is there and takes no writes: readiness says so, and once it does again nothing waits for a time to pass."""

import contextlib

import pytest

from support.cluster import is_ready, seconds_until
from support.wait import eventually

FAULTS = {"out of memory": ("maxmemory", 1, 0), "without replicas": ("min-replicas-to-write", 1, 0)}


@contextlib.contextmanager
def refused(redis, setting, refusing, taking):
    with redis.client() as client:
        client.config_set(setting, refusing)
        try:
            yield
        finally:
            client.config_set(setting, taking)


def circuit(gateway):
    report = gateway.api.backpressure()
    return report.get("channels", report)["guide"]["circuit_state"]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_readiness_and_the_circuit_follow_a_probe_that_writes(cluster, redis, record_property, fault):
    gateway = cluster.start("--inbox", "stream", "--circuit-open-time", "10m")
    client = gateway.connect()
    with refused(redis, *fault):
        for n in range(20):
            assert client.say(id=n)["status"] == "queued"
        eventually(lambda: circuit(gateway) == "open", 20)
        eventually(lambda: not is_ready(gateway), 20)
        assert gateway.api.get("/health/live").status_code == 200
    # No time runs out that soon: the probe closes it.
    record_property("closed after, s", seconds_until(lambda: circuit(gateway) == "closed", 30))
    eventually(lambda: is_ready(gateway), 20)
    agent = gateway.subscribe("guide", group="workers")
    assert [agent.envelope()["message"]["id"] for _ in range(20)] == list(range(20))
    assert client.say(id="after")["status"] == "published"


def test_it_closes_without_a_message_to_try_it_with(cluster, redis):
    gateway = cluster.start("--inbox", "stream", "--circuit-open-time", "10m", "--queue-age", "5s")
    client = gateway.connect()
    with refused(redis, *FAULTS["out of memory"]):
        assert client.say(id="m1")["status"] == "queued"
        eventually(lambda: circuit(gateway) == "open", 20)
        eventually(lambda: gateway.api.backpressure()["channels"]["guide"]["queue_size"] == 0, 20)
    eventually(lambda: circuit(gateway) == "closed", 30)


def test_the_circuit_of_a_channel_that_fails_alone_stays_open(cluster, redis):
    """A probe says nothing about one channel's key."""
    gateway = cluster.start("--inbox", "stream", "--circuit-open-time", "10m")
    client = gateway.connect()
    with redis.client() as store:
        store.delete("websocket:inbox:guide")
        store.set("websocket:inbox:guide", "no stream")
    for n in range(20):
        assert client.say(id=n)["status"] == "queued"
    eventually(lambda: circuit(gateway) == "open", 20)
    assert is_ready(gateway)
    with redis.monitor() as monitor:
        eventually(lambda: len([c for c in monitor.commands("PUBLISH") if b"probe" in c.arguments[-1]]) >= 3, 20)
    assert circuit(gateway) == "open"
    assert client.say("pillar:content", id="other")["status"] == "published"
