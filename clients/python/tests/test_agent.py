"""An agent that hears messages: what waits for its turn, what is stopped, and what is wrong."""

import asyncio
import json
import logging

import httpx
import pytest
from fake_gateway import FakeRun, Stage

from websocket_gateway import Agent, AgentError, Refused

pytestmark = pytest.mark.asyncio


@pytest.fixture
def stage():
    return Stage()


def message(stage, n, format="text"):
    stage.gateway.runs[f"run_{n}"] = run = FakeRun(format, lease_ms=300)
    stage.gateway.messages.put_nowait(stage.raw | {"message_id": f"m{n}", "run": {"run_id": f"run_{n}", "format": format}})
    return run


async def until(true):
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_message_that_waits_for_its_turn_is_kept_and_given_once(stage):
    """Else its lease lapses, another is given it, or the same process again, and it is answered twice."""
    run = message(stage, 1)
    async with asyncio.timeout(10), stage.agent as agent:
        heard = agent.subscribe("guide", "g")
        first = await anext(heard)
        await until(lambda: stage.gateway.calls.count("heartbeat") > 2)
        stage.gateway.messages.put_nowait(first.raw | {"message_id": "again"})
        other = message(stage, 2)
        second = await anext(heard)
        assert (second.run_id, run.epoch, other.epoch) == ("run_2", 1, 1)
        async with agent.run(first, lease_ms=2000) as answer:
            assert run.lease_ms == 2000
            await answer.append("once")
        assert (run.data, run.status) == (b"once", "completed")
        await heard.aclose()


async def test_a_message_that_nobody_has_any_more_is_kept_no_longer(stage):
    message(stage, 1)
    async with asyncio.timeout(10), stage.agent as agent:
        heard = agent.subscribe("guide", "g")
        await anext(heard)
        message(stage, 2)
        await anext(heard)
        await heard.aclose()
        await until(lambda: not agent._handed_out)


async def test_serving_can_be_stopped_while_the_queue_is_full(stage):
    entered = asyncio.Event()

    async def answer(run):
        entered.set()
        await asyncio.Event().wait()

    for n in range(300):
        message(stage, n)
    async with asyncio.timeout(20), stage.agent as agent:
        serving = asyncio.create_task(agent.serve("guide", answer, "g", at_once=1))
        await entered.wait()
        await until(lambda: stage.gateway.messages.qsize() < 300 - 256)
        serving.cancel()
        done, _ = await asyncio.wait((serving,), timeout=5)
        assert done and serving.cancelled()


async def test_a_wrong_key_is_said_to_who_serves_as_it_is():
    for answer in (httpx.Response(401, json={"code": "unauthorized"}), httpx.Response(302, headers={"Location": "/login"})):
        stage = Stage()
        stage.gateway.answers["/api/post-office/websocket/subscribe"] = answer
        async with asyncio.timeout(10), stage.agent as agent:
            with pytest.raises(Refused) as refused:
                await agent.serve("guide", None)
        assert refused.value.status == answer.status_code


@pytest.mark.parametrize("fails", ["answer", "entering", "keeping"])
async def test_what_fails_a_run_that_is_served_is_logged_and_the_next_is_served(stage, caplog, fails):
    async def answer(run):
        if fails == "answer" and run.run_id == "run_1":
            raise AgentError("not today", "closed")

    def keep(earlier):
        raise ZeroDivisionError

    first, second = message(stage, 1), message(stage, 2)
    if fails == "entering":
        first.append = lambda body: first.refuse(401, "unauthorized")
    with caplog.at_level(logging.ERROR, "websocket_gateway"):
        async with asyncio.timeout(10), stage.agent as agent:
            serving = asyncio.create_task(agent.serve("guide", answer, "g", keep=keep if fails == "keeping" else 0))
            await until(lambda: caplog.records if fails == "keeping" else second.end)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    assert "run run_1 was not answered" in caplog.text


async def test_headers_of_ones_own_go_with_the_key(stage):
    async with Agent("http://gateway", "key", http_options={"transport": stage.gateway, "headers": {"X-Own": "1"}}) as agent:
        await agent.send("hello", connection_id="ws_1")
    assert (stage.gateway.headers["Authorization"], stage.gateway.headers["X-Own"]) == ("Bearer key", "1")


async def test_a_redirection_is_refused_and_not_asked_for_ever(stage):
    stage.gateway.answers["/api/post-office/websocket/send"] = httpx.Response(302, headers={"Location": "/login"})
    async with asyncio.timeout(5), stage.agent as agent:
        with pytest.raises(Refused) as refused:
            await agent.send("hello", connection_id="ws_1")
    assert refused.value.code == "302"


async def test_without_a_group_it_goes_on_behind_the_last_message_that_was_whole(stage):
    """The connection is cut within the second, behind its id."""
    asked = []

    async def events():
        asked.append(stage.gateway.headers.get("Last-Event-ID"))
        texts = {n: "id: %d\ndata: %s\n\n" % (n, json.dumps({"channel": "guide", "message": n})) for n in (1, 2)}
        if len(asked) == 1:
            yield (texts[1] + texts[2][:12]).encode()
            raise httpx.ReadError("cut")
        yield texts[2].encode()
        await asyncio.Event().wait()

    stage.gateway.events = events
    async with asyncio.timeout(10), stage.agent as agent:
        heard = agent.subscribe("guide", plain=True)
        assert [(await anext(heard)).message for _ in range(2)] == [1, 2]
        await heard.aclose()
    assert asked == [None, "1"]
