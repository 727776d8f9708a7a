"""A Consul for each test."""

import pytest

from support.consul_server import ConsulServer


@pytest.fixture
def consul():
    with ConsulServer() as server:
        yield server


@pytest.fixture
def late_consul():
    """Not started; its port is its own."""
    server = ConsulServer()
    try:
        server.start()
        server.kill()
        yield server
    finally:
        server.stop()
