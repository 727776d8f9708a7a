"""Post Office: what realms and agents say to clients."""

import time

import pytest

from support.api import POST_OFFICE, assert_refused
from support.client import Client
from support.forms import TIMESTAMP
from support.wait import eventually


class TestEndpoint:
    def ask(self, gateway, session, **options):
        query = {"session_token": session, "realm": "tests"}
        return gateway.api.get(f"{POST_OFFICE}/endpoint", params=query, **options)

    def test_it_names_the_address_and_the_channels(self, gateway):
        session = gateway.new_session(user_id="ada")
        answer = self.ask(gateway, session).json()
        assert answer == {
            "success": True,
            "websocket_url": f"{gateway.ws_url}?session_token={session}",
            "channels": ["guide", "pillar:content", "pillar:insights", "pillar:operations", "pillar:business_outcomes"],
            "message_format": answer["message_format"],
        }
        assert set(answer["message_format"]) == {"channel", "intent", "payload"}
        assert set(answer["message_format"]["payload"]) == {"message", "conversation_id", "metadata"}

    def test_its_address_works(self, gateway):
        session = gateway.new_session(user_id="odd", session_id=f"a+b=c@{time.monotonic_ns()}")
        client = Client(self.ask(gateway, session).json()["websocket_url"])
        assert client.receive()["event"] == "welcome"
        client.close()

    def test_it_is_the_address_that_the_caller_used(self, gateway):
        session = gateway.new_session(user_id="ada")
        url = self.ask(gateway, session, headers={"Host": f"localhost:{gateway.port}"}).json()["websocket_url"]
        assert url.startswith(f"ws://localhost:{gateway.port}/ws?")

    def test_forwarded_headers_of_a_stranger_are_not_believed(self, gateway):
        session = gateway.new_session(user_id="ada")
        forged = {
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "Forwarded": "host=evil.example;proto=https",
        }
        assert self.ask(gateway, session, headers=forged).json()["websocket_url"].startswith(gateway.ws_url)

    def test_a_trusted_proxy_is_believed(self, gateway_factory):
        gateway = gateway_factory("--trusted-proxy", "127.0.0.0/8")
        headers = {"X-Forwarded-Host": "gw.example", "X-Forwarded-Proto": "https"}
        url = self.ask(gateway, gateway.new_session(), headers=headers).json()["websocket_url"]
        assert url.startswith("wss://gw.example/ws?")

    def test_a_public_url_goes_before_everything(self, gateway_factory):
        gateway = gateway_factory("--public-url", "wss://gw.example/edge")
        url = self.ask(gateway, gateway.new_session()).json()["websocket_url"]
        assert url.startswith("wss://gw.example/edge/ws?session_token=")

    def test_without_a_token_it_is_400(self, gateway):
        assert_refused(gateway.api.get(f"{POST_OFFICE}/endpoint", params={"realm": "tests"}), 400)


class TestPublish:
    def test_the_answer_has_exactly_these_fields(self, gateway):
        answer = gateway.api.publish("pillar:content", {"hello": "all"})
        assert TIMESTAMP.fullmatch(answer["timestamp"])
        assert answer == {
            "success": True,
            "status": "published",
            "channel": "websocket:pillar:content",
            "timestamp": answer["timestamp"],
        }

    def test_it_reaches_every_subscribed_connection_and_no_other(self, gateway):
        subscribed = [gateway.connect() for _ in range(3)]
        other = gateway.connect()
        for client in subscribed:
            client.ask({"type": "subscribe", "channel": "pillar:content"})
        gateway.api.publish("pillar:content", {"hello": "all"})
        assert [gateway.received_by(client) for client in subscribed] == [[{"hello": "all"}]] * 3
        assert gateway.received_by(other) == []

    def test_it_reaches_the_agents_of_the_channel(self, gateway):
        agent = gateway.subscribe("pillar:insights")
        elsewhere = gateway.subscribe("pillar:operations")
        gateway.api.publish("pillar:insights", {"n": 1}, realm="analytics")
        envelope = agent.envelope()
        assert TIMESTAMP.fullmatch(envelope["timestamp"])
        assert envelope == {
            "message_id": envelope["message_id"],
            "channel": "pillar:insights",
            "source": "analytics",
            "message": {"n": 1},
            "timestamp": envelope["timestamp"],
        }
        gateway.api.publish("pillar:operations", {"n": 2})
        assert elsewhere.envelope()["message"] == {"n": 2}

    def test_publications_come_in_order(self, gateway):
        client = gateway.connect()
        for n in range(100):
            gateway.api.publish("guide", n)
        assert gateway.received_by(client) == list(range(100))

    def test_a_publication_nobody_hears_is_not_kept_for_clients(self, gateway):
        gateway.api.publish("guide", {"missed": True})
        client = gateway.connect()
        assert gateway.received_by(client) == []

    @pytest.mark.parametrize(
        "change",
        [
            {"channel": None}, {"channel": 7}, {"channel": ""}, {"channel": "A"}, {"channel": "a b"}, {"channel": "x" * 65},
            {"realm": 7}, {"realm": "a b"}, {"realm": "x" * 129}, {"tenant_id": 7}, {"tenant_id": "a b"},
        ],
        ids=str,
    )  # fmt: skip
    def test_what_is_out_of_form_is_400(self, gateway, change):
        body = {"channel": "guide", "message": {}, "realm": "tests"} | change
        assert_refused(gateway.api.post(f"{POST_OFFICE}/publish", body), 400)

    @pytest.mark.parametrize("missing", ["channel", "message", "realm"])
    def test_what_is_missing_is_400(self, gateway, missing):
        body = {"channel": "guide", "message": {}, "realm": "tests"}
        del body[missing]
        assert_refused(gateway.api.post(f"{POST_OFFICE}/publish", body), 400)

    @pytest.mark.parametrize("channel", ["nowhere", "pillar:magic"])
    def test_an_unknown_channel_is_refused(self, gateway, channel):
        response = gateway.api.post(f"{POST_OFFICE}/publish", {"channel": channel, "message": {}, "realm": "tests"})
        assert_refused(response, 404 if response.status_code == 404 else 400)

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", '"text"', '{"channel":"guide","message":{},"realm":"tests"} x', '{"message":"\\ud800"}']
    )
    def test_what_is_no_json_object_is_400(self, gateway, text):
        assert_refused(gateway.api.request("POST", f"{POST_OFFICE}/publish", content=text), 400)


