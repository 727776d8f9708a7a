"""?tls: certificates of our own, on the listeners of clients and of operations."""

import socket
import ssl
import subprocess
import urllib.request

import pytest

from support.api import Api
from support.certificates import any_certificate, make_certificate
from support.client import Client
from support.gateway import Gateway, run_to_exit
from support.peer import Peer
from support.tls_peer import AfterHeader, WithBio
from support.wait import eventually

TRUSTED = "127.0.0.2"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def flags(directory):
    own = make_certificate(directory, "own")
    other = make_certificate(directory, "other", "DNS:other.example", "DNS:*.wild.example", key=("rsa", "rsa_keygen_bits:2048"))
    return [*own, *other]


@pytest.fixture(scope="module")
def gateway(flags):
    with Gateway("--listen", "127.0.0.1:0?tls", "--session-policy", "optional", *flags) as started:
        yield started


def subject(peer):
    """The names of the certificate that it was shown."""
    text = ssl.DER_cert_to_PEM_cert(peer.socket.getpeercert(binary_form=True))
    return subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=text, capture_output=True, text=True
    ).stdout


class TestClients:
    def test_a_page_talks_and_an_agent_answers(self, gateway):
        assert gateway.url.startswith("https://127.0.0.1:")
        client, agent = gateway.connect(), gateway.subscribe("guide")
        client.say(text="over TLS")
        envelope = agent.envelope()
        assert envelope["message"]["payload"]["message"] == "over TLS"
        gateway.api.send({"type": "agent_response", "message": "x" * 300_000}, connection_id=client.connection_id)
        assert len(client.receive()["message"]) == 300_000

    def test_a_certificate_is_checked_by_who_wants_to(self, gateway, directory):
        context = ssl.create_default_context(cafile=directory / "own.crt")
        client = Client.open(gateway.ws_url, gateway.new_session(), ssl=context)
        assert client.welcome["event"] == "welcome"
        client.close()
        with urllib.request.urlopen(f"{gateway.url}/health/live", context=context, timeout=20) as answer:
            assert answer.status == 200

    def test_openssl_finds_tls_1_3_and_http_1_1(self, gateway):
        seen = subprocess.run(
            ["openssl", "s_client", "-connect", "%s:%d" % gateway.address, "-alpn", "h2,http/1.1", "-quiet", "-no_ign_eof"],
            input="GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert seen.returncode == 0, seen.stderr

    @pytest.mark.parametrize("name, shown", [
        (None, "IP Address:127.0.0.1"), ("other.example", "DNS:other.example"), ("a.wild.example", "DNS:other.example"),
        ("unknown.example", "IP Address:127.0.0.1"),
    ])  # fmt: skip
    def test_the_name_that_is_asked_for_picks_the_certificate(self, gateway, name, shown):
        assert shown in subject(gateway.peer(server_name=name))

    def test_http_goes_on_as_websocket_on_its_connection(self, gateway):
        peer = gateway.peer()
        for _ in range(2):
            assert peer.request("GET", "/health/live").status == 200
        assert peer.upgrade("/ws").status == 101
        assert peer.welcome()
        peer.send_message({"type": "ping"})
        assert peer.next_message()["type"] == "pong"

    def test_addresses_say_that_it_is_secure(self, gateway):
        given = gateway.api.get("/api/post-office/websocket/endpoint", params={"session_token": "t"})
        assert given.json()["websocket_url"].startswith(f"wss://{gateway.host}:{gateway.port}/ws"), given.text

    def test_a_page_in_clear_of_the_same_host_is_anothers(self, gateway):
        for origin, status in (("https://gw.example", 101), ("http://gw.example", 403)):
            peer = gateway.peer()
            assert peer.upgrade("/ws", [("Origin", origin)], host="gw.example").status in (status, 421), origin
        peer = gateway.peer()
        assert peer.upgrade("/ws", [("Origin", f"http://{peer.host}")]).status == 403
        peer = gateway.peer()
        assert peer.upgrade("/ws", [("Origin", f"https://{peer.host}")]).status == 101

    def test_the_end_is_said_before_the_connection_ends(self, gateway):
        peer = gateway.raw_connect()
        peer.send_frame(8, b"\x03\xe8")
        assert peer.closed()[0] == 1000
        assert peer.socket.recv(1) == b""  # it would raise, were it cut

    def test_the_end_of_http_is_said_too(self, gateway):
        peer = gateway.peer()
        answer = peer.request("GET", "/health/live", [("Connection", "close")])
        assert answer.status == 200
        assert peer.socket.recv(1) == b""  # it would raise, were it cut

    def test_it_counts_what_it_shook_hands_on(self, gateway):
        before = tls_metrics(gateway)
        context = any_certificate(maximum_version=ssl.TLSVersion.TLSv1_2)
        gateway.peer(tls=context).request("GET", "/health/live")
        eventually(lambda: tls_metrics(gateway)['gateway_tls_handshakes_total{version="1.2"}'] > before['gateway_tls_handshakes_total{version="1.2"}'])

    def test_a_ticket_spares_a_handshake_with_any_shard(self, gateway):
        context = any_certificate()
        first = gateway.peer(tls=context)
        first.request("GET", "/health/live")
        before = tls_metrics(gateway)["gateway_tls_resumptions_total"]
        with socket.create_connection(gateway.address) as plain:
            with context.wrap_socket(plain, session=first.socket.session) as resumed:
                assert resumed.session_reused
        eventually(lambda: tls_metrics(gateway)["gateway_tls_resumptions_total"] > before)


def tls_metrics(gateway):
    return {name: value for name, value in metrics_of(gateway).items() if "tls" in name}


def metrics_of(gateway):
    out = {}
    for line in gateway.api.get("/metrics").text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            out[name] = float(value)
    return out


class TestOtherListeners:
    def test_operations_over_tls(self, gateway_factory, flags):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        gateway_factory("--ops-listen", f"127.0.0.1:{port}?tls", *flags)
        inside = Peer(("127.0.0.1", port), tls=True)
        assert inside.request("GET", "/health/live").status == 200
        assert b"websocket_connections_active" in inside.request("GET", "/metrics").body
        clear = Peer(("127.0.0.1", port))
        answer = clear.request("GET", "/health/live")
        assert answer.status == 400 and "speaks TLS" in answer.json()["error"]

    def test_a_unix_socket_over_tls(self, gateway_factory, flags, tmp_path):
        path = tmp_path / "ws.sock"
        gateway_factory("--listen", "127.0.0.1:0", "--listen", f"unix:{path}?tls", "--session-policy", "optional", *flags)
        peer = Peer(path, tls=True)
        assert peer.upgrade("/ws").status == 101
        assert peer.welcome()

    def test_the_proxy_says_whose_it_is_and_the_client_speaks_tls(self, gateway_factory, flags):
        gateway = gateway_factory(
            "--listen", "127.0.0.1:0?proxy_protocol&tls", "--trusted-proxy", TRUSTED, "--session-policy", "optional", *flags
        )
        for together in (False, True):
            peer = Peer(gateway.address, source=TRUSTED)
            header = b"PROXY TCP4 203.0.113.9 192.0.2.1 5000 443\r\n"
            if together:
                peer.socket = AfterHeader(peer.socket, header)
            else:
                peer.send(header)
            peer.socket = WithBio(peer.socket)
            assert peer.upgrade("/ws").status == 101
            assert peer.welcome()
        refused = Peer(gateway.address, source="127.0.0.3")
        refused.send(b"PROXY TCP4 203.0.113.9 192.0.2.1 5000 443\r\n")
        assert refused.response().status == 400
        eventually(lambda: "proxy_header_refused" in gateway.log_text)

    def test_proxies_that_we_do_not_trust_can_still_be_clients(self, gateway_factory, flags):
        gateway = gateway_factory(
            "--listen", "127.0.0.1:0?proxy_protocol&tls", "--trusted-proxy", TRUSTED, "--session-policy", "optional", *flags
        )
        assert Peer(gateway.address, tls=True).upgrade("/ws").status == 101


class TestSettings:
    def refused(self, *flags):
        done = run_to_exit("--listen", "127.0.0.1:0?tls", *flags)
        assert done.returncode == 2, done.stdout
        return done.stderr

    def test_no_certificate(self):
        assert "127.0.0.1:0?tls: there is no certificate for it; name one with tls-certificate" in self.refused()

    def test_files_that_do_not_fit(self, directory, flags):
        own, other, missing = directory / "own.crt", directory / "other.key", directory / "missing.key"
        assert "the key belongs to another certificate" in self.refused("--tls-certificate", own, "--tls-key", other)
        assert "cannot be read" in self.refused("--tls-certificate", own, "--tls-key", missing)
        assert "expected as many as tls-certificate has, 1" in self.refused("--tls-certificate", own)
        text = self.refused("--tls-certificate", directory / "own.key", "--tls-key", directory / "own.key")
        assert "no certificate in PEM" in text
        assert "PRIVATE" not in text

    def test_what_has_expired_is_said_and_shown(self, directory, gateway_factory):
        gateway = gateway_factory("--listen", "127.0.0.1:0?tls", *make_certificate(directory, "brief", days=1))
        eventually(lambda: "expires at" in gateway.log_text)
        done = run_to_exit("--check-config", *make_certificate(directory, "unused"))
        assert done.returncode == 0 and "has no effect; write ?tls behind an address" in done.stdout
