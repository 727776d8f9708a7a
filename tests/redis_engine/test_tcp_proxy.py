"""That the network of the fault suites does what it is told, and exactly that."""

import contextlib
import socket
import threading
import time

import pytest

from support.tcp_proxy import TcpProxy, not_sent, sent
from support.wait import eventually


class EchoServer:
    """Sends back what it gets, and knows how each of its connections ended."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endings = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):  # closed before
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
                self.endings.append("end")
            except ConnectionError:
                self.endings.append("reset")


@pytest.fixture
def echo():
    with contextlib.closing(EchoServer()) as server:
        yield server


@pytest.fixture
def proxy(echo):
    with TcpProxy(echo.listener.getsockname()) as started:
        yield started


@pytest.fixture
def connect(proxy):
    with contextlib.ExitStack() as stack:

        def connect(say=None):
            connection = stack.enter_context(socket.create_connection(proxy.address, timeout=20))
            if say is not None:
                assert exchange(connection, say) == say
            return connection

        yield connect


def read(connection, count):
    data = b""
    while len(data) < count and (more := connection.recv(count - len(data))):
        data += more
    return data


def exchange(connection, data):
    connection.sendall(data)
    return read(connection, len(data))


def is_silent(connection, seconds=0.3):
    connection.settimeout(seconds)
    try:
        return connection.recv(1) is None
    except TimeoutError:
        return True
    finally:
        connection.settimeout(20)


def timed(call):
    start = time.monotonic()
    result = call()
    return result, time.monotonic() - start


def test_bytes_pass_unchanged_both_ways(connect):
    connection = connect()
    blob = bytes(range(256)) * 40_000
    threading.Thread(target=connection.sendall, args=(blob,), daemon=True).start()
    assert read(connection, len(blob)) == blob


def test_the_end_of_one_side_reaches_the_other(connect, echo):
    connection = connect(b"hello")
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1) == b""
    eventually(lambda: echo.endings == ["end"])


def test_latency_is_per_direction_and_does_not_hold_up_what_follows(connect, proxy):
    connection = connect(b"a")
    proxy.set(latency_ms=100)
    assert 0.2 <= timed(lambda: exchange(connection, b"b"))[1] < 2
    proxy.clear()
    proxy.set("up", latency_ms=500)
    assert 0.5 <= timed(lambda: exchange(connection, b"c"))[1] < 1

    def many():
        for n in range(50):
            connection.sendall(b"%02d" % n)
        return read(connection, 100)

    received, seconds = timed(many)
    assert received == b"".join(b"%02d" % n for n in range(50)) and 0.5 <= seconds < 5


def test_bandwidth_is_kept_to(connect, proxy):
    connection = connect(b"a")
    proxy.set("down", bandwidth=100_000)
    blob = b"x" * 50_000
    _, seconds = timed(lambda: exchange(connection, blob))
    assert 0.45 <= seconds < 2
    proxy.clear()
    assert timed(lambda: exchange(connection, blob))[1] < 0.45


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_stall_takes_everything_and_passes_it_on_later(connect, proxy, direction):
    connection = connect(b"a")
    proxy.set(direction, stalled=True)
    connection.sendall(b"b" * 100_000)
    assert is_silent(connection)
    proxy.clear()
    assert read(connection, 100_000) == b"b" * 100_000


def test_a_stall_holds_back_the_end_too(connect, proxy, echo):
    connection = connect(b"a")
    proxy.set("up", stalled=True)
    connection.shutdown(socket.SHUT_WR)
    assert is_silent(connection) and echo.endings == []
    proxy.clear()
    assert connection.recv(1) == b""


def test_a_stalled_flow_is_bounded_and_recovers(connect, proxy):
    connection = connect(b"a")
    proxy.set("up", stalled=True)
    blob = b"c" * (24 << 20)
    sender = threading.Thread(target=connection.sendall, args=(blob,), daemon=True)
    sender.start()
    sender.join(1)
    assert sender.is_alive(), "24 MiB were taken in"
    proxy.clear()
    assert read(connection, len(blob)) == blob


def test_what_was_sent_first_selects_connections_that_are_and_that_come(connect, proxy):
    subscriber, other = connect(b"subscribe a"), connect(b"PING")
    proxy.set(stalled=True, only=sent(b"SUBSCRIBE"))
    subscriber.sendall(b"x")
    assert is_silent(subscriber)
    assert exchange(other, b"y") == b"y"
    late = connect()
    late.sendall(b"SUBSCRIBE b")
    assert is_silent(late)
    assert proxy.connections() == 3 and proxy.connections(sent(b"SUBSCRIBE")) == 2
    proxy.clear()
    assert read(late, 11) == b"SUBSCRIBE b"


def test_a_cut_resets_both_sides_of_those_selected(connect, proxy, echo):
    subscriber, other = connect(b"SUBSCRIBE"), connect(b"PING")
    assert proxy.cut(only=sent(b"SUBSCRIBE")) == 1
    with pytest.raises(ConnectionResetError):
        subscriber.recv(1)
    eventually(lambda: echo.endings == ["reset"])
    assert exchange(other, b"y") == b"y"
    assert connect(b"new")


def test_a_cut_may_be_an_orderly_end(connect, proxy, echo):
    connection = connect(b"a")
    assert proxy.cut(reset=False) == 1
    assert connection.recv(1) == b""
    eventually(lambda: echo.endings == ["end"])


def test_half_open_with_a_dead_target_tells_the_client_nothing(connect, proxy, echo):
    victim, other = connect(b"victim"), connect(b"PING")
    assert proxy.half_open(dead="target", only=not_sent(b"PING")) == 1
    eventually(lambda: echo.endings == ["reset"])
    victim.sendall(b"x" * 100_000)
    assert is_silent(victim)
    assert exchange(other, b"y") == b"y"
    proxy.clear()
    assert is_silent(victim)
    assert proxy.connections() == 1


def test_half_open_with_a_dead_client_tells_the_target_nothing(connect, proxy, echo):
    victim = connect(b"a")
    assert proxy.half_open(dead="client") == 1
    with pytest.raises(ConnectionResetError):
        victim.recv(1)
    assert connect(b"b")
    assert echo.endings == []


def test_new_connections_are_refused_while_told_so(connect, proxy):
    old = connect(b"a")
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect()
    assert exchange(old, b"b") == b"b"
    port = proxy.port
    proxy.accept()
    assert proxy.port == port and connect(b"c")


def test_without_a_target_a_connection_is_reset(connect, echo):
    echo.close()
    with pytest.raises(ConnectionResetError):
        connect().recv(1)


def test_it_counts_what_passed(connect, proxy):
    connect(b"SUBSCRIBE")
    connect(b"12345")
    assert proxy.accepted == 2
    assert proxy.passed("up", sent(b"SUBSCRIBE")) == 9
    assert proxy.passed("down") == 14
