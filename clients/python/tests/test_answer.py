"""A run as its agent writes it, at a gateway that answers from memory."""

import asyncio
import json

import pytest
from fake_gateway import Stage

from websocket_gateway import AgentError, Refused, RunOver

pytestmark = pytest.mark.asyncio


@pytest.fixture
def stage():
    return Stage()


async def test_leaving_completes_and_acknowledges(stage):
    async with stage.enter() as run:
        await run.append("Hello, ")
        await run.append("ü")
        assert run.text == "Hello, ü"
        run.end(result={"tokens": 2})
    assert (stage.run.data.decode(), stage.run.end) == ("Hello, ü", {"status": "completed", "result": {"tokens": 2}})
    assert stage.gateway.acked == ["event-1"]
    assert stage.gateway.calls.index("ack") > stage.gateway.calls.index("append")


async def test_flush_returns_when_all_is_answered_for(stage):
    async with stage.enter() as run:
        await run.append("now")
        await run.flush()
        assert stage.run.data == b"now" and run.pos == 3
        await run.flush()


async def test_an_exception_fails_the_run_and_goes_on(stage):
    with pytest.raises(ZeroDivisionError):
        async with stage.enter() as run:
            await run.append("half")
            1 / 0
    assert stage.run.end == {"status": "failed", "error": {"code": "agent_error", "message": "ZeroDivisionError"}}
    assert (stage.run.data, stage.gateway.acked) == (b"half", ["event-1"])


async def test_words_for_the_client_are_told(stage):
    with pytest.raises(AgentError):
        async with stage.enter():
            raise AgentError("Come back tomorrow.", "no_money")
    assert stage.run.end["error"] == {"code": "no_money", "message": "Come back tomorrow."}


@pytest.mark.parametrize("waits", [False, True])
async def test_a_text_that_is_not_taken_is_no_whole_answer(stage, waits):
    """Nothing was said after it, so only leaving tells: with its refusal, or after it."""
    append = stage.run.append
    stage.run.append = lambda body: stage.run.refuse(413, "run_too_large") if "text" in body else append(body)
    with pytest.raises(Refused):
        async with stage.enter() as run:
            await run.append("too large")
            while waits and "append" not in stage.gateway.calls:
                await asyncio.sleep(0.01)
    assert (stage.run.end["status"], stage.run.end["error"]["code"]) == ("failed", "run_too_large")
    assert stage.gateway.acked == ["event-1"]


async def test_a_message_is_claimed_anew_when_it_is_entered_again(stage):
    entering = stage.enter()
    async with entering:
        pass
    stage.run.end = None
    async with stage.enter() as run:
        await run.append("again")
    assert (stage.run.data, stage.run.epoch) == (b"again", 2)


async def test_a_cancel_stops_a_pipe_and_closes_its_stream(stage):
    closed = []

    async def model():
        try:
            yield "first "
            stage.run.cancel_requested = True
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async with stage.enter() as run:
        assert await run.pipe(model()) is False
        assert run.cancelled
    assert (stage.run.data, stage.run.status, closed) == (b"first ", "cancelled", [True])


async def test_a_stream_with_a_close_of_its_own_is_closed_however_it_ends(stage):
    class Stream:
        """As openai's: an iterator with an open connection."""

        closed = 0

        def __aiter__(self):
            return self

        async def __anext__(self):
            raise ConnectionResetError

        async def close(self):
            self.closed += 1

    stream = Stream()
    with pytest.raises(ConnectionResetError):
        async with stage.enter() as run:
            await run.pipe(stream)
    assert stream.closed == 1


async def test_pipes_what_is_asynchronous_synchronous_or_entered_first(stage):
    class Manager:
        """As anthropic's messages.stream()."""

        async def __aenter__(self):
            return pieces("c ")

        async def __aexit__(self, *_):
            pass

    async def pieces(*texts):
        for text in texts:
            yield text

    async with stage.enter() as run:
        assert await run.pipe(pieces("a ", "")) is True
        assert await run.pipe(iter(["b "])) is True
        assert await run.pipe(Manager()) is True
        assert await run.pipe(["d ", "e"]) is True
    assert stage.run.data == b"a b c d e"


async def test_a_model_that_breaks_off_fails_the_run(stage):
    async def model():
        yield "half "
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        async with stage.enter() as run:
            await run.pipe(model())
    assert (stage.run.data, stage.run.status) == (b"half ", "failed")


async def test_who_lost_the_run_is_told_at_the_next_word_and_acknowledges_nothing(stage):
    said = []
    async with stage.enter() as run:
        stage.run.is_lapsed = True
        stage.run.claim({"producer": "other", "keep": "all"})
        await run.append("late")
        await run.until_cancelled()
        with pytest.raises(RunOver):
            await run.append("later")
        said.append(run.cancelled)
        await run.append("and nobody minds")
    assert said == [True]
    assert (stage.run.data, stage.gateway.acked) == (b"", [])


async def test_a_run_that_ended_meanwhile_is_acknowledged(stage):
    async with stage.enter() as run:
        stage.run.end, stage.run.status = {}, "cancelled"
        await run.until_cancelled()
    assert stage.gateway.acked == ["event-1"]


@pytest.mark.parametrize(("keep", "text"), [
    (0, "new"), ("all", "said by the dead new"), (5, "said new"), (lambda said: said[:8], "said by new"),
])  # fmt: skip
async def test_goes_on_from_what_an_earlier_owner_wrote(stage, keep, text):
    stage.run.claim({"producer": "dead", "keep": "all"})
    stage.run.append({"producer": "dead", "epoch": 1, "seq": 0, "text": "said by the dead "})
    stage.run.is_lapsed = True
    async with stage.enter(keep=keep) as run:
        assert text == run.earlier + "new"
        await run.append("new")
        assert run.text == text
    assert stage.run.data.decode() == text


async def test_an_agent_that_is_stopped_leaves_a_groups_run_to_the_next(stage):
    async def answer(run_entered):
        async with stage.enter() as run:
            await run.append("half")
            await run.flush()
            run_entered.set()
            await asyncio.Event().wait()

    entered = asyncio.Event()
    task = asyncio.create_task(answer(entered))
    await entered.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (stage.run.end, stage.gateway.acked) == (None, [])


async def test_an_agent_that_is_stopped_without_a_group_fails_the_run():
    stage = Stage(group=None)
    entered = asyncio.Event()

    async def answer():
        async with stage.enter():
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(answer())
    await entered.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert stage.run.end["error"]["code"] == "agent_stopped"


async def test_items_of_a_json_run():
    stage = Stage("json")
    async with stage.enter() as run:
        await run.append_item({"a": "ü\n"})
        await run.pipe([[1, 2], None])
        with pytest.raises(TypeError):
            await run.append("text")
    assert [json.loads(line) for line in stage.run.data.splitlines()] == [{"a": "ü\n"}, [1, 2], None]


async def test_a_run_that_is_held_is_refused_where_it_is_entered(stage):
    stage.run.claim = lambda body: stage.run.refuse(409, "run_held", retry_after_ms=1)
    with pytest.raises(Refused) as held:
        async with stage.enter():
            raise AssertionError("not entered")
    assert held.value.code == "run_held"


async def test_a_message_that_asks_for_no_run_cannot_be_entered(stage):
    with pytest.raises(ValueError, match="asks for no run"):
        stage.agent.run({"channel": "guide", "message": {}})
