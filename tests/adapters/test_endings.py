"""Whatever becomes of an answer, each client hears its end in its own protocol's words (I23, I25, I26)."""

import pytest

from adapters.conftest import Cuts
from support.wait import eventually

GATEWAY_FLAGS = ("--log-level", "error")
# What is open when it ends, as the agent has said it: in the middle of a text and of a tool call.
AI_SDK = [
    {"type": "start-step"},
    {"type": "text-start", "id": "t"},
    {"type": "text-delta", "id": "t", "delta": "half"},
    {"type": "tool-input-start", "toolCallId": "c", "toolName": "look"},
    {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '{"at":'},
]
AG_UI = [
    {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"},
    {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "half"},
    {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "look"},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": '{"at":'},
]
ENDS = ("completed", "failed", "cancelled", "abandoned")


def end(answering, how):
    if how == "abandoned":
        # A lease of two seconds, and nobody who renews it.
        claimed = answering.run.claim("agent:1", lease_ms=2000, takeover_ms=0)
        assert claimed.status_code == 200, claimed.text
        return
    error = {"error": {"code": "broken", "message": "no more"}} if how == "failed" else {}
    answering.end(how, **error)


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("kind", ["http-agent", "copilot"])
def test_i23_the_verifier_has_nothing_to_say(client, answer, kind, how):
    asker = client(kind)
    answering = answer()
    answering.items(*AG_UI)
    end(answering, how)
    told = asker.told()
    last = "RUN_FINISHED" if how in ("completed", "cancelled") else "RUN_ERROR"
    if (kind, how) == ("copilot", "cancelled"):
        # CopilotKit has AG-UI's client of before 1.0, which passes over an outcome that it does not know.
        assert (told["events"][-1][-4:], told["failures"]) == ("_END", []), told
    else:
        assert told["events"][-1] == last, told
        assert told["events"].count("RUN_STARTED") == told["events"].count(last) == 1
    for began, ended in (("TEXT_MESSAGE_START", "TEXT_MESSAGE_END"), ("TOOL_CALL_START", "TOOL_CALL_END")):
        assert told["events"].count(began) == told["events"].count(ended), told
    # The verifier's own words begin like that.
    assert "Cannot send event" not in told["stderr"] + " ".join(told["failures"]), told


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("kind", ["default", "workflow", "websocket"])
def test_ai_sdk_hears_one_end(client, answer, kind, how):
    asker = client(kind)
    answering = answer()
    answering.items(*AI_SDK)
    end(answering, how)
    told = asker.told()
    if how in ("failed", "abandoned"):
        # AI SDK looks at nothing behind an error.
        assert told["status"] == "error", told
        assert told["error"] == ("no more" if how == "failed" else "the agent is gone and no other took the run over"), told
    else:
        assert (told["status"], told["finish"]) == ("ready", "stop" if how == "completed" else "other"), told
    assert all(part["state"] != "streaming" for part in told["parts"]), told
    # I26: nothing was asked for again.
    assert [request for request in told["requests"] if request.startswith("GET")] == []


def test_i26_a_finished_run_is_asked_for_once(gateway, client, answer):
    with Cuts(gateway) as cuts:
        asker = client("workflow", cuts.url)
        answering = answer()
        answering.say("all ")
        answering.say("of it")
        cuts.begin()
        eventually(lambda: cuts.count > 0)
        cuts.end()
        answering.end()
        told = asker.told()
    assert told["text"] == "all of it"
    assert [request.split()[0] for request in told["requests"]] == ["POST", "GET"]


@pytest.mark.parametrize("kind", ["websocket", "copilot"])
def test_stop_reaches_the_agent(client, answer, kind):
    asker = client(kind, stopAfter=5)
    answering = answer()
    answering.say("enough of this")
    beat = answering.run.heartbeat(wait_ms=4000).json()
    assert beat["cancel_requested"] is True
    answering.end("cancelled")
    asker.told()


@pytest.mark.parametrize("kind", ["default", "workflow", "http-agent"])
def test_a_disconnect_is_no_stop(client, answer, kind):
    asker = client(kind, stopAfter=5)
    answering = answer()
    answering.say("enough of this")
    asker.told()
    assert answering.run.record()["cancel_requested"] is False
