"""At a user's limit the connections that nobody uses any more make room for those that come."""


import pytest

from support.client import Client
from support.cluster import seconds_until
from support.wait import eventually


@pytest.fixture
def pair(cluster):
    return [cluster.start() for _ in range(2)]


def tab(gateway, session, n):
    return gateway.connect(session, query=f"&client_id=tab-{n}")


def first_word(gateway, session):
    """welcome, or the code that a connection is closed with instead."""
    peer = gateway.raw_connect(session)
    frame = peer.next_frame()
    return "welcome" if frame.opcode == 1 else frame.close_code


def test_a_tab_that_names_itself_is_back_at_once_after_its_instance_was_killed(pair):
    dying, living = pair
    session = living.new_session(user_id="ada")
    for n in range(5):
        tab(dying, session, n)
    dying.crash()
    back = [tab(living, session, n) for n in range(5)]
    for client in back:
        client.assert_silent()
    assert first_word(living, session) == 4004
    counts = living.api.connection_count()
    assert counts["per_user"] == {"ada": 5}


def test_a_tab_without_a_name_is_back_within_five_seconds(pair, record_property):
    dying, living = pair
    session = living.new_session(user_id="ada")
    for _ in range(5):
        dying.connect(session)
    dying.crash()
    back = 0

    def all_back():
        nonlocal back
        while back < 5 and first_word(living, session) == "welcome":
            back += 1
        return back == 5

    record_property("five tabs back after a kill, s (promised 5)", seconds_until(all_back, 20))
    assert first_word(living, session) == 4004


def test_a_tab_takes_the_place_of_itself_on_another_instance(pair):
    here, there = pair
    session = here.new_session(user_id="ada")
    tabs = [tab(here if n % 2 else there, session, n) for n in range(5)]
    for n, gateway in ((1, there), (2, there), (3, here), (4, here)):
        again = tab(gateway, session, n)
        assert tabs[n].closed() == (4010, "replaced")
        tabs[n] = again
    for client in tabs:
        client.assert_silent()
    assert here.api.connection_count()["per_user"] == {"ada": 5}
    assert sorted(there.api.channel_connections("guide")) == sorted(client.connection_id for client in tabs)
    refused = Client(f"{here.ws_url}?session_token={session}&client_id=tab-9")
    assert refused.closed() == (4004, "Connection limit exceeded")


def test_one_that_gave_way_while_its_instance_slept_closes_when_that_wakes(pair):
    """Three seconds of silence make its connections give way; it wakes before anybody cleans up after it."""
    
    sleeping, awake = pair
    session = awake.new_session(user_id="ada")
    old = [sleeping.connect(session) for _ in range(5)]
    sleeping.stop_process()
    eventually(lambda: first_word(awake, session) == "welcome", 20)
    sleeping.continue_process()

    def missing():
        listed = awake.api.channel_connections("guide")
        return [client for client in old if client.connection_id not in listed]

    eventually(lambda: len(missing()) < len(old), 20, "its lease is renewed")
    gone = missing()
    assert len(gone) == 1
    assert gone[0].closed()[0] == 4009
    for client in set(old) - set(gone):
        client.assert_silent()
    assert awake.api.connection_count()["per_user"] == {"ada": 5}
