"""What only the Python package has: iterators, runs that are pushed, serve(), and a model's stream from end to end."""

import asyncio
import contextlib
import os

import pytest

from support.run_copies import Owner, ask
from support.tcp_proxy import TcpProxy
from support.wait import eventually_async
from websocket_gateway import Agent, ConnectionFailed, Refused, RunFailed, Superseded, connect

pytestmark = pytest.mark.asyncio
GATEWAY_FLAGS = ("--ack-wait", "1s", "--log-level", "error")


@pytest.fixture
def client(gateway, user):
    """A client of the test's own user."""
    return lambda **options: connect(gateway.ws_url, token=gateway.new_session(user_id=user), **options)


async def owned(gateway, run, **fields) -> Owner:
    return await asyncio.to_thread(Owner.claim, gateway.api, run.run_id, lease_ms=60_000, **fields)


async def said(owner, *texts, end=None):
    for text in texts:
        await asyncio.to_thread(owner.append, text)
    if end is not None:
        await asyncio.to_thread(owner.end, end)


async def collected(run, into):
    async for piece in run:
        into.append(piece)


async def test_a_failed_run_does_not_look_like_a_whole_one(gateway, client):
    async with client() as one:
        run = await one.ask("guide", {"message": "hello"})
        owner, pieces = await owned(gateway, run), []
        await said(owner, "half", end="failed")
        with pytest.raises(RunFailed) as failed:
            await collected(run, pieces)
        assert ("".join(pieces), failed.value.status) == ("half", "failed")
        assert await run.done() is run


async def test_an_attempt_that_says_something_else_is_told_and_one_that_says_the_same_is_not(gateway, client):
    async with client() as one:
        run = await one.ask("guide", {"message": "hello"})
        owner, pieces = await owned(gateway, run), []
        reading = asyncio.create_task(collected(run, pieces))
        await said(owner, "Roses are ")
        await eventually_async(lambda: "".join(pieces) == "Roses are ")
        owner = await owned(gateway, run, producer=owner.producer, keep=0)
        await said(owner, "Roses ", "are red")
        await eventually_async(lambda: "".join(pieces) == "Roses are red")
        owner = await owned(gateway, run, producer=owner.producer, keep=0)
        await said(owner, "Violets", end="completed")
        with pytest.raises(Superseded) as taken_back:
            await reading
        assert taken_back.value.kept == 0
        again = []
        await collected(run, again)
        assert ("".join(again), run.verified) == ("Violets", True)


async def test_a_screen_shows_each_text_whole(gateway, client):
    async with client() as one:
        run = await one.ask("guide", {"message": "hello"})
        owner = await owned(gateway, run)
        await said(owner, "wrong")
        await eventually_async(lambda: run.text == "wrong")
        shown = run.texts()
        assert await anext(shown) == "wrong"
        owner = await owned(gateway, run, producer=owner.producer, keep=0)
        await said(owner, "right", end="completed")
        assert [text async for text in shown][-1] == "right"


async def test_runs_that_are_pushed_are_read_unless_nobody_wants_them(gateway, client, user):
    pushed, ignored = [], []
    async with client(runs=True, on_run=pushed.append) as one, client(runs=True, on_message=ignored.append):
        owner = await asyncio.to_thread(Owner.create, gateway.api, to={"user_id": user}, push=True, lease_ms=60_000)
        await said(owner, "news", end="completed")
        await eventually_async(lambda: pushed)
        assert (await pushed[0].done()).text == "news"
        assert pushed[0].run_id == owner.run_id and pushed[0].verified
        assert await one.attach(owner.run_id) is not pushed[0], "it was over, and let go"
    assert not ignored


async def test_attaching_twice_is_reading_once(gateway, client):
    async with client() as one:
        run = await one.ask("guide", {"message": "hello"}, thread_id="a-thread-of-the-test")
        owner = await owned(gateway, run)
        assert await one.attach(run.run_id) is run
        assert await one.attach(thread_id="a-thread-of-the-test") is run
        await said(owner, "one text", end="completed")
        assert (await run.done()).text == "one text"


