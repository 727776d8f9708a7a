"""Pings, and the end of those who never answer."""

import json
import time

import pytest

from support.api import POST_OFFICE
from support.forms import TIMESTAMP
from support.peer import CLOSE, PING, PONG, TEXT
from support.wait import eventually, paced

GATEWAY_FLAGS = ["--heartbeat-interval", "500ms", "--idle-timeout", "2"]


@pytest.fixture
def peer(gateway):
    peer = gateway.raw_connect()
    peer.welcome()
    return peer


def live(peer, seconds, on_frame):
    """Reads for that long, answering as told; the frames."""
    frames, end = [], time.monotonic() + seconds
    while time.monotonic() < end and (not frames or frames[-1].opcode != CLOSE):
        frames.append(peer.next_frame())
        on_frame(frames[-1])
    return frames


def test_a_ping_of_each_kind_comes_every_interval(peer):
    start = time.monotonic()
    frames = [peer.next_frame() for _ in range(6)]
    seconds = time.monotonic() - start
    assert sorted(received.opcode for received in frames) == [TEXT] * 3 + [PING] * 3
    assert 1 < seconds < 4, "three intervals of half a second, the first of them perhaps begun"
    for received in frames:
        if received.opcode == TEXT:
            message = json.loads(received.text)
            assert TIMESTAMP.fullmatch(message["timestamp"])
            assert message == {"type": "ping", "timestamp": message["timestamp"]}


def test_silence_is_evicted(gateway, peer):
    start = time.monotonic()
    assert peer.closed(10) == (4009, "Connection evicted (stale)")
    assert 1.5 < time.monotonic() - start < 5


@pytest.mark.parametrize(
    "answer",
    [
        lambda peer, received: received.opcode == PING and peer.send_frame(PONG, received.payload),
        lambda peer, received: received.opcode == TEXT and peer.send_message({"type": "pong"}),
        lambda peer, received: received.opcode == PING and peer.send_frame(PING, b"alive"),
    ],
    ids=["a protocol pong", "a pong message", "a ping of its own"],
)
def test_whatever_comes_from_the_client_keeps_it(peer, answer):
    frames = live(peer, 4, lambda received: answer(peer, received))
    assert CLOSE not in {received.opcode for received in frames}
    peer.send_message({"type": "heartbeat"})
    assert peer.next_message()["action"] == "pong"


def test_what_is_sent_to_a_silent_client_does_not_keep_it(gateway):
    peer = gateway.raw_connect()
    connection_id = peer.welcome()["connection_id"]
    start = time.monotonic()
    for _ in paced(0.1, 8):
        if (
            gateway.api.post(f"{POST_OFFICE}/send", {"connection_id": connection_id, "message": {"n": 1}}).status_code
            == 404
        ):
            break
    assert peer.closed()[0] == 4009
    assert time.monotonic() - start < 6


def test_silence_ends_a_client_that_cannot_be_written_to_either(gateway):
    """Nobody reads the close frame: the connection must go all the same."""
    peer = gateway.raw_connect(receive_buffer=4096)
    before = time.monotonic()
    connection_id = peer.welcome()["connection_id"]
    gateway.api.send("x" * 500_000, connection_id=connection_id)
    eventually(lambda: gateway.api.connection_record(connection_id).status_code == 404, 20)
    assert time.monotonic() - before < 15
