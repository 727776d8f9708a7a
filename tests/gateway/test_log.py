"""The log never holds anybody up: who does not read it loses lines, which are counted and said."""

import contextlib
import fcntl
import re
import resource
import signal

import psutil
import pytest

from support.peer import Peer
from support.wait import eventually

PIPE_BYTES = 4096
F_SETPIPE_SZ = 1031


def metric(gateway, reason):
    text = gateway.api.get("/metrics").text
    return float(re.search(rf'^gateway_log_lines_dropped_total{{reason="{reason}"}} (\S+)$', text, re.M)[1])


def lines_with(gateway, event):
    return [line for line in gateway.log_lines if re.search(rf" {event}( |$)", line)]


def count_in(line):
    return int(re.search(r"count=(\d+)", line)[1])


def refuse(gateway, count):
    """Handshakes that are answered with 426: a line each at level debug."""
    for _ in range(count):
        with contextlib.closing(Peer(gateway.address)) as peer:
            assert peer.request("GET", "/ws").status == 426


@pytest.fixture
def unread(gateway_factory):
    """A talkative gateway whose standard error is a pipe that nobody reads."""
    gateway = gateway_factory("--log-level", "debug", "--shards", "1", read_log=False)
    fcntl.fcntl(gateway.process.stderr, F_SETPIPE_SZ, PIPE_BYTES)
    return gateway


class TestNobodyReads:
    def test_everybody_is_served(self, unread):
        agent = unread.subscribe("guide")
        client = unread.connect()
        refuse(unread, 200)  # some 25 kB of lines
        assert client.say(id=1, text="still here")["status"] == "published"
        assert agent.envelope()["message"]["id"] == 1
        assert unread.peer().request("GET", "/health/live").status == 200

    def test_the_exit_does_not_wait_for_ever(self, unread):
        refuse(unread, 200)
        assert unread.stop(20) == 0

    def test_what_does_not_fit_is_counted_and_said(self, unread):
        made = 0
        while not metric(unread, "buffer_full"):
            assert made < 20_000
            refuse(unread, 200)
            made += 200
        assert unread.connect().say(id=1)["status"] == "queued"
        unread.read_log()
        eventually(lambda: lines_with(unread, "log_lines_dropped"), message="it is said when there is room again")
        refuse(unread, 1)
        eventually(lambda: "handshake_refused" in unread.log_lines[-1], message="and then it goes on")
        dropped = sum(map(count_in, lines_with(unread, "log_lines_dropped")))
        assert dropped == metric(unread, "buffer_full")
        refused = len(lines_with(unread, "handshake_refused"))
        assert made + 1 - dropped <= refused <= made + 1
        assert all(re.match(r"\d{4}-\d\d-\d\dT\S+Z \w+ +\w+", line) for line in unread.log_lines), "no half a line"


def test_one_event_has_a_bound_and_the_rest_is_counted(gateway_factory):
    gateway = gateway_factory("--max-connections-per-user", "1")
    session = gateway.new_session()
    gateway.connect(session)
    for _ in range(100):
        peer = gateway.raw_connect(session)
        assert peer.closed()[0] == 4004
        peer.close()
    assert metric(gateway, "event_limit") >= 60
    gateway.stop()
    said = len(lines_with(gateway, "connection_refused"))
    assert 1 <= said <= 40
    left_out = [line for line in lines_with(gateway, "log_lines_left_out") if "of=connection_refused" in line]
    assert said + sum(map(count_in, left_out)) == 100


class TestRefusals:
    """Who connects for the first time finds in the log why it does not work."""

    def test_a_foreign_origin_is_said_once(self, gateway_factory):
        gateway = gateway_factory("--shards", "2")
        for origin in ["https://a.example", "https://b.example", "https://a.example"] * 3:
            with contextlib.closing(Peer(gateway.address)) as peer:
                assert peer.upgrade("/ws?session_token=x", [("Origin", origin)]).status == 403
        eventually(lambda: len(lines_with(gateway, "origin_refused")) == 2)
        gateway.stop()
        lines = lines_with(gateway, "origin_refused")
        assert len(lines) == 2
        assert all("--allowed-origin" in line for line in lines)
        assert {re.search(r"origin=(\S+)", line)[1] for line in lines} == {"https://a.example", "https://b.example"}

    def test_a_session_is_said_once_for_each_reason(self, gateway_factory):
        gateway = gateway_factory()
        for query in ("", "?session_token=nobodys", "", "?session_token=another"):
            peer = gateway.peer()
            assert peer.upgrade("/ws" + query).status == 101
            assert peer.closed()[0] == 4001
        gateway.stop()
        lines = lines_with(gateway, "session_refused")
        assert [re.search(r'reason="([^"]+)"', line)[1] for line in lines] == ["no session token", "not an active session"]
        assert "nobodys" not in gateway.log_text and "/api/traffic-cop/sessions" in lines[0]

    def test_who_makes_up_origins_does_not_flood(self, gateway_factory):
        gateway = gateway_factory()
        for n in range(300):
            with contextlib.closing(Peer(gateway.address)) as peer:
                assert peer.upgrade("/ws", [("Origin", f"https://{n}.example")]).status == 403
        gateway.stop()
        assert len(lines_with(gateway, "origin_refused")) <= 200


@pytest.mark.last_words
class TestLastWords:
    def test_memory_that_ends_is_said(self, gateway_factory):
        gateway = gateway_factory("--api-body-bytes", "64MiB", "--log-format", "json")
        process = psutil.Process(gateway.pid)
        room = process.memory_info().vms + (4 << 20)
        process.rlimit(psutil.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        peer = gateway.peer()
        head = f"POST /api/traffic-cop/sessions HTTP/1.1\r\nHost: {peer.host}\r\nAuthorization: Bearer {gateway.api_key}\r\n"
        try:
            peer.send(f"{head}Content-Length: 60000000\r\n\r\n".encode() + b" " * 59_999_999)
            peer.response()
        except (OSError, EOFError):
            pass
        assert gateway.wait_exit() < 0
        assert '"level":"fatal","event":"out_of_memory"' in gateway.log_lines[-1]

    @pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT"])
    def test_a_crash_is_said(self, gateway_factory, name):
        gateway = gateway_factory()
        number = getattr(signal, name)
        gateway.process.send_signal(number)
        assert gateway.wait_exit() == -number
        assert "fatal ended_by_signal" in gateway.log_lines[-1] and name in gateway.log_lines[-1]

    def test_a_crash_does_not_wait_for_a_reader(self, unread):
        refuse(unread, 200)
        unread.process.send_signal(signal.SIGABRT)
        assert unread.wait_exit(20) == -signal.SIGABRT
