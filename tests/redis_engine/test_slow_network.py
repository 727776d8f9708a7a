"""Redis is far away, and the line is thin."""

import time

import pytest

from support.checker import Checker
from support.cluster import is_ready
from support.crowd import quiet_agent
from support.talker import Talker
from support.wait import eventually


@pytest.fixture
def cluster(proxied):
    return proxied


def test_messages_do_not_wait_for_one_another(gateway, proxy, redis, closing, record_property):
    checker = Checker()
    agent = closing(quiet_agent(redis, checker, "guide"))
    client = gateway.connect()
    proxy.set(latency_ms=100, bandwidth=100_000)
    start = time.monotonic()
    for n in range(200):
        client.send({"channel": "guide", "id": n, "payload": {"n": n}})
    answers = [client.receive() for _ in range(200)]
    record_property("all answered after, s", time.monotonic() - start)
    assert sorted(answer["id"] for answer in answers) == list(range(200))
    assert {answer["status"] for answer in answers} <= {"published", "queued"}
    assert [agent.next()["message"]["id"] for _ in range(200)] == list(range(200))
    record_property("200 messages at 200 ms a round trip took, s (one by one: 40)", took := time.monotonic() - start)
    assert took < 15


def test_a_round_trip_costs_a_newcomer_two_at_most(gateway, proxy, record_property):
    sessions = [gateway.new_session(user_id=f"user-{n}") for n in range(3)]
    gateway.connect()
    proxy.set(latency_ms=200)
    for session in sessions:
        start = time.monotonic()
        gateway.connect(session)
        record_property("welcomed after, s (two round trips: 0.8)", took := time.monotonic() - start)
        assert took < 1.2


def test_what_is_too_much_is_refused_and_the_rest_arrives(cluster, proxy, redis, closing, record_property):
    gateway = cluster.start("--queue-size", "100", "--max-connections-per-user", "0")
    checker = Checker()
    closing(quiet_agent(redis, checker, "guide"))
    fill = "x" * 8000
    talkers = [
        Talker(checker, gateway.connect, f"t{n}", interval=0.005, fill=fill, open_max=1000) for n in range(8)
    ]
    for talker in talkers:
        talker.start()
    proxy.set(latency_ms=100, bandwidth=100_000)
    eventually(lambda: checker.report().refused, 60, "something is too much")
    proxy.clear()
    for talker in talkers:
        talker.stop()
    eventually(lambda: not checker.missing_ids(), 90)
    report = checker.report()
    record_property("taken", report.taken)
    record_property("refused", dict(report.refused))
    record_property("slowest answer, s", report.slowest_answer)
    assert set(report.refused) == {"overloaded"}
    assert all(talker.closes == [] for talker in talkers)
    report.assert_clean(allowed=["redelivered"])


def test_a_thin_line_is_not_taken_for_a_dead_one(gateway, proxy, redis, closing):
    """Replies that come slowly, but come, are no silence."""
    agent = closing(quiet_agent(redis, Checker(), "guide"))
    client = gateway.connect()
    before = proxy.accepted
    proxy.set(latency_ms=100, bandwidth=100_000)
    for n in range(100):
        client.send({"channel": "guide", "id": n, "payload": {"fill": "x" * 2000}})
    assert {client.receive(60)["status"] for _ in range(100)} <= {"published", "queued"}
    assert [agent.next(60)["message"]["id"] for _ in range(100)] == list(range(100))
    assert proxy.accepted == before, "it has connected anew"
    eventually(lambda: is_ready(gateway), 20)
