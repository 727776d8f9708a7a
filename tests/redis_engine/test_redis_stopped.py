"""Redis is stopped: its socket takes everything and answers nothing."""

import time

import pytest

from support.checker import Checker
from support.cluster import is_ready, seconds_until
from support.crowd import Crowd, echo_agent, stopped
from support.redis_agent import collect_events
from support.talker import Talker
from support.wait import eventually, paced


@pytest.fixture
def pair(cluster):
    return [cluster.start("--max-connections-per-user", "0") for _ in range(2)]


def events_of_ends(events):
    return [event for event in (events.next() for _ in range(events.waiting())) if event["event"] != "connection_opened"]


@pytest.mark.parametrize("seconds", [1, 5, pytest.param(30, marks=pytest.mark.slow)])
def test_it_is_noticed_survived_and_held_against_nobody(pair, redis, closing, record_property, seconds):
    checker = Checker()
    events = closing(collect_events(redis))
    closing(echo_agent(redis, checker, "guide"))
    crowd = Crowd(pair, 60)
    talkers = [Talker(checker, pair[n % 2].connect, f"t{n}").start() for n in range(4)]
    eventually(lambda: checker.taken() > 50)
    memory = [gateway.rss_bytes for gateway in pair]
    with stopped(redis):
        end = time.monotonic() + seconds
        if seconds > 1:
            noticed = seconds_until(lambda: not any(map(is_ready, pair)), 20)
            record_property("not ready after, s (promised 2)", noticed)
        for _ in paced(0.1, max(0, end - time.monotonic())):
            assert pair[0].api.get("/health/live").status_code == 200
        grown = [gateway.rss_bytes - before for gateway, before in zip(pair, memory, strict=True)]
    record_property("memory grown while stopped, MiB", [round(size / 2**20, 1) for size in grown])
    assert max(grown) < 64 << 20
    record_property("ready again after, s (promised 1)", seconds_until(lambda: all(map(is_ready, pair)), 30))

    talking = [talker.client.connection_id for talker in talkers]
    for talker in talkers:
        talker.stop()
    eventually(lambda: not checker.missing_ids(), 90)
    report = checker.report()
    record_property("slowest answer to a sender, s (promised 0.25 beyond the 0.5 of detection)", report.slowest_answer)
    assert report.slowest_answer < 5
    assert all(talker.closes == [] for talker in talkers)
    report.assert_clean(allowed=["redelivered", "answers_lost", "answers_doubled"])

    eventually(lambda: crowd.is_registered(redis), 20)
    crowd_told = [event for event in events_of_ends(events) if event["connection_id"] not in talking]
    assert crowd_told == [], "somebody was given up because the store slept"
    for client in crowd.clients:
        client.send({"type": "ping"})
        assert client.receive()["type"] == "pong"


@pytest.mark.slow
def test_after_a_sleep_longer_than_a_lease_nobody_is_reaped_later_either(pair, redis):
    crowd = Crowd(pair, 40)
    with stopped(redis):
        for _ in paced(1, 20):
            assert pair[1].api.get("/health/live").status_code == 200
    eventually(lambda: crowd.is_registered(redis), 20)
    for _ in paced(0.5, 20):
        assert crowd.is_registered(redis)
    crowd.assert_all_there()


def test_the_service_api_says_so_within_its_deadline(pair, redis, record_property):
    gateway = pair[0]
    client = pair[1].connect()
    session = gateway.new_session()
    calls = {
        "create": lambda: gateway.api.post("/api/traffic-cop/sessions", {"user_id": "ada"}),
        "read": lambda: gateway.api.get(f"/api/traffic-cop/sessions/{session}"),
        "send": lambda: gateway.api.post(
            "/api/post-office/websocket/send", {"connection_id": client.connection_id, "message": {}}
        ),
        "count": lambda: gateway.api.get("/api/post-office/websocket/connection-count"),
    }
    with stopped(redis):
        for name, call in calls.items():
            start = time.monotonic()
            response = call()
            took = time.monotonic() - start
            record_property(f"{name} refused after, s (promised 0.5)", took)
            assert response.status_code == 503 and response.json()["success"] is False, name
            assert took < 5
    eventually(lambda: is_ready(gateway), 20)
    assert gateway.api.session(session)["status"] == "active"


def test_clients_that_come_meanwhile_are_not_left_hanging(pair, redis, record_property):
    gateway = pair[0]
    session = gateway.new_session()
    with stopped(redis):
        peer = gateway.peer()
        start = time.monotonic()
        response = peer.upgrade(f"/ws?session_token={session}")
        took = time.monotonic() - start
        # Not noticed yet: it is let in to be told, with a code that does not send a user to the login page.
        if response.status == 101:
            assert peer.closed()[0] not in (1008, 4001, 4003)
            took = time.monotonic() - start
        record_property("a newcomer is answered after, s", took)
        assert took < 6
        eventually(lambda: not is_ready(gateway), 20)
        response = gateway.peer().upgrade(f"/ws?session_token={session}")
        assert response.status == 503 and response.header("retry-after")
    eventually(lambda: is_ready(gateway), 20)
    gateway.connect(session)
