"""A session that ends takes its live connections with it; a fresh one may take its place."""

import time

import pytest

from support.forms import TIMESTAMP
from support.peer import upgrade_request
from support.wait import eventually


@pytest.fixture
def agent(gateway):
    return gateway.subscribe("guide")


def session_of(gateway, user="ada", **fields):
    return gateway.new_session(user_id=user, **fields)


class TestLiveConnectionsAreClosed:
    @pytest.fixture
    def session(self, gateway):
        return session_of(gateway, user=f"user-{time.monotonic_ns()}")

    @pytest.mark.parametrize(
        "end",
        [
            lambda api, session: api.patch_session(session, status="suspended"),
            lambda api, session: api.patch_session(session, status="inactive"),
            lambda api, session: api.delete_session(session),
            lambda api, session: api.patch_session(session, ttl_seconds=1),
        ],
        ids=["suspended", "made inactive", "deleted", "given one more second"],
    )
    def test_all_of_them_with_4003(self, gateway, session, end):
        clients = [gateway.connect(session) for _ in range(3)]
        bystander = gateway.connect()
        end(gateway.api, session)
        assert {client.closed() for client in clients} == {(4003, "session ended")}
        bystander.assert_silent()
        eventually(lambda: gateway.api.session_connections(session) == [])

    def test_when_it_expires(self, gateway):
        session = session_of(gateway, user="brief", ttl_seconds=2)
        client = gateway.connect(session)
        start = time.monotonic()
        assert client.closed()[0] == 4003
        assert time.monotonic() - start < 5

    def test_a_longer_life_keeps_it(self, gateway):
        session = session_of(gateway, user="renewed", ttl_seconds=2)
        client = gateway.connect(session)
        gateway.api.patch_session(session, ttl_seconds=60)
        with pytest.raises(TimeoutError):
            client.closed(3.5)
        client.assert_silent()

    def test_a_changed_context_keeps_it(self, gateway, session):
        client = gateway.connect(session)
        gateway.api.patch_session(session, context={"theme": "dark"})
        client.assert_silent()

    def test_a_session_deleted_while_connecting_leaves_no_connection(self, gateway):
        for _ in range(20):
            session = session_of(gateway, user=f"racer-{time.monotonic_ns()}")
            peer = gateway.peer()
            peer.send(upgrade_request(f"/ws?session_token={session}", peer.host))
            gateway.api.delete_session(session)
            assert peer.response().status == 101
            assert peer.closed()[0] in (4001, 4003)


class TestAuthenticate:
    @pytest.fixture
    def user(self):
        return f"user-{time.monotonic_ns()}"

    def authenticate(self, client, session):
        return client.ask({"type": "authenticate", "session_token": session})

    def test_a_fresh_session_of_the_same_user_takes_over(self, gateway, agent, user):
        old, new = session_of(gateway, user), session_of(gateway, user, ttl_seconds=7200)
        client = gateway.connect(old)
        answer = self.authenticate(client, new)
        assert TIMESTAMP.fullmatch(answer["timestamp"])
        assert answer == {
            "type": "authenticated",
            "expires_at": gateway.api.session(new)["expires_at"],
            "timestamp": answer["timestamp"],
        }
        client.say(text="as the new one")
        assert agent.next_from(client).json()["session_ref"] == gateway.api.session(new)["session_ref"]
        eventually(lambda: gateway.api.session_connections(new) == [client.connection_id])
        assert gateway.api.session_connections(old) == []
        gateway.api.delete_session(old)
        client.assert_silent()
        gateway.api.delete_session(new)
        assert client.closed()[0] == 4003

    def test_it_outlives_the_expiry_of_the_old_one(self, gateway, user):
        client = gateway.connect(session_of(gateway, user, ttl_seconds=2))
        assert self.authenticate(client, session_of(gateway, user))["type"] == "authenticated"
        with pytest.raises(TimeoutError):
            client.closed(3.5)

    def refused(self, gateway, client, message):
        answer = client.ask(message)
        assert (answer["type"], answer["code"]) == ("error", "forbidden"), answer

    def test_anything_else_is_forbidden_and_the_old_one_stays(self, gateway, agent, user):
        old = session_of(gateway, user, context={"tenant_id": "acme"})
        client = gateway.connect(old)
        ended = session_of(gateway, user, context={"tenant_id": "acme"})
        gateway.api.delete_session(ended)
        suspended = session_of(gateway, user, context={"tenant_id": "acme"})
        gateway.api.patch_session(suspended, status="suspended")
        for token in (
            session_of(gateway, "somebody-else", context={"tenant_id": "acme"}),
            session_of(gateway, user, context={"tenant_id": "other"}),
            session_of(gateway, user),
            ended,
            suspended,
            "unknown",
            "",
            "x" * 500,
        ):
            self.refused(gateway, client, {"type": "authenticate", "session_token": token})
        client.say(text="still the old one")
        assert agent.next_from(client).json()["session_ref"] == gateway.api.session(old)["session_ref"]
        gateway.api.delete_session(old)
        assert client.closed()[0] == 4003

    @pytest.mark.parametrize("message", [{"type": "authenticate"}, {"type": "authenticate", "session_token": 7}])
    def test_without_a_token_it_is_an_error(self, gateway, user, message):
        client = gateway.connect(session_of(gateway, user))
        answer = client.ask(message)
        assert answer["type"] == "error" and answer["code"] in ("forbidden", "invalid_message")
        client.assert_silent()

    def test_the_token_is_in_no_answer(self, gateway, user):
        client = gateway.connect(session_of(gateway, user))
        for token in (session_of(gateway, user), session_of(gateway, "somebody-else")):
            client.send({"type": "authenticate", "session_token": token})
            assert token not in client.receive_text()
