"""A client at a server that does what a test says, and callbacks and options that are wrong."""

import asyncio
import contextlib
import json

import pytest
from conftest import Log
from websockets.asyncio.server import serve

from websocket_gateway import ConnectionFailed, connect

pytestmark = pytest.mark.asyncio
WELCOME = {"type": "system", "event": "welcome", "connection_id": "ws_1"}


@contextlib.asynccontextmanager
async def serving(script):
    """The address of a server that runs the script with each connection, after the welcome."""

    async def handle(socket):
        await socket.send(json.dumps(WELCOME))
        await script(socket)

    async with serve(handle, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


async def acknowledging(socket):
    """Each question begins run_1."""
    async for text in socket:
        message = json.loads(text)
        if message.get("channel"):
            await socket.send(json.dumps({"type": "ack", "id": message["id"], "status": "published", "run_id": "run_1"}))


def broken(*_):
    raise ZeroDivisionError


async def test_callbacks_that_raise_stop_nothing():
    async def script(socket):
        await socket.send(json.dumps({"type": "agent_response", "message": "hello"}))
        await socket.send(json.dumps(Log(b"pushed").snapshot() | {"run_id": "run_0"}))
        await acknowledging(socket)

    async with asyncio.timeout(10), serving(script) as url:
        async with connect(url, on_message=broken, on_run=broken, on_state=broken) as client:
            assert (await client.ask("guide", {})).run_id == "run_1"
            assert (client.state, client.connection_id) == ("open", "ws_1")


async def test_a_pushed_run_can_be_left_where_it_is_told_of():
    heard, left = asyncio.Queue(), []

    async def script(socket):
        log = Log(b"pushed")
        await socket.send(json.dumps(log.snapshot()))
        await socket.send(json.dumps(log.told()))
        async for text in socket:
            heard.put_nowait(json.loads(text))

    def leave(run):
        left.append(run.run_id)
        run.detach()

    async with asyncio.timeout(10), serving(script) as url:
        async with connect(url, on_run=leave) as client:
            assert await heard.get() == {"type": "detach", "run_id": "run_1"}
            assert not client._conversation.runs
        assert left == ["run_1"]


@pytest.mark.parametrize("wrong", [{"websocket_options": {"no_such_option": 1}}, {"websocket_options": {"ssl": "no context"}}])
async def test_options_that_cannot_be_are_said_also_to_who_waits_for_ever(wrong):
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionFailed) as failed:
            await connect("ws://127.0.0.1:9/ws", open_timeout=None, **wrong)
    assert failed.value.__cause__ is not None


async def test_headers_of_ones_own_go_with_the_token():
    headers = []

    async def script(socket):
        headers.append(socket.request.headers)
        await socket.wait_closed()

    async with asyncio.timeout(10), serving(script) as url:
        async with connect(url, token="t", websocket_options={"additional_headers": {"X-Own": "1"}}):
            pass
    assert (headers[0]["Authorization"], headers[0]["X-Own"]) == ("Bearer t", "1")


async def test_a_message_that_is_no_json_harms_no_other():
    async with asyncio.timeout(10), serving(acknowledging) as url, connect(url) as client:
        with pytest.raises(TypeError):
            await client.ask("guide", {"at": object()})
        assert (await client.ask("guide", {"message": "\ud800"})).run_id == "run_1"


async def test_an_id_is_free_again_when_its_question_was_given_up():
    """Its asker's task was cancelled before the gateway had answered."""
    asked = asyncio.Queue()

    async def script(socket):
        async for text in socket:
            message = json.loads(text)
            asked.put_nowait(message)
            if message["payload"].get("answer"):
                await socket.send(json.dumps({"type": "ack", "id": message["id"], "status": "published", "run_id": "run_1"}))

    async with asyncio.timeout(10), serving(script) as url, connect(url) as client:
        asking = asyncio.create_task(client.ask("guide", {}, id="q"))
        await asked.get()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert (await client.ask("guide", {"answer": True}, id="q")).run_id == "run_1"
