"""A proxy on the way that lets no WebSocket through: whoever asks for one gets 403. The rest passes as it comes."""

import asyncio
import contextlib

from clients.cutting_proxy import CuttingProxy

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class NoWebSockets(CuttingProxy):
    """`handshakes`: how many were refused. With `lets_through` set, none is any more; `websockets`: how many are open."""

    def __init__(self, target):
        super().__init__(target, lambda: (None, None))
        self.handshakes = self.websockets = 0
        self.lets_through = False

    async def _serve(self, reader, writer):
        head = b""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
        is_websocket = b"upgrade: websocket" in head.lower()
        if is_websocket and not self.lets_through:
            self.handshakes += 1
            writer.write(REFUSAL)
            writer.close()
            return
        told = asyncio.StreamReader()
        told.feed_data(head)
        asyncio.create_task(self._go_on(reader, told))  # noqa: RUF006 (it ends with its connection)
        self.websockets += is_websocket
        await super()._serve(told, writer)
        self.websockets -= is_websocket

    async def _go_on(self, reader, told):
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(65536):
                told.feed_data(data)
        told.feed_eof()
