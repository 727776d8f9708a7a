"""permessage-deflate behind --compression on (RFC 7692)."""

import contextlib
import json
import zlib

import pytest

from support.client import Client
from support.peer import CONTINUATION, PING, TEXT

GATEWAY_FLAGS = ["--compression", "on", "--max-message-bytes", "65536"]
OFFER = "Sec-WebSocket-Extensions"
RSV1 = 4


def negotiate(gateway, *offers):
    peer = gateway.peer()
    session = gateway.new_session(user_id=f"user-{id(peer)}")
    response = peer.upgrade(f"/ws?session_token={session}", [(OFFER, offer) for offer in offers])
    return peer, response


@pytest.fixture
def peer(gateway):
    peer, response = negotiate(gateway, "permessage-deflate")
    assert response.header(OFFER).startswith("permessage-deflate")
    peer.welcome_text = inflated(peer.next_frame())
    return peer


def deflated(text):
    data = text.encode() if isinstance(text, str) else text
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


def inflated(frame):
    if not frame.rsv:
        return frame.text
    assert frame.rsv == RSV1
    # A decompressor of its own for each message: no context is taken over.
    return zlib.decompressobj(wbits=-15).decompress(frame.payload + b"\0\0\xff\xff").decode()


class TestNegotiation:
    def test_no_context_is_taken_over_in_either_direction(self, gateway):
        _, response = negotiate(gateway, "permessage-deflate; client_max_window_bits")
        assert response.status == 101
        parameters = [part.strip() for part in response.header(OFFER).split(";")]
        assert parameters[0] == "permessage-deflate"
        assert {"server_no_context_takeover", "client_no_context_takeover"} <= set(parameters)

    @pytest.mark.parametrize(
        "offer",
        [
            "permessage-deflate; unknown",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_max_window_bits=99",
            "x-webkit-deflate-frame",
        ],
    )
    def test_an_offer_that_can_not_be_accepted_is_declined(self, gateway, offer):
        peer, response = negotiate(gateway, offer)
        assert (response.status, response.header(OFFER)) == (101, None)
        assert peer.next_frame().rsv == 0

    def test_the_first_acceptable_offer_is_taken(self, gateway):
        _, response = negotiate(gateway, "permessage-deflate; unknown, foo; bar=1, permessage-deflate")
        assert response.header(OFFER).startswith("permessage-deflate")

    @pytest.mark.parametrize(
        "value", ["permessage-deflate;;", "permessage deflate", "=", 'permessage-deflate; a="', ";"]
    )
    def test_a_malformed_header_fails_the_handshake(self, gateway, value):
        _, response = negotiate(gateway, value)
        assert response.status == 400

    def test_without_an_offer_nothing_is_compressed(self, gateway):
        peer, response = negotiate(gateway)
        assert response.header(OFFER) is None
        assert peer.next_frame().rsv == 0
        peer.send_frame(TEXT, deflated("{}"), rsv=RSV1)
        assert peer.closed()[0] == 1002


def test_the_websockets_library_talks_to_it(gateway):
    agent = gateway.subscribe("guide")
    session = gateway.new_session(user_id="library")
    client = Client.open(gateway.ws_url, session, compression="deflate")
    assert "permessage-deflate" in client.socket.response.headers[OFFER]
    text = "compress me " * 1000
    assert client.say(id=1, text=text)["type"] == "ack"
    envelope = agent.next_from(client).json()
    assert envelope["message"]["payload"]["message"] == text
    gateway.api.send({"message": text}, connection_id=client.connection_id)
    assert client.receive() == {"message": text}
    client.close()


def test_what_it_sends_compressed_is_smaller(gateway, peer):
    connection_id = json.loads(peer.welcome_text)["connection_id"]
    message = {"message": "again and again " * 500}
    gateway.api.send(message, connection_id=connection_id)
    frame = peer.next_frame()
    assert frame.rsv == RSV1 and len(frame.payload) < 1000
    assert json.loads(inflated(frame)) == message


