"""The gateway is one on the test's own Redis, for each test anew."""

import pytest

from support.cluster import Cluster
from support.tcp_proxy import TcpProxy


@pytest.fixture
def gateway(cluster):
    return cluster.start()


@pytest.fixture
def proxy(redis):
    with TcpProxy(("127.0.0.1", redis.port)) as started:
        yield started


@pytest.fixture
def proxied(redis, proxy):
    """A cluster whose instances speak to Redis through the proxy; a file whose gateways all do names it its cluster."""
    with Cluster(redis, f"redis://127.0.0.1:{proxy.port}") as started:
        yield started


def pytest_collection_modifyitems(items):
    """What waits longest begins first: side by side, no process is left at the end to wait alone."""

    def seconds(item):
        slow = item.get_closest_marker("slow")
        return 0 if slow is None else (slow.args or (10,))[0]

    items.sort(key=seconds, reverse=True)
