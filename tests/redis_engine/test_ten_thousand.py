"""The promises about time, at the size for which they were made: 10 000 connections of the load generator."""

import contextlib
import subprocess

import pytest

from support.cluster import is_ready, registered, seconds_until, traces
from support.gateway import REPOSITORY, binary_path, is_sanitized
from support.process import Process
from support.wait import eventually

CONNECTIONS = 1_000 if is_sanitized() else 10_000
FLAGS = ("--max-connections-per-user", "0", "--drain-timeout", "1")


@contextlib.contextmanager
def crowd_on(gateway):
    """So many connections, each with a session and a user of its own, as long as the block lasts."""
    load = binary_path().parent / "gateway-load"
    command = [load, "--url", gateway.url, "--server", "gateway", "--pid", str(gateway.pid), "--time-limit", "170",
               "idle", "--connections", str(CONNECTIONS), "--hold", "150", "--settle", "0.5"]
    assert load.is_file(), f"{load} is missing: build it"
    process = Process(command, env={"GATEWAY_API_KEY": gateway.api_key}, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: gateway.connection_count() == CONNECTIONS, 60, "everybody is connected")
        yield
    finally:
        process.end()


def count_in(redis, instance) -> int:
    with redis.client() as client:
        return client.scard(f"websocket:gateway:{instance}:connections")


@pytest.mark.slow
def test_a_redis_that_lost_its_data_has_them_again_soon(cluster, redis, record_property):
    gateway = cluster.start(*FLAGS)
    with crowd_on(gateway):
        redis.restart(keep_data=False)
        took = seconds_until(lambda: count_in(redis, gateway.instance_id) == CONNECTIONS, 30)
        record_property(f"{CONNECTIONS} connections are registered again after, s (promised 2)", took)
        eventually(lambda: is_ready(gateway), 20)
        assert gateway.connection_count() == CONNECTIONS, "nobody was closed"


@pytest.mark.slow
def test_nothing_is_left_of_an_instance_that_was_killed(cluster, redis, record_property):
    dying, staying = cluster.start(*FLAGS), cluster.start(*FLAGS)
    with crowd_on(dying):
        dying.crash()
        routed = seconds_until(lambda: staying.connection_count() == 0, 30)
        record_property("nothing is routed to it after, s (promised 3)", routed)
        gone = seconds_until(lambda: count_in(redis, dying.instance_id) == 0, 60)
        record_property(f"{CONNECTIONS} records are gone after, s (promised 30)", gone)
    eventually(lambda: registered(redis) == {"sets": {}, "records": {}}, 20)
    assert traces(redis, dying.instance_id) == []
