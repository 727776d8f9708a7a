"""What the log says of runs: fixed words to grep for."""

import re

import pytest

from support.run_copies import Owner, ask
from support.runs import Run
from support.wait import eventually

GATEWAY_FLAGS = ["--log-level", "debug"]


@pytest.fixture
def lines(gateway):
    """The events of a run, with their fields."""

    def of(run_id):
        found = [line for line in gateway.log_text.splitlines() if f"run_id={run_id}" in line]
        return [(re.search(r"\brun_[a-z_]+", line)[0], dict(re.findall(r"(\w+)=(\S+)", line))) for line in found]

    return of


def test_a_life(gateway, lines):
    client = gateway.connect()
    gateway.subscribe("guide")
    ack, _ = ask(client, id="q")
    owner = Owner.claim(gateway.api, ack["run_id"])
    owner.append("some text")
    Owner.claim(gateway.api, ack["run_id"], owner.producer)
    last = Owner.claim(gateway.api, ack["run_id"], owner.producer, keep=4)
    last.end("failed", error={"code": "no_luck", "message": ""})
    eventually(lambda: lines(ack["run_id"]) and lines(ack["run_id"])[-1][0] == "run_ended", 20)
    events = lines(ack["run_id"])
    assert [event for event, _ in events] == ["run_made", "run_claimed", "run_taken_over", "run_cut", "run_ended"]
    assert (events[3][1]["epoch"], events[3][1]["pos"]) == ("3", "4")
    assert (events[4][1]["status"], events[4][1]["error"]) == ("failed", "no_luck")


def test_one_whose_agent_is_lost(gateway, lines):
    run = Run.create(gateway.api, lease_ms=2000)
    eventually(lambda: [event for event, _ in lines(run.run_id)] == ["run_made", "run_abandoned"], 20)
    assert lines(run.run_id)[-1][1]["error"] == "agent_lost"
