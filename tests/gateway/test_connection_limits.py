"""How many connections a user, and an instance, may have."""

import pytest

from support.client import Client
from support.peer import upgrade_request
from support.wait import eventually


def refused(gateway, session):
    """The close that a connection gets instead of its welcome."""
    client = Client(f"{gateway.ws_url}?session_token={session}")
    return client.closed()


def connections_of(gateway, user):
    return gateway.api.connection_count()["per_user"].get(user, 0)


def test_five_then_no_more_then_five_again(gateway):
    session = gateway.new_session(user_id="ada")
    first = [gateway.connect(session) for _ in range(5)]
    assert refused(gateway, session) == (4004, "Connection limit exceeded")
    assert connections_of(gateway, "ada") == 5
    for client in first:
        client.ask({"type": "ping"})
        client.close()
    eventually(lambda: connections_of(gateway, "ada") == 0)
    second = [gateway.connect(session) for _ in range(5)]
    assert refused(gateway, session) == (4004, "Connection limit exceeded")
    assert len({client.connection_id for client in first + second}) == 10


def test_a_place_is_free_as_soon_as_one_has_left(gateway):
    session = gateway.new_session(user_id="grace")
    clients = [gateway.connect(session) for _ in range(5)]
    clients[2].close()
    eventually(lambda: connections_of(gateway, "grace") == 4)
    gateway.connect(session)
    assert refused(gateway, session)[0] == 4004


def test_the_limit_is_the_users_over_all_sessions(gateway):
    sessions = [gateway.new_session(user_id="mary") for _ in range(6)]
    for session in sessions[:5]:
        gateway.connect(session)
    assert refused(gateway, sessions[5]) == (4004, "Connection limit exceeded")
    gateway.connect(gateway.new_session(user_id="maria"))


def test_the_same_name_in_another_tenant_is_another_user(gateway):
    def session(tenant):
        return gateway.new_session(user_id="alice", context={"tenant_id": tenant} if tenant else {})

    for tenant in ("acme", "umbrella", None):
        one = session(tenant)
        for _ in range(5):
            gateway.connect(one)
        assert refused(gateway, one) == (4004, "Connection limit exceeded")
    assert connections_of(gateway, "alice") == 15


def test_refused_connections_are_not_counted(gateway):
    session = gateway.new_session(user_id="edith")
    clients = [gateway.connect(session) for _ in range(5)]
    for _ in range(20):
        refused(gateway, session)
    assert connections_of(gateway, "edith") == 5
    clients[0].close()
    eventually(lambda: connections_of(gateway, "edith") == 4)
    gateway.connect(session)


def test_at_the_limit_a_tab_takes_the_place_of_itself(gateway):
    session = gateway.new_session(user_id="katherine")
    tabs = [gateway.connect(session, query=f"&client_id=tab-{n}") for n in range(5)]
    again = gateway.connect(session, query="&client_id=tab-3")
    assert tabs[3].closed() == (4010, "replaced")
    for client in (*tabs[:3], tabs[4], again):
        client.assert_silent()
    assert connections_of(gateway, "katherine") == 5
    stranger = Client(f"{gateway.ws_url}?session_token={session}&client_id=tab-5")
    assert stranger.closed() == (4004, "Connection limit exceeded")
    other = gateway.new_session(user_id="katherine")
    assert Client(f"{gateway.ws_url}?session_token={other}&client_id=tab-3").closed()[0] == 4004
    # Below the limit nobody has to go.
    tabs[0].close()
    eventually(lambda: connections_of(gateway, "katherine") == 4)
    gateway.connect(session, query="&client_id=tab-3").assert_silent()
    again.assert_silent()


def test_connecting_at_the_same_time_does_not_get_past_the_limit(gateway):
    session = gateway.new_session(user_id="crowd")
    peers = [gateway.peer() for _ in range(25)]
    for peer in peers:
        peer.send(upgrade_request(f"/ws?session_token={session}", peer.host))
    first = []
    for peer in peers:
        assert peer.response().status == 101
        first.append(peer.next_frame())
    welcomes = [received for received in first if received.opcode == 1]
    closes = [received.close_code for received in first if received.opcode == 8]
    assert len(welcomes) == 5
    assert closes == [4004] * 20


@pytest.mark.parametrize("limit", [1, 2])
def test_the_limit_is_a_setting(gateway_factory, limit):
    gateway = gateway_factory("--max-connections-per-user", limit)
    session = gateway.new_session(user_id="ada")
    clients = [gateway.connect(session) for _ in range(limit)]
    assert refused(gateway, session)[0] == 4004
    assert len(clients) == limit


def test_zero_is_no_limit(gateway_factory):
    gateway = gateway_factory("--max-connections-per-user", "0")
    session = gateway.new_session(user_id="ada")
    assert len([gateway.connect(session) for _ in range(30)]) == 30


def test_a_full_instance_says_so(gateway_factory):
    gateway = gateway_factory("--max-connections", "3")
    clients = [gateway.connect() for _ in range(3)]
    assert refused(gateway, gateway.new_session(user_id="late")) == (4005, "Server at capacity")
    assert gateway.connection_count() == 3
    clients[0].close()
    eventually(lambda: gateway.connection_count() == 2)
    gateway.connect()
    assert clients[1].ask({"type": "ping"})["type"] == "pong"
