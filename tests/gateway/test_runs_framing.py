"""Runs in the words of AI SDK and AG-UI: what stands in their log is a whole stream of that protocol once they are over."""

import json
from contextlib import closing

import pytest

from support.api import assert_refused
from support.run_engines import ENGINES, run_gateway
from support.runs import Run, RunStream, fold
from support.wait import eventually

FORMATS = ("ai-sdk", "ag-ui")
FIRST = {"ai-sdk": "start", "ag-ui": "RUN_STARTED"}
LAST = {"ai-sdk": "finish", "ag-ui": "RUN_FINISHED"}
CANCELLED = {
    "ai-sdk": [{"type": "abort", "reason": "enough"}, {"type": "finish", "finishReason": "other"}],
    "ag-ui": [{"type": "RUN_FINISHED", "threadId": "chat-1", "runId": "@", "outcome": {"type": "cancelled"}}],
}


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param, "--run-cancel-grace=200ms") as started:
        yield started


@pytest.fixture(params=FORMATS)
def framed(request, api):
    return Run.create(api, format=request.param, thread_id="chat-1")


def lines(run):
    log = run.log()
    assert log.endswith("\n")
    return [json.loads(line) for line in log.splitlines()]


def types(run):
    return [line["type"] for line in lines(run)]


def told(stream):
    """The items of its events, up to the last one. A reset cuts none of such a run."""
    items = []
    while not (event := stream.next()).id.endswith(".end"):
        if event.event == "data":
            items += event.json()
    return items


def format_of(run):
    return run.record()["format"]


class TestText:
    def test_what_an_agent_writes_as_text_is_framed(self, api):
        run = Run.create(api, format="ai-sdk")
        run.say('He said "hï"\n')
        run.say("and left", end={"status": "completed"})
        part = f"{run.run_id}:text-1"
        assert lines(run) == [
            {"type": "start", "messageId": run.run_id},
            {"type": "start-step"},
            {"type": "text-start", "id": part},
            {"type": "text-delta", "id": part, "delta": 'He said "hï"\n'},
            {"type": "text-delta", "id": part, "delta": "and left"},
            {"type": "text-end", "id": part},
            {"type": "finish-step"},
            {"type": "finish", "finishReason": "stop"},
        ]

    def test_answers_are_of_the_log(self, framed):
        first = framed.say("one")
        log = framed.log().encode()
        assert (first["pos"], first["hash"]) == (len(log), fold(log))
        framed.say("two")
        assert framed.append("one", seq=0).json() == first | {"status": "duplicate"}
        assert_refused(framed.append("other", seq=0), 409, "sequence_conflict")

    def test_a_reader_gets_the_whole_stream(self, gateway, api, framed):
        with closing(RunStream(gateway.url, framed.run_id, api.key, {"live": "sse", "offset": "-1"})) as stream:
            framed.say("Once")
            framed.say(" upon", end={"status": "failed", "error": {"code": "model", "message": "It broke"}})
            heard = told(stream)
        assert heard == lines(framed)
        assert types(framed)[-1] == {"ai-sdk": "finish", "ag-ui": "RUN_ERROR"}[format_of(framed)]


