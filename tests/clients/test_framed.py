"""Runs in the words of AI SDK and AG-UI, written by each package: by text, which the gateway frames, and by items."""

import json

import pytest

from clients.driver import DriverError
from support.runs import Run

GATEWAY_FLAGS = ("--log-level", "error")
FORMATS = ("ai-sdk", "ag-ui")
ITEM = {"ai-sdk": {"type": "data-x", "data": [1]}, "ag-ui": {"type": "CUSTOM", "name": "x", "value": [1]}}
LAST = {"ai-sdk": "finish", "ag-ui": "RUN_FINISHED"}
# As a model's own stream ends. What is in it is for the reader.
OWN_LAST = {
    "ai-sdk": {"type": "finish", "finishReason": "length", "messageMetadata": {"tokens": 5}},
    "ag-ui": {"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "result": {"tokens": 5}},
}


@pytest.fixture(params=FORMATS)
def framed(request, gateway, writer, name):
    """A run that the agent has opened, by the name `run`."""
    writer.call("agent", url=gateway.url, key=gateway.api_key, producer="writer")
    run = Run.create(gateway.api, format=request.param, producer="writer", lease_ms=2000)
    run.name, run.format = name(), request.param
    run.envelope = {"message_id": "m", "channel": "guide", "message": {}, "run": {"run_id": run.run_id, "format": run.format, "protocol": None}}
    writer.call("open", run=run.name, envelope=run.envelope)
    return run


def lines(run):
    return [json.loads(line) for line in run.log().splitlines()]


def test_text_is_framed(writer, framed):
    writer.write(framed.name, "Once ", "upon ", "a tïme")
    writer.call("end", run=framed.name)
    told = lines(framed)
    assert "".join(line.get("delta", "") for line in told) == "Once upon a tïme"
    assert told[-1]["type"] == LAST[framed.format]
    assert framed.record()["status"] == "completed"


def test_items_pass(writer, framed):
    writer.call("append", run=framed.name, item=ITEM[framed.format])
    writer.call("end", run=framed.name)
    assert ITEM[framed.format] in lines(framed)


def test_an_agents_own_last_event_is_the_streams_end(writer, framed):
    writer.call("append", run=framed.name, item=ITEM[framed.format])
    writer.call("append", run=framed.name, item=OWN_LAST[framed.format])
    writer.call("flush", run=framed.name)
    assert lines(framed)[-1] == ITEM[framed.format]
    writer.call("end", run=framed.name)
    last, wanted = lines(framed)[-1], OWN_LAST[framed.format]
    assert {name: last.get(name) for name in wanted.keys() - {"threadId", "runId"}} == {
        name: value for name, value in wanted.items() if name not in ("threadId", "runId")
    }
    assert [line["type"] for line in lines(framed)].count(LAST[framed.format]) == 1


def test_a_last_event_that_others_follow_was_not_the_last(writer, framed):
    """A model's answer of several calls, each of which ends its own stream."""
    for _ in range(2):
        writer.call("append", run=framed.name, item=ITEM[framed.format])
        writer.call("append", run=framed.name, item=OWN_LAST[framed.format])
    writer.call("end", run=framed.name)
    told = lines(framed)
    assert [line for line in told if line == ITEM[framed.format]] == [ITEM[framed.format]] * 2
    assert [line["type"] for line in told].count(LAST[framed.format]) == 1
    assert told[-1]["type"] == LAST[framed.format]
    if framed.format == "ai-sdk":
        assert {"type": "message-metadata", "messageMetadata": {"tokens": 5}} in told


def test_one_that_readers_would_not_take_fails_the_run(writer, framed):
    writer.call("append", run=framed.name, item={"type": "nothing"})
    with pytest.raises(DriverError) as refused:
        writer.call("flush", run=framed.name)
        writer.call("append", run=framed.name, item=ITEM[framed.format])
    assert refused.value.code == "invalid_argument"


def test_a_failed_agent_is_a_failed_stream(writer, framed):
    writer.write(framed.name, "half")
    writer.call("fail", run=framed.name, message="The model is tired.")
    assert "The model is tired." in framed.log().splitlines()[-2 if framed.format == "ai-sdk" else -1]


def test_another_attempt_takes_the_first_back(gateway, writer, framed, name, start_driver):
    writer.write(framed.name, "wrong")
    writer.call("flush", run=framed.name)
    second, again = start_driver(), name()
    second.call("agent", url=gateway.url, key=gateway.api_key, producer="writer")
    second.call("open", run=again, envelope=framed.envelope)
    second.write(again, "right")
    second.call("end", run=again)
    types = [line["type"] for line in lines(framed)]
    assert types.count({"ai-sdk": "reset-step", "ag-ui": "MESSAGES_SNAPSHOT"}[framed.format]) == 1
    assert types[-1] == LAST[framed.format]
