"""What a listener of ours makes of clients that misuse TLS, or do not speak it."""

import contextlib
import ssl
import subprocess
import time

import pytest

from support.certificates import any_certificate, make_certificate
from support.gateway import Gateway
from support.peer import TEXT, Peer, frame
from support.tls_peer import WithBio
from support.wait import eventually

ADDRESS_MAX = 8


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    flags = make_certificate(tmp_path_factory.mktemp("tls"), "own")
    with Gateway(
        *("--listen", "127.0.0.1:0?tls", "--session-policy", "optional", "--handshake-timeout", "1s", "--shards", "1"),
        *("--outbox-bytes", "64KiB", "--idle-timeout", "20s", *flags),
    ) as started:
        yield started


def failures(gateway, reason):
    for line in gateway.api.get("/metrics").text.splitlines():
        if line.startswith(f'gateway_tls_failures_total{{reason="{reason}"}}'):
            return float(line.rpartition(" ")[2])
    raise AssertionError(reason)


@pytest.fixture
def counted(gateway):
    """Waits until one failure more has been counted for the reason."""
    before = {r: failures(gateway, r) for r in ("version", "protocol", "refused", "malformed", "left", "timeout", "not_tls")}
    return lambda reason: eventually(lambda: failures(gateway, reason) == before[reason] + 1)


def s_client(gateway, *flags):
    return subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % gateway.address, *flags], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip


