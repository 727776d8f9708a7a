"""A run as its agent writes it, where something goes wrong: answers that do not come, a stop while it is left, words that no
gateway takes, and faults of the package's own."""

import asyncio
import json
import time

import pytest
from fake_gateway import Stage

from websocket_gateway import AgentError, Refused, RunOver
from websocket_gateway.errors import GatewayError

pytestmark = pytest.mark.asyncio


@pytest.fixture
def stage():
    return Stage()


async def until(true):
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("verb", ["heartbeat", "append"])
async def test_an_answer_that_never_comes_is_given_up_within_the_lease(stage, verb):
    async with stage.enter() as run:
        began = time.monotonic()
        stage.gateway.hangs = {verb}
        await run.append("text")
        try:
            await until(lambda: stage.gateway.calls.count(verb) > 1)
            assert time.monotonic() - began < stage.run.lease_ms / 1000
        finally:
            stage.gateway.hangs = set()


async def test_who_is_stopped_while_it_leaves_still_stores_the_end(stage):
    async def answer():
        async with stage.enter() as run:
            await run.append("whole")
            stage.gateway.hangs = {"append"}

    task = asyncio.create_task(answer())
    await until(lambda: "append" in stage.gateway.calls)
    task.cancel()
    await asyncio.sleep(0)
    stage.gateway.hangs = set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (stage.run.data, stage.run.end) == (b"whole", {"status": "completed"})


@pytest.mark.parametrize("say", [
    lambda run: run.end(result=time), lambda run: run.end(result=float("nan")), lambda run: run.end("done"),
    lambda run: run.fail("message", "a blank"), lambda run: AgentError("message", "a blank"),
    lambda run: run.end(result="x" * 70_000),
])  # fmt: skip
async def test_an_end_that_no_gateway_takes_is_refused_where_it_is_said(stage, say):
    async with stage.enter() as run:
        await run.append("text")
        with pytest.raises((TypeError, ValueError)):
            say(run)
    assert (stage.run.data, stage.run.end) == (b"text", {"status": "completed"})


async def test_half_a_character_in_an_end_is_none(stage):
    async with stage.enter() as run:
        run.end(result={"a": "\ud834"})
    assert stage.run.end["result"] == {"a": "\ufffd"}


@pytest.mark.parametrize("leaves_at_once", [True, False])
async def test_a_fault_of_the_package_is_told_to_who_writes(stage, monkeypatch, leaves_at_once):
    """Not that all were stored."""

    def broken(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(5), stage.enter() as run:
            monkeypatch.setattr(run._open, "answered", broken)
            await run.append("text")
            if not leaves_at_once:
                await run.until_cancelled()
                with pytest.raises(ZeroDivisionError):
                    await run.append("more")
                await run.flush()
    assert stage.gateway.acked == []


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_taken_away_is_no_success(stage, status):
    with pytest.raises(Refused) as refused:
        async with stage.enter() as run:
            await run.append("text")
            stage.run.append = lambda body: stage.run.refuse(status, "forbidden")
    assert (refused.value.status, stage.gateway.acked) == (status, [])


async def test_a_log_that_cannot_be_healed_is_no_success(stage):
    stage.run.claim({"producer": "dead", "keep": "all"})
    stage.run.append({"producer": "dead", "epoch": 1, "seq": 0, "text": "before "})
    stage.run.is_lapsed = True
    with pytest.raises(RunOver) as over:
        async with stage.enter(keep="all") as run:
            run._open.failure = RunOver("diverged")
            await run.append("text")
    assert over.value.code == "diverged"


async def test_the_end_of_another_run_is_not_taken_for_its_own(stage):
    with pytest.raises(GatewayError):
        async with stage.enter():
            raise RunOver("run_ended")


async def test_the_text_is_right_after_the_log_was_healed(stage):
    stage.run.claim({"producer": "dead", "keep": "all"})
    stage.run.append({"producer": "dead", "epoch": 1, "seq": 0, "text": "before, "})
    stage.run.is_lapsed = True
    kept = stage.run.kept()
    async with stage.enter(keep="all") as run:
        await run.append("and ")
        await run.flush()
        stage.run.restore(kept)
        await run.append("after")
        await run.flush()
        assert run.epoch == 3
        assert run.text == stage.run.data.decode() == "before, and after"


async def test_a_synchronous_stream_that_is_entered_first(stage):
    class Manager:
        """As anthropic's messages.stream(), without async."""

        left = False

        def __enter__(self):
            return iter(["one ", "two"])

        def __exit__(self, *_):
            self.left = True

    manager = Manager()
    async with stage.enter() as run:
        assert await run.pipe(manager) is True
    assert (stage.run.data, manager.left) == (b"one two", True)


async def test_items_that_are_no_json_are_refused_where_they_are_said():
    stage = Stage("json")
    async with stage.enter() as run:
        await run.append_item(1)
        with pytest.raises(ValueError, match="JSON"):
            await run.append_item(float("nan"))
    assert json.loads(stage.run.data) == 1
