"""One gateway on Redis that has been through everything, watched by a Prometheus, for all tests here."""

import contextlib

import pytest

from support.busy_life import Around, live
from support.consul_server import ConsulServer
from support.otel_collector import OtelCollector
from support.prometheus import Prometheus
from support.redis_server import RedisServer
from support.server_process import free_ports


@pytest.fixture(scope="session")
def watched(tmp_path_factory):
    """What is left of it: the gateway and the Prometheus, both still running; see support.busy_life."""
    [ops_port] = free_ports(1)
    with contextlib.ExitStack() as stack:
        servers = (RedisServer(), ConsulServer(), OtelCollector(), Prometheus([f"127.0.0.1:{ops_port}"]))
        around = Around(*(stack.enter_context(server) for server in servers), tmp_path_factory.mktemp("certificates"))
        yield stack.enter_context(live(around, ops_port))


@pytest.fixture(scope="session")
def prometheus(watched):
    return watched.prometheus
