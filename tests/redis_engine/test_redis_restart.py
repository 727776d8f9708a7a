"""Redis dies and comes back, with what it held or with nothing."""

import time

import pytest

from support.checker import Checker
from support.cluster import is_ready, listening, seconds_until
from support.crowd import Crowd, echo_agent, publish, quiet_agent
from support.gateway import is_sanitized
from support.talker import Talker
from support.wait import eventually, paced


@pytest.fixture
def pair(cluster):
    return [cluster.start("--max-connections-per-user", "0") for _ in range(2)]


def subscribed(redis, gateways):
    return listening(redis, "websocket:fanout:guide", len(gateways)) and all(
        listening(redis, f"websocket:gateway:{gateway.instance_id}") for gateway in gateways
    )


@pytest.mark.parametrize("keep_data", [True, False], ids=["with its data", "without its data"])
class TestRestart:
    def test_nobody_is_closed_and_all_is_as_before(self, pair, redis, record_property, keep_data):
        crowd = Crowd(pair, 300)
        assert crowd.is_registered(redis)
        redis.kill(keep_data=keep_data)
        eventually(lambda: not any(map(is_ready, pair)), 20, "the gateways noticed")
        start = time.monotonic()
        redis.start()
        eventually(lambda: subscribed(redis, pair), 20)
        record_property("subscribed again after, s (promised 1)", time.monotonic() - start)
        eventually(lambda: crowd.is_registered(redis), 20)
        record_property("300 connections registered again after, s (promised 2)", time.monotonic() - start)
        eventually(lambda: all(map(is_ready, pair)), 20)
        record_property("ready again after, s", time.monotonic() - start)
        crowd.assert_all_there()
        publish(redis, "fanout:guide", {"source": "tests", "message": {"n": 1}})
        assert all(client.receive() == {"n": 1} for client in crowd.clients)
        for gateway, client in ((pair[0], crowd.clients[1]), (pair[1], crowd.clients[0])):
            gateway.api.send({"n": 2}, connection_id=client.connection_id)
            assert client.receive() == {"n": 2}
        crowd.assert_all_there()

    def test_senders_are_answered_at_once_and_nothing_they_were_told_is_lost(
        self, pair, redis, closing, record_property, keep_data
    ):
        checker = Checker()
        agent = closing(echo_agent(redis, checker, "guide"))
        talkers = [Talker(checker, pair[n % 2].connect, f"t{n}").start() for n in range(6)]
        eventually(lambda: checker.taken() > 100)
        redis.kill(keep_data=keep_data)
        before = checker.taken()
        eventually(lambda: checker.taken() + sum(checker.report().refused.values()) > before + 200, 20)
        died_with_it = set() if keep_data else checker.counted_by_the_dead(redis.died_at)
        record_property("counted by Redis, which died before it passed them on", len(died_with_it))
        redis.start()
        back = time.monotonic()
        assert agent.subscribed.wait(20)
        waited = checker.missing_ids() - died_with_it  # while they talk on, an agent that is slow is always a little behind
        eventually(lambda: not waited & checker.missing_ids(), 90, "what waited was delivered")
        record_property("what waited was delivered after, s", time.monotonic() - back)
        for talker in talkers:
            talker.stop()
        eventually(lambda: checker.missing_ids() <= died_with_it, 90)
        report = checker.report()
        assert set(report.lost) <= died_with_it
        record_property("slowest answer to a sender, s (promised 0.25)", report.slowest_answer)
        record_property("refused", dict(report.refused))
        assert set(report.refused) <= {"overloaded"}
        assert all(talker.closes == [] for talker in talkers)
        assert report.slowest_answer < 2
        report.assert_clean(allowed=["lost", "redelivered", "answers_lost", "answers_doubled"])

    def test_new_clients_are_told_to_come_later_and_then_let_in(self, pair, redis, keep_data):
        gateway = pair[0]
        session = gateway.new_session()
        redis.kill(keep_data=keep_data)
        eventually(lambda: not is_ready(gateway), 20)
        start = time.monotonic()
        response = gateway.peer().upgrade(f"/ws?session_token={session}")
        assert response.status == 503 and response.header("retry-after")
        assert time.monotonic() - start < 5
        redis.start()
        eventually(lambda: is_ready(gateway), 20)
        gateway.connect(session if keep_data else None)


