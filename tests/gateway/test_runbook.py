"""The runbook's commands show what docs/RUNBOOK.md says they show, with a gateway that is in that state."""

import contextlib
import json
import re
import signal
import socket
from pathlib import Path

import pytest

from support import runbook
from support.gateway import Gateway, run_to_exit
from support.hook_server import HookServer, figures, status, subscribe
from support.runbook import Scene
from support.server_process import free_ports
from support.wait import eventually

JSON = ("--log-format", "json")
DOCS = Path(__file__).parents[2] / "docs"


@contextlib.contextmanager
def started(*flags, **options):
    """A gateway and the session of the user "runbook"."""
    with Gateway(*JSON, *flags, **options) as gateway:
        yield gateway, gateway.new_session(user_id="runbook")


@contextlib.contextmanager
def well():
    with started() as (gateway, session):
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def restarted():
    """With the embedded engine; the session is one of before."""
    flags = (*JSON, "--listen", f"127.0.0.1:{free_ports(1)[0]}")
    env = {"GATEWAY_API_KEY": "the-same-before-and-after"}
    with Gateway(*flags, env=env) as gateway:
        session = gateway.new_session(user_id="runbook")
    with Gateway(*flags, env=env) as gateway:
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def gone():
    yield Scene(f"http://127.0.0.1:{free_ports(1)[0]}")


@contextlib.contextmanager
def port_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = run_to_exit(*JSON, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert ended.returncode == 1
    yield Scene("http://127.0.0.1:0", log=lambda: ended.stderr)


@contextlib.contextmanager
def draining():
    """Twenty clients are sent away over four fifths of ten minutes."""
    gateway = Gateway(*JSON, "--drain-timeout", "10m").start()
    try:
        session = gateway.new_session(user_id="runbook")
        for _ in range(20):
            gateway.connect()
        gateway.process.send_signal(signal.SIGTERM)
        yield Scene.of(gateway, session)
    finally:
        gateway.kill()


@contextlib.contextmanager
def full():
    with started("--max-connections", "1") as (gateway, session):
        gateway.connect()
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def user_full():
    with started("--max-connections-per-user", "1") as (gateway, session):
        gateway.connect(session)
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def session_unknown():
    with started() as (gateway, _):
        yield Scene.of(gateway, "unknown")


@contextlib.contextmanager
def session_suspended():
    with started() as (gateway, session):
        client = gateway.connect(session)
        gateway.api.patch_session(session, status="suspended")
        assert client.closed()[0] == 4003
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def refused_handshake():
    with started("--log-level", "debug") as (gateway, session):
        refused = gateway.peer().upgrade(f"/ws?session_token={session}", headers=[("Origin", "https://other.example")])
        assert refused.status == 403
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def agent():
    with started() as (gateway, session):
        gateway.subscribe("guide")
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def agent_talks():
    with started() as (gateway, session):
        gateway.subscribe("guide")
        assert gateway.connect().say(id=1)["status"] == "published"
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def queued():
    with started() as (gateway, session):
        assert gateway.connect().say(id=1)["status"] == "queued"
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def overloaded():
    with started("--queue-size", "1") as (gateway, session):
        client = gateway.connect()
        assert client.say(id=1)["status"] == "queued"
        assert client.say(id=2)["code"] == "overloaded"
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def group_silent():
    with started() as (gateway, session):
        events = gateway.subscribe("guide", "workers")
        assert gateway.connect().say(id=1)["status"] == "published"
        events.next()
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def webhook_fails():
    with HookServer(status(500)) as hook, started("--webhook-hosts", "127.0.0.1") as (gateway, session):
        subscribe(gateway.api, hook)
        client = gateway.connect()
        for number in range(6):
            client.say(id=f"m{number}")
        eventually(lambda: figures(gateway)["gateway_webhooks_circuits_open"] == 1)
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def run_abandoned():
    """Its agent claims it and is not heard of again."""
    with started() as (gateway, session):
        made = gateway.api.post("/api/post-office/runs", {"channel": "guide", "producer": "p-1", "lease_ms": 2000})
        assert made.status_code == 201, made.text
        address = f"/api/post-office/runs/{made.json()['run_id']}"
        eventually(lambda: gateway.api.get(address).json()["status"] == "abandoned", 30)
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def cut():
    """One reads nothing, one is silent, and one goes without a word."""
    flags = ("--outbox-bytes", "64KiB", "--heartbeat-interval", "3s", "--idle-timeout", "10s", "--close-timeout", "1s")
    with started(*flags, "--log-level", "debug") as (gateway, session):
        silent = gateway.raw_connect()
        slow = gateway.raw_connect(receive_buffer=4096)
        slow_id = slow.welcome()["connection_id"]
        eventually(lambda: _refuses_more(gateway, slow_id), 20, "the slow one is over its bound", interval=0)
        assert silent.closed()[0] == 4009
        leaver = gateway.raw_connect()
        leaver.welcome()
        leaver.close()
        yield Scene.of(gateway, session)


def _refuses_more(gateway, connection_id) -> bool:
    body = {"connection_id": connection_id, "message": "x" * 20_000}
    return gateway.api.post("/api/post-office/websocket/send", body).status_code != 200


@contextlib.contextmanager
def drained():
    gateway = Gateway(*JSON).start()
    client = gateway.connect()
    eventually(lambda: "websocket_connections_active 1\n" in gateway.api.get("/metrics").text)
    gateway.process.send_signal(signal.SIGTERM)
    assert client.closed()[0] == 1012
    assert gateway.wait_exit() == 0
    yield Scene.of(gateway)
    gateway.stop()


@contextlib.contextmanager
def drain_cut_off():
    """An agent reads nothing of what it was given."""
    gateway = Gateway(*JSON).start()
    gateway.subscribe("guide", stalled=True)
    client = gateway.connect()
    assert {client.say(id=n, text="x" * 60_000)["status"] for n in range(200)} == {"published"}
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    yield Scene.of(gateway)
    gateway.stop()


@contextlib.contextmanager
def consul_away():
    with started("--consul-url", f"http://127.0.0.1:{free_ports(1)[0]}") as (gateway, session):
        yield Scene.of(gateway, session)


@contextlib.contextmanager
def collector_away():
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_ports(1)[0]}",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_METRIC_EXPORT_TIMEOUT": "500",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
    }
    with started(env=env) as (gateway, session):
        assert gateway.connect().say(id=1)["status"] == "queued"
        yield Scene.of(gateway, session)


