"""A gateway's life in which every metric gets something to count: a restart, all kinds of traffic, a Redis that fails, a
Consul and a collector that hang.

Each step ends when Prometheus has seen what it did.
"""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from support.certificates import any_certificate, make_certificate
from support.cluster import is_ready
from support.consul_server import ConsulServer
from support.gateway import Gateway
from support.hook_server import HookServer, status, subscribe, taken, unsubscribe
from support.mcp import ENDPOINT, PUBLISH, SEND, Mcp
from support.otel_collector import OtelCollector
from support.prometheus import Prometheus
from support.redis_server import RedisServer
from support.server_process import free_ports
from support.wait import eventually

KEY = "watched-0123456789abcdef"
# More than the sockets of a loopback connection take, less than is kept for an agent (16 MiB).
STALLED_MESSAGES, STALLED_BYTES = 10, 900_000
# Few wait, so that some are rejected; a low rate, so that one is paused; groups, so that some stay unacknowledged.
FLAGS = ("--engine", "redis", "--inbox", "stream", "--queue-size", "10", "--message-rate", "50", "--message-burst", "50",
         "--max-message-bytes", "1MiB", "--circuit-open-time", "3s", "--webhook-hosts", "127.0.0.1", "--webhook-attempts", "5")  # fmt: skip


@dataclass
class Around:
    """The servers around the gateway, all started."""

    redis: RedisServer
    consul: ConsulServer
    collector: OtelCollector
    prometheus: Prometheus
    folder: Path

    def settings(self) -> dict:
        return {
            "GATEWAY_API_KEY": KEY,
            "GATEWAY_REDIS_URL": self.redis.url,
            "GATEWAY_CONSUL_URL": self.consul.url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.grpc_url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "500",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTEL_METRIC_EXPORT_TIMEOUT": "500",
        }


@dataclass
class Watched:
    gateway: Gateway
    prometheus: Prometheus
    started: float  # seconds since 1970


@contextlib.contextmanager
def live(around: Around, ops_port: int):
    started, prometheus = time.time(), around.prometheus
    [tls_port] = free_ports(1)
    listen = ("--listen", "127.0.0.1:0", "--listen", f"127.0.0.1:{tls_port}?tls", "--ops-listen", f"127.0.0.1:{ops_port}")
    flags = (*FLAGS, *listen, *make_certificate(around.folder, "server"))
    with Gateway(*flags, env=around.settings()):
        seen(prometheus, "gateway_uptime_seconds > 3")
    with Gateway(*flags, env=around.settings()) as gateway, contextlib.closing(Mcp(gateway)) as mcp:
        seen(prometheus, "resets(gateway_uptime_seconds[5m]) > 0")
        clients_and_agents(gateway)
        runs(gateway, prometheus)
        refusals(gateway)
        over_tls(tls_port)
        webhooks(gateway, prometheus)
        tools(gateway, mcp, prometheus)
        consul_hangs(around.consul, prometheus)
        collector_hangs(gateway, around.collector, prometheus)
        redis_refuses(gateway, around.redis, prometheus)
        redis_is_away(gateway, around.redis, prometheus)
        yield Watched(gateway, prometheus, started)


def seen(prometheus, expression):
    eventually(lambda: prometheus.values(expression), 60, f"Prometheus sees {expression}", interval=0.2)


def clients_and_agents(gateway):
    """Messages both ways; a group that does not acknowledge, a reader that stopped reading, a client above its rate."""
    group, _plain = gateway.subscribe("guide", "workers"), gateway.subscribe("pillar:content")
    stalled = gateway.subscribe("pillar:insights", stalled=True)
    client, noisy = gateway.connect(), gateway.connect()
    assert stalled.status == 200
    assert client.say(id="first")["status"] == "published"
    assert client.say(id="first")["status"] == "duplicate"
    assert client.say("pillar:content", id="second")["status"] == "published"
    assert client.ask("not json")["type"] == "error"
    group.next()
    gateway.api.send({"n": 1}, connection_id=client.connection_id)
    gateway.api.publish("guide", {"n": 2})
    for _ in range(100):
        noisy.say("pillar:content")
    wordy = gateway.connect()  # heard nothing yet but its welcome
    for n in range(STALLED_MESSAGES):
        assert wordy.say("pillar:insights", id=f"big-{n}", text="x" * STALLED_BYTES)["type"] == "ack"
    gateway.connect().close()


def runs(gateway, prometheus):
    """One for each ending, one with text and a reader, an append again, a call that is refused."""
    address = "/api/post-office/runs"

    def make(lease_ms=2000):
        made = gateway.api.post(address, {"channel": "guide", "producer": "p-1", "lease_ms": lease_ms})
        assert made.status_code == 201, made.text
        return f"{address}/{made.json()['run_id']}"

    def append(run, seq, **more):
        return gateway.api.post(f"{run}/append", {"producer": "p-1", "epoch": 1, "seq": seq, "text": "word ", **more})

    for status in ("completed", "failed", "cancelled"):
        run = make()
        for _ in range(2):
            assert append(run, 0).status_code == 200
        assert append(run, 7).status_code == 409
        assert append(run, 1, end={"status": status}).status_code == 200
    make()  # nobody comes back to it
    followed, reader = make(lease_ms=120_000), gateway.connect()
    assert append(followed, 0).status_code == 200
    assert reader.ask({"type": "attach", "run_id": followed.rsplit("/", 1)[1]})["event"] == "snapshot"
    for metric in ("gateway_runs_open", "gateway_runs_kept", "gateway_runs_log_bytes", "gateway_runs_readers"):
        seen(prometheus, f"{metric} > 0")
    assert append(followed, 1, end={"status": "completed"}).status_code == 200


