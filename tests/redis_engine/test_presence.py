"""Who is on a channel, over instances that come, go and die."""

import pytest

from support.cluster import seconds_until
from support.wait import eventually

PRESENCE = "/api/post-office/websocket/channels/guide/presence"
FLAGS = ("--presence", "guide")


def users(gateway):
    response = gateway.api.get(PRESENCE)
    return response.json()["users"] if response.status_code == 200 else response.status_code


def told(client):
    """What is told of joins and leaves, as it comes."""
    for message in iter(client.receive, None):
        if message["type"] == "presence" and "event" in message:
            yield message["event"], message.get("user_id")


def watcher(gateway, user="ada"):
    client = gateway.connect(gateway.new_session(user_id=user))
    client.ask({"type": "presence", "channel": "guide", "watch": True})
    eventually(lambda: user in users(gateway))
    return client


@pytest.fixture
def pair(cluster):
    return [cluster.start(*FLAGS) for _ in range(2)]


def test_who_comes_and_goes_elsewhere_is_told_here(pair):
    here, there = pair
    events = told(watcher(here))
    bob = there.connect(there.new_session(user_id="bob"))
    assert ("join", "bob") in events
    assert users(here) == users(there) == ["ada", "bob"]
    bob.close()
    assert ("leave", "bob") in events


@pytest.mark.slow
def test_a_ghost_does_not_outlive_the_lease_of_its_instance(pair, redis, record_property):
    here, there = pair
    events = told(watcher(here))
    there.connect(there.new_session(user_id="bob"))
    assert ("join", "bob") in events
    there.crash()
    record_property("a ghost is listed for, s (promised 15)", seconds_until(lambda: users(here) == ["ada"], 60))
    assert ("leave", "bob") in events
    with redis.client() as store:
        eventually(lambda: store.keys(f"*{there.instance_id}*") == [], 60)


def test_a_restart_under_the_same_name_brings_no_ghost_back(cluster):
    here = cluster.start(*FLAGS)
    there = cluster.start(*FLAGS, "--instance-id", "again")
    events = told(watcher(here))
    there.connect(there.new_session(user_id="bob"))
    assert ("join", "bob") in events
    there.crash()
    cluster.start(*FLAGS, "--instance-id", "again")
    eventually(lambda: users(here) == ["ada"], 30)
    assert ("leave", "bob") in events


def test_after_redis_has_forgotten_everything_it_is_written_anew(pair, redis):
    here, there = pair
    ada = watcher(here)
    there.connect(there.new_session(user_id="bob"))
    eventually(lambda: users(here) == ["ada", "bob"])
    redis.restart(keep_data=False)
    eventually(lambda: users(here) == ["ada", "bob"], 30)
    assert ("refresh", None) in told(ada)
