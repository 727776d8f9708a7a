"""Fixtures of every black-box test, in a browser or on a socket."""

import contextlib

import pytest

from support.cluster import Cluster
from support.gateway import Gateway
from support.redis_server import RedisServer


@pytest.fixture(scope="module")
def gateway(request):
    """One gateway for the module's tests, with the module's GATEWAY_FLAGS and GATEWAY_ENV when it has them."""
    module = request.module
    flags, env = getattr(module, "GATEWAY_FLAGS", ()), getattr(module, "GATEWAY_ENV", None)
    with Gateway(*flags, env=env) as started:
        yield started


@pytest.fixture
def gateway_factory():
    """Starts gateways for one test: gateway_factory("--flag", "value", env={...}, open_files=64)."""
    with contextlib.ExitStack() as stack:
        yield lambda *flags, **options: stack.enter_context(Gateway(*flags, **options))


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
def closing():
    """Closes at the test's end what it is given: agent = closing(RedisAgent(redis, "guide"))."""
    with contextlib.ExitStack() as stack:
        yield lambda closable: stack.enter_context(contextlib.closing(closable))


@pytest.fixture(autouse=True)
def close_what_was_opened(request):
    """Connections and streams that a test opens on the module's gateway end with it."""
    if "gateway" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("gateway").scope():
        yield


@pytest.fixture(scope="module")
def api(gateway):
    return gateway.api
