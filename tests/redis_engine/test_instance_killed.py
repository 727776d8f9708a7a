"""An instance dies with its connections: the others notice, and nothing of it stays."""

import time

import pytest

from support.cluster import seconds_until, traces
from support.crowd import Crowd, has_lease
from support.redis_agent import collect_events
from support.wait import eventually, paced

SEND = "/api/post-office/websocket/send"


@pytest.fixture
def pair(cluster):
    return [cluster.start() for _ in range(2)]


@pytest.mark.slow
def test_nothing_is_routed_to_it_after_three_seconds_and_nothing_is_left_after_thirty(
    pair, redis, closing, record_property
):
    dying, living = pair
    crowd = Crowd(pair, 200)
    assert crowd.is_registered(redis)
    gone, stay = crowd.ids_on(dying), crowd.ids_on(living)
    events = closing(collect_events(redis))
    dying.crash()
    died = time.monotonic()

    def nowhere():
        body = {"connection_id": next(iter(gone)), "message": {}}
        return living.api.post(SEND, body).status_code == 404

    record_property("not routed to after, s (promised 3)", seconds_until(nowhere, 10))
    eventually(lambda: traces(redis, *gone) == [], 60)
    eventually(lambda: traces(redis, dying.instance_id) == [], 60)
    record_property("nothing left after, s (promised 30)", time.monotonic() - died)
    # A loss of its own connection puts off what it does about others.
    record_property("meanwhile the living one lost Redis, times", living.log_text.count("redis_connection_lost"))
    assert living.api.connection_count()["global"] == len(stay)
    assert set(living.api.channel_connections("guide")) == stay
    told = [events.next() for _ in gone]
    assert {event["connection_id"] for event in told} == gone
    assert {event["event"] for event in told} <= {"connection_closed", "connection_evicted"}
    assert events.waiting() == 0, "nothing twice, nobody of the living"
    for client in crowd.clients_on(living):
        client.assert_silent()


def test_its_connections_do_not_use_up_a_users_limit(cluster, record_property):
    dying, living = (cluster.start("--max-connections-per-user", "2") for _ in range(2))
    session = living.new_session(user_id="ada")
    for _ in range(2):
        dying.connect(session)
    dying.crash()

    def admitted():
        return living.raw_connect(session).next_frame().opcode == 1

    record_property("let in elsewhere after, s (promised 3)", seconds_until(admitted, 20))


def test_a_connection_that_is_nowhere_is_said_to_be(pair, record_property):
    dying, living = pair
    session = living.new_session(user_id="ada")
    dying.connect(session)
    here = living.connect(session)
    assert living.api.send({"n": 1}, user_id="ada")["delivered"] == 2
    dying.crash()
    took = seconds_until(lambda: living.api.send({"n": 2}, user_id="ada")["delivered"] == 1, 10)
    record_property("counted no more after, s (promised 3)", took)
    assert here.receive() == {"n": 1}


@pytest.mark.slow
def test_when_it_was_the_last_one_the_next_to_come_cleans_up(cluster, redis, record_property):
    dying = cluster.start()
    crowd = Crowd([dying], 20)
    dying.crash()
    died = time.monotonic()
    cluster.start()
    eventually(lambda: traces(redis, *crowd.ids) == [], 60)
    eventually(lambda: traces(redis, dying.instance_id) == [], 60)
    record_property("nothing left after, s (promised 30)", time.monotonic() - died)


@pytest.mark.slow
def test_one_that_is_slow_is_not_taken_for_dead(pair, redis):
    """It runs a tenth of the time only: late with everything, but alive."""
    slow, watching = pair
    crowd = Crowd(pair, 40)
    for _ in paced(0.2, 25):
        slow.stop_process()
        for _ in paced(0.1, 1.8):
            assert has_lease(redis, slow)
        slow.continue_process()
    assert crowd.is_registered(redis)
    crowd.assert_all_there()


@pytest.mark.slow
def test_of_three_that_die_at_once_nothing_is_left(cluster, redis):
    gateways = [cluster.start() for _ in range(4)]
    crowd = Crowd(gateways, 80)
    for gateway in gateways[:3]:
        gateway.crash()
    ids = set.union(*(crowd.ids_on(gateway) for gateway in gateways[:3]))
    eventually(lambda: traces(redis, *ids) == [], 60)
    for gateway in gateways[:3]:
        eventually(lambda id=gateway.instance_id: traces(redis, id) == [], 60)
    assert set(gateways[3].api.channel_connections("guide")) == crowd.ids_on(gateways[3])
