"""A publication that a live instance did not hear is not `published`, and its clients are told of the gap."""

import pytest

from support.tcp_proxy import TcpProxy, sent
from support.wait import eventually

SUBSCRIBER = sent(b"SUBSCRIBE")


@pytest.fixture
def proxy(redis):
    with TcpProxy(("127.0.0.1", redis.port)) as between:
        yield between


@pytest.fixture
def far(cluster, proxy):
    """A gateway behind the proxy."""
    return cluster.start(url=f"redis://127.0.0.1:{proxy.port}")


def make_deaf(proxy):
    """It renews its lease, and no subscription of it reaches Redis."""
    proxy.set("up", stalled=True, only=SUBSCRIBER)
    assert proxy.cut(only=SUBSCRIBER) >= 1


def publish(gateway, n):
    body = {"channel": "guide", "message": {"n": n}, "realm": "tests"}
    return gateway.api.post("/api/post-office/websocket/publish", body)


def test_it_is_told_where_it_did_not_arrive(cluster, far, proxy):
    near = cluster.start()
    here, there = near.connect(), far.connect()
    assert publish(near, 1).json()["status"] == "published"
    assert (here.receive(), there.receive()) == ({"n": 1}, {"n": 1})
    make_deaf(proxy)
    eventually(lambda: publish(near, 2).json().get("missed") == [far.instance_id])
    assert publish(near, 3).json()["status"] == "partly_published"
    proxy.clear()
    assert there.gap(30)["channel"] == "guide"
    eventually(lambda: publish(near, 4).json()["status"] == "published", 30)
    assert there.receive(30)["n"] == 4


def test_where_nobody_heard_it_is_unavailable(far, proxy):
    client = far.connect()
    make_deaf(proxy)
    eventually(lambda: publish(far, 1).status_code == 503)
    proxy.clear()
    assert client.gap(30)["channel"] == "guide"
    eventually(lambda: publish(far, 2).status_code == 200, 30)
