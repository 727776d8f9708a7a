"""Master and replica change places: the connections of an instance move together, and prove where they are."""

import pytest

from support.cluster import Cluster, is_ready, seconds_until
from support.redis_sentinel import SentinelSet
from support.redis_server import RedisServer
from support.tcp_proxy import TcpProxy, not_sent, sent
from support.wait import eventually


def connections(server, *gateways) -> set:
    """Which connections of these instances a server has, by name."""
    with server.client() as client:
        names = {each["name"] for each in client.client_list()}
    return {name for name in names if any(name.startswith(gateway.instance_id + ":") for gateway in gateways)}


def all_of(*gateways) -> set:
    return {f"{gateway.instance_id}:{kind}" for gateway in gateways for kind in ("messages", "commands", "subscriptions")}


def assert_they_reach_each_other(one, two):
    """Publications and sends cross from each to the other."""
    clients = [one.connect(), two.connect()]
    for n, gateway in enumerate((one, two)):
        gateway.api.publish("guide", {"publication": n})
        for client in clients:
            assert client.receive() == {"publication": n}
        gateway.api.send({"sent": n}, connection_id=clients[1 - n].connection_id)
        assert clients[1 - n].receive() == {"sent": n}


def test_they_follow_when_roles_are_swapped_and_nobody_is_killed(record_property):
    with SentinelSet(sentinels=1) as sentinels, Cluster(sentinels.servers[0], sentinels.url) as cluster:
        pair = [cluster.start("--inbox", "stream") for _ in range(2)]
        old, new = sentinels.servers
        assert connections(old, *pair) == all_of(*pair)
        sentinels.swap_roles()
        moved = seconds_until(lambda: connections(new, *pair) == all_of(*pair), 30)
        record_property("moved after, s", moved)
        eventually(lambda: connections(old, *pair) == set(), 10)
        eventually(lambda: all(map(is_ready, pair)), 30)
        assert_they_reach_each_other(*pair)


def test_they_leave_a_master_that_the_sentinels_no_longer_name(record_property):
    """It is there, and takes everything: what it takes is lost."""
    with SentinelSet() as sentinels, Cluster(sentinels.servers[0], sentinels.url) as cluster:
        pair = [cluster.start() for _ in range(2)]
        old, new = sentinels.servers
        sentinels.swap_roles(demote=False)
        moved = seconds_until(lambda: connections(new, *pair) == all_of(*pair), 30)
        record_property("moved after, s", moved)
        eventually(lambda: connections(old, *pair) == set(), 10)
        eventually(lambda: all(map(is_ready, pair)), 30)
        assert_they_reach_each_other(*pair)


@pytest.mark.parametrize("only", [sent(b"SUBSCRIBE"), not_sent(b"SUBSCRIBE")], ids=["subscriptions", "commands"])
def test_one_that_finds_another_server_takes_the_others_along(redis, only):
    """An address that leads elsewhere from now on, as a name or a virtual address does."""
    with RedisServer() as other, TcpProxy(("127.0.0.1", redis.port)) as proxy:
        with Cluster(redis, f"redis://127.0.0.1:{proxy.port}") as cluster:
            gateway = cluster.start()
            assert connections(redis, gateway) == all_of(gateway)
            proxy.target = ("127.0.0.1", other.port)
            assert proxy.cut(only=only) >= 1
            eventually(lambda: connections(other, gateway) == all_of(gateway), 20)
            assert connections(redis, gateway) == set()
            eventually(lambda: is_ready(gateway), 20)


@pytest.mark.parametrize("read_only", ["yes", "no"])
def test_a_server_that_becomes_a_replica_is_no_longer_used(redis, cluster, read_only):
    """Also one that would take writes, which its master's next copy undoes."""
    gateway = cluster.start("--inbox", "pubsub")
    with RedisServer() as other, redis.client() as client:
        client.config_set("replica-read-only", read_only)
        client.replicaof("127.0.0.1", other.port)
        eventually(lambda: not is_ready(gateway), 10)
        eventually(lambda: f"a replica of 127.0.0.1:{other.port}" in gateway.log_text, 10)
        client.replicaof("NO", "ONE")
        eventually(lambda: is_ready(gateway), 30)
