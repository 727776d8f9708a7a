"""The Python client behind JSON Lines: {"n":1,"do":"ask",…} on stdin, {"n":1,"ok":true,…} on stdout, in any order.

    scripts/lib/python_client.sh && build/python-client/venv/bin/python tests/clients/drivers/python_driver.py
"""

import asyncio
import contextlib
import json
import sys

from websocket_gateway import Agent, AgentError, ConnectionFailed, GatewayError, connect


class Coded(Exception):
    def __init__(self, code, message=""):
        super().__init__(message or code)
        self.code = code


class Reader:
    """The client's half."""

    def __init__(self):
        self.client, self.runs, self.ended, self.asked = None, {}, None, 0

    async def connect(self, url, token=None, tokens=None, client_id=None, timeout_s=30):
        left = list(tokens or [])

        def next_token():
            self.asked += 1
            return left.pop(0) if len(left) > 1 else left[0]

        self.asked = 0
        self.client = None
        self.client = await connect(url, token=next_token if tokens else token, client_id=client_id, open_timeout=timeout_s)

    async def ask(self, run, channel, payload, thread_id=None, format=None, id=None):
        self.runs[run] = await self.client.ask(channel, payload, thread_id=thread_id, format=format, id=id)
        return {"run_id": self.runs[run].run_id}

    async def attach(self, run, run_id=None, cursor=None, thread_id=None, text=""):
        self.runs[run] = await self.client.attach(run_id, cursor=cursor, thread_id=thread_id, text=text)
        return {"run_id": self.runs[run].run_id}

    async def state(self, run):
        one = self.runs[run]
        return {"run_id": one.run_id, "text": one.text, "status": one.status, "error": one.error, "verified": one.verified,
                "cursor": one.cursor, "epoch": one.epoch, "pos": one.pos, "result": one.result}  # fmt: skip

    async def wait(self, run, bytes=None, end=False, timeout_s=30):
        one = self.runs[run]
        with contextlib.suppress(GatewayError):
            async with asyncio.timeout(timeout_s):
                while not one.over and not (not end and bytes is not None and one.pos >= bytes):
                    await one.changed()
        return await self.state(run)

    async def cancel(self, run, reason=None):
        return {"status": await self.runs[run].cancel(reason)}

    async def detach(self, run):
        self.runs[run].detach()

    async def send(self, channel, payload):
        return {"ack": await self.client.send(channel, payload)}

    async def status(self):
        error = self.client.error
        return {"state": self.client.state, "error": None if error is None else code_of(error), "tokens_asked": self.asked}

    async def close(self):
        if self.client is not None:
            await self.client.close()


class Writer:
    """The agent's half. `next` takes the oldest envelope, and `open`, `ack` and `working` are about that."""

    def __init__(self):
        self.gateway, self.envelope, self.tasks, self.runs = None, None, [], {}
        self.heard = asyncio.Queue()

    async def agent(self, url, key, producer=None):
        self.gateway, self.heard = Agent(url, key, producer=producer), asyncio.Queue()

    async def subscribe(self, channel, group=None):
        async def listen():
            async for envelope in self.gateway.subscribe(channel, group):
                await self.heard.put(envelope)

        self.tasks.append(asyncio.create_task(listen()))

    async def next(self, timeout_s=30):
        async with asyncio.timeout(timeout_s):
            self.envelope = await self.heard.get()
        return {"envelope": dict(self.envelope.raw)}

    async def open(self, run, keep=0, lease_ms=None, envelope=None):
        opened = await self.gateway.run(envelope or self.envelope, keep=keep, lease_ms=lease_ms).__aenter__()
        self.runs[run] = opened
        return {"run_id": opened.run_id, "epoch": opened.epoch, "kept": opened.earlier}

    async def append(self, run, text=None, item=None):
        if item is None:
            await self.runs[run].append(text)
        else:
            await self.runs[run].append_item(item)

    async def flush(self, run):
        await self.runs[run].flush()

    async def end(self, run, status="completed", result=None):
        self.runs[run].end(status, result=result)
        await self.runs[run].__aexit__(None, None, None)

    async def fail(self, run, message):
        error = AgentError(message)
        await self.runs[run].__aexit__(AgentError, error, None)

    async def cancelled(self, run):
        return {"cancelled": self.runs[run].cancelled}

    async def ack(self):
        await self.gateway.ack(self.envelope)

    async def working(self):
        await self.gateway.working(self.envelope)

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        if self.gateway is not None:
            await self.gateway.close()


def code_of(error):
    if isinstance(error, ConnectionFailed):
        return str(error.code) if error.code else "closed"
    return "timeout" if isinstance(error, TimeoutError) else getattr(error, "code", type(error).__name__)


async def answer(line, halves):
    asked = json.loads(line)
    n, verb = asked.pop("n"), asked.pop("do")
    try:
        if verb == "close":
            for half in halves:
                await half.close()
            told = {}
        else:
            called = next((getattr(half, verb) for half in halves if hasattr(half, verb)), None)
            if called is None:
                raise Coded("unknown_verb", verb)
            told = await called(**asked) or {}
        say({"n": n, "ok": True} | told)
    except Exception as error:
        say({"n": n, "ok": False, "error": code_of(error), "message": str(error)})


def say(told):
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


async def main():
    halves, lines = (Reader(), Writer()), asyncio.StreamReader(limit=16 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    going = set()
    while line := await lines.readline():
        task = asyncio.create_task(answer(line, halves))
        going.add(task)
        task.add_done_callback(going.discard)
    for half in halves:
        await half.close()


asyncio.run(main())
