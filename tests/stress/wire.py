"""One TCP connection of a peer that does as it likes, on an asyncio loop."""

import asyncio
import json
import socket
import struct

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST
PATIENCE = 5.0
READ_BYTES = 65536
POST_OFFICE = "/api/post-office/websocket"
SESSIONS = "/api/traffic-cop/sessions"


class Gone(Exception):
    """The connection ended, or nothing came: a peer's life ends with it."""


def request(method, path, key=None, body=None, headers=()) -> bytes:
    """As sent by a sound client. `body` that is not bytes goes as JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers)]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    content = b""
    if body is not None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + content


class Wire:
    """For `async with`. Ends in whatever way leave() draws, unless it has ended before."""

    def __init__(self, rng, address, *, receive_buffer=None):
        self.received = bytearray()
        self._rng, self._address, self._receive_buffer = rng, address, receive_buffer
        self._socket = None

    async def __aenter__(self):
        self._socket = socket.socket()
        self._socket.setblocking(False)
        try:
            if self._receive_buffer:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._on_time(asyncio.get_running_loop().sock_connect(self._socket, self._address))
        except BaseException:
            self._socket.close()
            raise
        return self

    async def __aexit__(self, *_):
        self.leave()

    def leave(self):
        """By FIN or by RST, with what has come read or unread."""
        if self._rng.random() < 0.5:
            self.reset()
        self._socket.close()

    def reset(self):
        if self._socket.fileno() >= 0:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._socket.close()

    def shut_down_writing(self):
        self._guard(lambda: self._socket.shutdown(socket.SHUT_WR))

    async def send(self, data: bytes):
        """At once, or now and then in pieces."""
        loop = asyncio.get_running_loop()
        if len(data) > 1 and self._rng.random() < 0.1:
            cut = self._rng.randrange(1, len(data))
            await self._on_time(loop.sock_sendall(self._socket, data[:cut]))
            await asyncio.sleep(self._rng.random() * 0.01)
            data = data[cut:]
        await self._on_time(loop.sock_sendall(self._socket, data))

    async def read(self, patience=PATIENCE) -> bytes:
        """What comes next."""
        data = await self._on_time(asyncio.get_running_loop().sock_recv(self._socket, READ_BYTES), patience)
        if not data:
            raise Gone
        self.received += data
        return data

    async def read_for(self, seconds):
        """All that comes in that time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0:
            try:
                await self.read(left)
            except TimeoutError:
                return

    async def read_until(self, pattern, patience=PATIENCE):
        """The first match of a compiled pattern in all that has come."""
        while not (match := pattern.search(self.received)):
            await self.read(patience)
        return match

    async def answer(self, patience=PATIENCE) -> tuple[int, bytes]:
        """Status and body of an answer that has its length."""
        while (end := self.received.find(b"\r\n\r\n")) < 0:
            await self.read(patience)
        head = bytes(self.received[:end]).decode("latin-1").lower()
        length = int(head.partition("content-length: ")[2].partition("\r")[0] or 0)
        while len(self.received) < end + 4 + length:
            await self.read(patience)
        body = bytes(self.received[end + 4 : end + 4 + length])
        del self.received[: end + 4 + length]
        return int(head.split(" ", 2)[1]), body

    async def _on_time(self, awaitable, patience=PATIENCE):
        async with asyncio.timeout(patience):  # wait_for() may swallow a cancellation
            return await awaitable

    @staticmethod
    def _guard(act):
        try:
            act()
        except OSError:
            raise Gone from None