class TestHandshakes:
    @pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
    def test_old_versions_are_refused(self, gateway, counted, version):
        seen = s_client(gateway, version, "-cipher", "ALL:@SECLEVEL=0")
        assert "alert protocol version" in seen.stderr
        counted("version")

    def test_a_downgrade_shows(self, gateway, counted):
        """Who falls back from 1.3 finds the sentinel of RFC 8446, 4.1.3 in our hello, and SCSV is answered."""
        seen = s_client(gateway, "-tls1_2", "-fallback_scsv")
        assert "inappropriate fallback" in seen.stderr
        counted("malformed")

    def test_another_protocol_is_refused(self, gateway, counted):
        assert "no application protocol" in s_client(gateway, "-alpn", "h2").stderr
        counted("protocol")

    def test_who_does_not_believe_us_is_counted(self, gateway, counted):
        with pytest.raises(ssl.SSLCertVerificationError):
            gateway.peer(tls=ssl.create_default_context(), server_name="localhost")
        counted("refused")

    def test_renegotiation_is_refused(self, gateway):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", "%s:%d" % gateway.address, "-tls1_2", "-legacy_renegotiation"],
            input="R\n", capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert "no renegotiation" in done.stderr + done.stdout

    def test_no_early_data(self, gateway, tmp_path):
        session = tmp_path / "session.pem"
        request = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        subprocess.run(
            ["openssl", "s_client", "-connect", "%s:%d" % gateway.address, "-sess_out", session, "-quiet"],
            input=request, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        shown = subprocess.run(["openssl", "sess_id", "-in", session, "-text", "-noout"], capture_output=True, text=True)
        assert "Max Early Data: 0" in shown.stdout, shown.stdout + shown.stderr

    def test_silence_is_over_in_time(self, gateway, counted):
        peer = gateway.peer(tls=None)
        before = time.monotonic()
        assert peer.at_end()
        assert 0.5 < time.monotonic() - before < 4
        counted("timeout")

    def test_half_a_hello_is_over_in_time(self, gateway, counted):
        peer = gateway.peer(tls=None)
        peer.send(hello()[:100])
        assert peer.at_end(4)
        counted("timeout")

    def test_who_leaves_is_counted(self, gateway, counted):
        peer = gateway.peer(tls=None)
        peer.send(hello()[:100])
        peer.close()
        counted("left")

    def test_a_hello_byte_by_byte_is_taken(self, gateway):
        peer = gateway.peer(tls=None)
        plain = peer.socket
        peer.socket = WithBio(plain, send=lambda data: [plain.sendall(data[i : i + 1]) for i in range(len(data))])
        assert peer.upgrade("/ws").status == 101
        assert peer.welcome()

    def test_a_huge_hello_is_not_waited_for(self, gateway, counted):
        peer = gateway.peer(tls=None)
        record = b"\x16\x03\x01\x40\x00"
        first = record + b"\x01\x7f\xff\xff" + bytes(0x4000 - 4)
        peer.send(first)
        with contextlib.suppress(OSError):  # what the kernel takes says nothing
            for _ in range(16):
                peer.send(record + bytes(0x4000))
        counted("malformed")
        assert peer.at_end(4)

    def test_strangers_count_from_their_first_byte(self, gateway_factory, tmp_path):
        gateway = gateway_factory(
            *("--listen", "127.0.0.1:0?tls&proxy_protocol", "--trusted-proxy", "127.0.0.2", "--shards", "1"),
            *("--max-connections-per-address", str(ADDRESS_MAX), *make_certificate(tmp_path, "own")),
        )
        crowd = []
        for i in range(3 * ADDRESS_MAX):
            peer = Peer(gateway.address, source="127.0.0.2")
            peer.send(b"PROXY TCP4 203.0.113.9 192.0.2.1 5000 443\r\n" + hello()[:100])
            crowd.append(peer)
            if i % ADDRESS_MAX == 0:
                time.sleep(0.05)
        assert all(peer.at_end(3) for peer in crowd[2 * ADDRESS_MAX :])

    def test_many_at_once_all_get_in(self, gateway):
        said = hello()
        peers = [gateway.peer(tls=None) for _ in range(60)]
        for peer in peers:
            peer.send(said)
        for peer in peers:
            peer.fill()
            assert peer.buffer[0] == 0x16


def hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = any_certificate().wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


class TestClear:
    @pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /ws HTTP/1.1\r\n", b"\x00", b"\x80\x2e\x01"])
    def test_who_speaks_in_clear_hears_why(self, gateway, counted, said):
        peer = gateway.peer(tls=None)
        peer.send(said)
        answer = peer.response()
        assert answer.status == 400 and answer.json()["error"] == "this port speaks TLS; use https:// or wss://"
        assert peer.at_end()
        counted("not_tls")

    def test_tls_to_a_plain_port(self, gateway_factory):
        gateway = gateway_factory("--listen", "127.0.0.1:0")
        peer = Peer(gateway.address)
        peer.send(hello())
        assert peer.at_end()


class TestRecords:
    def connected(self, gateway, **options):
        peer = gateway.peer(tls=None, **options)
        plain = peer.socket
        peer.socket = WithBio(plain)
        assert peer.upgrade("/ws").status == 101
        peer.connection_id = peer.welcome()["connection_id"]
        return peer, plain

    def test_records_of_one_byte(self, gateway):
        peer, _ = self.connected(gateway)
        for byte in frame(TEXT, b'{"type":"ping"}'):
            peer.send(bytes([byte]))
        assert peer.next_message()["type"] == "pong"

    def test_a_record_byte_by_byte(self, gateway):
        peer, plain = self.connected(gateway)
        peer.socket.send_records = lambda data: [plain.sendall(data[i : i + 1]) for i in range(len(data))]
        peer.send(frame(TEXT, b'{"type":"ping"}'))
        assert peer.next_message()["type"] == "pong"

    def test_many_records_in_one_segment(self, gateway):
        peer, plain = self.connected(gateway)
        kept = []
        peer.socket.send_records = kept.append
        for _ in range(200):
            peer.send(frame(TEXT, b'{"type":"ping"}'))
        plain.sendall(b"".join(kept))
        for _ in range(200):
            assert peer.next_message()["type"] == "pong"

    def test_a_forged_record_ends_it(self, gateway):
        peer, plain = self.connected(gateway)
        plain.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        plain.settimeout(10)
        with pytest.raises((ssl.SSLError, EOFError)):
            while True:
                peer.fill()

    def test_half_a_record_is_evicted_like_silence(self, gateway_factory, tmp_path):
        gateway = gateway_factory(
            *("--listen", "127.0.0.1:0?tls", "--session-policy", "optional", "--heartbeat-interval", "200ms"),
            *("--idle-timeout", "1s", *make_certificate(tmp_path, "own")),
        )
        peer, plain = self.connected(gateway)
        plain.sendall(b"\x17\x03\x03\x20\x00" + bytes(100))
        assert peer.closed()[0] == 4009

    def test_a_close_frame_with_the_end_behind_it_is_answered(self, gateway):
        peer, plain = self.connected(gateway)
        kept = []
        peer.socket.send_records = kept.append
        peer.send_frame(8, b"\x03\xe8")
        with pytest.raises(ssl.SSLWantReadError):
            peer.socket.tls.unwrap()
        peer.socket.flush()
        plain.sendall(b"".join(kept))
        peer.socket.send_records = plain.sendall
        assert peer.closed()[0] == 1000

    def test_an_end_without_a_close_frame_is_an_end(self, gateway):
        peer, _ = self.connected(gateway)
        assert gateway.api.connection_record(peer.connection_id).status_code == 200
        with pytest.raises(ssl.SSLWantReadError):
            peer.socket.tls.unwrap()
        peer.socket.flush()
        eventually(lambda: gateway.api.connection_record(peer.connection_id).status_code == 404)

    def test_a_request_with_the_end_behind_it_is_answered(self, gateway):
        peer = gateway.peer(tls=None)
        plain = peer.socket
        peer.socket = WithBio(plain)
        kept = []
        peer.socket.send_records = kept.append
        peer.send(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ssl.SSLWantReadError):
            peer.socket.tls.unwrap()
        peer.socket.flush()
        plain.sendall(b"".join(kept))
        plain.settimeout(10)
        answer = b""
        while data := plain.recv(65536):
            answer += data
        assert len(answer) > 200


class TestBackpressure:
    def test_a_slow_reader_is_closed_and_the_bound_holds(self, gateway):
        session = gateway.new_session()
        slow = gateway.raw_connect(session, receive_buffer=4096)
        slow.welcome()
        slow.socket.settimeout(10)
        text = "x" * 10_000
        for _ in range(2000):
            answer = gateway.api.post("/api/post-office/websocket/send", {"user_id": "ada", "message": {"type": "n", "message": text}})
            if answer.status_code != 200 or not answer.json().get("delivered", 1):
                break
        code, _ = slow.closed()
        assert code == 4008

    def test_a_slow_stream_takes_no_more_than_it_may(self, gateway_factory, tmp_path):
        gateway = gateway_factory(
            *("--listen", "127.0.0.1:0?tls", "--agent-buffer-bytes", "64KiB", "--session-policy", "optional"),
            *make_certificate(tmp_path, "own"),
        )
        gateway.subscribe("guide", stalled=True)
        client = gateway.connect()
        for i in range(100):
            client.say(text="y" * 30_000, id=str(i))
        buffered = metric(gateway, "gateway_http_buffered_bytes")
        assert buffered < 200_000


def metric(gateway, name):
    for line in gateway.api.get("/metrics").text.splitlines():
        if line.startswith(name + " "):
            return float(line.rpartition(" ")[2])
    raise AssertionError(name)


