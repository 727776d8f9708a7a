"""?proxy_protocol: what a trusted proxy says of its client before the client's own bytes."""

import socket
import struct

import pytest

from support.gateway import run_to_exit
from support.peer import Peer, upgrade_request
from support.wait import eventually

TRUSTED, STRANGER = "127.0.0.2", "127.0.0.3"
GATEWAY_FLAGS = (
    *("--listen", "127.0.0.1:0?proxy_protocol", "--trusted-proxy", TRUSTED, "--shards", "1"),
    *("--session-policy", "optional", "--max-connections-per-address", "3", "--handshake-timeout", "1s"),
)
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LONG = b"\x04\x00\x64" + b"x" * 100  # padding
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


def v1(source, destination="192.0.2.1"):
    return f"PROXY TCP4 {source} {destination} 5000 443\r\n".encode()


def v2(source, destination="192.0.2.1", extensions=b""):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    block = b"".join(socket.inet_pton(family, address) for address in (source, destination))
    block += struct.pack("!HH", 5000, 443) + extensions
    return SIGNATURE + bytes([0x21, 0x21 if ":" in source else 0x11]) + struct.pack("!H", len(block)) + block


@pytest.fixture
def proxy(gateway, closing):
    """A connection of the trusted proxy."""
    return lambda source=TRUSTED: closing(Peer(gateway.address, source=source))


def upgrade(peer, header=b"", **options):
    peer.send(header + upgrade_request("/ws", peer.host, **options))
    return peer.response()


def audited(gateway, address):
    eventually(lambda: f"address={address}\n" in gateway.log_text, message=gateway.log_text[-1000:])


