"""Gateways on three Redis are one gateway, and one Redis that is away takes only what is its own."""

import hashlib

import pytest

from support.cluster import Cluster, is_ready
from support.crowd import stopped
from support.redis_cluster import RedisCluster
from support.redis_server import RedisServer
from support.wait import eventually

CHANNELS = "guide", "pillar:content", "pillar:insights", "pillar:operations", "pillar:business_outcomes"


def partition_of(name: str, count: int) -> int:
    """As docs/PROTOCOL.md has it."""
    state = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    place, following = 0, 0.0
    while following < count:
        place = int(following)
        state = (state * 2862933555777941757 + 1) % 2**64
        following = (place + 1) * (2**31 / ((state >> 33) + 1))
    return place


def of_server(server: int, names) -> str:
    return next(name for name in names if partition_of(name, 3) == server)


def user_of(server: int) -> str:
    return of_server(server, (f"user-{n}" for n in range(100)))


@pytest.fixture
def servers():
    started = []
    try:
        for _ in range(3):
            server = RedisServer()
            server.start()
            started.append(server)
        yield started
    finally:
        for server in started:
            server.stop()


@pytest.fixture
def pair(servers):
    with Cluster(servers[0], " ".join(server.url for server in servers)) as cluster:
        yield cluster.start(), cluster.start()


@pytest.fixture
def on_cluster():
    with RedisCluster() as redis, Cluster(redis) as cluster:
        yield redis, (cluster.start(), cluster.start())


def detail(gateway) -> dict:
    return gateway.api.get("/health/websocket-gateway/detailed").json()["dependencies"]["engine"]


def test_they_are_one_gateway(pair):
    assert_one_gateway(*pair)
    assert detail(pair[0])["partitions"] == 3 and detail(pair[0])["partitions_away"] == []


def test_so_they_are_on_a_cluster(on_cluster):
    redis, pair = on_cluster
    assert_one_gateway(*pair)
    assert detail(pair[0])["partitions"] == 16 and detail(pair[0])["partitions_away"] == []
    # Of 16 partitions a third is on the master of the slot of guide's; the rest goes on while it is away.
    master = redis.master_of("websocket:{62}:guide")
    with stopped(master):
        eventually(lambda: all(len(detail(gateway)["partitions_away"]) in (5, 6) for gateway in pair), 20)
        assert all(map(is_ready, pair))
    eventually(lambda: all(detail(gateway)["partitions_away"] == [] for gateway in pair), 60)
    assert_one_gateway(*pair)


def assert_one_gateway(here, there):
    for server in range(3):
        user = user_of(server)
        session = here.new_session(user_id=user)
        client = there.connect(session)
        for to in {"connection_id": client.connection_id}, {"session_id": session}, {"user_id": user}:
            here.api.send({"to": server}, **to)
            assert client.receive() == {"to": server}
        client.close()
        eventually(lambda c=client: here.api.connection_record(c.connection_id).status_code == 404, 10)
    anonymous = there.connect()
    here.api.send({"n": 1}, connection_id=anonymous.connection_id)
    assert anonymous.receive() == {"n": 1}
    anonymous.close()


def test_an_agent_with_a_redis_client_finds_its_channel(pair, servers):
    here, there = pair
    client = here.connect(here.new_session(user_id=user_of(2)))
    for channel in CHANNELS:
        with servers[partition_of(channel, 3)].client() as agent:
            listens = agent.pubsub(ignore_subscribe_messages=True)
            listens.subscribe(f"websocket:{channel}")
            eventually(lambda a=agent, c=channel: dict(a.pubsub_numsub(f"websocket:{c}")), 10)
            assert client.say(channel, id=channel)["status"] == "published"
            heard = eventually(lambda h=listens: h.get_message(timeout=1), 10)
            assert f'"channel":"{channel}"' in heard["data"]
    assert there.api.connection_record(client.connection_id).status_code == 200


def test_one_that_is_away_takes_what_is_its_own(pair, servers):
    here, there = pair
    away, works = of_server(2, CHANNELS), of_server(0, CHANNELS)
    client = here.connect(here.new_session(user_id=user_of(0)))
    with stopped(servers[2]):
        eventually(lambda: all(detail(gateway)["partitions_away"] == [servers[2].url + "/0"] for gateway in pair), 20)
        assert all(map(is_ready, pair))
        assert "gateway_engine_partitions_away 1" in here.api.get("/metrics").text
        for channel, status in (works, "published"), (away, "queued"):
            assert client.say(channel, id=channel)["status"] == status
        there.api.send({"n": 1}, user_id=user_of(0))
        assert client.receive() == {"n": 1}
    eventually(lambda: all(detail(gateway)["partitions_away"] == [] for gateway in pair), 20)
    late = there.connect(there.new_session(user_id=user_of(2)))
    here.api.send({"n": 2}, user_id=user_of(2))
    assert late.receive() == {"n": 2}
