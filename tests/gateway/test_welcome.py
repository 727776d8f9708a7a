"""The first message of every connection."""

from datetime import UTC, datetime

from support.forms import CONNECTION_ID, TIMESTAMP


def test_the_welcome_has_exactly_these_fields(gateway):
    welcome = gateway.connect().welcome
    assert CONNECTION_ID.fullmatch(welcome["connection_id"])
    assert TIMESTAMP.fullmatch(welcome["timestamp"])
    assert welcome == {
        "type": "system",
        "event": "welcome",
        "message": "Connected to WebSocket Gateway. Ready to receive messages.",
        "connection_id": welcome["connection_id"],
        "instance_id": gateway.instance_id,
        "heartbeat_interval": 30,
        "timestamp": welcome["timestamp"],
    }
    assert gateway.instance_id.startswith("ws-gateway-")


def test_its_time_is_now(gateway):
    said = datetime.fromisoformat(gateway.connect().welcome["timestamp"])
    assert abs((datetime.now(UTC) - said).total_seconds()) < 10


def test_it_is_the_first_message_even_when_the_client_speaks_at_once(gateway):
    peer = gateway.raw_connect()
    peer.send_message({"id": 1, "payload": {}})
    assert peer.next_message()["event"] == "welcome"
    assert peer.next_message()["id"] == 1


def test_every_connection_has_an_id_of_its_own(gateway):
    session = gateway.new_session(user_id="twin")
    ids = {gateway.connect(session).connection_id for _ in range(5)}
    assert len(ids) == 5


def test_the_heartbeat_interval_is_the_setting(gateway_factory):
    gateway = gateway_factory("--heartbeat-interval", "7s")
    assert gateway.connect().welcome["heartbeat_interval"] == 7
