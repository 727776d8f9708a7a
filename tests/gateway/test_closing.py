"""The end of a connection (RFC 6455 5.5.1 and 7), and that nothing of it stays."""

import time

import pytest

from support.peer import CLOSE, CONTINUATION, PING, TEXT, close_frame, frame
from support.wait import eventually, paced

GATEWAY_FLAGS = ["--close-timeout", "2"]


@pytest.fixture
def peer(gateway):
    peer = gateway.raw_connect()
    peer.id = peer.welcome()["connection_id"]
    return peer


def is_forgotten(gateway, peer):
    return eventually(lambda: gateway.api.connection_record(peer.id).status_code == 404)


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
)
def test_a_close_is_answered_with_its_code_and_the_server_hangs_up(gateway, peer, code):
    peer.send(close_frame(code, "bye"))
    assert peer.closed()[0] == code
    assert peer.at_end(), "the server closes the TCP connection first (7.1.1)"
    assert is_forgotten(gateway, peer)


def test_a_close_without_a_code_is_answered(peer):
    peer.send(close_frame())
    assert peer.closed()[0] in (None, 1000)
    assert peer.at_end()


def test_the_longest_reason_is_lawful(peer):
    peer.send(close_frame(1000, "r" * 123))
    assert peer.closed()[0] == 1000


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_codes_that_must_not_be_sent_are_1002(peer, code):
    peer.send(close_frame(code))
    assert peer.closed()[0] == 1002


def test_half_a_code_is_1002(peer):
    peer.send_frame(CLOSE, b"\x03")
    assert peer.closed()[0] == 1002


def test_a_reason_that_is_not_utf8_is_refused(peer):
    peer.send(close_frame(1000, b"\xff\xfe"))
    assert peer.closed()[0] in (1002, 1007)


def test_nothing_after_a_close_is_looked_at(gateway, peer):
    agent = gateway.subscribe("guide")
    last = gateway.connect()
    peer.send(
        frame(TEXT, '{"payload":{"n":1}}')
        + close_frame(1000)
        + frame(TEXT, '{"payload":{"n":2}}')
        + frame(PING)
        + b"\xff" * 50
    )
    assert peer.closed()[0] == 1000
    assert not peer.buffer and peer.at_end()
    last.say(text="end")
    payloads = []
    while payloads[-1:] != [{"message": "end"}]:
        payloads.append(agent.envelope()["message"]["payload"])
    assert payloads == [{"n": 1}, {"message": "end"}]


def test_what_was_asked_before_the_close_is_answered_before_it(gateway, peer):
    gateway.subscribe("pillar:content")
    peer.send(frame(TEXT, '{"type":"ping"}') + frame(PING, b"p") + close_frame(1000))
    seen = []
    while not seen or seen[-1].opcode != CLOSE:
        seen.append(peer.next_frame())
    assert [received.opcode for received in seen] == [TEXT, 0xA, CLOSE]


def test_a_half_closed_connection_is_ended(gateway, peer):
    peer.shut_down_writing()
    assert peer.at_end()
    assert is_forgotten(gateway, peer)


def test_a_half_closed_connection_in_mid_message_is_ended(gateway, peer):
    peer.send(frame(TEXT, "x" * 100)[:50])
    peer.shut_down_writing()
    assert peer.at_end()
    assert is_forgotten(gateway, peer)


def test_a_reset_connection_is_forgotten(gateway, peer):
    peer.reset()
    assert is_forgotten(gateway, peer)


def test_a_cut_connection_is_forgotten_within_two_seconds(gateway, peer):
    peer.close()
    start = time.monotonic()
    assert is_forgotten(gateway, peer)
    assert time.monotonic() - start < 2


def test_a_client_that_never_answers_a_close_is_cut(gateway):
    session = gateway.new_session(user_id="mute")
    peer = gateway.raw_connect(session)
    peer.welcome()
    gateway.api.delete_session(session)
    assert peer.closed()[0] == 4003
    start = time.monotonic()
    assert peer.at_end(10)
    assert time.monotonic() - start < 6


def test_a_client_that_answers_a_close_is_let_go_at_once(gateway):
    session = gateway.new_session(user_id="polite")
    peer = gateway.raw_connect(session)
    peer.welcome()
    gateway.api.delete_session(session)
    assert peer.closed()[0] == 4003
    peer.send(close_frame(4003))
    start = time.monotonic()
    assert peer.at_end(10)
    assert time.monotonic() - start < 1.5


def test_what_a_client_says_after_being_closed_goes_nowhere(gateway):
    agent = gateway.subscribe("pillar:insights")
    session = gateway.new_session(user_id="late")
    peer = gateway.raw_connect(session)
    peer.welcome()
    gateway.api.delete_session(session)
    assert peer.closed()[0] == 4003
    peer.send(frame(TEXT, '{"channel":"pillar:insights","payload":{"late":true}}') + close_frame(4003))
    assert peer.at_end()
    gateway.connect().say("pillar:insights", text="in time")
    assert agent.envelope()["message"]["payload"] == {"message": "in time"}


def test_a_message_that_never_ends_is_cut(gateway_factory):
    gateway = gateway_factory("--message-timeout", "1")
    whole, fragments, calm = gateway.raw_connect(), gateway.raw_connect(), gateway.raw_connect()
    for peer in (whole, fragments, calm):
        peer.welcome()
    whole.send(frame(TEXT, "x" * 100)[:50])
    fragments.send_frame(TEXT, "x", fin=False)
    start = time.monotonic()
    assert whole.closed()[0] not in (1008, 4001, 4003)
    # Each fragment is in time, the message is not.
    try:
        for _ in paced(0.1, 10):
            fragments.send_frame(CONTINUATION, "x", fin=False)
            if fragments.readable(0):
                break
    except OSError:
        pass
    assert fragments.closed()[0] not in (1008, 4001, 4003)
    assert time.monotonic() - start < 8
    calm.send_message({"type": "ping"})
    assert calm.next_message()["type"] == "pong"
