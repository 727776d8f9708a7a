"""--reuse-port: two gateways on one port, when that is meant."""

import socket

import pytest

from support.client import Client
from support.gateway import run_to_exit

ANONYMOUS = ("--session-policy", "optional")
CROWD = 200  # so many that the kernel's choice leaves none of two gateways without a client


def beside(gateway):
    return ("--listen", f"{gateway.host}:{gateway.port}")


def test_two_gateways_share_the_clients_of_one_port(gateway_factory):
    first = gateway_factory(*ANONYMOUS)
    second = gateway_factory(*ANONYMOUS, *beside(first), "--reuse-port", "on")
    assert second.url == first.url
    clients = [Client(first.ws_url) for _ in range(CROWD)]
    at = {first.instance_id: [], second.instance_id: []}
    for client in clients:
        at[client.receive()["instance_id"]].append(client)
    assert all(at.values())
    for client in clients:
        client.assert_silent()
    # Each goes for itself, with its own clients alone.
    assert first.stop() == 0
    for client in at[first.instance_id]:
        assert client.receive()["event"] == "draining"
        assert client.closed()[0] == 1012
    for client in at[second.instance_id]:
        client.assert_silent()
    newcomer = Client(second.ws_url)
    assert newcomer.receive()["instance_id"] == second.instance_id
    assert second.stop() == 0
    assert newcomer.closed()[0] == 1012


@pytest.mark.parametrize("flags", [(), ("--reuse-port", "off")])
def test_without_it_the_second_does_not_start(gateway_factory, flags):
    first = gateway_factory(*ANONYMOUS)
    ended = run_to_exit(*beside(first), *flags)
    assert ended.returncode == 1
    assert f"cannot listen on {first.host}:{first.port}: Address already in use" in ended.stderr
    assert Client(first.ws_url).receive()["instance_id"] == first.instance_id


def test_it_does_not_join_what_is_no_gateway():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run_to_exit("--listen", address, "--reuse-port", "on")
    assert ended.returncode == 1
    assert f"cannot listen on {address}: Address already in use" in ended.stderr
