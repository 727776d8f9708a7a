"""The previous release and this one on one Redis: docs/COMPATIBILITY.md, "Redis". scripts/check_upgrade runs it.

Each is asked both ways, since an upgrade may have to be taken back.
"""

import contextlib
import os
from pathlib import Path

import pytest

from support.checker import Checker
from support.client import Client
from support.crowd import quiet_agent
from support.runs import Run, RunStream
from support.talker import Talker
from support.wait import eventually

PREVIOUS = Path(os.environ.get("GATEWAY_PREVIOUS", "/nonexistent"))


def start_previous(cluster, *flags):
    assert PREVIOUS.is_file(), "GATEWAY_PREVIOUS names no program: use scripts/check_upgrade"
    return cluster.start(*flags, binary=PREVIOUS)


@pytest.fixture(params=["previous first", "new first"])
def pair(request, cluster):
    """(what does it, what has to make sense of it)"""
    previous, new = start_previous(cluster), cluster.start()
    return (previous, new) if request.param == "previous first" else (new, previous)


class TestSessions:
    def test_one_is_good_at_the_other(self, pair):
        here, there = pair
        session = here.new_session(user_id="ada", channels=["guide"], metadata={"plan": "pro"})
        client = there.connect(session)
        assert there.api.session(session) == here.api.session(session)
        assert client.say(id=1)["status"] == "published"

    def test_one_that_ends_here_is_left_there(self, pair):
        here, there = pair
        session = here.new_session(user_id="ada")
        client = there.connect(session)
        here.api.delete_session(session)
        assert client.closed()[0] == 4003


class TestMessages:
    def test_a_group_takes_and_acknowledges_what_came_in_there(self, pair):
        here, there = pair
        agents = there.subscribe("guide", "agents")
        client = here.connect()
        assert client.say(id="asked here")["status"] == "published"
        event = agents.next()
        assert event.json()["message"]["id"] == "asked here"
        assert there.api.ack("guide", "agents", [event.id])
        answer = {"text": "and back"}
        there.api.send(answer, connection_id=event.json()["connection_id"])
        assert client.receive() == answer

    def test_a_publication_reaches_everybody(self, pair):
        here, there = pair
        clients = [here.connect(), there.connect()]
        assert here.api.publish("guide", {"n": 1})["status"] == "published"
        assert [client.receive() for client in clients] == [{"n": 1}] * 2

    def test_a_message_finds_its_user(self, pair):
        here, there = pair
        session = here.new_session(user_id="ada")
        client = there.connect(session)
        assert here.api.send({"n": 2}, user_id="ada")["delivered"] == 1
        assert client.receive() == {"n": 2}


class TestRegistry:
    def test_each_counts_and_lists_the_others(self, pair):
        here, there = pair
        client = there.connect(there.new_session(user_id="ada"))
        eventually(lambda: here.connection_count() == 1)
        assert [each["connection_id"] for each in here.api.connections(instance_id=there.instance_id)] == [client.connection_id]
        eventually(lambda: set(here.api.instances()) == {here.instance_id, there.instance_id})
        here.api.disconnect(user_id="ada")
        assert client.closed()[0] == 1012


class TestRuns:
    def test_one_is_claimed_and_ended_there_and_read_on_both(self, pair):
        here, there = pair
        run = Run.create(here.api)
        assert run.append("begun here, ").status_code == 200
        taken = Run(there.api, run.run_id).claim(producer="agent:2", force=True)
        assert taken.status_code == 200, taken.text
        taker = Run(there.api, run.run_id, "agent:2", taken.json()["epoch"])
        assert taker.append("ended there").status_code == 200
        taker.end()
        assert [Run(gateway.api, run.run_id).record()["status"] for gateway in pair] == ["completed"] * 2
        for gateway in pair:
            with contextlib.closing(RunStream(gateway.url, run.run_id, gateway.api_key)) as stream:
                assert stream.text()[0] == "begun here, ended there"


def test_instance_by_instance_up_and_back_again_nothing_acknowledged_is_lost(cluster, redis, closing):
    flags = ("--max-connections-per-user", "0", "--drain-timeout", "2")
    gateways = [start_previous(cluster, *flags) for _ in range(2)]
    sessions = {f"t{n}": gateways[0].new_session(user_id=f"t{n}") for n in range(6)}
    checker = Checker()
    closing(quiet_agent(redis, checker, "guide"))

    def connect_as(name):
        return lambda: Client.open(gateways[-1].ws_url, sessions[name], query=f"&client_id={name}")

    def talk_on():
        seen = checker.taken()
        eventually(lambda: checker.taken() > seen + 200, 30)

    talkers = [Talker(checker, connect_as(name), name).start() for name in sessions]
    for start in (cluster.start, cluster.start, lambda *more: start_previous(cluster, *more)):
        talk_on()
        gateways.append(start(*flags))
        assert gateways.pop(0).stop() == 0
    talk_on()
    for talker in talkers:
        talker.stop()
    eventually(lambda: not checker.missing_ids(), 60)
    checker.report().assert_clean(allowed=["redelivered"])
