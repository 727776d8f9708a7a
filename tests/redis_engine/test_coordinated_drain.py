"""Instances that go send their clients to those that stay: at one pace, each in its turn, without a new session check."""

import asyncio
import re
import time
from urllib.parse import quote

import jwt
import pytest

from support.client import Client
from support.moving import Fleet, mean_rate, most_within, moved, tickets
from support.wait import eventually

FLAGS = ("--max-connections-per-user", "0", "--drain-timeout", "5")


def has_listened(gateway):
    """For so long that it takes tickets that are issued now."""
    eventually(lambda: float(re.search(r"^gateway_uptime_seconds\S* (\S+)$", gateway.api.get("/metrics").text, re.MULTILINE)[1]) > 2.5, 20)
    return gateway


def farewell(client) -> dict:
    """What it is told in its turn; before that, when that will be."""
    announced = client.receive()
    assert (announced["event"], announced["retry_after_ms"]) == ("draining", 1000)
    told = client.receive()
    assert (told["event"], told["leave_in_ms"]) == ("draining", 0)
    return told


# Tickets.


@pytest.fixture
def pair(cluster):
    """One that will go, and one that stays and knows it."""
    return cluster.start(*FLAGS), has_listened(cluster.start(*FLAGS))


def sent_on(going, session, query="", **options):
    """A client of the one that goes, until it has been sent on: its ticket."""
    client = Client.open(going.ws_url, session, query=query, **options)
    going.process.terminate()
    told = farewell(client)
    assert client.closed()[0] == 1012
    assert told["retry_after_ms"] == 0
    return told["ticket"]


def come(gateway, session, ticket, query=""):
    return Client(f"{gateway.ws_url}?session_token={quote(session, safe='')}&ticket={ticket}{query}")


def test_a_ticket_spares_the_session_check(pair, redis):
    going, staying = pair
    session = staying.new_session(user_id="ada")
    ticket = sent_on(going, session, "&client_id=tab")
    # What would be asked for is not there, and it comes in all the same: with the session that it had.
    with redis.client() as client:
        [key] = [key for key in client.scan_iter("websocket:session:*") if client.type(key) == "hash"]
        client.rename(key, "elsewhere")
        moved = come(staying, session, ticket, "&client_id=tab")
        assert moved.receive()["event"] == "welcome"
        client.rename("elsewhere", key)
    assert [connection["user_id"] for connection in staying.api.connections()] == ["ada"]
    assert tickets(staying) == {"issued": 0, "accepted": 1, "refused": 0}
    assert staying.api.delete_session(session)
    assert moved.closed()[0] == 4003


def test_whatever_is_against_a_ticket_the_token_beside_it_counts(pair):
    going, staying = pair
    session, other = staying.new_session(user_id="ada"), staying.new_session(user_id="bob")
    ticket = sent_on(going, session, "&client_id=tab")
    changed = ticket[:-1] + ("A" if ticket[-1] != "A" else "B")
    for shown, query in ((changed, "&client_id=tab"), ("x", "&client_id=tab"), (ticket, "&client_id=another"), (ticket, "")):
        assert come(staying, session, shown, query).receive()["event"] == "welcome"
    # Beside another session's token it is that one that comes; without one, nobody.
    assert come(staying, other, ticket, "&client_id=tab").receive()["event"] == "welcome"
    users = sorted(connection["user_id"] for connection in staying.api.connections())
    assert users == ["ada"] * 4 + ["bob"]
    for token in ("", "guessed-0123456789abcdef"):
        assert come(staying, token, ticket, "&client_id=tab").closed()[0] == 4001
    assert tickets(staying) == {"issued": 0, "accepted": 0, "refused": 7}
    assert ticket not in staying.log_text


@pytest.mark.parametrize("change", ["ended", "suspended", "narrowed"])
def test_a_session_that_has_changed_since_is_asked_for(pair, change):
    going, staying = pair
    session = staying.new_session(user_id="ada")
    ticket = sent_on(going, session)
    if change == "ended":
        staying.api.delete_session(session)
    elif change == "suspended":
        staying.api.patch_session(session, status="suspended")
    else:
        staying.api.patch_session(session, context={"channels": ["guide"]})
    client = come(staying, session, ticket)
    if change == "narrowed":
        assert client.receive()["event"] == "welcome"
        assert client.ask({"type": "subscribe", "channel": "pillar:content"})["code"] == "forbidden_channel"
    else:
        assert client.closed()[0] == 4001
    assert tickets(staying)["accepted"] == 0


def test_one_that_has_not_listened_so_long_asks(cluster):
    """It cannot know what was said of the session before it was there."""
    going, staying = cluster.start(*FLAGS), cluster.start(*FLAGS)
    session = staying.new_session(user_id="ada")
    ticket = sent_on(going, session)
    late = cluster.start(*FLAGS)
    late.api.delete_session(session)
    assert come(late, session, ticket).closed()[0] == 4001
    assert tickets(late) == {"issued": 0, "accepted": 0, "refused": 1}


def test_other_keys_take_no_tickets(cluster):
    """Redis alone does not make one: half of what seals them is in the settings."""
    going, staying = cluster.start(*FLAGS), cluster.start(*FLAGS, env={"GATEWAY_API_KEY": "another-0123456789abcdef"})
    session = staying.new_session(user_id="ada")
    ticket = sent_on(going, session)
    assert come(staying, session, ticket).receive()["event"] == "welcome"
    assert tickets(staying)["refused"] == 1


