"""The service API as HTTP: forms of errors, and requests that are meant to confuse."""

import pytest

from support.api import POST_OFFICE, SESSIONS, assert_refused

GATEWAY_ENV = {"GATEWAY_API_KEY": "root-key-0123456789"}
AUTHORIZATION = ("Authorization", "Bearer root-key-0123456789")
PUBLISH = f"{POST_OFFICE}/publish"
BODY = b'{"channel":"guide","message":{},"realm":"tests"}'


def raw(gateway, text):
    peer = gateway.peer()
    peer.send(text if isinstance(text, bytes) else text.encode("latin-1"))
    return peer


def head(gateway, *lines, method="POST", target=PUBLISH):
    fixed = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{gateway.port}", ": ".join(AUTHORIZATION)]
    return ("\r\n".join([*fixed, *lines]) + "\r\n\r\n").encode()


class TestErrors:
    @pytest.mark.parametrize(
        "path",
        [
            "/nothing",
            "/api",
            "/api/",
            "/api/traffic-cop",
            f"{SESSIONS}/",
            f"{POST_OFFICE}/nothing",
            "/api/post-office",
            "/%2e%2e/etc/passwd",
            "/x//",
        ],
    )
    def test_what_is_not_there_is_404(self, api, path):
        assert_refused(api.get(path), 404)

    @pytest.mark.parametrize(
        "method, path, allowed",
        [
            ("GET", PUBLISH, "POST"),
            ("DELETE", PUBLISH, "POST"),
            ("PUT", f"{SESSIONS}/x", "PATCH"),
            ("POST", f"{POST_OFFICE}/connection-count", "GET"),
            ("POST", "/metrics", "GET"),
            ("POST", "/health/live", "GET"),
            ("BREW", PUBLISH, "POST"),
        ],
    )
    def test_another_method_is_405_and_names_the_right_one(self, api, method, path, allowed):
        response = api.request(method, path)
        assert_refused(response, 405)
        assert allowed in response.headers["allow"]

    def test_a_head_request_has_no_body(self, gateway):
        peer = gateway.peer()
        peer.send(f"HEAD /health/live HTTP/1.1\r\nHost: {peer.host}\r\n\r\n")
        response = peer.response(head=True)
        assert response.status in (200, 405)
        assert peer.request("GET", "/health/live").status == 200, "nothing was left over"

    def test_a_body_above_its_bound_is_413(self, gateway):
        peer = raw(gateway, head(gateway, f"Content-Length: {100 << 20}"))
        response = peer.response()
        assert response.status == 413
        assert response.json()["success"] is False and response.json()["code"]

    def test_chunks_above_the_bound_are_413(self, gateway):
        peer = raw(gateway, head(gateway, "Transfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        try:
            for _ in range(64):
                peer.send(chunk)
        except OSError:
            pass  # it need not read what it has refused
        assert peer.response().status == 413

    def test_a_large_message_within_the_bound_is_taken(self, gateway):
        client = gateway.connect()
        gateway.api.send("x" * 400_000, connection_id=client.connection_id)
        assert client.receive() == "x" * 400_000

    @pytest.mark.parametrize("target", ["*", "no-slash", "/a b", "/\x7f", "/ü", "http://", ""])
    def test_a_broken_target_is_refused(self, gateway, target):
        peer = raw(gateway, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
        assert peer.response().status in (400, 404, 421, 505)

    def test_the_options_of_the_whole_server_are_answered(self, gateway):  # RFC 9112 3.2.4
        peer = raw(gateway, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        assert peer.response().status == 204
        assert peer.request("GET", "/health/live").status == 200

    def test_a_long_target_is_refused(self, gateway):
        peer = raw(gateway, head(gateway, method="GET", target="/" + "x" * 70_000))
        assert peer.response().status in (400, 414, 431)

    @pytest.mark.parametrize(
        "line",
        ["GET / HTTP/2.0", "GET /", "GET  / HTTP/1.1", "get", "\x00\x01\x02", "GET / HTTP/1.1 x", "GET / FTP/1.1"],
    )
    def test_a_broken_request_line_is_refused(self, gateway, line):
        peer = raw(gateway, f"{line}\r\nHost: x\r\n\r\n")
        assert peer.response().status in (400, 404, 501, 505)
        assert gateway.api.get("/health/live").status_code == 200

    def test_tls_on_a_plain_port_is_refused(self, gateway):
        peer = raw(gateway, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
        assert peer.at_end()

    def test_the_answer_never_carries_what_was_asked_as_markup(self, api):
        response = api.get("/<script>alert(1)</script>")
        assert response.headers["content-type"].startswith("application/json")
        assert response.headers.get("x-content-type-options") == "nosniff"


class TestFraming:
    """Where one request ends and the next begins; what leaves that open is refused, see test_abuse.py."""

    def test_a_lawful_chunked_body_is_read(self, gateway):
        chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in (BODY[:10], BODY[10:]))
        peer = raw(gateway, head(gateway, "Transfer-Encoding: chunked") + chunks + b"0\r\nTrailer: x\r\n\r\n")
        assert peer.response().status == 200
        assert peer.request("GET", "/health/live").status == 200

    def test_pipelined_requests_are_answered_in_order(self, gateway):
        one = head(gateway, f"Content-Length: {len(BODY)}") + BODY
        two = head(gateway, method="GET", target="/nothing")
        three = head(gateway, method="GET", target="/health/live")
        peer = raw(gateway, one + two + three)
        assert [peer.response().status for _ in range(3)] == [200, 404, 200]

    def test_a_hundred_pipelined_requests_are_all_answered(self, gateway):
        peer = raw(gateway, head(gateway, method="GET", target="/health/live") * 100)
        assert [peer.response().status for _ in range(100)] == [200] * 100

    def test_connection_close_is_obeyed(self, gateway):
        peer = raw(gateway, head(gateway, "Connection: close", method="GET", target="/health/live"))
        assert peer.response().status == 200
        assert peer.at_end()

    def test_expect_100_continue_is_answered(self, gateway):
        peer = raw(gateway, head(gateway, f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
        first = peer.response()
        if first.status == 100:
            peer.send(BODY)
            first = peer.response()
            assert first.status == 200
        else:
            assert first.status == 417


def test_a_thousand_idle_connections_are_no_trouble(gateway):
    peers = [gateway.peer() for _ in range(1000)]
    assert gateway.api.get("/health/live").status_code == 200
    assert peers[-1].request("GET", "/health/live").status == 200


def test_unauthenticated_bodies_are_not_waited_for(gateway):
    peer = gateway.peer()
    peer.send(f"POST {PUBLISH} HTTP/1.1\r\nHost: {peer.host}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
    response = peer.response()
    assert response.status == 401
