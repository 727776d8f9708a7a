"""SIGTERM: the gateway says goodbye before it goes."""

import json
import re
import signal
import time

import pytest

from support.peer import Peer, upgrade_request


def terminate(gateway):
    gateway.process.send_signal(signal.SIGTERM)


def test_clients_are_told_then_closed_with_1012_and_the_exit_is_0(gateway_factory):
    gateway = gateway_factory("--drain-timeout", "2")
    clients = [gateway.connect() for _ in range(10)]
    terminate(gateway)
    for client in clients:
        goodbye = client.receive()
        assert (goodbye["type"], goodbye["event"]) == ("system", "draining")
        assert isinstance(goodbye["retry_after_ms"], int) and goodbye["retry_after_ms"] >= 0
        assert goodbye["message"] and goodbye["timestamp"]
        assert client.closed()[0] == 1012
    assert gateway.wait_exit() == 0


def test_closes_are_spread_over_the_drain_time(gateway_factory):
    gateway = gateway_factory("--drain-timeout", "3")
    peers = [gateway.raw_connect() for _ in range(30)]
    for peer in peers:
        peer.welcome()
    terminate(gateway)
    start = time.monotonic()
    times = []
    waiting = set(peers)
    while waiting and time.monotonic() - start < 15:
        for peer in list(waiting):
            if peer.readable(0.002):
                frame = peer.next_frame()
                if frame.opcode == 8:
                    assert frame.close_code == 1012
                    times.append(time.monotonic() - start)
                    waiting.remove(peer)
    assert not waiting
    assert times[-1] - times[0] > 0.5, "not all at once"
    assert times[-1] < 5
    assert gateway.wait_exit() == 0


STEPS = ["deregister", "stop_runs", "drain", "park_waiting", "stop_webhooks", "stop_agents", "last_answers", "leave_engine"]


def shutdown_steps(gateway):
    """What was logged of it: names in order, and milliseconds of each."""
    gateway.wait_exit()
    lines = [json.loads(line) for line in gateway.log_text.splitlines()]
    return {line["name"]: int(line["ms"]) for line in lines if line["event"] == "shutdown_step"}


def test_nobody_connected_is_nobody_waited_for(gateway_factory):
    gateway = gateway_factory("--drain-timeout", "600", "--log-format", "json")
    assert gateway.stop(60) == 0
    assert list(shutdown_steps(gateway)) == STEPS


def test_clients_that_answer_their_close_are_all_that_is_waited_for(gateway_factory, record_property):
    """However long it might take: a wide deadline here, and the figure for whoever reads the report."""
    gateway = gateway_factory("--drain-timeout", "600", "--max-connections-per-user", "0", "--log-format", "json")
    session = gateway.new_session()
    clients = [gateway.connect(session) for _ in range(20)]
    terminate(gateway)
    for client in clients:
        assert client.closed(60)[0] == 1012
    assert gateway.wait_exit(60) == 0
    steps = shutdown_steps(gateway)
    assert list(steps) == STEPS
    record_property("shutdown_ms", sum(steps.values()))


def test_a_step_whose_time_is_over_says_so(gateway_factory):
    gateway = gateway_factory("--drain-timeout", "1", "--log-format", "json")
    hold(gateway)
    terminate(gateway)
    assert gateway.wait_exit(60) == 0
    late = [line["name"] for line in map(json.loads, gateway.log_text.splitlines())
            if line["event"] == "shutdown_step" and line["level"] == "warn"]
    assert late == ["drain"]


def hold(gateway):
    """A client that never answers its close: the drain lasts as long as it may."""
    gateway.raw_connect().welcome()


def test_meanwhile_new_connections_are_told_to_retry(gateway_factory):
    gateway = gateway_factory("--drain-timeout", "5")
    session = gateway.new_session()
    hold(gateway)
    waiting = [gateway.peer() for _ in range(3)]  # accepted before the drain began
    for peer in waiting:
        assert peer.request("GET", "/health/live").status == 200
    client = gateway.connect()
    terminate(gateway)
    assert client.receive()["event"] == "draining"
    answers = []
    for peer in waiting:
        try:
            peer.send(upgrade_request(f"/ws?session_token={session}", peer.host))
            answers.append(peer.response())
        except (EOFError, OSError):
            pass
    try:
        newcomer = Peer(gateway.address)
        answers.append(newcomer.upgrade(f"/ws?session_token={session}"))
        newcomer.close()
    except (EOFError, OSError):
        pass
    assert answers, "somebody must be told"
    for answer in answers:
        assert answer.status == 503
        assert int(answer.header("Retry-After")) >= 1