def test_beyond_the_queue_senders_are_refused_not_silenced(cluster, redis, closing, record_property):
    gateway = cluster.start("--queue-size", "50")
    client = gateway.connect()
    redis.kill()
    answers, slowest = [], 0.0
    for n in range(100):
        start = time.monotonic()
        answers.append(client.say(id=n))
        slowest = max(slowest, time.monotonic() - start)
    record_property("slowest answer, s (promised 0.25)", slowest)
    queued = [answer["id"] for answer in answers if answer["type"] == "ack"]
    assert len(queued) == 50 and all(answer.get("status") == "queued" for answer in answers if answer["type"] == "ack")
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert {answer["code"] for answer in refused} == {"overloaded"}
    assert {answer["message"] for answer in refused} == {"Message rejected: system overloaded"}
    redis.start()
    checker = Checker()
    agent = closing(echo_agent(redis, checker, "guide"))
    assert [agent.next(90)["message"]["id"] for _ in queued] == queued


def test_what_waited_goes_one_by_one_until_an_agent_is_back(cluster, redis, closing):
    """Of many on their way at once the first could find nobody, and the last an agent that has just come."""
    gateway = cluster.start("--message-rate", "0", "--inbox", "pubsub")
    client = gateway.connect()
    redis.kill()
    for n in range(200):
        assert client.say(id=n)["status"] == "queued"
    redis.start()

    def tries():
        with redis.client() as watcher:
            return watcher.info("commandstats").get("cmdstat_publish", {"calls": 0})["calls"]

    eventually(lambda: tries() >= 4, 20)
    assert tries() < 100
    checker = Checker()
    agent = closing(quiet_agent(redis, checker, "guide"))
    assert [agent.next()["message"]["id"] for _ in range(200)] == list(range(200))


def test_memory_does_not_grow_while_redis_is_away(cluster, redis):
    """What cannot go on is bounded by the queue, however much is sent."""
    gateway = cluster.start("--queue-bytes", "1MiB", "--message-rate", "0")
    clients = [gateway.connect() for _ in range(4)]
    redis.kill()
    for n in range(200):
        clients[n % 4].send({"payload": {"fill": "x" * 30_000}})
    for client in clients:
        while client.ask({"type": "ping"})["type"] != "pong":
            pass
    before = gateway.rss_bytes
    for n in range(2000):
        clients[n % 4].send({"payload": {"fill": "x" * 30_000}})
    for client in clients:
        while client.ask({"type": "ping"})["type"] != "pong":
            pass
    # Sanitizers keep what was freed.
    assert gateway.rss_bytes - before < (256 if is_sanitized() else 16) << 20


def test_it_may_die_again_and_again(pair, redis, record_property):
    crowd = Crowd(pair, 60)
    for _ in range(5):
        redis.restart(keep_data=False)
        took = seconds_until(lambda: crowd.is_registered(redis), 20)
        record_property("registered again after, s (promised 2)", took)
    crowd.assert_all_there()


@pytest.mark.slow
def test_away_for_longer_than_a_lease(pair, redis):
    """Nobody is taken for dead because nobody could say that he lives."""
    crowd = Crowd(pair, 40)
    redis.kill(keep_data=True)
    for _ in paced(1, 20):
        assert pair[0].api.get("/health/live").status_code == 200
    redis.start()
    eventually(lambda: crowd.is_registered(redis), 30)
    for _ in paced(0.5, 18):
        assert crowd.is_registered(redis)
    crowd.assert_all_there()
