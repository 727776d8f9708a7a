"""Health, readiness, and what stands beside them."""

import psutil
import pytest

from support.api import Api
from support.gateway import Gateway
from support.wait import eventually

HEALTH = "/health/websocket-gateway"


@pytest.fixture
def anyone(gateway):
    return gateway.api_with(None)


def test_live(anyone):
    assert anyone.get("/health/live").status_code == 200


@pytest.mark.parametrize("path", [HEALTH, f"/api{HEALTH}"])
def test_ready(gateway, anyone, path):
    client = gateway.connect()
    client.ask({"type": "subscribe", "channel": "pillar:content"})
    eventually(lambda: anyone.get(path).json()["connections"]["by_channel"].get("pillar:content") == 1, 2)
    response = anyone.get(path)
    assert response.status_code == 200
    body = response.json()
    assert body["uptime_seconds"] >= 0
    assert body["connections"]["by_channel"]["guide"] >= 1
    assert body == {
        "status": "ready",
        "instance_id": gateway.instance_id,
        "connections": {
            "global": body["connections"]["by_channel"]["guide"],
            "by_channel": body["connections"]["by_channel"],
            "by_gateway": {gateway.instance_id: body["connections"]["global"]},
        },
        "uptime_seconds": body["uptime_seconds"],
    }


def test_it_names_no_user(gateway, anyone):
    gateway.connect(gateway.new_session(user_id="ada-lovelace"))
    assert "ada-lovelace" not in anyone.get(HEALTH).text


@pytest.mark.parametrize("path", [f"{HEALTH}/detailed", f"/api{HEALTH}/detailed"])
def test_the_details_need_a_key(gateway, anyone, path):
    assert anyone.get(path).status_code == 401
    response = gateway.api.get(path)
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "ready" and body["instance_id"] == gateway.instance_id
    assert body["dependencies"] and body["metrics"]


def test_it_says_its_uptime(anyone):
    before = anyone.get(HEALTH).json()["uptime_seconds"]
    eventually(lambda: anyone.get(HEALTH).json()["uptime_seconds"] > before, 5)


@pytest.fixture(scope="module")
def inside():
    with Gateway("--ops-listen", "127.0.0.1:0", env={"GATEWAY_API_KEY": "root-key-0123456789"}) as gateway:
        yield gateway, ops_api(gateway)


class TestOpsListen:
    """A second address for the inside: no key, and nothing but operations."""

    def test_metrics_and_details_need_no_key_there(self, inside):
        _, ops = inside
        for path in ("/metrics", f"{HEALTH}/detailed", HEALTH, "/health/live"):
            assert ops.get(path).status_code == 200, path

    def test_they_still_need_one_outside(self, inside):
        gateway, _ = inside
        for path in ("/metrics", f"{HEALTH}/detailed"):
            assert gateway.api_with(None).get(path).status_code == 401

    def test_clients_and_agents_have_no_business_there(self, inside):
        gateway, ops = inside
        assert ops.post(
            "/api/post-office/websocket/publish", {"channel": "guide", "message": {}, "realm": "x"}
        ).status_code in (401, 404)
        assert ops.post("/api/traffic-cop/sessions", {"user_id": "ada"}).status_code in (401, 404)
        assert ops.get("/ws").status_code in (404, 426)
        assert gateway.connection_count() == 0


def ops_api(gateway):
    """The ops address: of the process's listening sockets the one that is not the main one."""
    listening = {
        c.laddr.port for c in psutil.Process(gateway.pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN
    }
    (port,) = listening - {gateway.port}
    return Api(f"http://127.0.0.1:{port}", None)
