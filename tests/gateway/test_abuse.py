"""One list of what attackers send, held against every door: the API, event streams, the WebSocket and MCP.

What only one door knows stands with it: frames in test_frames.py, sizes of messages in test_message_size.py, noise in
test_noise.py, tokens in test_session_token.py, origins of /ws in test_origin.py, Host and Origin of MCP in
tests/mcp/test_access.py.
"""

import time
from dataclasses import dataclass

import pytest

from support.api import POST_OFFICE, assert_refused
from support.wait import paced

KEY = "root-key-0123456789"
GATEWAY_FLAGS = ["--api-body-bytes", "64KiB", "--max-connections-per-user", "0"]
GATEWAY_ENV = {"GATEWAY_API_KEY": KEY}
COUNT = f"{POST_OFFICE}/connection-count"
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Door:
    """A lawful request there, as lines, and what answers it."""

    name: str
    method: str
    path: str
    lines: tuple = ()
    body: bytes = b""
    answer: int = 200
    has_key: bool = True

    def head(self, gateway, *more, target=None, drop=(), version="HTTP/1.1") -> bytes:
        """Its head with `more` lines (bytes as they are) instead of those whose names are in `drop`."""
        lines = [f"Host: 127.0.0.1:{gateway.port}", *self.lines]
        if self.has_key:
            lines.append(f"Authorization: Bearer {KEY}")
        lines = [line for line in lines if line.split(":")[0] not in drop]
        encoded = [line if isinstance(line, bytes) else line.encode("latin-1") for line in [*lines, *more]]
        first = f"{self.method} {target or self.target(gateway)} {version}".encode("latin-1")
        return b"\r\n".join([first, *encoded]) + b"\r\n\r\n"

    def target(self, gateway):
        return self.path.replace("TOKEN", gateway.new_session(user_id="ada")) if "TOKEN" in self.path else self.path


UPGRADE = (
    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)  # fmt: skip
