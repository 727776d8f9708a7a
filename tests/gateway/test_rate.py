"""The message rate: above it the gateway reads more slowly, or with --rate-action close says so."""

import time

import pytest

from websockets.exceptions import ConnectionClosed

from support.peer import TEXT, frame
from support.wait import eventually, paced


def send_at_once(peer, count):
    peer.send(b"".join(frame(TEXT, '{"id":%d,"payload":{}}' % n) for n in range(count)))


def acked(peer, count):
    start = time.monotonic()
    ids = [peer.next_message(60)["id"] for _ in range(count)]
    return ids, time.monotonic() - start


def test_a_thousand_at_once_are_all_acknowledged_in_order_but_slower(gateway_factory):
    gateway = gateway_factory("--message-rate", "400", "--message-burst", "200")
    agent = gateway.subscribe("guide")
    peer = gateway.raw_connect()
    peer.welcome()
    send_at_once(peer, 1000)
    ids, seconds = acked(peer, 1000)
    assert ids == list(range(1000))
    assert 1.5 < seconds < 30, "800 messages above the burst, at 400 a second"
    assert [event.json()["message"]["id"] for event in agent.take(1000)] == list(range(1000))


def test_the_default_is_a_burst_of_200_and_then_100_a_second(gateway):
    gateway.subscribe("guide")
    peer = gateway.raw_connect()
    peer.welcome()
    send_at_once(peer, 300)
    ids, seconds = acked(peer, 300)
    assert ids == list(range(300))
    assert 0.8 < seconds < 15


def test_a_paused_client_slows_nobody_else(gateway_factory):
    gateway = gateway_factory("--message-rate", "5", "--message-burst", "5")
    gateway.subscribe("guide")
    noisy, calm = gateway.raw_connect(), gateway.connect()
    send_at_once(noisy, 100)
    start = time.monotonic()
    assert [calm.say(id=n)["id"] for n in range(5)] == list(range(5))
    assert time.monotonic() - start < 1
    # The one that waits is still alive, and still hears what is sent to it.
    connection_id = noisy.welcome()["connection_id"]
    gateway.api.send({"hello": "noisy"}, connection_id=connection_id)
    while (message := noisy.next_message()) != {"hello": "noisy"}:
        assert message["type"] == "ack"


def test_a_paused_client_that_leaves_is_noticed(gateway_factory):
    gateway = gateway_factory("--message-rate", "1", "--message-burst", "1")
    peer = gateway.raw_connect()
    peer.welcome()
    send_at_once(peer, 1000)
    peer.next_message()
    peer.reset()
    eventually(lambda: gateway.connection_count() == 0)


def test_no_limit(gateway_factory):
    gateway = gateway_factory("--message-rate", "0", "--queue-size", "100000")
    peer = gateway.raw_connect()
    peer.welcome()
    send_at_once(peer, 5000)
    ids, seconds = acked(peer, 5000)
    assert ids == list(range(5000))
    assert seconds < 20, "at the default rate it would have taken 48 s"


@pytest.fixture
def strict(gateway_factory):
    return gateway_factory("--rate-action", "close", "--message-rate", "5", "--message-burst", "5")


def test_with_the_close_action_what_is_too_much_is_refused(strict):
    agent = strict.subscribe("guide")
    peer = strict.raw_connect()
    connection_id = peer.welcome()["connection_id"]
    send_at_once(peer, 50)
    answers = [peer.next_message() for _ in range(50)]
    assert sorted(answer["id"] for answer in answers) == list(range(50))
    taken = [answer["id"] for answer in answers if answer["type"] == "ack"]
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert taken[:5] == [0, 1, 2, 3, 4] and len(taken) < 15
    assert {answer["code"] for answer in refused} == {"rate_limited"}
    delivered = [agent.next().json() for _ in taken]
    assert [envelope["message"]["id"] for envelope in delivered] == taken
    assert {envelope["connection_id"] for envelope in delivered} == {connection_id}


def test_a_refused_message_may_be_sent_again(strict):
    client = strict.connect()
    refused = next(n for n in range(100) if client.say(id=n)["type"] == "error")
    assert eventually(lambda: client.say(id=refused)["type"] == "ack", interval=0.3)


@pytest.mark.slow
def test_ten_seconds_of_it_close_with_4029(strict):
    calm = strict.connect()
    client = strict.connect()
    start = time.monotonic()
    with pytest.raises(ConnectionClosed) as closed:
        for _ in paced(0.02, 30):
            client.send({"payload": {}})
    assert closed.value.rcvd.code == 4029
    assert 9 < time.monotonic() - start < 15
    assert calm.ask({"type": "ping"})["type"] == "pong"


@pytest.mark.slow
def test_a_single_burst_is_forgiven(strict):
    client = strict.connect()
    for _ in range(20):
        client.send({"payload": {}})
    refused = [client.receive()["code"] for _ in range(15)]
    assert refused == ["rate_limited"] * 15
    # Well behaved from here on, past the ten seconds after which it would have been closed.
    answers = [client.ask({"type": "ping"})["type"] for _ in paced(0.5, 11)]
    assert set(answers[1:]) == {"pong"}
