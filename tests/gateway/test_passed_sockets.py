"""--listen systemd: listening sockets that whoever starts the gateway has opened, and keeps while it is restarted."""

import collections
import contextlib
import re
import socket
import subprocess
import threading

import pytest

from support.gateway import Gateway, binary_path, environment, run_to_exit
from support.peer import Peer, close_frame
from support.server_process import free_port
from support.wait import eventually

KEY = "0123456789abcdef"
FLAGS = ("--listen", "systemd", "--session-policy", "optional", "--shards", "2")
ENV = {"GATEWAY_API_KEY": KEY}
LOADERS = 8


@pytest.fixture
def held():
    """A socket of a parent's, which outlives its gateways."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield listening


def start(gateway_factory, *flags, **passed):
    return gateway_factory(*(flags or FLAGS), env=ENV, passed=passed)


class Load:
    """Clients that connect, read their welcome, and go, again and again."""

    def __init__(self, address):
        self.address = address
        self.failures = []
        self.served = collections.Counter()  # by instance
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._connect_again_and_again) for _ in range(LOADERS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, instance_id, count=50):
        eventually(lambda: self.failures or self.served[instance_id] >= count, 30, "it serves")

    def _connect_again_and_again(self):
        while not self._over.is_set():
            try:
                with contextlib.closing(Peer(self.address)) as peer:
                    response = peer.upgrade()
                    assert response.status == 101, response
                    self.served[peer.welcome()["instance_id"]] += 1
                    peer.send(close_frame(1000))
            except (AssertionError, OSError, EOFError) as failure:
                self.failures.append(repr(failure))


def test_it_serves_what_it_was_passed(gateway_factory, held, closing):
    gateway = start(gateway_factory, ws=held)
    assert gateway.address == held.getsockname()
    peers = [closing(Peer(gateway.address)) for _ in range(8)]
    for peer in peers:
        assert peer.upgrade().status == 101
        peer.welcome()
    gateway.api.publish("guide", {"to": "all"})
    assert [peer.next_message() for peer in peers] == [{"to": "all"}] * 8


def test_a_successor_that_starts_first_refuses_nobody(gateway_factory, held):
    first = start(gateway_factory, ws=held)
    with Load(held.getsockname()) as load:
        for _ in range(3):
            load.wait_for(first.instance_id)
            second = start(gateway_factory, ws=held)
            assert first.stop() == 0
            load.wait_for(second.instance_id)
            first = second
    assert load.failures == []


def test_a_successor_that_starts_afterwards_refuses_nobody(gateway_factory, held):
    """As `systemctl restart` does it: those who come between wait in the backlog."""
    first = start(gateway_factory, ws=held)
    with Load(held.getsockname()) as load:
        load.wait_for(first.instance_id)
        assert first.stop() == 0
        load.wait_for(start(gateway_factory, ws=held).instance_id)
    assert load.failures == []


def test_a_handshake_that_has_begun_is_finished(gateway_factory, held, closing):
    gateway = start(gateway_factory, "--drain-timeout", "5", *FLAGS, ws=held)
    slow, late = closing(Peer(gateway.address)), closing(Peer(gateway.address))
    slow.send("GET /ws HTTP/1.1\r\nHost: localhost\r\n")
    eventually(lambda: accepted(gateway) == 2, message="both are taken")
    gateway.terminate()
    eventually(lambda: "drain_began" in gateway.log_text)
    newcomer = closing(Peer(held.getsockname()))  # waits for whoever is next
    newcomer.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
    slow.send(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert slow.response().status == 101
    slow.welcome()
    assert slow.closed()[0] == 1012
    slow.send(close_frame(1012))
    assert late.request("GET", "/health/live").status == 200
    assert gateway.wait_exit() == 0
    start(gateway_factory, ws=held)
    assert newcomer.response().status == 200


def accepted(gateway) -> int:
    """Connections to its port that it has as descriptors of its own."""
    own = set()
    for entry in gateway._proc("fd").iterdir():
        with contextlib.suppress(OSError):
            own |= set(re.findall(r"socket:\[(\d+)\]", str(entry.readlink())))
    lines = [line.split() for line in gateway._proc("net/tcp").read_text().splitlines()[1:]]
    port = f"{gateway.port:04X}"
    return sum(1 for line in lines if line[1].endswith(port) and line[3] == "01" and line[9] in own)


def test_before_it_is_ready_they_wait(gateway_factory, held, closing):
    """No Redis yet: a handshake is not refused by a gateway that may be ready a moment later."""
    port = free_port()
    flags = (*FLAGS, "--engine", "redis", "--redis-url", f"redis://127.0.0.1:{port}", "--handshake-timeout", "2s")
    peer = closing(Peer(held.getsockname()))
    peer.send("GET /health/websocket-gateway HTTP/1.1\r\nHost: localhost\r\n\r\n")
    gateway = Gateway(*flags, env=ENV, passed={"ws": held})
    gateway.launch()
    try:
        eventually(lambda: "passed=true" in gateway.log_text)
        assert not peer.readable(1)
        # In the end whoever asks is told why.
        assert peer.response().status == 503
    finally:
        gateway.kill()


def test_each_by_its_name(gateway_factory, held, tmp_path, closing):
    path = tmp_path / "ops.sock"
    with socket.socket(socket.AF_UNIX) as ops:
        ops.bind(str(path))
        ops.listen()
        gateway = start(
            gateway_factory, "--listen", "systemd:ws", "--ops-listen", "systemd:ops", ws=held, ops=ops
        )
        assert gateway.address == held.getsockname()
        assert closing(Peer(path)).request("GET", "/metrics").status == 200
        assert closing(Peer(held.getsockname())).request("GET", "/metrics").status != 200
        assert gateway.stop() == 0
    assert path.exists()  # whose it is


def test_with_a_proxys_header(gateway_factory, tmp_path, closing):
    path = tmp_path / "ws.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        start(gateway_factory, "--listen", "systemd?proxy_protocol", ws=listening)
        peer = closing(Peer(path))
        peer.send(b"PROXY TCP4 203.0.113.9 192.0.2.1 5000 443\r\n")
        assert peer.request("GET", "/health/live").status == 200
        assert closing(Peer(path)).request("GET", "/health/live").status == 400


@pytest.mark.parametrize("environment", [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "ws"}])
def test_without_one_it_does_not_start(environment):
    ended = run_to_exit("--listen", "systemd:ws", env=ENV | environment)
    assert ended.returncode == 1
    assert "cannot listen on systemd:ws: no such socket was passed" in ended.stderr
    assert "there is none" in ended.stderr


def test_the_names_there_are_are_said(held, gateway_factory):
    with pytest.raises(AssertionError, match="no such socket was passed.* there is http"):
        start(gateway_factory, "--listen", "systemd:ws", http=held)


def test_one_that_does_not_listen_is_refused(gateway_factory):
    with socket.socket() as unbound, pytest.raises(AssertionError, match="it is no listening stream socket"):
        start(gateway_factory, ws=unbound)


def test_one_that_nobody_asks_for_is_told_of(gateway_factory, held):
    gateway = start(gateway_factory, "--listen", "127.0.0.1:0", forgotten=held)
    eventually(lambda: "passed_socket_unused name=forgotten" in gateway.log_text)


def test_a_key_is_needed():
    """Who knows what it is bound to."""
    ended = run_to_exit("--listen", "systemd", "--check-config")
    assert ended.returncode == 2 and "systemd can be reached from other machines and no API key" in ended.stderr


def test_as_systemd_itself_passes_them(closing):
    """By its own tool, which starts the gateway for the first that comes."""
    address = ("127.0.0.1", free_port())
    command = ["systemd-socket-activate", "-l", f"{address[0]}:{address[1]}", "--fdname=ws"]
    command += ["--setenv", f"GATEWAY_API_KEY={KEY}"]
    command += [binary_path(), "--listen", "systemd:ws", "--session-policy", "optional", "--drain-timeout", "0"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        with contextlib.closing(eventually(lambda: connect(address))) as peer:
            assert peer.upgrade().status == 101
            peer.welcome()
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def connect(address):
    with contextlib.suppress(ConnectionRefusedError):
        return Peer(address)
    return None
