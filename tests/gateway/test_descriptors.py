"""Running out of file descriptors neither spins nor kills."""

import socket

import pytest

from support.gateway import is_sanitized
from support.peer import Peer
from support.wait import eventually, paced

OPEN_FILES = 96


@pytest.fixture
def gateway(gateway_factory):
    return gateway_factory("--handshake-timeout", "60", open_files=OPEN_FILES)


def fill(gateway):
    """Connects until the process has no descriptor left; the kernel goes on queueing behind it."""
    peers = [Peer(gateway.address) for _ in range(OPEN_FILES + 20)]
    eventually(lambda: gateway.open_descriptors >= OPEN_FILES - 8, message="descriptors used up")
    return peers


def test_it_does_not_spin_and_serves_again(gateway):
    client = gateway.connect()
    peers = fill(gateway)
    before = gateway.cpu_seconds
    for _ in paced(0.5, 3):
        assert client.ask({"type": "ping"})["type"] == "pong", "who is connected is served"
    assert gateway.cpu_seconds - before < (3 if is_sanitized() else 1), "CPU time while there was nothing to do"
    for peer in peers:
        peer.close()
    newcomer = eventually(lambda: try_connect(gateway), 20)
    assert newcomer.ask({"type": "ping"})["type"] == "pong"
    client.assert_silent()


def try_connect(gateway):
    try:
        return gateway.connect()
    except (OSError, EOFError):
        return None


def test_it_says_so_but_not_a_thousand_times(gateway):
    peers = fill(gateway)
    for _ in paced(0.5, 2):
        pass
    lines = [line for line in gateway.log_lines if "descriptor" in line.lower() or "open files" in line.lower()]
    assert 1 <= len(lines) <= 20, f"{len(lines)} lines"
    for peer in peers:
        peer.close()


def test_an_instance_that_cannot_accept_is_not_ready(gateway):
    """One line for each shard says it, and one that it works again; nobody has to come for that to be seen."""
    probe = gateway.peer()

    def health():
        return probe.request("GET", "/health/websocket-gateway").status

    assert health() == 200
    peers = fill(gateway)
    eventually(lambda: health() == 503, 20)
    said = [line for line in gateway.log_lines if "accept_failed" in line]
    assert 1 <= len(said) <= 4, said
    for peer in peers:
        peer.close()
    eventually(lambda: health() == 200, 20)
    assert any("accept_works_again" in line for line in gateway.log_lines)


def test_those_who_had_to_wait_are_served_in_the_end(gateway):
    peers = fill(gateway)
    late = peers[-1]
    for peer in peers[:-1]:
        peer.close()
    assert late.request("GET", "/health/live").status == 200
    late.close()


def test_connections_cut_before_they_were_accepted_do_no_harm(gateway):
    for _ in range(300):
        peer = socket.create_connection(gateway.address)
        peer.close()
    assert gateway.connect().ask({"type": "ping"})["type"] == "pong"
    eventually(lambda: gateway.open_descriptors < OPEN_FILES / 2)


def test_the_kernels_table_of_them_does_not_grow_beneath_clients(gateway_factory):
    """A process with threads waits for each growth (RCU), and serves nobody meanwhile."""
    gateway = gateway_factory("--max-connections", "1000")
    size = gateway.descriptor_table_size
    clients = [gateway.connect() for _ in range(300)]
    assert gateway.open_descriptors > 300
    assert gateway.descriptor_table_size == size
    for client in clients:
        client.close()
