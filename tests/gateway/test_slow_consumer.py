"""A client that stops reading costs a bounded amount of memory, is closed with 4008, and slows nobody."""

import time
from pathlib import Path

import pytest

from support.api import POST_OFFICE
from support.gateway import is_sanitized
from support.peer import PING, TEXT, frame
from support.wait import eventually, paced

GATEWAY_FLAGS = ["--outbox-bytes", "262144", "--close-timeout", "2", "--max-connections-per-user", "0"]
MIB = 1 << 20


@pytest.fixture
def slow(gateway):
    """Takes no more than a few packets, and reads none of them."""
    peer = gateway.raw_connect(receive_buffer=4096)
    peer.id = peer.welcome()["connection_id"]
    return peer


def is_gone(gateway, peer):
    return gateway.api.connection_record(peer.id).status_code == 404


def test_it_is_closed_with_4008_and_others_hear_everything(gateway, slow):
    reader = gateway.connect()
    published = 0
    while not is_gone(gateway, slow):
        assert published < 500, "still there after 15 MB"
        for _ in range(10):
            gateway.api.publish("guide", {"n": published, "padding": "x" * 30_000})
            published += 1
    assert [reader.receive()["n"] for _ in range(published)] == list(range(published))
    assert slow.closed()[0] == 4008


def kernel_holds(gateway, peer):
    """Bytes that the kernel has for the peer, sent or not; None once it knows nothing of the connection."""
    ends = f":{gateway.port:04X} ", f":{peer.socket.getsockname()[1]:04X} "
    for line in Path("/proc/net/tcp").read_text().splitlines():
        number, local, remote, state, queues, *_ = line.split()
        if (local + " ").endswith(ends[0]) and (remote + " ").endswith(ends[1]):
            return int(queues.split(":")[0], 16)
    return None


def test_little_of_it_waits_in_the_kernel_and_nothing_is_left_behind(gateway, slow):
    highest = 0
    while not is_gone(gateway, slow):
        gateway.api.publish("guide", "x" * 60_000)
        highest = max(highest, kernel_holds(gateway, slow))
    assert 0 < highest < 400_000
    eventually(lambda: kernel_holds(gateway, slow) is None, 20)


def test_what_it_reads_before_the_close_is_whole_and_in_order(gateway, slow):
    n = 0
    while (
        gateway.api.post(
            f"{POST_OFFICE}/send", {"connection_id": slow.id, "message": {"n": n, "p": "x" * 20_000}}
        ).status_code
        == 200
    ):
        n += 1
        assert n < 2000
    received = []
    while (got := slow.next_frame()).opcode != 8:
        received.append(got)
    assert got.close_code == 4008
    numbers = [int(message.text.split(":")[1].split(",")[0]) for message in received if b'"n"' in message.payload]
    assert numbers == list(range(len(numbers)))


def test_a_slow_one_that_reads_again_in_time_loses_nothing(gateway, slow):
    for n in range(5):
        gateway.api.send({"n": n, "padding": "x" * 30_000}, connection_id=slow.id)
    assert [slow.next_message()["n"] for _ in range(5)] == list(range(5))
    slow.send_message({"type": "ping"})
    assert slow.next_message()["type"] == "pong"


def test_many_of_them_cost_no_more_than_their_bounds(gateway):
    slow = [gateway.raw_connect(receive_buffer=4096) for _ in range(20)]
    for peer in slow:
        peer.id = peer.welcome()["connection_id"]
    before = gateway.rss_bytes
    highest = before
    for _ in range(200):
        for peer in slow:
            gateway.api.post(f"{POST_OFFICE}/send", {"connection_id": peer.id, "message": "x" * 20_000})
        highest = max(highest, gateway.rss_bytes)
        if all(is_gone(gateway, peer) for peer in slow):
            break
    assert all(is_gone(gateway, peer) for peer in slow)
    if not is_sanitized():
        assert highest - before < 20 * 262144 + 8 * MIB


def test_one_that_never_reads_the_close_is_cut(gateway, slow):
    while not is_gone(gateway, slow):
        gateway.api.publish("guide", "x" * 60_000)
    # The gateway gives it the close timeout to take what is left, then hangs up: writing meets a reset.
    with pytest.raises(OSError):
        for _ in paced(0.1, 20):
            slow.send_frame(PING)


@pytest.mark.parametrize(
    "question",
    [
        frame(PING, b"x" * 125),
        frame(TEXT, '{"type":"ping"}'),
        frame(TEXT, '{"channel":"nowhere","payload":{}}'),
        frame(TEXT, "not json"),
    ],
    ids=["pings", "ping messages", "unknown channels", "not json"],
)
def test_asking_without_reading_the_answers_is_bounded(gateway_factory, question):
    gateway = gateway_factory("--message-rate", "0")
    peer = gateway.raw_connect(receive_buffer=4096)
    connection_id = peer.welcome()["connection_id"]
    calm = gateway.connect()
    before = gateway.rss_bytes
    questions = question * (60_000 // len(question))
    sent, stalled_at = 0, time.monotonic()
    view = memoryview(questions)
    position = 0
    try:
        # Up to 60 MB, or until the gateway has taken nothing for two seconds, or closes.
        while sent < 60 * MIB and time.monotonic() - stalled_at < 2:
            taken = peer.send_what_fits(view[position:])
            position = (position + taken) % len(questions)
            sent += taken
            if taken:
                stalled_at = time.monotonic()
            else:
                calm.assert_silent()
    except OSError:
        eventually(lambda: gateway.api.connection_record(connection_id).status_code == 404)
    calm.assert_silent()
    if not is_sanitized():
        assert gateway.rss_bytes - before < 16 * MIB
