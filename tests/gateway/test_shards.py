"""Several shards are one gateway: nothing depends on which of them a connection is on."""

import os
import signal
from pathlib import Path

import pytest

from support.client import Client
from support.peer import upgrade_request
from support.wait import eventually

GATEWAY_FLAGS = ["--shards", "4", "--message-rate", "0"]
CROWD = 400


@pytest.fixture
def crowd(gateway):
    """Many raw connections, each of a user of its own."""
    # Before the connections: a handshake has a deadline.
    sessions = [gateway.new_session(user_id=f"user-{n}") for n in range(CROWD)]
    peers = [gateway.peer() for _ in sessions]
    for session, peer in zip(sessions, peers, strict=True):
        peer.send(upgrade_request(f"/ws?session_token={session}", peer.host))
    for peer in peers:
        assert peer.response().status == 101
        peer.id = peer.welcome()["connection_id"]
    return peers


def test_a_publication_reaches_each_of_many_once_and_in_order(gateway, crowd):
    for n in range(20):
        gateway.api.publish("guide", {"n": n})
    for peer in crowd:
        assert [peer.next_message()["n"] for _ in range(20)] == list(range(20))
    for peer in crowd[:20]:
        gateway.api.send({"last": True}, connection_id=peer.id)
        assert peer.next_message() == {"last": True}, "nothing came twice"
    assert gateway.connection_count() == CROWD


def test_what_many_say_at_once_reaches_the_agent_in_each_ones_order(gateway, crowd):
    agent = gateway.subscribe("pillar:content")
    for n in range(10):
        for peer in crowd[:100]:
            peer.send_message({"channel": "pillar:content", "payload": {"n": n}})
    heard = {}
    for event in agent.take(1000):
        envelope = event.json()
        heard.setdefault(envelope["connection_id"], []).append(envelope["message"]["payload"]["n"])
    assert heard == {peer.id: list(range(10)) for peer in crowd[:100]}


def test_the_limit_of_a_user_is_one_limit(gateway):
    session = gateway.new_session(user_id="ada")
    clients = [gateway.connect(session) for _ in range(5)]
    for _ in range(5):
        assert Client(f"{gateway.ws_url}?session_token={session}").closed()[0] == 4004
    assert gateway.api.connection_count()["per_user"]["ada"] == len(clients)


def test_a_session_ends_on_all_of_them(gateway):
    session = gateway.new_session(user_id="grace")
    clients = [gateway.connect(session) for _ in range(5)]
    assert gateway.api.send({"to": "all"}, session_id=session)["delivered"] == 5
    gateway.api.delete_session(session)
    assert {client.closed()[0] for client in clients} == {4003}
    eventually(lambda: gateway.api.session_connections(session) == [])


def test_all_of_them_drain(gateway_factory):
    gateway = gateway_factory("--shards", "4")
    clients = [gateway.connect() for _ in range(20)]
    gateway.process.send_signal(signal.SIGTERM)
    assert {client.closed()[0] for client in clients} == {1012}
    assert gateway.wait_exit() == 0


class TestOneProcessor:
    """One shard lives on the control loop there: nobody is woken for what passes between the two."""

    @pytest.fixture
    def gateway(self, gateway_factory):
        usable = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(usable)})
        try:
            return gateway_factory("--shards", "1", "--message-rate", "0")
        finally:
            os.sched_setaffinity(0, usable)

    def test_there_is_no_thread_of_a_shard(self, gateway):
        tasks = Path(f"/proc/{gateway.pid}/task").iterdir()
        assert "shard-0" not in {(task / "comm").read_text().strip() for task in tasks}

    def test_what_is_said_and_published_arrives_in_order(self, gateway, crowd):
        agent = gateway.subscribe("guide")
        for peer in crowd[:100]:
            for n in range(5):
                peer.send_message({"id": f"{n}", "payload": {"n": n}})
        assert len(agent.take(500)) == 500
        for peer in crowd[:100]:
            assert [peer.next_message()["id"] for _ in range(5)] == [f"{n}" for n in range(5)]
        for n in range(20):
            gateway.api.publish("guide", {"n": n})
        for peer in crowd:
            assert [peer.next_message()["n"] for _ in range(20)] == list(range(20))

    def test_it_drains(self, gateway):
        clients = [gateway.connect() for _ in range(5)]
        gateway.process.send_signal(signal.SIGTERM)
        assert {client.closed()[0] for client in clients} == {1012}
        assert gateway.wait_exit() == 0