def test_who_comes_with_a_ticket_again_and_again_has_no_more_connections_than_he_may(cluster):
    flags = ("--max-connections-per-user", "2", "--drain-timeout", "5")
    going, staying = cluster.start(*flags), has_listened(cluster.start(*flags))
    ticket = sent_on(going, session := staying.new_session(user_id="ada"))
    first, second = come(staying, session, ticket), come(staying, session, ticket)
    assert first.receive()["event"] == second.receive()["event"] == "welcome"
    assert come(staying, session, ticket).closed()[0] == 4004


def test_who_has_all_his_connections_moves_with_all_of_them(cluster):
    """The ones that he has left may count for a moment longer."""
    flags = ("--max-connections-per-user", "3", "--drain-timeout", "5")
    going, staying = cluster.start(*flags), has_listened(cluster.start(*flags))
    session = staying.new_session(user_id="ada")
    clients = [going.connect(session) for _ in range(3)]
    going.process.terminate()
    moved = []
    for client in clients:
        told = farewell(client)
        moved.append(come(staying, session, told["ticket"]))
        assert moved[-1].receive()["event"] == "welcome"
    assert len(staying.api.connections()) == 3


def test_where_nobody_takes_them_they_are_told_to_wait(cluster):
    gateway = cluster.start(*FLAGS)
    client = gateway.connect()
    gateway.process.terminate()
    told = farewell(client)
    assert told["retry_after_ms"] == 1000 and "ticket" not in told


def test_one_that_is_there_as_events_has_a_ticket_too(pair):
    going, staying = pair
    session = staying.new_session(user_id="ada")
    client = going.connect_by_events(session)
    going.process.terminate()
    staying.connect_by_events(session, query={"ticket": farewell(client)["ticket"]})
    assert tickets(staying)["accepted"] == 1


# A ticket beside a JWT, which is verified all the same.

SECRET = "a-secret-that-issuer-and-gateway-share"


@pytest.fixture
def jwt_pair(cluster, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    flags = (*FLAGS, "--jwt-secret-file", str(tmp_path / "secret"))
    return cluster.start(*flags), has_listened(cluster.start(*flags))


def token(user, jti="one", secret=SECRET, ends_in=600):
    now = int(time.time())
    return jwt.encode({"sub": user, "jti": jti, "iat": now, "exp": now + ends_in}, secret, algorithm="HS256")


def revoke(gateway, **what):
    assert gateway.api.post("/api/traffic-cop/revocations", what).status_code == 200


def test_a_ticket_spares_who_has_a_jwt_the_session_check_until_that_is_revoked(jwt_pair, redis):
    going, staying = jwt_pair
    shown = token("ada")
    ticket = sent_on(going, shown)
    with redis.client() as client:
        [key] = [key for key in client.scan_iter("websocket:session:*") if client.type(key) == "hash"]
        client.rename(key, "elsewhere")
        moved = come(staying, shown, ticket)
        assert moved.receive()["event"] == "welcome"
        assert not client.exists(key), "nor was it made anew"
        client.rename("elsewhere", key)
    assert [connection["user_id"] for connection in staying.api.connections()] == ["ada"]
    revoke(staying, jti="one", iss="")
    assert moved.closed()[0] == 4003
    assert come(staying, shown, ticket).closed()[0] == 4001
    assert tickets(staying) == {"issued": 0, "accepted": 1, "refused": 1}


def test_a_ticket_makes_no_jwt_good(jwt_pair):
    """Neither a forged one, nor one that has ended, nor another user's, though all name the ticket's session."""
    going, staying = jwt_pair
    ticket = sent_on(going, token("ada"))
    for shown in (token("ada", secret="what-somebody-else-signs-his-tokens-with"), token("ada", ends_in=-600), token("bob")):
        assert come(staying, shown, ticket).closed()[0] == 4001
    assert come(staying, token("bob", jti="two"), ticket).receive()["event"] == "welcome"
    assert [connection["user_id"] for connection in staying.api.connections()] == ["bob"]
    revoke(staying, sub="ada")
    assert come(staying, token("ada"), ticket).closed()[0] == 4001
    assert tickets(staying) == {"issued": 0, "accepted": 0, "refused": 5}


# The pace.


@pytest.mark.slow(20)
@pytest.mark.parametrize("way", ["at once", "rolling"])
def test_a_deploy_makes_no_more_than_twice_the_mean_rate_of_handshakes(cluster, record_property, way):
    count, instances = 400, 3
    flags = ("--max-connections-per-user", "0", "--drain-timeout", "5", "--shards", "1")
    old = [cluster.start(*flags) for _ in range(instances)]
    fleet = Fleet(old, [old[0].new_session()])

    def replace_at_once():
        fleet.ready = [has_listened(cluster.start(*flags)) for _ in range(instances)]
        for gateway in old:
            gateway.process.terminate()
        for gateway in old:
            assert gateway.wait_exit(30) == 0

    def replace_one_by_one():
        for gateway in old:
            fresh = has_listened(cluster.start(*flags))
            fleet.ready = [*(other for other in fleet.ready if other is not gateway), fresh]
            gateway.process.terminate()
            assert gateway.wait_exit(30) == 0

    asyncio.run(moved(fleet, count, replace_at_once if way == "at once" else replace_one_by_one))
    times = sorted(fleet.handshakes)
    most, mean = most_within(times, 1.0), mean_rate(times)
    record_property("handshakes a second, mean", mean)
    record_property("handshakes a second, most", most)
    record_property("longest without a connection, s", max(fleet.waits))
    assert len(times) >= count and most <= 2 * mean, (len(times), most, mean)
    assert max(fleet.waits) <= 2.0, "nobody is without a connection for longer"
    assert fleet.errors == []
    assert tickets(*fleet.ready)["accepted"] >= 0.9 * count
