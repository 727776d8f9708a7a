"""What can be looked up about connections, and how soon it is true."""

import pytest

from support.api import POST_OFFICE, assert_refused
from support.forms import RANDOM_128, TIMESTAMP
from support.gateway import Gateway
from support.wait import eventually


@pytest.fixture
def client(gateway):
    return gateway.connect(gateway.new_session(user_id="ada", context={"tenant_id": "acme"}))


class TestRecord:
    def test_it_has_these_fields(self, gateway, client):
        record = record_of(gateway, client)
        assert record["connection_id"] == client.connection_id
        assert record["user_id"] == "ada"
        assert record["channel"] == "guide"
        assert record["gateway_instance_id"] == gateway.instance_id
        assert RANDOM_128.fullmatch(record["session_ref"])
        for name in ("connected_at", "last_activity", "last_heartbeat"):
            assert TIMESTAMP.fullmatch(record[name])
        assert record["metadata"]["user_id"] == "ada"
        assert record["metadata"]["tenant_id"] == "acme"
        assert record["metadata"]["connected_at"] == record["connected_at"]

    def test_its_channel_is_the_latest(self, gateway, client):
        client.say("pillar:content", id=1)
        eventually(lambda: record_of(gateway, client)["channel"] == "pillar:content", 0.5)

    def test_it_is_gone_with_the_connection(self, gateway, client):
        client.close()
        eventually(lambda: gateway.api.connection_record(client.connection_id).status_code == 404, 2)

    @pytest.mark.parametrize("connection_id", ["ws_" + "0" * 32, "ws_x", "nobody", "%00", "x" * 300])
    def test_nobody_is_404(self, gateway, connection_id):
        response = gateway.api.connection_record(connection_id)
        assert_refused(response, 400 if response.status_code == 400 else 404)


def record_of(gateway, client):
    response = gateway.api.connection_record(client.connection_id)
    assert response.status_code == 200, response.text
    body = response.json()
    return body.get("connection", body)


def test_the_connections_of_a_channel(gateway, client):
    other = gateway.connect()
    assert {client.connection_id, other.connection_id} <= set(gateway.api.channel_connections("guide"))
    assert client.connection_id not in gateway.api.channel_connections("pillar:content")
    client.ask({"type": "subscribe", "channel": "pillar:content"})
    eventually(lambda: client.connection_id in gateway.api.channel_connections("pillar:content"), 0.5)
    client.ask({"type": "unsubscribe", "channel": "pillar:content"})
    eventually(lambda: client.connection_id not in gateway.api.channel_connections("pillar:content"), 0.5)
    other.close()
    eventually(lambda: other.connection_id not in gateway.api.channel_connections("guide"), 2)


@pytest.mark.parametrize("channel", ["nowhere", "A", "a%20b", "x" * 65])
def test_an_unknown_channel_is_refused(gateway, channel):
    response = gateway.api.get(f"{POST_OFFICE}/channels/{channel}/connections")
    assert_refused(response, 404 if response.status_code == 404 else 400)


def test_a_colon_in_a_path_may_be_escaped(gateway):
    for name in ("pillar:content", "pillar%3Acontent"):
        assert gateway.api.channel_connections(name) == []


def test_the_counts(gateway_factory):
    gateway = gateway_factory()
    ada = [gateway.connect(gateway.new_session(user_id="ada")) for _ in range(2)]
    gateway.connect(gateway.new_session(user_id="grace"))
    ada[0].ask({"type": "subscribe", "channel": "pillar:content"})
    eventually(lambda: gateway.api.connection_count()["by_channel"].get("pillar:content") == 1, 0.5)
    counts = gateway.api.connection_count()
    assert counts["global"] == 3
    assert counts["per_user"] == {"ada": 2, "grace": 1}
    assert counts["by_channel"]["guide"] == 3
    assert counts["by_gateway"] == {gateway.instance_id: 3}
    for client in ada:
        client.close()
    eventually(lambda: gateway.api.connection_count()["global"] == 1, 2)
    assert gateway.api.connection_count()["per_user"] == {"grace": 1}


@pytest.fixture(scope="module")
def open_gateway():
    with Gateway("--test-endpoints") as gateway:
        yield gateway


class TestTestEndpoints:
    """--test-endpoints: what existing black-box suites ask, without a key."""

    BASE = "/api/test/websocket-gateway"

    def test_a_connection(self, open_gateway):
        client = open_gateway.connect(open_gateway.new_session(user_id="ada"))
        answer = open_gateway.api_with(None).get(f"{self.BASE}/connection/{client.connection_id}")
        assert answer.status_code == 200
        assert answer.json()["success"] is True
        assert answer.json()["connection"]["connection_id"] == client.connection_id
        assert answer.json()["connection"]["user_id"] == "ada"

    def test_no_connection_is_200_as_well(self, open_gateway):
        answer = open_gateway.api_with(None).get(f"{self.BASE}/connection/ws_nobody")
        assert answer.status_code == 200
        assert answer.json() == {"success": False, "error": "Connection not found", "connection_id": "ws_nobody"}

    def test_the_connections_of_a_channel(self, open_gateway):
        client = open_gateway.connect()
        client.ask({"type": "subscribe", "channel": "pillar:content"})
        path = f"{self.BASE}/channel/pillar:content/connections"
        expected = {"success": True, "channel": "pillar:content", "connections": [client.connection_id]}
        eventually(lambda: open_gateway.api_with(None).get(path).json() == expected, 2)

    def test_the_counts(self, open_gateway):
        client = open_gateway.connect()
        answer = open_gateway.api_with(None).get(f"{self.BASE}/connection-count").json()
        assert answer["success"] is True
        assert set(answer["stats"]) == {"global", "per_user", "by_channel", "by_gateway"}
        assert answer["stats"]["global"] >= 1
        assert client.welcome

    def test_they_are_off_without_the_flag(self, gateway):
        for path in ("connection/ws_x", "channel/guide/connections", "connection-count"):
            assert gateway.api.get(f"{self.BASE}/{path}").status_code == 404