def make_session(gateway, peer, header):
    body = b'{"user_id":"ada"}'
    fields = [
        ("Authorization", f"Bearer {gateway.api_key}"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
    ]
    peer.send(header)
    assert peer.request("POST", "/api/traffic-cop/sessions", fields, body).status == 201


@pytest.mark.parametrize("number, write, options", [(0, v1, {}), (1, v2, {}), (2, v2, {"extensions": LONG})])
def test_the_client_is_who_the_header_says(gateway, proxy, number, write, options):
    def header(address):
        return write(address, **options)

    address = f"203.0.113.{20 + number}"
    peers = [proxy() for _ in range(4)]
    assert [upgrade(peer, header(address)).status for peer in peers] == [101, 101, 101, 429]
    assert upgrade(proxy(), header(f"203.0.113.{120 + number}")).status == 101
    make_session(gateway, proxy(), header(address))
    audited(gateway, address)


def test_so_it_is_with_ipv6(gateway, proxy):
    make_session(gateway, proxy(), v2("2001:db8::9", "2001:db8::1"))
    audited(gateway, "2001:db8::9")
    make_session(gateway, proxy(), b"PROXY TCP6 2001:db8::a 2001:db8::1 1 2\r\n")
    audited(gateway, "2001:db8::a")


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x21\x00\x00\x03xyz"])
def test_a_check_of_health_is_the_proxys_own(gateway, proxy, header):
    peer = proxy()
    peer.send(header)
    assert peer.request("GET", "/health/websocket-gateway").status == 200
    assert upgrade(proxy(), header).status == 101
    make_session(gateway, proxy(), header)
    audited(gateway, TRUSTED)


@pytest.mark.parametrize("header", [v1("203.0.113.40"), v2("203.0.113.40")])
def test_it_comes_in_any_pieces(proxy, header):
    peer = proxy()
    whole = header + upgrade_request("/ws", peer.host)
    for at in range(0, len(whole), 7):
        peer.send(whole[at : at + 7])
    assert peer.response().status == 101
    peer.welcome()


def test_what_the_client_says_of_itself_is_not_believed(gateway, proxy):
    lie = ("X-Forwarded-For", "203.0.113.51")
    peers = [proxy() for _ in range(4)]
    statuses = [upgrade(peer, v2("203.0.113.50"), headers=[lie]).status for peer in peers]
    assert statuses == [101, 101, 101, 429]


def test_a_proxy_behind_the_proxy_is_believed(gateway, proxy):
    """The header names one that is trusted: what that says of its client counts."""
    says = ("X-Forwarded-For", "203.0.113.61")
    peers = [proxy() for _ in range(4)]
    assert [upgrade(peer, v1(TRUSTED), headers=[says]).status for peer in peers] == [101, 101, 101, 429]


def test_the_name_of_the_host_is_not_loopbacks(proxy):
    """It came to the proxy's address, whatever ours is."""
    assert upgrade(proxy(), v1("203.0.113.70"), drop=("Host",), headers=[("Host", "chat.example")]).status == 101


@pytest.mark.parametrize("header", [v1("203.0.113.80"), v2("203.0.113.80"), LOCAL, b"PROXY UNKNOWN\r\n"])
def test_a_stranger_that_sends_one_is_refused(gateway, proxy, header):
    before = gateway.log_text.count("proxy_header_refused")
    peer = proxy(STRANGER)
    response = upgrade(peer, header)
    assert response.status == 400 and "not in trusted-proxy" in response.json()["error"]
    assert peer.at_end()
    eventually(lambda: gateway.log_text.count("proxy_header_refused") > before)
    line = [line for line in gateway.log_text.splitlines() if "proxy_header_refused" in line][-1]
    assert f"peer={STRANGER}" in line and "trusted-proxy" in line


def test_a_stranger_in_pieces_is_refused_too(proxy):
    peer = proxy(STRANGER)
    for at in range(len(LOCAL)):
        peer.send(LOCAL[at : at + 1])
    assert peer.response().status == 400


def test_a_stranger_without_one_is_served(proxy):
    assert upgrade(proxy(STRANGER)).status == 101
    assert proxy(STRANGER).request("GET", "/health/live").status == 200


def test_a_second_header_is_refused(proxy):
    response = upgrade(proxy(), v1("203.0.113.90") + v1("203.0.113.91"))
    assert response.status == 400 and "second PROXY header" in response.json()["error"]


@pytest.mark.parametrize(
    "header, why",
    [
        (b"", "no PROXY header comes first"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "two ports"),
        (SIGNATURE + b"\x21\x11\x02\x09", "longer than 536 bytes"),
        (v2("203.0.113.92", extensions=b"\x03\x00\x04abcd"), "checksum is wrong"),
    ],
)
def test_a_trusted_one_that_sends_none_is_refused(gateway, proxy, header, why):
    peer = proxy()
    response = upgrade(peer, header)
    assert response.status == 400 and why in response.json()["error"]
    assert peer.at_end()
    eventually(lambda: why in gateway.log_text)


@pytest.mark.parametrize("part", [b"", b"PROXY TCP4 203.0", v2("203.0.113.93")[:20]])
def test_a_trusted_one_that_stays_silent_is_closed_in_time(proxy, part):
    peer = proxy()
    peer.send(part)
    assert peer.response(timeout=5).status == 408
    assert peer.at_end()


def test_the_time_is_that_of_the_whole_handshake(proxy):
    """A header every now and then does not buy more of it."""
    peer = proxy()
    peer.send(v1("203.0.113.94"))
    assert peer.response(timeout=5).status == 408


def test_by_a_unix_socket_too(gateway_factory, tmp_path, closing):
    path = tmp_path / "ws.sock"
    gateway = gateway_factory("--listen", f"unix:{path}?proxy_protocol", "--listen", "127.0.0.1:0")
    peer = closing(Peer(path))
    make_session(gateway, peer, v2("203.0.113.99"))
    audited(gateway, "203.0.113.99")
    assert closing(Peer(path)).request("GET", "/health/live").status == 400


def test_where_none_is_expected_it_is_refused(gateway_factory, closing):
    gateway = gateway_factory("--trusted-proxy", TRUSTED)
    peer = closing(Peer(gateway.address, source=TRUSTED))
    response = upgrade(peer, v1("203.0.113.9"))
    assert response.status == 400 and "?proxy_protocol" in response.json()["error"]


def test_a_check_says_what_is_missing():
    ended = run_to_exit("--listen", "127.0.0.1:0?proxy_protocol", "--check-config")
    assert ended.returncode == 2 and "name the addresses that send it with trusted-proxy" in ended.stderr
    ended = run_to_exit("--ops-listen", "127.0.0.1:0?proxy_protocol", "--trusted-proxy", TRUSTED, "--check-config")
    assert ended.returncode == 2 and "takes no PROXY header" in ended.stderr