def refusals(gateway):
    """A page from elsewhere, a key that is wrong, an address that is not there, a session that is not known, nor the ticket beside it."""
    assert gateway.peer().upgrade("/ws", headers=[("Origin", "https://elsewhere.example")]).status == 403
    assert gateway.api_with("wrong-key-0123456789").get("/api/post-office/websocket/backpressure").status_code == 401
    assert gateway.api.get("/not/there").status_code == 404
    peer = gateway.peer()
    assert peer.upgrade("/ws?session_token=nobody&ticket=none").status == 101


def over_tls(port):
    """Twice, the second time with what the first has left; once in clear."""
    context, session = any_certificate(), None
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, session=session) as secure:
            secure.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200" in secure.recv(4096)
            session = secure.session
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"speaks TLS" in plain.recv(4096)


def webhooks(gateway, prometheus):
    """One that takes its time, and then fails until its circuit opens and its envelope is given up."""
    has_been_seen = threading.Event()

    def slow(reply):
        has_been_seen.wait(60)
        taken(reply)

    with HookServer(slow) as hook:
        made = subscribe(gateway.api, hook, "pillar:business_outcomes")
        client = gateway.connect()
        client.say("pillar:business_outcomes", id="hook-1")
        for metric in ("gateway_webhooks", "gateway_webhooks_waiting", "gateway_webhooks_in_flight"):
            seen(prometheus, f"{metric} > 0")
        hook.answer = status(500)
        has_been_seen.set()
        client.say("pillar:business_outcomes", id="hook-2")
        seen(prometheus, "gateway_webhooks_circuits_open > 0")
        seen(prometheus, 'gateway_webhooks_deliveries_total{outcome="given_up"} > 0')
        unsubscribe(gateway.api, made)


def tools(gateway, mcp, prometheus):
    target = gateway.connect()
    assert mcp.call(ENDPOINT, channel="guide", realm="tests", session_token="t").status == 200
    assert mcp.call(PUBLISH, channel="guide", message={"n": 3}, realm="tests").structured
    assert mcp.call(SEND, connection_id=target.connection_id, message={"n": 4}).structured
    assert mcp.ask("tools/list").result["tools"]
    assert mcp.ask("no/such").status != 200
    with ThreadPoolExecutor(1) as beside:
        poll = beside.submit(mcp.poll, "pillar:operations", wait_seconds=25)
        seen(prometheus, "gateway_mcp_waiting_polls > 0")
        assert gateway.connect().say("pillar:operations", id="for-mcp")["type"] == "ack"
        assert poll.result()


def consul_hangs(consul, prometheus):
    seen(prometheus, "gateway_consul_registered == 1")
    consul.stop_process()
    try:
        seen(prometheus, "gateway_consul_errors_total > 0")
    finally:
        consul.continue_process()


def collector_hangs(gateway, collector, prometheus):
    """Spans wait, and are given up."""
    client = gateway.connect()

    def seen_in_traffic(expression):
        eventually(lambda: client.say() or prometheus.values(expression), 60, expression, interval=0.2)

    seen_in_traffic("gateway_telemetry_spans_exported_total > 0")
    collector.stop_process()
    try:
        seen_in_traffic("max_over_time(gateway_telemetry_queue_size[5m]) > 0")
        seen_in_traffic("sum(gateway_telemetry_spans_dropped_total) > 0")
        seen_in_traffic('gateway_telemetry_metric_exports_total{result="failed"} > 0')
    finally:
        collector.continue_process()


def redis_refuses(gateway, redis, prometheus):
    """Out of memory: an error answer for each session and message, until the channel's circuit opens."""
    client = gateway.connect()
    with redis.client() as store, contextlib.ExitStack() as undo:
        store.config_set("maxmemory", 1)
        undo.callback(store.config_set, "maxmemory", 0)
        assert gateway.api.post("/api/traffic-cop/sessions", {"user_id": "ada"}).status_code == 503
        for n in range(20):
            assert client.say(id=n).get("status") != "published"
        for expression in ("gateway_engine_errors_total > 0", 'gateway_http_errors_total{class="5xx"} > 0',
                           "gateway_circuit_open > 0"):  # fmt: skip
            seen(prometheus, expression)


def redis_is_away(gateway, redis, prometheus):
    """Messages wait, then are rejected; then all is well again."""
    eventually(lambda: is_ready(gateway), 60, "writes are taken again")
    client = gateway.connect()
    redis.stop_process()
    try:
        answers = [client.say("pillar:business_outcomes", id=n) for n in range(20)]
        assert any(answer.get("status") == "queued" for answer in answers), answers
        assert any(answer.get("code") == "overloaded" for answer in answers), answers
        for expression in ("gateway_ready == 0", "gateway_engine_connected == 0",
                           "gateway_queue_size > 0", "gateway_engine_losses_total > 0"):  # fmt: skip
            seen(prometheus, expression)
    finally:
        redis.continue_process()
    seen(prometheus, "gateway_ready == 1 and gateway_engine_connected == 1 and on() max(gateway_circuit_open) == 0")
