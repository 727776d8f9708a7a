"""A TCP proxy that ends its connections by itself, after as many bytes as it was told to draw.

    with CuttingProxy(gateway.address, lambda: (rng.randrange(4000), None)) as proxy: ...
"""

import asyncio
import contextlib
import socket
import struct
import threading


class CuttingProxy:
    """`limits()` draws for each connection how many bytes go through: (down, up); None: no end. The byte behind ends it."""

    def __init__(self, target, limits):
        self.target, self.limits = target, limits
        self.drops = 0
        self.port = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks = set()

    def __enter__(self):
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _close(self):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        ends = [writer]
        with contextlib.suppress(OSError, asyncio.CancelledError):
            other_reader, other = await asyncio.open_connection(*self.target)
            ends.append(other)
            down, up = self.limits()
            flows = {asyncio.create_task(self._pass(other_reader, writer, down)), asyncio.create_task(self._pass(reader, other, up))}
            try:
                await asyncio.wait(flows, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for flow in flows:
                    flow.cancel()
                await asyncio.gather(*flows, return_exceptions=True)
        for end in ends:
            reset(end)
        self._tasks.discard(task)

    async def _pass(self, reader, writer, limit):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if limit is not None and len(data) > limit:
                    writer.write(data[:limit])
                    await writer.drain()
                    self.drops += 1
                    return
                limit = None if limit is None else limit - len(data)
                writer.write(data)
                await writer.drain()


def reset(writer):
    """The connection ends as when its machine has gone."""
    with contextlib.suppress(OSError):
        sock = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
