"""GET /ws as HTTP: which requests become a WebSocket, and what the others are told (RFC 6455 4.2)."""

import time

import pytest

from support.peer import SAMPLE_ACCEPT, SAMPLE_KEY, TEXT, frame, random_key, upgrade_request

KEY = "Sec-WebSocket-Key"
VERSION = "Sec-WebSocket-Version"


@pytest.fixture(scope="module")
def path(gateway):
    """The address of /ws with a session of a user with few connections."""
    return lambda: f"/ws?session_token={gateway.new_session(user_id=f'user-{time.monotonic_ns()}')}"


def test_a_lawful_request_is_switched_with_the_accept_key_of_the_rfc(gateway, path):
    response = gateway.peer().upgrade(path())
    assert response.status == 101
    assert response.header("Sec-WebSocket-Accept") == SAMPLE_ACCEPT
    assert response.header("Upgrade").lower() == "websocket"
    assert response.header("Connection").lower() == "upgrade"


def test_nothing_that_was_not_offered_is_answered(gateway, path):
    response = gateway.peer().upgrade(path())
    assert response.header("Sec-WebSocket-Protocol") is None
    assert response.header("Sec-WebSocket-Extensions") is None
    assert response.header("Content-Length") is None
    assert response.header("Transfer-Encoding") is None


def test_an_extension_is_declined_while_compression_is_off(gateway, path):
    response = gateway.peer().upgrade(path(), [("Sec-WebSocket-Extensions", "permessage-deflate")])
    assert response.status == 101
    assert response.header("Sec-WebSocket-Extensions") is None


@pytest.mark.parametrize(
    "drop, headers",
    [
        (("Connection",), [("Connection", "keep-alive, Upgrade")]),
        (("Connection",), [("Connection", "keep-alive"), ("Connection", "UPGRADE")]),
        (("Upgrade",), [("Upgrade", "WebSocket")]),
        ((), [("X-Padding", "x" * 4000)]),
    ],
    ids=["a list", "two headers", "any case", "a long header"],
)
def test_lawful_variants_are_accepted(gateway, path, drop, headers):
    peer = gateway.peer()
    assert peer.upgrade(path(), headers, drop=drop).status == 101
    peer.welcome()


@pytest.mark.parametrize(
    "drop",
    [("Upgrade",), ("Connection",), ("Upgrade", "Connection", KEY, VERSION)],
    ids=["no Upgrade", "no Connection", "a plain GET"],
)
def test_a_request_that_is_no_upgrade_is_told_to_upgrade(gateway, path, drop):
    response = gateway.peer().upgrade(path(), drop=drop)
    assert response.status == 426
    assert response.header("Upgrade") == "websocket"
    assert "upgrade" in response.header("Connection").lower()


def test_another_protocol_is_told_to_upgrade_to_websocket(gateway, path):
    response = gateway.peer().upgrade(path(), [("Upgrade", "h2c")], drop=("Upgrade",))
    assert response.status == 426
    assert response.header("Upgrade") == "websocket"


@pytest.mark.parametrize("version", ["8", "12", "14", "0", "255", "13x", ""])
def test_another_version_is_told_the_version(gateway, path, version):
    response = gateway.peer().upgrade(path(), [(VERSION, version)], drop=(VERSION,))
    assert response.status == (426 if version.isdigit() else response.status)
    assert response.status in (400, 426)
    if response.status == 426:
        assert response.header(VERSION) == "13"


@pytest.mark.parametrize(
    "drop, headers",
    [
        ((KEY,), []),
        ((KEY,), [(KEY, "")]),
        ((KEY,), [(KEY, "c2hvcnQ=")]),
        ((KEY,), [(KEY, "dGhlIHNhbXBsZSBub25j")]),
        ((KEY,), [(KEY, "dGhlIHNhbXBsZSBub25jZSE=")]),
        ((KEY,), [(KEY, "dGhlIHNhbXBsZSBub25jZQ")]),
        ((KEY,), [(KEY, "dGhlIHNhbXBsZSBub25jZQ==AA==")]),
        ((KEY,), [(KEY, "dGhlIHNhbXBsZSBub25j!Q==")]),
        ((), [(KEY, SAMPLE_KEY)]),
        ((), [(KEY, random_key())]),
        ((), [(VERSION, "13")]),
        ((), [(VERSION, "8")]),
        ((), [("Host", "127.0.0.1")]),
        (("Host",), []),
    ],
    ids=[
        "no key", "empty key", "short key", "15 bytes", "17 bytes", "no padding", "junk behind", "not base64",
        "the key twice", "two keys", "the version twice", "two versions", "two hosts", "no host",
    ],
)  # fmt: skip
def test_malformed_handshakes_are_400(gateway, path, drop, headers):
    peer = gateway.peer()
    assert peer.upgrade(path(), headers, drop=drop).status == 400


