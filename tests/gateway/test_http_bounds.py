"""What a stranger can use up: connections, memory, attention. Never what others need."""

import contextlib
import json
import resource

import pytest

from support.peer import Peer
from support.wait import eventually

KEY = "root-key-0123456789"
ENV = {"GATEWAY_API_KEY": KEY}
COUNT = "/api/post-office/websocket/connection-count"
MEBIBYTE = 1 << 20
HOUSE = 10_000  # connections that the service API holds


def buffered(gateway):
    text = gateway.api_with(KEY).get("/metrics").text
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("gateway_http_buffered_bytes ")))


def test_what_stands_behind_an_upgrade_that_waits_is_not_read(gateway_factory):
    gateway = gateway_factory(env=ENV)
    peer = gateway.peer()
    poll = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    poll["params"] = {"name": "websocket_subscribe_to_channel", "arguments": {"channel": "guide", "wait_seconds": 25}}
    body = json.dumps(poll)
    lines = [f"Host: {peer.host}", f"Authorization: Bearer {KEY}", "Content-Type: application/json",
             "MCP-Protocol-Version: 2025-11-25", f"Content-Length: {len(body)}"]  # fmt: skip
    peer.send("\r\n".join(["POST /mcp HTTP/1.1", *lines]) + "\r\n\r\n" + body)
    peer.send(f"GET /ws HTTP/1.1\r\nHost: {peer.host}\r\n\r\n")
    junk = b"x" * MEBIBYTE
    taken = 0
    while taken < 64 * MEBIBYTE and (sent := send_within(peer, junk, 2)):
        taken += sent
    assert taken < 32 * MEBIBYTE, "only the kernel's buffers take what is not read"
    assert buffered(gateway) < 4 * MEBIBYTE


def send_within(peer, data, seconds):
    """How much is taken as soon as some is; 0 when nothing is within that time."""
    peer.socket.settimeout(seconds)
    try:
        return peer.socket.send(data)
    except TimeoutError:
        return 0


@pytest.fixture
def crowd():
    """Makes so many connections that have each asked for something; they stay open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < HOUSE + 1000:
        pytest.fail(f"needs {HOUSE + 1000} descriptors (ulimit -n), and has {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    peers = []

    def make(gateway, count):
        batch = [Peer(gateway.address) for _ in range(count)]
        for peer in batch:
            peer.send(f"GET /health/live HTTP/1.1\r\nHost: {peer.host}\r\n\r\n")
        peers.extend(batch)
        return batch

    yield make
    for peer in peers:
        peer.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_house_full_of_idle_connections_keeps_nobody_out(gateway_factory, crowd):
    gateway = gateway_factory(env=ENV)
    agent = gateway.subscribe("guide")
    for _ in range(12):
        crowd(gateway, 1000)
        assert gateway.api_with(KEY).get(COUNT).status_code == 200
        assert gateway.peer().request("GET", "/health/live").status == 200
    gateway.connect().say(id="1", text="through")
    assert "through" in str(agent.envelope())


class TestStrangers:
    """Connections of one address that have shown neither a session nor a key."""

    @pytest.fixture
    def gateway(self, gateway_factory):
        flags = ("--session-policy", "optional", "--max-connections-per-address", "3", "--shards", "1")
        return gateway_factory("--trusted-proxy", "127.0.0.0/8", *flags, env=ENV)

    def come(self, gateway, address, target="/ws"):
        peer = gateway.peer()
        response = peer.upgrade(target, [("X-Forwarded-For", address)])
        return peer, response

    def test_an_address_has_only_so_many(self, gateway):
        inside = [self.come(gateway, "203.0.113.7") for _ in range(3)]
        assert [response.status for _, response in inside] == [101] * 3
        _, refused = self.come(gateway, "203.0.113.7")
        assert refused.status == 429
        assert refused.json()["code"] == "too_many_connections"
        assert refused.header("Retry-After")
        assert self.come(gateway, "203.0.113.8")[1].status == 101
        inside[0][0].close()
        eventually(lambda: self.come(gateway, "203.0.113.7")[1].status == 101)

    def test_who_has_a_session_is_no_stranger(self, gateway):
        peers = []
        for n in range(8):
            token = gateway.new_session(user_id=f"user-{n}")
            peer, response = self.come(gateway, "203.0.113.9", f"/ws?session_token={token}")
            assert response.status == 101
            peer.welcome()
            peers.append(peer)

    def test_loopback_stands_for_many(self, gateway):
        for _ in range(8):
            assert gateway.peer().upgrade("/ws").status == 101


class TestAnotherName:
    """A page whose name points at this machine (DNS rebinding) shows its own name in Host."""

    @pytest.fixture
    def gateway(self, gateway_factory):
        return gateway_factory("--session-policy", "optional", "--test-endpoints", env=ENV)

    @pytest.mark.parametrize(
        "target",
        ["/", "/openapi.json", "/health/live", "/health/websocket-gateway", "/api/test/websocket-gateway/connection-count"],
    )
    def test_nothing_without_a_key_is_answered_under_it(self, gateway, target):
        peer = gateway.peer()
        peer.send(f"GET {target} HTTP/1.1\r\nHost: evil.example:{gateway.port}\r\n\r\n")
        response = peer.response()
        assert (response.status, response.json()["code"]) == (421, "wrong_host")

    def test_no_anonymous_connection_is_made_under_it(self, gateway):
        own = ("Origin", f"http://evil.example:{gateway.port}")
        refused = gateway.peer().upgrade("/ws", [own], host=f"evil.example:{gateway.port}")
        assert (refused.status, refused.json()["code"]) == (421, "wrong_host")
        for host in (f"localhost:{gateway.port}", f"127.0.0.1:{gateway.port}"):
            assert gateway.peer().upgrade("/ws", host=host).status == 101

    def test_a_probe_that_names_no_host_is_answered(self, gateway):
        peer = gateway.peer()
        peer.send("GET /health/live HTTP/1.0\r\n\r\n")
        assert peer.response().status == 200


def test_guesses_from_ten_thousand_addresses_keep_nobody_out(gateway_factory):
    gateway = gateway_factory("--trusted-proxy", "127.0.0.0/8", env=ENV)

    def ask(peer, address, key):
        peer.send(f"GET {COUNT} HTTP/1.1\r\nHost: {peer.host}\r\nX-Forwarded-For: {address}\r\nAuthorization: Bearer {key}\r\n\r\n")

    with contextlib.closing(gateway.peer()) as peer:
        for high in range(0, 220):
            for low in range(50):
                ask(peer, f"10.{high}.{low}.1", "wrong")
            assert all(peer.response().status in (401, 429) for _ in range(50))
        for address in ("10.0.0.1", "198.51.100.1", "198.51.100.2"):
            ask(peer, address, KEY)
            assert peer.response().status == 200
