"""An instance sleeps, with its connections, and wakes: for the others it may have been dead meanwhile."""

import time

import pytest

from support.checker import Checker
from support.cluster import is_ready, seconds_until
from support.crowd import Crowd, echo_agent, has_lease, publish
from support.talker import Talker
from support.wait import eventually, paced

SECONDS = pytest.mark.parametrize("seconds", [10, 20])  # less, and more, than a lease
pytestmark = pytest.mark.slow


@pytest.fixture
def pair(cluster):
    return [cluster.start("--max-connections-per-user", "0") for _ in range(2)]


def sleep_of(gateway, seconds, other):
    """SIGSTOP for so long; the other one lives on."""
    gateway.stop_process()
    for _ in paced(0.25, seconds):
        assert other.api.get("/health/live").status_code == 200
    gateway.continue_process()


@SECONDS
def test_its_clients_still_work_and_are_registered_again(pair, redis, record_property, seconds):
    sleeper, other = pair
    crowd = Crowd(pair, 100)
    sleep_of(sleeper, seconds, other)
    start = time.monotonic()
    eventually(lambda: is_ready(sleeper), 20)
    eventually(lambda: crowd.is_registered(redis), 20)
    record_property("registered again after, s", time.monotonic() - start)
    eventually(lambda: has_lease(redis, sleeper), 20)
    for client in crowd.clients:
        client.send({"type": "ping"})
        assert client.receive()["type"] == "pong"
    for gateway, client in ((sleeper, crowd.clients[1]), (other, crowd.clients[0])):
        gateway.api.send({"n": 1}, connection_id=client.connection_id)
        assert client.receive() == {"n": 1}
    for _ in paced(0.5, 16):
        assert crowd.is_registered(redis), "and it stays so"


@SECONDS
def test_its_clients_get_publications_in_order(pair, seconds):
    """Those of the time in which it slept, and later ones, whichever instance took them."""
    sleeper, other = pair
    clients = [sleeper.connect(), other.connect()]
    sleeper.stop_process()
    count = 0
    for _ in paced(0.1, seconds):
        other.api.publish("guide", {"n": count})
        count += 1
    sleeper.continue_process()
    for n in range(50):
        pair[n % 2].api.publish("guide", {"n": count})
        count += 1
    for client in clients:
        assert [client.receive()["n"] for _ in range(count)] == list(range(count))


@SECONDS
def test_nothing_is_doubled_lost_or_delivered_to_another(pair, redis, closing, record_property, seconds):
    sleeper, other = pair
    checker = Checker()
    closing(echo_agent(redis, checker, "guide"))
    talkers = [Talker(checker, pair[n % 2].connect, f"t{n}", open_max=50).start() for n in range(6)]
    eventually(lambda: checker.taken() > 100)
    sleep_of(sleeper, seconds, other)
    woken = checker.taken()
    eventually(lambda: checker.taken() > woken + 300, 30)
    for talker in talkers:
        talker.stop()
    eventually(lambda: not checker.missing_ids(), 60)
    report = checker.report()
    record_property("slowest answer, s", report.slowest_answer)
    assert all(talker.closes == [] for talker in talkers)
    # What an agent answered while nobody was there to hear it is gone, as Pub/Sub is.
    report.assert_clean(allowed=["answers_lost"])


@SECONDS
def test_it_delivers_nothing_before_it_is_registered_again(pair, redis, seconds):
    """What waited in its socket while it slept comes out when its lease and its records are there."""
    sleeper, other = pair
    client = sleeper.connect()
    sleeper.stop_process()
    delivery = {"connection_id": client.connection_id, "message": {"n": 1}}
    for n in range(3):
        publish(redis, f"gateway:{sleeper.instance_id}", delivery | {"message": {"n": n}})
        publish(redis, "fanout:guide", {"source": "tests", "message": {"news": n}})
    for _ in paced(0.25, seconds):
        assert other.api.get("/health/live").status_code == 200
    with redis.monitor() as monitor:
        sleeper.continue_process()
        eventually(lambda: is_ready(sleeper), 20)
        received = []
        while (message := client.receive()) and "marker" not in message:
            received.append(message)
            with redis.client() as store:
                assert store.exists(f"websocket:connection:{client.connection_id}"), "delivered, not registered"
                assert has_lease(redis, sleeper), "delivered, without a lease"
            if len(received) == 1:
                publish(redis, f"gateway:{sleeper.instance_id}", delivery | {"message": {"marker": 1}})
        names = [command.name for command in monitor.commands()]
    assert "SET" in names or "PEXPIRE" in names, names
    texts = [str(message) for message in received]
    assert len(texts) == len(set(texts)), "nothing twice"


def test_a_user_who_has_gone_elsewhere_meanwhile_gets_everything_once(pair, record_property):
    sleeper, other = pair
    session = other.new_session(user_id="ada")
    old = sleeper.connect(session)
    sleeper.stop_process()
    new = other.connect(session)

    def routed_to_new_alone():
        return other.api.send({"probe": 1}, user_id="ada")["delivered"] == 1

    record_property("not routed to after, s (promised 3)", seconds_until(routed_to_new_alone, 10))
    other.api.send({"n": 1}, user_id="ada")
    sleeper.continue_process()
    eventually(lambda: is_ready(sleeper), 20)
    eventually(lambda: other.api.send({"probe": 1}, user_id="ada")["delivered"] == 2, 20)
    assert other.api.send({"n": 2}, user_id="ada")["delivered"] == 2
    for client in (old, new):
        received = [client.receive()]
        while received[-1] != {"n": 2}:
            received.append(client.receive())
        assert received.count({"n": 1}) == (1 if client is new else 0), "it was delivered elsewhere"
        client.assert_silent()