class TestSend:
    @pytest.fixture
    def session(self, gateway):
        return gateway.new_session(user_id=f"user-{time.monotonic_ns()}")

    def test_to_one_connection(self, gateway, session):
        client, other = gateway.connect(session), gateway.connect(session)
        answer = gateway.api.send({"for": "you"}, connection_id=client.connection_id)
        assert answer == {"success": True, "connection_id": client.connection_id, "status": "sent"}
        assert client.receive() == {"for": "you"}
        assert gateway.received_by(other) == []

    @pytest.mark.parametrize("target", ["session_ref", "session_id"])
    def test_to_all_connections_of_a_session(self, gateway, session, target):
        clients = [gateway.connect(session) for _ in range(3)]
        stranger = gateway.connect()
        value = {"session_id": session, "session_ref": gateway.api.session(session)["session_ref"]}[target]
        answer = gateway.api.send({"for": "all of you"}, **{target: value})
        assert (answer["success"], answer["status"], answer["delivered"]) == (True, "sent", 3)
        assert [gateway.received_by(client) for client in clients] == [[{"for": "all of you"}]] * 3
        assert gateway.received_by(stranger) == []

    def test_to_all_connections_of_a_user(self, gateway):
        user = f"user-{time.monotonic_ns()}"
        clients = [gateway.connect(gateway.new_session(user_id=user)) for _ in range(4)]
        assert gateway.api.send({"n": 1}, user_id=user)["delivered"] == 4
        assert [client.receive() for client in clients] == [{"n": 1}] * 4

    def test_the_answer_of_a_session_does_not_repeat_its_token(self, gateway, session):
        gateway.connect(session)
        assert session not in str(gateway.api.send({}, session_id=session))

    def test_messages_come_in_the_order_they_were_sent(self, gateway, session):
        client = gateway.connect(session)
        for n in range(100):
            gateway.api.send(n, connection_id=client.connection_id)
        assert [client.receive() for _ in range(100)] == list(range(100))

    @pytest.mark.parametrize(
        "target",
        [
            {"connection_id": "ws_" + "0" * 32},
            {"session_ref": "0" * 32},
            {"session_id": "nobody"},
            {"user_id": "nobody"},
        ],
        ids=str,
    )
    def test_nowhere_is_404(self, gateway, target):
        assert_refused(gateway.api.post(f"{POST_OFFICE}/send", {"message": {}, **target}), 404)

    def test_a_connection_that_has_left_is_404(self, gateway, session):
        client = gateway.connect(session)
        client.close()
        body = {"message": {}, "connection_id": client.connection_id}
        eventually(lambda: gateway.api.post(f"{POST_OFFICE}/send", body).status_code == 404)
        assert_refused(gateway.api.post(f"{POST_OFFICE}/send", {"message": {}, "session_id": session}), 404)

    @pytest.mark.parametrize(
        "body",
        [
            {"message": {}},
            {"connection_id": "ws_" + "0" * 32},
            {"message": {}, "connection_id": 7},
            {"message": {}, "user_id": "a b"},
            {"message": {}, "user_id": "x" * 257},
            {"message": {}, "user_id": "ada", "session_id": "both"},
            [],
        ],
        ids=str,
    )
    def test_what_is_out_of_form_is_400(self, gateway, body):
        assert_refused(gateway.api.post(f"{POST_OFFICE}/send", body), 400)

    @pytest.mark.parametrize("connection_id", ["", "ws_", "ws_x", "nobody", "ws_" + "g" * 32, "ws_" + "0" * 500])
    def test_what_is_no_connection_id_is_nowhere(self, gateway, connection_id):
        response = gateway.api.post(f"{POST_OFFICE}/send", {"message": {}, "connection_id": connection_id})
        assert_refused(response, 400 if response.status_code == 400 else 404)


def test_an_agent_answers_the_one_who_asked(gateway):
    """The main job: two clients, one agent that streams its answer word by word."""
    agent = gateway.subscribe("guide")
    asking, waiting = gateway.connect(), gateway.connect()
    assert asking.say(id=1, text="how are you")["status"] == "published"
    envelope = agent.next_from(asking).json()
    for word in ("very", "well", "thanks"):
        gateway.api.send({"type": "word", "message": word}, connection_id=envelope["connection_id"])
    gateway.api.send({"type": "done"}, session_ref=envelope["session_ref"])
    assert [asking.receive().get("message") for _ in range(4)] == ["very", "well", "thanks", None]
    assert gateway.received_by(waiting) == []


def test_the_name_it_gives_is_the_one_it_used(gateway_factory):
    gateway = gateway_factory("--key-prefix", "acme:")
    assert gateway.api.publish("guide", {})["channel"] == "acme:guide"
