"""Gateways that share one Redis, and what such tests ask them and it."""

import contextlib
import os
import time

import httpx

from support.gateway import Gateway
from support.server_process import free_port
from support.wait import eventually

KEY = "cluster-" + os.urandom(16).hex()


class Cluster:
    """`start()` gives a gateway on the Redis; all are stopped at the end.

    `url` replaces the server's own address: a proxy's.
    """

    def __init__(self, redis, url=None):
        self.redis = redis
        self.url = url or redis.url
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def start(self, *flags, url=None, env=None, **options) -> Gateway:
        gateway = Gateway(*self._flags(url), *flags, env={"GATEWAY_API_KEY": KEY} | (env or {}), **options)
        gateway.start()
        self._stack.callback(end, gateway)
        return gateway

    def start_unready(self, *flags, url=None) -> Gateway:
        """Returns when it answers, without its word that it is ready: Redis may not be there."""
        address = f"127.0.0.1:{free_port()}"
        name = f"early-{os.urandom(4).hex()}"
        flags = (*self._flags(url), "--listen", address, "--instance-id", name, *flags)
        gateway = Gateway(*flags, env={"GATEWAY_API_KEY": KEY})
        gateway.launch()
        self._stack.callback(end, gateway)
        gateway.ready = {"url": f"http://{address}", "instance_id": name, "pid": gateway.process.pid}
        eventually(lambda: answers(gateway), 20, "the gateway answers")
        return gateway

    def _flags(self, url):
        return "--engine", "redis", "--redis-url", url or self.url


def answers(gateway) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return gateway.api.get("/health/live").status_code == 200
    return False


def end(gateway):
    """Whatever state a test has left it in; the log is looked at even after a crash."""
    if gateway.is_running:
        gateway.continue_process()  # else it would not hear the rest
        gateway.stop()
    else:
        gateway.kill()


def health(gateway) -> tuple[int, dict]:
    response = gateway.api.get("/health/websocket-gateway")
    return response.status_code, response.json()


def is_ready(gateway) -> bool:
    return health(gateway)[0] == 200


def seconds_until(predicate, deadline=30.0, message="") -> float:
    """How long it took to come true: to be recorded, beside the time that is promised."""
    start = time.monotonic()
    eventually(predicate, deadline, message)
    return time.monotonic() - start


def registered(redis) -> dict:
    """What Redis knows of connections: the members of every set, and the records, by key."""
    with redis.client() as client:
        sets = {key: client.smembers(key) for key in client.scan_iter("websocket:*:connections", count=10_000)}
        records = {key: client.hgetall(key) for key in client.scan_iter("websocket:connection:*", count=10_000)}
    return {"sets": sets, "records": records}


def traces(redis, *names) -> list:
    """Every key whose name or contents tell of one of these: connection ids, an instance, a token."""
    with redis.client() as client:
        keys = list(client.scan_iter(count=10_000))
        texts = [f"{key} {_contents(client, key)}" for key in keys]
    return [key for key, text in zip(keys, texts, strict=True) if any(name in text for name in names)]


def _contents(client, key):
    read = {
        "string": lambda: client.get(key),
        "hash": lambda: client.hgetall(key),
        "set": lambda: client.smembers(key),
        "zset": lambda: client.zrange(key, 0, -1),
        "list": lambda: client.lrange(key, 0, -1),
    }.get(client.type(key))
    # A stream is left out: what was said stays said.
    return read() if read else ""


def subscribers(redis, channel) -> int:
    """How many of a Pub/Sub name the server knows."""
    with redis.client() as client:
        return client.pubsub_numsub(channel)[0][1]


def listening(redis, channel, receivers=1) -> bool:
    """Whether there are at least so many."""
    return subscribers(redis, channel) >= receivers