@pytest.mark.parametrize("drop", [(), ("Upgrade", "Connection", KEY, VERSION)], ids=["an upgrade", "a plain request"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_another_method_is_405_and_names_the_right_one(gateway, path, method, drop):
    response = gateway.peer().upgrade(path(), [("Content-Length", "0")], method=method, drop=drop)
    assert (response.status, response.header("Allow")) == (405, "GET")


def test_http_1_0_is_no_handshake(gateway, path):
    assert gateway.peer().upgrade(path(), version="HTTP/1.0").status in (400, 426, 505)


@pytest.mark.parametrize("target", ["/ws//", "/wss", "/websocket", "/WS", "/ws%2f"])
def test_there_is_one_websocket_address(gateway, target):
    assert gateway.peer().upgrade(f"{target}?session_token=x").status == 404


def test_a_slash_at_its_end_is_the_same_place(gateway, path):
    peer = gateway.peer()
    assert peer.upgrade(path().replace("/ws", "/ws/")).status == 101
    peer.welcome()


def test_the_absolute_form_of_its_own_host_is_accepted(gateway, path):  # RFC 9112 3.2.2
    peer = gateway.peer()
    assert peer.upgrade(f"http://{peer.host}{path()}").status == 101
    peer.welcome()
    other = gateway.peer()
    assert other.upgrade(f"http://other.example{path()}").status == 400


def test_an_expectation_is_met_before_the_switch(gateway, path):  # RFC 9110 7.8
    peer = gateway.peer()
    assert peer.upgrade(path(), [("Expect", "100-continue")]).status == 100
    assert peer.response().status == 101
    peer.welcome()
    assert gateway.peer().upgrade(path(), [("Expect", "miracles")]).status == 417


def test_a_request_line_of_four_parts_is_malformed(gateway):
    peer = gateway.peer()
    peer.send(f"GET /ws x HTTP/1.1\r\nHost: {peer.host}\r\n\r\n")
    assert peer.response().status == 400


@pytest.mark.parametrize(
    "drop, headers, status, code",
    [
        (("Upgrade",), [], 426, "upgrade_required"),
        ((KEY,), [(KEY, "short")], 400, "bad_request"),
        ((), [("X", "x" * 20_000)], 431, "too_large"),
        ((), [("Origin", "https://evil.example")], 403, "origin_not_allowed"),
    ],
)
def test_a_refusal_is_written_like_every_answer(gateway, drop, headers, status, code):  # RFC 9110 6.6.1
    response = gateway.peer().upgrade("/ws", headers, drop=drop)
    assert (response.status, response.json()["code"]) == (status, code)
    assert response.header("Date").endswith(" GMT")
    assert response.header("Cache-Control") == "no-store"
    assert response.header("X-Content-Type-Options") == "nosniff"


def test_a_refused_head_request_is_told_no_body(gateway):  # RFC 9110 9.3.2
    peer = gateway.peer()
    peer.send(f"HEAD /ws HTTP/1.1\r\nHost: {peer.host}\r\n\r\n")
    assert peer.response(head=True).status == 426, "as a GET that asks for no upgrade"
    assert peer.at_end() and not peer.buffer


def test_frames_right_behind_the_request_are_not_lost(gateway, path):
    peer = gateway.peer()
    peer.send(upgrade_request(path(), peer.host) + frame(TEXT, '{"id":"early","payload":{}}'))
    assert peer.response().status == 101
    peer.welcome()
    assert peer.next_message()["id"] == "early"


def test_a_request_that_comes_byte_by_byte_is_accepted(gateway, path):
    peer = gateway.peer()
    for byte in upgrade_request(path(), peer.host):
        peer.send(bytes([byte]))
    assert peer.response().status == 101
    peer.welcome()


def test_an_upgrade_on_a_kept_alive_connection_is_accepted(gateway, path):
    peer = gateway.peer()
    assert peer.request("GET", "/health/live").status == 200
    assert peer.upgrade(path()).status == 101
    peer.welcome()


def test_one_empty_line_before_the_request_is_forgiven(gateway, path):  # RFC 9112 2.2
    peer = gateway.peer()
    peer.send(b"\r\n" + upgrade_request(path(), peer.host))
    assert peer.response().status == 101
    peer.welcome()


def test_an_empty_line_that_comes_by_itself_is_forgiven(gateway, path):
    peer = gateway.peer()
    for byte in b"\r\n" + upgrade_request(path(), peer.host):
        peer.send(bytes([byte]))
    assert peer.response().status == 101
    peer.welcome()


def test_an_empty_line_does_not_hide_that_a_request_is_no_upgrade(gateway):
    peer = gateway.peer()
    peer.send(b"\r\nGET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
    assert peer.response().status == 426
    peer = gateway.peer()
    peer.send(b"\r\n\r\nGET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
    assert peer.response().status == 400
    assert peer.at_end()


def test_a_body_with_an_empty_line_behind_it_does_not_spoil_the_upgrade(gateway, path):
    """Old clients end a body that way."""
    peer = gateway.peer()
    target = path()
    peer.send(f"POST /health/live HTTP/1.1\r\nHost: {peer.host}\r\nContent-Length: 2\r\n\r\n{{}}")
    assert peer.response().status == 405
    peer.send(b"\r\n" + upgrade_request(target, peer.host))
    assert peer.response().status == 101
    peer.welcome()


def test_unfinished_handshakes_are_cut_after_five_seconds(gateway, path):
    silent, partial = gateway.peer(), gateway.peer()
    start = time.monotonic()
    partial.send(upgrade_request(path(), partial.host)[:-2])
    assert silent.at_end(20) and partial.at_end(20)
    assert 4 < time.monotonic() - start < 12