async def test_a_client_that_is_closed_says_so_to_whoever_waits(gateway, client):
    async with client() as one:
        run = await one.ask("guide", {"message": "hello"})
        reading = asyncio.create_task(collected(run, []))
        await asyncio.sleep(0)
        await one.close()
        with pytest.raises(ConnectionFailed):
            await reading
        with pytest.raises(ConnectionFailed):
            await one.ask("guide", {})


async def test_a_slow_line_is_no_dead_one(gateway, user):
    """A piece of 16 KiB takes longer than the silence that ends a connection; its bytes are no silence."""
    owner = await asyncio.to_thread(Owner.create, gateway.api, to={"user_id": user}, lease_ms=60_000)
    text = "0123456789abcde\n" * 1024
    await said(owner, text)
    with TcpProxy(gateway.address) as proxy:
        proxy.set("down", bandwidth=2200)
        one = await connect(f"ws://127.0.0.1:{proxy.port}/ws", token=gateway.new_session(user_id=user), websocket_options={"compression": None})
        run = await one.attach(owner.run_id)
        assert (run.text, proxy.accepted) == (text, 1)
        await one.close()


async def test_where_nobody_listens_connecting_fails_in_time():
    with pytest.raises(ConnectionFailed):
        await connect("ws://127.0.0.1:9/ws", open_timeout=0.3)


async def test_serve_answers_several_at_once_and_goes_on_after_a_failure(gateway, client):
    together = asyncio.Barrier(3)

    async def answer(run):
        if run.envelope.payload["message"] == "fail":
            raise ZeroDivisionError
        await together.wait()
        await run.pipe(["one ", "two"])

    async with Agent(gateway.url, gateway.api_key) as gw, client() as one:
        serving = asyncio.create_task(gw.serve("pillar:content", answer, "serving", at_once=3))
        failed = await (await one.ask("pillar:content", {"message": "fail"})).done()
        assert (failed.status, failed.error) == ("failed", {"code": "agent_error", "message": "ZeroDivisionError"})
        runs = [await one.ask("pillar:content", {"message": "hello"}) for _ in range(3)]
        assert [(await run.done()).text for run in runs] == ["one two"] * 3
        await stopped(serving)


async def test_a_cancel_closes_the_models_stream(gateway, client):
    closed = asyncio.Event()

    async def model():
        try:
            yield "first "
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def answer(run):
        await run.pipe(model())

    async with Agent(gateway.url, gateway.api_key) as gw, client() as one:
        serving = asyncio.create_task(gw.serve("pillar:content", answer, "cancelling"))
        run = await one.ask("pillar:content", {"message": "hello"})
        await eventually_async(lambda: run.text == "first ")
        assert await run.cancel("enough") == "asked"
        async with asyncio.timeout(5):
            await closed.wait()
        assert (await run.done()).status == "cancelled"
        await stopped(serving)


async def test_a_run_of_json_has_items(gateway, client):
    async def answer(run):
        await run.append_item({"n": 1})
        await run.pipe([["ü"], 2])

    async with Agent(gateway.url, gateway.api_key) as gw, client() as one:
        serving = asyncio.create_task(gw.serve("pillar:content", answer, "json"))
        run = await (await one.ask("pillar:content", {"message": "hello"}, format="json")).done()
        assert (run.text, run.verified) == ('{"n":1}\n["\\u00fc"]\n2\n', True)
        await stopped(serving)


