"""Ten thousand connects and disconnects leave nothing behind: no count, no descriptor, no memory."""

import selectors
import socket
import struct

from support.gateway import is_sanitized
from support.peer import close_frame, upgrade_request
from support.wait import eventually

MIB = 1 << 20
ROUNDS = 10_000
AT_A_TIME = 100
CLOSE_1000 = close_frame(1000)


class Visitor:
    """One connect, one welcome, one disconnect: polite or rude, by its number."""

    def __init__(self, number, address, request):
        self.number = number
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(address)
        self.request = request
        self.received = b""
        self.waiting_to_write = True
        self.said_goodbye = False

    def on_ready(self) -> bool:
        """Does what comes next; True when the visit is over."""
        if self.waiting_to_write:
            self.waiting_to_write = False
            self.socket.send(self.request)
            return False
        try:
            data = self.socket.recv(4096)
        except ConnectionError:
            data = b""
        self.received += data
        if not data:
            assert b"welcome" in self.received, self.received
            return True
        return b'"welcome"' in self.received and self.leave()

    def leave(self) -> bool:
        if self.number % 4 == 1:  # a cut
            return True
        if self.number % 4 == 2:  # a reset
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return True
        if not self.said_goodbye:  # and then waits for the end
            self.said_goodbye = True
            self.socket.send(CLOSE_1000)
        return False


def visit(gateway, count, sessions):
    selector = selectors.DefaultSelector()
    host = f"{gateway.host}:{gateway.port}"
    started = done = 0
    while done < count:
        while started < count and started - done < AT_A_TIME:
            request = upgrade_request(f"/ws?session_token={sessions[started % len(sessions)]}", host)
            visitor = Visitor(started, gateway.address, request)
            selector.register(visitor.socket, selectors.EVENT_WRITE, visitor)
            started += 1
        ready = selector.select(30)
        assert ready, f"nothing happened for 30 s, {done} of {count} done"
        for key, _ in ready:
            visitor = key.data
            over = visitor.on_ready()
            if over:
                selector.unregister(visitor.socket)
                visitor.socket.close()
                done += 1
            elif key.events == selectors.EVENT_WRITE:
                selector.modify(visitor.socket, selectors.EVENT_READ, visitor)
    selector.close()


def counts_are_zero(gateway):
    counts = gateway.api.connection_count()
    return (
        counts["global"] == 0
        and not any(counts["per_user"].values())
        and not any(counts["by_channel"].values())
        and not any(counts["by_gateway"].values())
    )


def test_ten_thousand_visits_leave_every_count_at_zero_and_no_memory(gateway_factory):
    gateway = gateway_factory("--max-connections-per-user", "0")
    sessions = [gateway.new_session(user_id=f"user-{n}") for n in range(50)]
    visit(gateway, ROUNDS // 2, sessions)
    eventually(lambda: counts_are_zero(gateway), message="zero after the warm-up")
    before, descriptors = gateway.rss_bytes, gateway.open_descriptors
    visit(gateway, ROUNDS, sessions)
    eventually(lambda: counts_are_zero(gateway), message="zero in the end")
    assert gateway.api.channel_connections("guide") == []
    assert all(gateway.api.session_connections(session) == [] for session in sessions[:5])
    eventually(lambda: gateway.open_descriptors <= descriptors + 2)
    if not is_sanitized():
        assert gateway.rss_bytes - before < 5 * MIB


def test_messages_and_publications_leave_no_memory(gateway_factory):
    gateway = gateway_factory("--message-rate", "0")
    agent = gateway.subscribe("guide")
    client = gateway.connect()

    def talk(count):
        for n in range(count):
            client.send({"payload": {"n": n, "padding": "x" * 1000}})
            if n % 50 == 0:
                gateway.api.publish("guide", {"n": n})
        for _ in range(count + count // 50):
            agent.next()
        gateway.received_by(client)

    talk(5000)
    before = gateway.rss_bytes
    talk(10_000)
    if not is_sanitized():
        assert gateway.rss_bytes - before < 5 * MIB
