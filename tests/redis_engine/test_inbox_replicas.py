"""--inbox-replicas: a message counts as published when so many replicas have it."""

import json

import pytest

from support.crowd import stopped
from support.redis_server import RedisServer
from support.wait import eventually


@pytest.fixture
def replica(redis):
    with RedisServer() as server, server.client() as client:
        client.replicaof("127.0.0.1", redis.port)
        eventually(lambda: client.info("replication")["master_link_status"] == "up", 30)
        yield server


def in_stream(server) -> list:
    with server.client() as client:
        return [json.loads(fields["envelope"])["message"]["id"] for _, fields in client.xrange("websocket:inbox:guide")]


def start(cluster, replicas):
    return cluster.start("--inbox", "stream", "--inbox-replicas", replicas, "--circuit-open-time", "500ms")


def test_what_is_published_is_on_the_replica(cluster, replica):
    gateway = start(cluster, 1)
    agent = gateway.subscribe("guide", group="workers")
    client = gateway.connect()
    for n in range(50):
        client.send({"channel": "guide", "payload": {}, "id": n})
    for n in range(50):
        ack = client.receive()
        assert (ack["id"], ack["status"]) == (n, "published")
        assert n in in_stream(replica)
    assert [agent.envelope()["message"]["id"] for _ in range(50)] == list(range(50))


def test_without_the_replica_it_is_queued_and_comes_to_it_later(cluster, redis, replica):
    gateway = start(cluster, 1)
    client = gateway.connect()
    assert client.say(id="before")["status"] == "published"
    with stopped(replica):
        assert client.say(id="meanwhile")["status"] == "queued"
    eventually(lambda: client.say(id="after") and in_stream(replica)[-1] == "after", 30)
    assert "meanwhile" in in_stream(replica)
    assert client.say(id="last")["status"] == "published"


def test_one_replica_is_not_two(cluster, replica):
    client = start(cluster, 2).connect()
    assert client.say(id="m1")["status"] == "queued"


def test_nobody_waits_by_default(cluster, replica):
    client = cluster.start("--inbox", "stream").connect()
    with stopped(replica):
        assert client.say(id="m1")["status"] in ("published", "queued")
        assert client.say("pillar:content", id="m2")["status"] in ("published", "queued")
