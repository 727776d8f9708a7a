"""RFC 6455 on a real socket, by section: framing, fragmentation, control frames, text."""

import pytest

from support.peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

HELLO = '{"id":"hello","payload":{}}'
EURO = "€".encode()


@pytest.fixture
def peer(gateway):
    peer = gateway.raw_connect()
    peer.welcome()
    return peer


def is_alive(peer):
    peer.send_message({"type": "ping"})
    return peer.next_message()["type"] == "pong"


class TestBaseFraming:  # 5.2
    @pytest.mark.parametrize("rsv", range(1, 8))
    def test_reserved_bits_are_1002(self, peer, rsv):
        peer.send_frame(TEXT, HELLO, rsv=rsv)
        assert peer.closed()[0] == 1002

    @pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    def test_reserved_opcodes_are_1002(self, peer, opcode):
        peer.send_frame(opcode, b"")
        assert peer.closed()[0] == 1002

    @pytest.mark.parametrize("length_bytes, size", [(2, 1), (2, 125), (8, 1), (8, 126), (8, 65535)])
    def test_a_length_that_is_not_in_its_shortest_form_is_1002(self, peer, length_bytes, size):
        peer.send_frame(TEXT, b"x" * size, length_bytes=length_bytes)
        assert peer.closed()[0] == 1002

    def test_what_the_server_sends_is_final_and_unmasked(self, gateway):
        peer = gateway.raw_connect()
        first = peer.next_frame()
        assert (first.opcode, first.fin, first.rsv, first.masked) == (TEXT, True, 0, False)

    @pytest.mark.parametrize("size", [0, 125, 126, 127, 65535, 65536, 100_000])
    def test_lengths_of_what_the_server_sends(self, gateway, size):
        peer = gateway.raw_connect()
        connection_id = peer.welcome()["connection_id"]
        gateway.api.send("x" * size, connection_id=connection_id)
        assert peer.next_text() == '"' + "x" * size + '"'


class TestMasking:  # 5.1, 5.3
    @pytest.mark.parametrize("opcode, payload", [(TEXT, HELLO), (PING, b""), (CLOSE, b"\x03\xe8")])
    def test_an_unmasked_frame_is_1002(self, peer, opcode, payload):
        peer.send_frame(opcode, payload, mask=None)
        assert peer.closed()[0] == 1002

    @pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"])
    def test_any_mask_will_do(self, peer, mask):
        peer.send_frame(TEXT, HELLO, mask=mask)
        assert peer.next_message()["id"] == "hello"


class TestFragmentation:  # 5.4
    @pytest.mark.parametrize("size", [1, 2, 10])
    def test_fragments_are_put_together(self, peer, size):
        pieces = [HELLO[n : n + size] for n in range(0, len(HELLO), size)]
        for n, piece in enumerate(pieces):
            peer.send_frame(TEXT if n == 0 else CONTINUATION, piece, fin=n == len(pieces) - 1)
        assert peer.next_message()["id"] == "hello"

    def test_empty_fragments_are_lawful(self, peer):
        peer.send_frame(TEXT, b"", fin=False)
        peer.send(frame(CONTINUATION, b"", fin=False) * 10_000)
        peer.send_frame(CONTINUATION, HELLO, fin=False)
        peer.send_frame(CONTINUATION, b"")
        assert peer.next_message()["id"] == "hello"

    def test_bytes_one_at_a_time(self, peer):
        for byte in frame(TEXT, HELLO[:5], fin=False) + frame(PING, b"p") + frame(CONTINUATION, HELLO[5:]):
            peer.send(bytes([byte]))
        assert peer.next_frame().opcode == PONG
        assert peer.next_message()["id"] == "hello"

    def test_control_frames_may_stand_between_fragments(self, peer):
        peer.send_frame(TEXT, HELLO[:5], fin=False)
        peer.send_frame(PING, b"between")
        pong = peer.next_frame()
        assert (pong.opcode, pong.payload) == (PONG, b"between")
        peer.send_frame(PONG, b"unasked")
        peer.send_frame(CONTINUATION, HELLO[5:])
        assert peer.next_message()["id"] == "hello"

    def test_a_close_may_stand_between_fragments(self, peer):
        peer.send_frame(TEXT, HELLO[:5], fin=False)
        peer.send_frame(CLOSE, b"\x03\xe8")
        assert peer.closed()[0] == 1000

    @pytest.mark.parametrize("fin", [True, False])
    def test_a_continuation_of_nothing_is_1002(self, peer, fin):
        peer.send_frame(CONTINUATION, HELLO, fin=fin)
        assert peer.closed()[0] == 1002

    def test_a_continuation_after_the_last_fragment_is_1002(self, peer):
        peer.send_frame(TEXT, HELLO[:5], fin=False)
        peer.send_frame(CONTINUATION, HELLO[5:])
        peer.send_frame(CONTINUATION, b"more")
        assert peer.closed()[0] == 1002

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_a_new_message_within_a_message_is_1002(self, peer, opcode):
        peer.send_frame(TEXT, HELLO[:5], fin=False)
        peer.send_frame(opcode, HELLO)
        assert peer.closed()[0] == 1002

    def test_many_messages_in_one_packet(self, peer):
        peer.send(b"".join(frame(TEXT, '{"id":%d,"payload":{}}' % n) for n in range(50)))
        assert [peer.next_message()["id"] for _ in range(50)] == list(range(50))