DOORS = [
    Door("api", "POST", f"{POST_OFFICE}/publish", body=b'{"channel":"guide","message":{},"realm":"tests"}'),
    Door("sse", "GET", f"{POST_OFFICE}/subscribe?channel=guide"),
    Door("ws", "GET", "/ws?session_token=TOKEN", UPGRADE, answer=101, has_key=False),
    Door("mcp", "POST", "/mcp", ("Content-Type: application/json", "MCP-Protocol-Version: 2025-11-25"),
         b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'),
]
WITH_KEYS = [door for door in DOORS if door.has_key]
WS = next(door for door in DOORS if door.name == "ws")


@pytest.fixture(params=DOORS, ids=lambda door: door.name)
def door(request):
    return request.param


@pytest.fixture(params=WITH_KEYS, ids=lambda door: door.name)
def keyed(request):
    return request.param


def send(gateway, data):
    peer = gateway.peer()
    peer.send(data)
    return peer


def lawful(door, gateway) -> bytes:
    return door.head(gateway, *([f"Content-Length: {len(door.body)}"] if door.body else [])) + door.body


def assert_ended(peer, *statuses):
    """One answer, then the end: what stood behind was no request."""
    response = peer.response()
    assert response.status in statuses, response
    assert response.json()["success"] is False
    assert peer.at_end()
    assert b"HTTP/1.1" not in peer.buffer


def test_a_lawful_request_is_served(gateway, door):
    """Else all that follows would be refused for another reason."""
    assert send(gateway, lawful(door, gateway)).response().status == door.answer


class TestSmuggling:
    """Requests whose end two readers could see in two places: 400, and the connection ends."""

    BODY = b'{"channel":"guide","message":{},"realm":"tests"}'
    SMUGGLED = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    CHUNKED = "Transfer-Encoding: chunked"

    @pytest.mark.parametrize(
        "lines, body",
        [
            (["Content-Length: 49", CHUNKED], b"0\r\n\r\n"),
            ([CHUNKED, "Content-Length: 5"], b"0\r\n\r\n"),
            (["Content-Length: 49", "Content-Length: 49"], BODY),
            (["Content-Length: 49", "Content-Length: 5"], BODY),
            (["Content-Length: 49", "content-length: 49"], BODY),
            (["Content-Length: 49, 49"], BODY),
            (["Content-Length: +49"], BODY),
            (["Content-Length: 0x31"], BODY),
            (["Content-Length: 4 9"], BODY),
            (["Content-Length: 49\x0b"], BODY),
            (["Content-Length: 49\x00"], BODY),
            (["Content-Length: -1"], b""),
            (["Content-Length: 18446744073709551665"], BODY),
            (["Content-Length:"], BODY),
            (["Content-Length : 49"], BODY),
            (["Content-Length: 49", " Content-Length: 5"], BODY),
            (["X: y\nContent-Length: 49"], BODY),
            (["X: y\rContent-Length: 49"], BODY),
            ([CHUNKED, CHUNKED], b"0\r\n\r\n"),
            (["Transfer-Encoding : chunked"], b"0\r\n\r\n"),
            (["Transfer-Encoding:", " chunked"], b"0\r\n\r\n"),
            (["Transfer-Encoding:\x0bchunked"], b"0\r\n\r\n"),
            (["Transfer-Encoding: chunked\x00"], b"0\r\n\r\n"),
            (["\x00Transfer-Encoding: chunked"], b"0\r\n\r\n"),
        ],
        ids=lambda value: repr(value)[:45],
    )  # fmt: skip
    def test_two_readings_of_the_length(self, gateway, door, lines, body):
        assert_ended(send(gateway, door.head(gateway, *lines) + body + self.SMUGGLED), 400)

    @pytest.mark.parametrize("coding", ["chunked, identity", "identity", "xchunked", "gzip, chunked", '"chunked"', ""])
    def test_a_transfer_coding_that_is_not_chunked(self, gateway, door, coding):
        """RFC 9112 6.1 asks for 501 where a coding is merely unknown."""
        assert_ended(send(gateway, door.head(gateway, f"Transfer-Encoding: {coding}") + b"0\r\n\r\n" + self.SMUGGLED), 400, 501)

    @pytest.mark.parametrize(
        "body",
        [
            b"xyz\r\n\r\n0\r\n\r\n", b"-1\r\n\r\n0\r\n\r\n", b"+2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n",
            b"2\n{}\r\n0\r\n\r\n", b"2\r{}\r\n0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n",
            b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n", b" 2\r\n{}\r\n0\r\n\r\n", b"2 \r\n{}\r\n0\r\n\r\n",
            b"2;a\nb\r\n{}\r\n0\r\n\r\n", b"2;\x00\r\n{}\r\n0\r\n\r\n", b"2;" + b"x" * 20_000 + b"\r\n{}\r\n0\r\n\r\n",
            b"\r\n2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}\r\n0\r\nA: b\nC: d\r\n\r\n", b"2\r\n{}\r\n0\r\n" + b"A: b\r\n" * 4000 + b"\r\n",
        ],
        ids=lambda value: repr(value)[:45],
    )  # fmt: skip
    def test_broken_chunks(self, gateway, keyed, body):
        assert_ended(send(gateway, keyed.head(gateway, self.CHUNKED) + body + self.SMUGGLED), 400, 413, 431)

    def test_a_target_that_names_another_host(self, gateway, keyed):
        """Who stands before us goes by one, we would go by the other."""
        assert_ended(send(gateway, keyed.head(gateway, target=f"http://evil.example{keyed.target(gateway)}")), 400)

    def test_chunks_in_http_1_0(self, gateway, keyed):
        assert_ended(send(gateway, keyed.head(gateway, self.CHUNKED, version="HTTP/1.0") + b"0\r\n\r\n" + self.SMUGGLED), 400)

    def test_a_handshake_with_a_body(self, gateway):
        """A proxy that takes /ws for a plain request would pass on a body, which is frames to us, or a request."""
        for lines, body in ((["Content-Length: 39"], self.SMUGGLED), ([self.CHUNKED], b"0\r\n\r\n" + self.SMUGGLED)):
            assert_ended(send(gateway, WS.head(gateway, *lines) + body), 400)


class TestInjection:
    """Bytes that end a line for one reader and not for another: 400, and the connection ends."""

    @pytest.mark.parametrize(
        "line",
        [
            b"X: a\nInjected: b", b"X: a\rInjected: b", b"X: a\x00b", b"X: a\x7fb", b"X: a\x0bb", b"X: a\r\n folded",
            b"X: a\r\n\tfolded", b"X : a", b"X\t: a", b"Bad Name: a", b"Bad\x00Name: a", b"Bad(Name): a", b": a", b"no colon",
            b"\xc3\xa9: a", b"X\x00", b"Host: evil.example", b"X: y\r\n\n",
        ],
        ids=lambda value: repr(value)[:30],
    )  # fmt: skip
    def test_a_broken_line(self, gateway, door, line):
        assert_ended(send(gateway, door.head(gateway, line)), 400)

    @pytest.mark.parametrize("host", ["a b", "a/b", "user@a", "a\x00", "a, b", "ü", "<a>"])
    def test_a_broken_host(self, gateway, door, host):
        assert_ended(send(gateway, door.head(gateway, f"Host: {host}", drop=["Host"])), 400)

    def test_no_host(self, gateway, door):
        assert_ended(send(gateway, door.head(gateway, drop=["Host"])), 400)

    @pytest.mark.parametrize("end", [b"\n\n", b"\n", b"\r\r"], ids=repr)
    def test_other_line_ends(self, gateway, door, end):
        peer = send(gateway, door.head(gateway).replace(b"\r\n", end) + b"\r\n\r\n")
        assert_ended(peer, 400)

    @pytest.mark.parametrize("suffix", ["\x00", "%00", "%2e%2e/", "/..", ";x=1", "%0d%0aX:%20y", "//", "%2f", "\\"], ids=repr)
    def test_tricks_in_the_path(self, gateway, door, suffix):
        path, _, query = door.target(gateway).partition("?")
        response = send(gateway, door.head(gateway, target=f"{path}{suffix}?{query}")).response()
        assert response.status in (400, 404), response
        assert not any(name == "x" for name, _ in response.headers)

    @pytest.mark.parametrize("prefix", ["/", "/.", "/x/..", "/%2e", "\\"], ids=repr)
    def test_tricks_before_the_path(self, gateway, door, prefix):
        assert send(gateway, door.head(gateway, target=f"{prefix}{door.target(gateway)}")).response().status in (400, 404)

    @pytest.mark.parametrize("value", ["%", "%0", "%zz", "%c0%af", "%ff", "%ed%a0%80", "%00", "a%0d%0ab"], ids=repr)
    def test_tricks_in_the_query(self, gateway, value):
        for door in DOORS[1:]:
            path = door.path.partition("?")[0]
            name = "channel" if door.has_key else "client_id"
            response = send(gateway, door.head(gateway, target=f"{path}?{name}={value}")).response()
            assert response.status in (400, 404), (door.name, response)


class TestSize:
    """Refused at the bound: without reading what lies beyond."""

    def test_a_head(self, gateway, door):
        assert_ended(send(gateway, door.head(gateway, *(f"X-{n}: {'x' * 1000}" for n in range(20)))), 431)

    def test_one_field(self, gateway, door):
        assert_ended(send(gateway, door.head(gateway, f"X: {'x' * 17_000}")), 431)

    def test_a_head_that_never_ends(self, gateway, door):
        peer = send(gateway, door.head(gateway)[:-2] + b"X: " + b"x" * 17_000)
        assert_ended(peer, 431)

    def test_many_fields(self, gateway, door):
        assert_ended(send(gateway, door.head(gateway, *(f"X-{n}: x" for n in range(120)))), 431)

    def test_a_query(self, gateway, door):
        joined = "&" if "?" in door.path else "?"
        long = f"{door.target(gateway)}{joined}{'x' * 17_000}"
        assert_ended(send(gateway, door.head(gateway, target=long)), 414, 431)

    def test_many_parameters(self, gateway, door):
        joined = "&" if "?" in door.path else "?"
        many = f"{door.target(gateway)}{joined}{'&'.join('x=%41' for _ in range(2000))}"
        response = send(gateway, door.head(gateway, target=many)).response()
        assert response.status in (door.answer, 400), response

    @pytest.mark.parametrize("size", [64 * 1024 + 1, 100 * MEBIBYTE, (1 << 63) - 1])
    def test_a_body_is_413_before_it_is_sent(self, gateway, keyed, size):
        assert_ended(send(gateway, keyed.head(gateway, f"Content-Length: {size}")), 413)

    def test_nobody_is_asked_to_go_on_with_one(self, gateway, keyed):
        peer = send(gateway, keyed.head(gateway, f"Content-Length: {100 * MEBIBYTE}", "Expect: 100-continue"))
        assert_ended(peer, 413)

    def test_chunks_are_413_at_the_bound(self, gateway, keyed):
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        assert_ended(send(gateway, keyed.head(gateway, "Transfer-Encoding: chunked") + chunk * 5), 413)

    def test_a_handshake_announces_no_body(self, gateway):
        assert_ended(send(gateway, WS.head(gateway, f"Content-Length: {100 * MEBIBYTE}")), 400, 413)


def test_slow_heads_and_bodies_are_cut_while_others_are_served(gateway):
    """All doors at once: a byte each quarter of a second never resets a deadline."""
    trickling = {(door.name, "head"): send(gateway, door.head(gateway)[:-2]) for door in DOORS}
    trickling |= {(door.name, "body"): send(gateway, door.head(gateway, "Content-Length: 1000")) for door in WITH_KEYS}
    chunked = {(door.name, "chunks"): send(gateway, door.head(gateway, "Transfer-Encoding: chunked") + b"3e8\r\n") for door in WITH_KEYS}
    trickling |= chunked
    start = time.monotonic()
    for _ in paced(0.25, 30):
        for name, peer in list(trickling.items()):
            try:
                peer.send(b"x")
                if peer.readable(0):
                    del trickling[name]
            except OSError:
                del trickling[name]
        assert gateway.api.get("/health/live").status_code == 200
        if not trickling:
            break
    assert not trickling, "still open after 30 s"
    assert time.monotonic() - start > 3


class TestOrigins:
    """A page of another site is refused before its key or its session is looked at."""

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1", "https://a.example, https://b.example"])
    def test_a_foreign_one(self, gateway, door, origin):
        response = send(gateway, door.head(gateway, f"Origin: {origin}", f"Content-Length: {len(door.body)}") + door.body).response()
        assert response.status == 403, response

    def test_two(self, gateway, door):
        own = f"Origin: http://127.0.0.1:{gateway.port}"
        head = door.head(gateway, own, "Origin: https://evil.example", f"Content-Length: {len(door.body)}")
        assert send(gateway, head + door.body).response().status in (400, 403)

    def test_with_a_wrong_key(self, gateway, keyed):
        """Else a page anywhere could have its visitor locked out, by guessing keys in that name."""
        for _ in range(30):
            head = keyed.head(gateway, "Origin: https://evil.example", "Authorization: Bearer guess-0123456789", drop=["Authorization"])
            assert send(gateway, head).response().status == 403

    def test_the_gateways_own(self, gateway, door):
        own = f"Origin: http://127.0.0.1:{gateway.port}"
        assert send(gateway, door.head(gateway, own, f"Content-Length: {len(door.body)}") + door.body).response().status == door.answer

    def test_an_allowed_one(self, gateway_factory, door):
        gateway = gateway_factory("--allowed-origin", "https://app.example", env=GATEWAY_ENV)
        head = door.head(gateway, "Origin: https://app.example", f"Content-Length: {len(door.body)}")
        assert send(gateway, head + door.body).response().status == door.answer


class TestKeys:
    """Who guesses them: 401, then 429 that says how long. The right key is served from wherever it comes."""

    @pytest.fixture
    def gateway(self, gateway_factory):
        return gateway_factory("--trusted-proxy", "127.0.0.0/8", env=GATEWAY_ENV)

    def ask(self, gateway, door, key, *lines):
        head = door.head(gateway, f"Authorization: Bearer {key}", f"Content-Length: {len(door.body)}", *lines, drop=["Authorization"])
        return send(gateway, head + door.body).response()

    def guess(self, gateway, door, *lines):
        answers = [self.ask(gateway, door, f"guess-{n}-0123456789", *lines) for n in range(40)]
        statuses = [answer.status for answer in answers]
        assert statuses[:15] == [401] * 15 and statuses[-10:] == [429] * 10, statuses
        assert int(answers[-1].header("Retry-After")) >= 1
        refusal = answers[-1].json()
        assert refusal["error"]["code"] == 429 if door.name == "mcp" else refusal["code"] == "too_many_failures"

    def test_from_loopback(self, gateway, keyed):
        self.guess(gateway, keyed)
        assert self.ask(gateway, keyed, KEY).status == keyed.answer
        assert self.ask(gateway, keyed, "guess-x-0123456789").status == 429

    def test_from_anywhere_else(self, gateway, keyed):
        elsewhere, other = "X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 203.0.113.8"
        self.guess(gateway, keyed, elsewhere)
        assert self.ask(gateway, keyed, KEY, elsewhere).status == keyed.answer, "many may share an address"
        assert self.ask(gateway, keyed, KEY, other).status == keyed.answer

    def test_guesses_at_one_door_count_at_the_others(self, gateway):
        elsewhere = "X-Forwarded-For: 203.0.113.9"
        self.guess(gateway, WITH_KEYS[0], elsewhere)
        for door in WITH_KEYS:
            assert self.ask(gateway, door, "guess-x-0123456789", elsewhere).status == 429
            assert self.ask(gateway, door, KEY, elsewhere).status == door.answer

    def test_a_guessed_session_token_is_4001_each_time(self, gateway):
        """128 random bits of which nobody tells how near a guess has come; a browser can read a close code only."""
        for n in range(30):
            peer = gateway.peer()
            assert peer.upgrade(f"/ws?session_token=guess-{n}").status == 101
            assert peer.closed() == (4001, "invalid session")
            peer.close()
        gateway.connect().assert_silent()


def test_a_wrong_key_is_told_before_anything_else(gateway):
    """Neither the body nor the fields are looked at for who may not ask."""
    response = gateway.api_with("wrong-key-0123456789").post(f"{POST_OFFICE}/publish", content=b"not json")
    assert_refused(response, 401)