def test_meanwhile_it_is_alive_but_not_ready(gateway_factory):
    gateway = gateway_factory("--drain-timeout", "5")
    hold(gateway)
    client = gateway.connect()
    probe = gateway.peer()
    assert probe.request("GET", "/health/live").status == 200
    terminate(gateway)
    assert client.receive()["event"] == "draining"
    fresh = Peer(gateway.address)
    response = fresh.request("GET", "/health/websocket-gateway")
    assert response.status == 503
    assert response.json()["status"] == "not_ready"
    fresh.close()


def test_messages_in_flight_still_reach_the_agent(gateway_factory):
    gateway = gateway_factory("--drain-timeout", "2")
    agent = gateway.subscribe("guide")
    client = gateway.connect()
    for n in range(100):
        client.send({"id": n, "payload": {}})
    acked = [client.receive() for _ in range(50)]
    terminate(gateway)
    client.closed()
    received = []
    try:
        while True:
            received.append(agent.envelope()["message"]["id"])
    except EOFError:
        pass
    assert received == list(range(len(received)))
    assert len(received) >= len(acked)
    assert gateway.wait_exit() == 0


def leave_unread(gateway, count=200):
    """A stalled agent, and so much published to it that the gateway itself holds a good part."""
    agent = gateway.subscribe("guide", stalled=True)
    client = gateway.connect()
    assert {client.say(id=n, text="x" * 60_000)["status"] for n in range(count)} == {"published"}
    held = re.search(r"^gateway_http_buffered_bytes\S* (\S+)$", gateway.api.get("/metrics").text, re.MULTILINE)
    assert float(held[1]) > 2_000_000, "sockets alone must not be able to hold it"
    return agent, client


def test_what_an_agents_stream_holds_still_leaves(gateway_factory):
    gateway = gateway_factory()
    agent, client = leave_unread(gateway)
    terminate(gateway)
    assert client.closed()[0] == 1012
    agent.read()
    assert [event.json()["message"]["id"] for event in agent.take(200)] == list(range(200))
    assert agent.ended()
    assert gateway.wait_exit() == 0
    assert "answers_cut_off" not in gateway.log_text


def test_an_agent_that_reads_nothing_does_not_hold_it_up(gateway_factory):
    gateway = gateway_factory()
    _, client = leave_unread(gateway)
    terminate(gateway)
    assert client.closed()[0] == 1012
    assert gateway.wait_exit(20) == 0
    assert "answers_cut_off" in gateway.log_text


def test_an_agents_stream_is_ended(gateway_factory):
    gateway = gateway_factory("--drain-timeout", "1")
    agent = gateway.subscribe("guide")
    terminate(gateway)
    assert agent.ended(15)
    assert gateway.wait_exit() == 0


def test_a_client_that_never_answers_does_not_hold_it_up(gateway_factory):
    gateway = gateway_factory("--drain-timeout", "1")
    peer = gateway.raw_connect()
    peer.welcome()
    start = time.monotonic()
    terminate(gateway)
    assert gateway.wait_exit() == 0
    assert time.monotonic() - start < 15
    assert peer.closed()[0] == 1012


@pytest.mark.parametrize("first, second", [("SIGTERM", "SIGTERM"), ("SIGINT", "SIGINT"), ("SIGTERM", "SIGINT")])
def test_a_second_signal_exits_at_once(gateway_factory, first, second):
    gateway = gateway_factory("--drain-timeout", "60")
    hold(gateway)
    client = gateway.connect()
    gateway.process.send_signal(getattr(signal, first))
    assert client.receive()["event"] == "draining"
    start = time.monotonic()
    gateway.process.send_signal(getattr(signal, second))
    gateway.wait_exit(10)
    assert time.monotonic() - start < 3


def test_sigint_drains_as_well(gateway_factory):
    gateway = gateway_factory()
    client = gateway.connect()
    gateway.process.send_signal(signal.SIGINT)
    assert client.closed()[0] == 1012
    assert gateway.wait_exit() == 0


def test_a_broken_pipe_does_no_harm(gateway_factory):
    gateway = gateway_factory()
    client = gateway.connect()
    gateway.process.send_signal(signal.SIGPIPE)
    client.assert_silent()