async def test_goes_on_behind_what_a_dead_agent_wrote(gateway, client):
    text = "a story that is told again"

    async with Agent(gateway.url, gateway.api_key) as gw, client() as one:
        run = await one.ask("guide", {"message": "hello"})
        dead = await owned(gateway, run)
        await said(dead, "a story that was not told")
        await asyncio.to_thread(dead.claimed_for, 2000, takeover_ms=60_000)
        async for envelope in gw.subscribe("guide", "heirs"):
            if envelope.run_id == run.run_id:
                break
        async with gw.run(envelope, keep=lambda earlier: os.path.commonprefix([earlier, text])) as answer:
            assert answer.earlier == "a story that "
            await answer.append(text.removeprefix(answer.earlier))
        assert (await run.done()).text == text


async def test_messages_without_a_run_are_heard_by_who_wants_them(gateway, client):
    heard = []
    async with Agent(gateway.url, gateway.api_key) as gw, client(on_message=heard.append) as one:
        messages = gw.subscribe("pillar:insights", plain=True)
        first = asyncio.create_task(anext(messages))
        await one.send("pillar:insights", {"message": "no run"})
        envelope = await first
        assert (envelope.run, envelope.payload, envelope.user_id is not None) == (None, {"message": "no run"}, True)
        await gw.send({"type": "agent_response", "message": "Hello"}, connection_id=envelope.connection_id)
        await eventually_async(lambda: heard)
        assert heard == [{"type": "agent_response", "message": "Hello"}]
        await messages.aclose()


async def test_a_wrong_key_and_an_unknown_channel_are_said_at_once(gateway):
    async with Agent(gateway.url, "wrong") as gw:
        with pytest.raises(Refused) as refused:
            await anext(gw.subscribe("guide"))
        assert refused.value.status == 401
    async with Agent(gateway.url, gateway.api_key) as gw:
        with pytest.raises(Refused):
            await anext(gw.subscribe("nowhere"))


async def test_an_agent_in_a_block_that_waits_for_its_turn_is_not_given_a_message_twice(gateway):
    """ack-wait is a second, and one answer at a time takes longer than that."""
    clients = [gateway.connect() for _ in range(3)]
    copies = [ask(client, f"{n}", id="q", channel="pillar:operations")[1] for n, client in enumerate(clients)]
    seen = []
    async with Agent(gateway.url, gateway.api_key) as gw:
        async for envelope in gw.subscribe("pillar:operations", "slow"):
            seen.append(envelope.run_id)
            async with gw.run(envelope) as run:
                await run.append("thinking, ")
                await asyncio.sleep(1.2)
                await run.append("done")
            if len(seen) == 3:
                break
    assert seen == [copy.run_id for copy in copies]
    for client, copy in zip(clients, copies, strict=True):
        await asyncio.to_thread(copy.read_end, client)
        assert copy.text == "thinking, done" and copy.epoch == 1


async def test_a_message_that_waits_outside_of_its_block_is_answered_once(gateway):
    """It is heard at once, and waits for longer than its lease and ack-wait; its neighbour is given it no second time."""
    client = gateway.connect()
    _, copy = ask(client, "wait", id="q", channel="pillar:operations")
    async with Agent(gateway.url, gateway.api_key) as gw:
        heard = gw.subscribe("pillar:operations", "patient", lease_ms=2000)
        envelope = await anext(heard)
        again = asyncio.create_task(anext(heard))
        done, _ = await asyncio.wait((again,), timeout=3.5)
        assert not done
        async with gw.run(envelope) as run:
            await run.append("at last")
        await stopped(again)
        await heard.aclose()
    await asyncio.to_thread(copy.read_end, client)
    assert (copy.text, copy.epoch) == ("at last", 1)


async def stopped(task):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_question_that_is_given_up_leaves_nothing(gateway, client):
    """Its asker's task was cancelled before the gateway had it."""
    async with client() as one:
        asking = asyncio.create_task(one.ask("guide", {"message": "never mind"}))
        await asyncio.sleep(0)
        await stopped(asking)
        run = await one.ask("guide", {"message": "hello"})
        await said(await owned(gateway, run), "still here", end="completed")
        assert (await run.done()).text == "still here"
