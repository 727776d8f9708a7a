"""Where the session token is looked for, and what becomes of a client without a good one."""

import time
from urllib.parse import quote

import pytest

from support.gateway import Gateway
from support.wait import eventually

PROTOCOLS = "Sec-WebSocket-Protocol"


@pytest.fixture
def session(gateway):
    return gateway.new_session(user_id=f"user-{time.monotonic_ns()}")


def outcome(gateway, target, headers=()):
    """Either "welcome", or the close code and reason."""
    peer = gateway.peer()
    response = peer.upgrade(target, headers)
    assert response.status == 101, response
    first = peer.next_frame()
    result = "welcome" if first.opcode == 1 else (first.close_code, first.close_reason)
    peer.close()
    return result


REFUSED = (4001, "invalid session")


@pytest.mark.parametrize("name", ["session_token", "token"])
def test_the_token_comes_in_the_query(gateway, session, name):
    assert outcome(gateway, f"/ws?{name}={session}") == "welcome"
    assert outcome(gateway, f"/ws?x=1&{name}={session}&y=2") == "welcome"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_comes_as_a_bearer(gateway, session, scheme):
    assert outcome(gateway, "/ws", [("Authorization", f"{scheme} {session}")]) == "welcome"


def test_the_token_comes_as_a_subprotocol_which_is_not_repeated(gateway, session):
    response = gateway.peer().upgrade("/ws", [(PROTOCOLS, f"gateway.v1, bearer.{session}")])
    assert response.status == 101
    assert response.header(PROTOCOLS) == "gateway.v1"


def test_subprotocols_may_come_in_two_headers_and_any_order(gateway, session):
    headers = [(PROTOCOLS, f"bearer.{session}"), (PROTOCOLS, "other, gateway.v1")]
    peer = gateway.peer()
    response = peer.upgrade("/ws", headers)
    assert (response.status, response.header(PROTOCOLS)) == (101, "gateway.v1")
    peer.welcome()


def test_a_subprotocol_that_is_not_ours_is_not_chosen(gateway, session):
    response = gateway.peer().upgrade(f"/ws?session_token={session}", [(PROTOCOLS, "graphql-ws")])
    assert response.status == 101
    assert response.header(PROTOCOLS) is None


def test_our_subprotocol_is_chosen_with_the_token_elsewhere(gateway, session):
    response = gateway.peer().upgrade(f"/ws?session_token={session}", [(PROTOCOLS, "gateway.v1")])
    assert (response.status, response.header(PROTOCOLS)) == (101, "gateway.v1")


@pytest.mark.parametrize("encode", [lambda text: quote(text, safe=""), lambda text: text], ids=["encoded", "as it is"])
def test_the_query_is_percent_decoded_and_a_plus_stays_one(gateway, encode):
    session = f"a+b=c@d.e_f-{time.monotonic_ns()}"
    gateway.new_session(user_id="odd", session_id=session)
    assert outcome(gateway, f"/ws?session_token={encode(session)}") == "welcome"


def test_every_id_that_a_session_may_have_is_taken_everywhere(gateway):
    session = f"A-z.0_9@b+c=d=={time.monotonic_ns()}"
    gateway.new_session(user_id="odd", session_id=session)
    encoded = quote(session, safe="")
    assert outcome(gateway, f"/ws?session_token={encoded}") == "welcome"
    assert outcome(gateway, "/ws", [("Authorization", f"Bearer {session}")]) == "welcome"
    assert outcome(gateway, "/ws", [(PROTOCOLS, f"gateway.v1, bearer.{encoded}")]) == "welcome"


@pytest.mark.parametrize("target", ["%", "%zz", "a%2", "%ff%fe"])
def test_a_query_that_can_not_be_decoded_is_400(gateway, target):
    assert gateway.peer().upgrade(f"/ws?session_token={target}").status == 400


@pytest.mark.parametrize("token", ["a%20b", "a%2Fb", "x" * 129, "ünï"])
def test_a_token_that_no_session_can_have_is_an_invalid_session(gateway, token):
    assert outcome(gateway, f"/ws?session_token={quote(token, safe='%')}") == REFUSED


