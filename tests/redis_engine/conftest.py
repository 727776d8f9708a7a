"""A Redis and gateways on it, for each test anew."""

import contextlib

import pytest

from support.cluster import Cluster
from support.redis_server import RedisServer


@pytest.fixture
def redis():
    with RedisServer() as server:
        yield server


@pytest.fixture
def cluster(redis):
    """Starts instances on the test's Redis: cluster.start("--flag", ...)."""
    with Cluster(redis) as started:
        yield started


@pytest.fixture
def gateway(cluster):
    return cluster.start()


@pytest.fixture
def closing():
    """Closes at the test's end what it is given: agent = closing(RedisAgent(redis, "guide"))."""
    with contextlib.ExitStack() as stack:
        yield lambda closable: stack.enter_context(contextlib.closing(closable))