class TestControlFrames:  # 5.5
    @pytest.mark.parametrize("payload", [b"", b"x", b"\x00\xff\xfe", b"y" * 125])
    def test_a_ping_is_answered_with_its_payload(self, peer, payload):
        peer.send_frame(PING, payload)
        pong = peer.next_frame()
        assert (pong.opcode, pong.payload, pong.fin) == (PONG, payload, True)

    def test_pings_are_answered_in_order(self, peer):
        peer.send(b"".join(frame(PING, b"%d" % n) for n in range(20)))
        pongs = [peer.next_frame() for _ in range(20)]
        answered = [int(pong.payload) for pong in pongs if pong.opcode == PONG]
        assert answered == list(range(20))

    def test_an_unasked_pong_is_ignored(self, peer):
        peer.send_frame(PONG, b"unasked")
        assert is_alive(peer)

    @pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
    def test_a_control_frame_above_125_bytes_is_1002(self, peer, opcode):
        peer.send_frame(opcode, b"x" * 126)
        assert peer.closed()[0] == 1002

    @pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
    def test_a_fragmented_control_frame_is_1002(self, peer, opcode):
        peer.send_frame(opcode, b"", fin=False)
        assert peer.closed()[0] == 1002


class TestDataFrames:  # 5.6, 8.1
    def test_a_binary_message_is_1003(self, peer):
        peer.send_frame(BINARY, HELLO)
        assert peer.closed()[0] == 1003

    def test_a_fragmented_binary_message_is_1003(self, peer):
        peer.send_frame(BINARY, b"x", fin=False)
        assert peer.closed()[0] == 1003

    @pytest.mark.parametrize(
        "payload",
        [
            b"\xff", b"\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\xaf",
            b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98", b'{"a":"\xc3(","payload":{}}',
        ],
    )  # fmt: skip
    def test_text_that_is_not_utf8_is_1007(self, peer, payload):
        peer.send_frame(TEXT, payload)
        assert peer.closed()[0] == 1007

    def test_a_character_may_be_split_between_fragments(self, peer):
        head, tail = b'{"id":"', b'","payload":{}}'
        peer.send_frame(TEXT, head + EURO[:1], fin=False)
        peer.send_frame(CONTINUATION, EURO[1:2], fin=False)
        peer.send_frame(CONTINUATION, EURO[2:] + tail)
        assert peer.next_message()["id"] == "€"

    def test_a_character_that_never_ends_is_1007(self, peer):
        peer.send_frame(TEXT, b"{" + EURO[:2], fin=False)
        peer.send_frame(CONTINUATION, b"}")
        assert peer.closed()[0] == 1007

    def test_bad_text_in_a_first_fragment_is_seen_at_the_latest_with_the_last(self, peer):
        peer.send_frame(TEXT, b"\xff", fin=False)
        peer.send_frame(CONTINUATION, b"")
        assert peer.closed()[0] == 1007


def test_another_client_never_notices(gateway, peer):
    bystander = gateway.connect()
    for bad in (frame(3), frame(TEXT, b"\xff"), frame(BINARY, b"x"), b"\xff" * 100):
        attacker = gateway.raw_connect()
        attacker.send(bad)
        attacker.closed()
    assert bystander.ask({"type": "ping"})["type"] == "pong"
    assert is_alive(peer)