class TestPrecedence:
    """First found wins, and the first is not corrected by the second."""

    def test_the_query_wins_over_the_header(self, gateway, session):
        good, bad = ("Authorization", f"Bearer {session}"), ("Authorization", "Bearer unknown")
        assert outcome(gateway, f"/ws?session_token={session}", [bad]) == "welcome"
        assert outcome(gateway, "/ws?session_token=unknown", [good]) == REFUSED

    def test_the_header_wins_over_the_subprotocol(self, gateway, session):
        good, bad = f"gateway.v1, bearer.{session}", "gateway.v1, bearer.unknown"
        assert outcome(gateway, "/ws", [("Authorization", f"Bearer {session}"), (PROTOCOLS, bad)]) == "welcome"
        assert outcome(gateway, "/ws", [("Authorization", "Bearer unknown"), (PROTOCOLS, good)]) == REFUSED

    @pytest.mark.parametrize("nothing", ["", "null", "undefined"])
    def test_no_token_in_one_place_leaves_the_next(self, gateway, session, nothing):
        header = ("Authorization", f"Bearer {session}")
        assert outcome(gateway, f"/ws?session_token={nothing}", [header]) == "welcome"
        assert outcome(gateway, f"/ws?session_token={nothing}&token={session}") == "welcome"
        protocols = (PROTOCOLS, f"gateway.v1, bearer.{session}")
        assert outcome(gateway, "/ws", [("Authorization", f"Bearer {nothing}"), protocols]) == "welcome"

    def test_another_scheme_is_no_token(self, gateway, session):
        assert outcome(gateway, "/ws", [("Authorization", f"Basic {session}")]) == REFUSED


@pytest.mark.parametrize("token", ["", "null", "undefined"])
def test_no_token_is_an_invalid_session(gateway, token):
    assert outcome(gateway, f"/ws?session_token={token}") == REFUSED
    assert outcome(gateway, "/ws") == REFUSED


def test_an_unknown_session_is_invalid(gateway):
    assert outcome(gateway, "/ws?session_token=nobody-made-this") == REFUSED


def test_suspended_and_deleted_sessions_are_invalid(gateway, session):
    gateway.api.patch_session(session, status="suspended")
    assert outcome(gateway, f"/ws?session_token={session}") == REFUSED
    gateway.api.patch_session(session, status="active")
    assert outcome(gateway, f"/ws?session_token={session}") == "welcome"
    gateway.api.delete_session(session)
    assert outcome(gateway, f"/ws?session_token={session}") == REFUSED


def test_an_expired_session_is_invalid(gateway):
    session = gateway.new_session(user_id="brief", ttl_seconds=1)
    eventually(lambda: gateway.api.session(session)["status"] == "expired")
    assert outcome(gateway, f"/ws?session_token={session}") == REFUSED


def test_the_session_ref_is_no_token(gateway, session):
    agent = gateway.subscribe("guide")
    client = gateway.connect(session)
    client.say(text="who am I")
    session_ref = agent.next_from(client).json()["session_ref"]
    assert outcome(gateway, f"/ws?session_token={session_ref}") == REFUSED


@pytest.mark.parametrize("client_id", ["a%20b", "x" * 129, "%00", "a/b"])
def test_a_client_id_out_of_its_form_is_400(gateway, session, client_id):
    assert gateway.peer().upgrade(f"/ws?session_token={session}&client_id={client_id}").status == 400


@pytest.fixture(scope="module")
def open_gateway():
    with Gateway("--session-policy", "optional", "--max-connections-per-user", "2") as gateway:
        yield gateway


class TestOptionalPolicy:
    @pytest.mark.parametrize(
        "query", ["", "?session_token=", "?session_token=null", "?token=undefined", "?token=unknown"]
    )
    def test_without_a_good_token_a_connection_is_anonymous(self, open_gateway, query):
        agent = open_gateway.subscribe("guide")
        peer = open_gateway.peer()
        assert peer.upgrade(f"/ws{query}").status == 101
        connection_id = peer.welcome()["connection_id"]
        peer.send_message({"payload": {"message": "hello"}})
        envelope = agent.envelope()
        assert envelope["connection_id"] == connection_id
        assert envelope["user_id"] is None and envelope["session_ref"] is None

    def test_with_a_token_it_is_a_user(self, open_gateway):
        agent = open_gateway.subscribe("guide")
        client = open_gateway.connect(open_gateway.new_session(user_id="grace"))
        client.say(text="hello")
        assert agent.envelope()["user_id"] == "grace"

    def test_anonymous_connections_are_not_one_user_with_a_limit(self, open_gateway):
        peers = [open_gateway.peer() for _ in range(5)]
        assert [peer.upgrade("/ws").status for peer in peers] == [101] * 5
        assert all(peer.welcome() for peer in peers)
