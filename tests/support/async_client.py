"""A WebSocket client on an asyncio loop (the `websockets` library) that speaks JSON and keeps what it hears."""

import asyncio
import json
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from support.inbox import DEADLINE, Inbox, has


class AsyncClient:
    """One connection. Protocol pings are answered by the library; every message waits in `inbox`."""

    def __init__(self, socket, name="client"):
        self.socket = socket
        self.welcome = None
        self.inbox = Inbox(name)
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def dial(cls, ws_url, token=None, *, query="", headers=None, name="client", **options):
        """Connects, with the token in the query when there is one, and does not wait for a word."""
        parameters = [f"session_token={quote(token, safe='')}"] if token is not None else []
        url = ws_url + "?" + "&".join(parameters + ([query] if query else []))
        options = {"compression": None, "max_size": None, "max_queue": None, "ping_interval": None} | options
        socket = await connect(url, additional_headers=headers, open_timeout=DEADLINE, proxy=None, **options)
        return cls(socket, name)

    @classmethod
    async def open(cls, ws_url, token=None, **options):
        """Connects, and reads the welcome: the first message there is."""
        client = await cls.dial(ws_url, token, **options)
        try:
            client.welcome = await client.inbox.take(lambda _: True, "a welcome (no welcome)")
            assert client.welcome.get("event") == "welcome", f"no welcome, but {client.welcome}"
        except BaseException:
            await client.close()
            raise
        return client

    @property
    def connection_id(self):
        return self.welcome["connection_id"]

    @property
    def instance_id(self):
        return self.welcome["instance_id"]

    async def send(self, message):
        """Text as it is, anything else as JSON."""
        await self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def next(self, where=None, timeout=DEADLINE, **fields):
        """Takes the first message for which `where` holds, or with these fields."""
        return await self.inbox.take(where or has(**fields), f"a message with {fields or where}", timeout)

    async def ask(self, message, **fields):
        """Sends, and takes the answer: the first message with these fields from then on or before."""
        await self.send(message)
        return await self.next(**fields)

    async def say(self, channel, text, *, id, **fields):
        """A chat message; what answers it: an `ack` or an `error`."""
        await self.send({"channel": channel, "intent": "chat", "payload": {"message": text}, "id": id, **fields})
        return await self.next(lambda message: message.get("id") == id and message.get("type") in ("ack", "error"))

    async def settled(self):
        """Returns when whatever had been sent to it before is here: the answer to a ping comes behind it."""
        await self.ask({"type": "ping"}, type="pong")

    def heard(self, **fields) -> list:
        """What has come with these fields and was not taken."""
        return self.inbox.matching(has(**fields))

    async def closed(self, timeout=DEADLINE):
        """Waits until the other side has closed: (code, reason)."""
        done, _ = await asyncio.wait([self._reader], timeout=timeout)
        assert done, f"{self.inbox.name}: not closed within {timeout} s"
        return self.socket.close_code, self.socket.close_reason

    @property
    def is_open(self):
        return not self._reader.done()

    async def close(self):
        await self.socket.close()
        await self._reader

    async def _read(self):
        try:
            async for text in self.socket:
                await self.inbox.put(json.loads(text))
        except ConnectionClosed:
            pass
        await self.inbox.end(f"closed with {self.socket.close_code} {self.socket.close_reason!r}")