class TestItems:
    def test_they_pass_as_they_are(self, api):
        run = Run.create(api, format="ag-ui", thread_id="t1")
        items = [
            {"type": "RUN_STARTED", "threadId": "mine", "runId": "mine"},
            {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "look", "extra": [1, {}]},
            {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "{}"},
        ]
        assert run.append(items=items).status_code == 200
        assert lines(run)[1:] == items[1:]
        run.end(result={"n": 1})
        assert lines(run)[3:] == [
            {"type": "TOOL_CALL_END", "toolCallId": "c"},
            {"type": "RUN_FINISHED", "threadId": "t1", "runId": run.run_id, "result": {"n": 1}},
        ]

    def test_one_that_readers_would_not_take_is_named_and_nothing_stored(self, api):
        run = Run.create(api, format="ai-sdk")
        before = run.log()
        good, bad = {"type": "start-step"}, {"type": "text-delta", "id": "1", "delta": "x"}
        body = assert_refused(run.append(items=[good, bad]), 400, "invalid_argument")
        assert body["error"] == 'items[1] (text-delta): there is no open part "1"'
        assert_refused(run.append(items=["text"]), 400, "invalid_argument")
        assert run.log() == before
        assert run.append(items=[good]).status_code == 200

    def test_text_and_items_do_not_mix_in_one_attempt(self, framed):
        framed.say("text")
        item = {"ai-sdk": {"type": "data-x", "data": 1}, "ag-ui": {"type": "CUSTOM", "name": "x", "value": 1}}[format_of(framed)]
        body = assert_refused(framed.append(items=[item]), 409, "mixed_framing")
        assert body["run"]["pos"] == len(framed.log().encode())
        claimed = framed.claim(producer="agent:1", keep=0).json()
        framed.epoch, framed.seq = claimed["epoch"], 0
        assert framed.append(items=[item]).status_code == 200
        assert_refused(framed.append("text"), 409, "mixed_framing")

    def test_its_own_closing_event_counts_with_the_end(self, api):
        run = Run.create(api, format="ai-sdk")
        run.append(items=[{"type": "finish", "finishReason": "length"}])
        assert types(run) == ["start"]
        run.append(items=[{"type": "finish", "finishReason": "tool-calls"}], end={"status": "completed"})
        assert lines(run)[-1] == {"type": "finish", "finishReason": "tool-calls"}
        assert types(run).count("finish") == 1


class TestAttempts:
    def test_such_a_log_is_never_cut(self, framed):
        framed.say("wrong")
        assert_refused(framed.claim(producer="agent:1", keep=10), 400, "invalid_argument")
        before = framed.log()
        claimed = framed.claim(producer="agent:1", keep=0, token="t", include_text=True).json()
        assert claimed["text"].startswith(before)
        assert claimed["pos"] == len(framed.log().encode())
        word = {"ai-sdk": "reset-step", "ag-ui": "MESSAGES_SNAPSHOT"}[format_of(framed)]
        assert types(framed).count(word) == 1
        framed.epoch, framed.seq = claimed["epoch"], 0
        framed.say("right", end={"status": "completed"})
        assert types(framed)[-1] == LAST[format_of(framed)]

    def test_the_first_owner_takes_nothing_back(self, framed):
        before = framed.log()
        framed.claim(producer="agent:1", keep=0)
        assert framed.log() == before


class TestEnds:
    def test_a_cancelled_one_says_so(self, framed):
        framed.say("word")
        framed.cancel(reason="enough")
        eventually(lambda: framed.record()["status"] == "cancelled")
        expected = [{key: framed.run_id if value == "@" else value for key, value in line.items()} for line in CANCELLED[format_of(framed)]]
        assert lines(framed)[-len(expected) :] == expected
        assert types(framed)[0] == FIRST[format_of(framed)]

    def test_one_that_is_deleted_ends_for_its_readers(self, gateway, api, framed):
        with closing(RunStream(gateway.url, framed.run_id, api.key, {"live": "sse", "offset": "-1"})) as stream:
            framed.say("word")
            kind = format_of(framed)
            assert api.delete(framed.path).status_code == 200
            heard = told(stream)
        assert heard[-1]["type"] == LAST[kind]

    def test_there_is_always_room_for_the_end(self, api):
        run = Run.create(api, format="ag-ui", bytes_max=2000)
        while run.append("some words ").status_code == 200:
            pass
        assert_refused(run.append("some words "), 413, "run_too_large")
        run.end()
        assert types(run)[-1] == "RUN_FINISHED"
        assert_refused(
            api.post("/api/post-office/runs", {"channel": "guide", "producer": "a", "format": "ag-ui", "bytes_max": 50}),
            413, "run_too_large",
        )  # fmt: skip
