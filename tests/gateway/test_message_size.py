"""Messages around max_message_bytes."""

import struct

import pytest

from support.peer import CONTINUATION, TEXT, frame

GATEWAY_FLAGS = ["--max-message-bytes", "1024"]


def padded(size):
    """A lawful message of exactly that many bytes."""
    head, tail = '{"id":"size","payload":{"a":"', '"}}'
    return head + "x" * (size - len(head) - len(tail)) + tail


def too_large(peer):
    code, _ = peer.closed()
    return code == 1009


@pytest.fixture
def peer(gateway):
    peer = gateway.raw_connect()
    peer.welcome()
    return peer


@pytest.mark.parametrize("size", [125, 126, 127, 1023, 1024])
def test_up_to_the_bound_is_taken(peer, size):
    assert len(padded(size)) == size
    peer.send_message(padded(size))
    assert peer.next_message()["type"] == "ack"


def test_one_more_is_1009(peer):
    peer.send_message(padded(1025))
    assert too_large(peer)


def test_the_header_alone_is_enough(peer):
    peer.send(frame(TEXT, b"", length=1025))
    assert too_large(peer)


@pytest.mark.parametrize("size", [2**16, 2**32, 2**63 - 1])
def test_a_giant_is_refused_before_a_byte_of_it_came(peer, size):
    peer.send(frame(TEXT, b"", length=size, length_bytes=8))
    assert too_large(peer)


def test_a_length_with_the_highest_bit_is_a_protocol_error(peer):
    peer.send(bytes([0x81, 0x80 | 127]) + struct.pack("!Q", 2**63) + b"mask")
    assert peer.closed()[0] in (1002, 1009)


def test_fragments_count_together(peer):
    text = padded(1024)
    peer.send_frame(TEXT, text[:600], fin=False)
    peer.send_frame(CONTINUATION, text[600:])
    assert peer.next_message()["type"] == "ack"
    peer.send_frame(TEXT, "x" * 600, fin=False)
    peer.send(frame(CONTINUATION, b"", length=425))
    assert too_large(peer)


def test_the_default_is_64_kib(gateway_factory):
    gateway = gateway_factory()
    peer = gateway.raw_connect()
    peer.welcome()
    peer.send_message(padded(65536))
    assert peer.next_message()["type"] == "ack"
    peer.send_message(padded(65537))
    assert too_large(peer)


def test_the_whole_message_reaches_the_agent(gateway):
    agent = gateway.subscribe("guide")
    client = gateway.connect()
    client.send(padded(1024))
    assert f'"message":{padded(1024)},' in agent.next_from(client).data


def test_what_an_agent_sends_may_be_larger(gateway):
    """The bound is on clients; the API has its own, on request bodies."""
    client = gateway.connect()
    message = {"data": "x" * 100_000}
    gateway.api.send(message, connection_id=client.connection_id)
    assert client.receive() == message