SCENES = {
    scene.__name__.replace("_", " "): scene
    for scene in (
        well, restarted, gone, port_taken, draining, full, user_full, session_unknown, session_suspended,
        refused_handshake, agent, agent_talks, queued, overloaded, group_silent, webhook_fails, run_abandoned, cut, drained, drain_cut_off,
        consul_away, collector_away,
    )
}  # fmt: skip
# In tests/redis_engine/test_runbook_redis.py.
REDIS_SCENES = {
    "redis well", "redis gone", "redis out of memory", "redis two instances", "redis restarted", "inbox stuck",
}  # fmt: skip
# What is asked first is the same wherever a gateway runs.
FIRST = "first commands"


@pytest.mark.parametrize("name", SCENES)
def test_the_commands_show_what_the_runbook_shows(name):
    with SCENES[name]() as scene:
        runbook.check(runbook.scenes()[name], scene)


@pytest.mark.parametrize("way", runbook.WAYS)
def test_the_first_commands_show_the_same_wherever_it_runs(way):
    with well() as scene:
        runbook.check(runbook.scenes()[FIRST], scene, way)
        eventually(lambda: "gateway_ready" in scene.log())
        assert "gateway_ready" in runbook.run(["logs", "restart"], scene, way)[0]


@pytest.mark.parametrize("way", runbook.WAYS)
def test_what_is_saved_is_what_a_restart_wipes_out(way):
    with queued() as scene:
        eventually(lambda: "gateway_ready" in scene.log())
        saved = runbook.run(["save", "cat incident-*/*"], scene, way)[1]
        for part in ('"event":"gateway_ready"', '"status":"ready"', "gateway_ready 1", '"queue_size":1'):
            assert part in saved, part


@pytest.mark.parametrize("way", runbook.WAYS)
def test_what_the_text_tells_to_run_is_known(way):
    with gone() as scene:
        for command, got in zip(named := runbook.named(*runbook.WAYS[way]), runbook.run(named, scene, way), strict=True):
            assert "not in the runbook" not in got, command


def test_every_block_has_a_scene_and_every_scene_a_block():
    assert runbook.scenes().keys() == SCENES.keys() | REDIS_SCENES | {FIRST}


def test_a_pattern_tells_expected_from_unhealthy():
    shown = 'HTTP/1.1 503 Service Unavailable\n…\na_total{code="4008"} 1\nb 0\n{"c":"…","d":12}\n'
    matches = runbook.pattern(shown).fullmatch
    good = 'HTTP/1.1 503 Service Unavailable\nx\ny\na_total{code="4008"} 7.5\nb 0\n{"c":"z","d":3}\n'
    assert matches(good) and matches(good.replace("x\ny\n", ""))
    assert matches(good.replace("7.5", "0.05"))
    for before, after in (
        ("503", "200"), ("4008", "4009"), ("7.5", "0"), ("7.5", "0.0"), ("b 0", "b 1"), ('"d"', '"e"'), (":3", ":0"),
    ):  # fmt: skip
        assert not matches(good.replace(before, after)), (before, after)


def test_every_name_in_it_exists():
    """Events, metrics, settings and addresses: in text, and in what the commands look for."""
    operations = "".join(path.read_text() for path in (DOCS / "operations").glob("*.md"))
    text = runbook.text()
    tables = set(re.findall(r"`([\w-]+)`", "\n".join(re.findall(r"^\| (`.*?) \|", operations, re.MULTILINE))))
    protocol = "".join((DOCS / name).read_text() for name in ("openapi.json", "asyncapi.json", "PROTOCOL.md"))
    known = tables | set(re.findall(r"\w+", protocol)) | OF_OTHERS
    named = set(re.findall(r"`([a-z]+(?:[_-][a-z]+)+)`", text))
    named |= set(re.findall(r"\b(?:websocket|gateway|process)(?:_[a-z]+)+\b", text))
    named |= set(re.findall(r"grep (\w+_\w+)", text)) | set(re.findall(r'"event":"(\w+)"', text))
    unknown = {name for name in named - known if not any(word.startswith(name) for word in tables)}
    assert not unknown
    flags = set(re.findall(r"`--([a-z-]+)", text))
    assert flags <= tables | {"print-config", "check-config"}, flags - tables
    paths = json.loads((DOCS / "openapi.json").read_text())["paths"]
    for path in re.findall(r"\$GATEWAY_URL(/[\w/$-]*)", text):
        assert path.replace("$SESSION", "{session_id}") in paths, path


# Of Redis, compose and Prometheus; its names for the parts of a histogram; a value of a label.
OF_OTHERS = {
    "uptime_in_seconds", "latest_fork_usec", "min-replicas-to-write", "stop_grace_period", "runbook_url",
    "websocket_message_latency_ms_count", "websocket_message_latency_ms_sum", "queue_full",
}  # fmt: skip
