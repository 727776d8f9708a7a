"""Runs that are pushed reach whoever is meant on every instance, and whoever comes later to any."""

import pytest

from support.cluster import subscribers
from support.run_copies import Copy, Owner
from support.wait import eventually


@pytest.fixture
def other(cluster, gateway):
    return cluster.start()


def test_on_every_instance(gateway, other):
    ada = gateway.new_session(user_id="ada")
    clients = [instance.connect(ada, query="&runs=1") for instance in (gateway, other)]
    plain = other.connect(ada)
    owner = Owner.create(gateway.api, to={"user_id": "ada"}, push=True)
    owner.append("pushed")
    late = other.connect(ada, query="&runs=1")
    for client in (*clients, late):
        Copy(owner.run_id).read_text(client, "pushed")
    to_one = Owner.create(gateway.api, to={"connection_id": late.connection_id}, push=True)
    Copy(to_one.run_id).read_until(late, lambda it: it.first)
    plain.assert_silent()


def test_what_an_instance_missed_while_it_was_cut_off(gateway, cluster, proxy, redis):
    """Nobody heard of it there: when Redis is back, everybody looks."""
    other = cluster.start(url=f"redis://127.0.0.1:{proxy.port}")
    ada = gateway.new_session(user_id="ada")
    client = other.connect(ada, query="&runs=1")
    assert subscribers(redis, "websocket:run:pushed") == 2
    proxy.refuse()
    proxy.cut()
    eventually(lambda: subscribers(redis, "websocket:run:pushed") == 1, 30)
    owner = Owner.create(gateway.api, to={"user_id": "ada"}, push=True, lease_ms=120_000)
    proxy.accept()
    Copy(owner.run_id).read_until(client, lambda it: it.first, 40)