def test_a_broadcast_reaches_those_with_and_without(gateway, peer):
    plain = gateway.connect()
    message = {"message": "to all of you " * 500}
    gateway.api.publish("guide", message)
    frame = peer.next_frame()
    assert frame.rsv == RSV1
    assert json.loads(inflated(frame)) == message
    assert plain.receive() == message


def test_a_client_may_compress_or_not(gateway, peer):
    peer.send_frame(TEXT, '{"id":1,"payload":{}}')
    assert json.loads(inflated(peer.next_frame()))["id"] == 1
    peer.send_frame(TEXT, deflated('{"id":2,"payload":{}}'), rsv=RSV1)
    assert json.loads(inflated(peer.next_frame()))["id"] == 2


def test_compressed_fragments_with_a_ping_between(gateway, peer):
    data = deflated('{"id":3,"payload":{"message":"%s"}}' % ("x" * 5000))
    peer.send_frame(TEXT, data[:5], rsv=RSV1, fin=False)
    peer.send_frame(PING, b"p")
    assert peer.next_frame().payload == b"p"
    peer.send_frame(CONTINUATION, data[5:])
    assert json.loads(inflated(peer.next_frame()))["id"] == 3


def test_an_empty_message_and_one_of_many_blocks(gateway, peer):
    peer.send_frame(TEXT, deflated(""), rsv=RSV1)
    assert json.loads(inflated(peer.next_frame()))["code"] == "invalid_json"
    compressor = zlib.compressobj(wbits=-15)
    data = b""
    for part in ('{"id":4,', '"payload":', "{}}"):
        data += compressor.compress(part.encode()) + compressor.flush(zlib.Z_SYNC_FLUSH)
    peer.send_frame(TEXT, data.removesuffix(b"\0\0\xff\xff"), rsv=RSV1)
    assert json.loads(inflated(peer.next_frame()))["id"] == 4


class TestHostile:
    @pytest.mark.parametrize("size", [65537, 1 << 20, 64 << 20])
    def test_what_inflates_beyond_the_bound_is_1009(self, gateway, peer, size):
        before = gateway.rss_bytes
        bomb = deflated(b" " * size)
        peer.send_frame(TEXT, bomb[:65536], rsv=RSV1, fin=len(bomb) <= 65536)
        assert peer.closed()[0] == 1009
        assert gateway.rss_bytes - before < 32 << 20

    def test_what_inflates_to_the_bound_is_taken(self, gateway, peer):
        head, tail = '{"id":5,"payload":{"a":"', '"}}'
        peer.send_frame(TEXT, deflated(head + "x" * (65536 - len(head) - len(tail)) + tail), rsv=RSV1)
        assert json.loads(inflated(peer.next_frame()))["id"] == 5

    @pytest.mark.parametrize(
        "data",
        [b"\xff\xff\xff\xff", b"\x07", deflated("hello world" * 10)[:-4]],
        ids=["garbage", "a reserved block", "cut off"],
    )
    def test_what_is_not_deflate_is_refused(self, gateway, peer, data):
        peer.send_frame(TEXT, data, rsv=RSV1)
        assert peer.closed()[0] in (1002, 1007)

    def test_inflated_text_must_be_utf8(self, gateway, peer):
        peer.send_frame(TEXT, deflated(b"\xff\xfe"), rsv=RSV1)
        assert peer.closed()[0] == 1007

    @pytest.mark.parametrize("opcode", [PING, CONTINUATION])
    def test_only_the_first_frame_of_a_message_may_say_compressed(self, gateway, peer, opcode):
        peer.send_frame(TEXT, deflated("{}")[:2], rsv=RSV1, fin=False)
        peer.send_frame(opcode, b"", rsv=RSV1)
        assert peer.closed()[0] == 1002


@pytest.mark.parametrize("step", [10, 500, 2000])
def test_a_bomb_that_never_ends_is_not_waited_for(peer, step):
    bomb = deflated(b" " * 1_000_000)
    opcode, rsv = TEXT, RSV1
    for at in range(0, len(bomb), step):
        with contextlib.suppress(OSError):  # closed in the middle of it
            peer.send_frame(opcode, bomb[at : at + step], rsv=rsv, fin=False)
        opcode, rsv = CONTINUATION, 0
    assert peer.closed(10)[0] == 1009
