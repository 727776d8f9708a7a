"""One connection through support.tcp_proxy: two flows, each with its own latency, bandwidth and stall.

All of it runs in callbacks of the proxy's loop.
"""

import contextlib
import socket
import struct
from collections import deque
from dataclasses import dataclass

OPENING_BYTES = 4096
CHUNK_BYTES = 65536
# What a stalled or slow flow holds back before it stops reading, like the buffers of a network.
HELD_BYTES_MAX = 8 << 20
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST


@dataclass(frozen=True)
class Shape:
    latency: float = 0.0  # seconds
    bandwidth: float | None = None  # bytes a second
    stalled: bool = False


class Flow:
    """One direction: bytes leave in order, each its latency after it came, no faster than the bandwidth."""

    def __init__(self, loop, source, sink, *, on_read, on_end):
        self.passed = 0
        self._loop, self._source, self._sink = loop, source, sink
        self._on_read, self._on_end = on_read, on_end
        self._shape = Shape()
        self._held = deque()  # (when it came, bytes; none for the end)
        self._held_bytes = 0
        self._free_at = 0.0  # when the line has carried what left before
        self._timer = None
        self._running = False
        self._source_ended = False

    def start(self):
        self._running = True
        self._loop.add_reader(self._source, self._read)

    def stop(self):
        if self._running:
            self._running = False
            self._loop.remove_reader(self._source)
            self._loop.remove_writer(self._sink)
            self._set_timer(None)

    def reshape(self, shape):
        if shape != self._shape:
            self._shape = shape
            if self._running:
                self._write()

    def _read(self):
        try:
            data = self._source.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._held.append((self._loop.time(), data))
        self._held_bytes += len(data)
        self._source_ended = not data
        if self._source_ended or self._held_bytes >= HELD_BYTES_MAX:
            self._loop.remove_reader(self._source)
        self._on_read(data)
        self._write()

    def _write(self):
        """Sends what is due, and sees to it that the rest gets its turn."""
        if not self._running:
            return None
        self._loop.remove_writer(self._sink)
        self._set_timer(None)
        while self._held and not self._shape.stalled:
            if (due := self._due()) > self._loop.time():
                return self._set_timer(due)
            came, data = self._held.popleft()
            if not data:
                return self._end()
            sent = self._send(data[: self._step()])
            if sent is None:
                return self._on_end(broken=True)
            if sent < len(data):
                self._held.appendleft((came, data[sent:]))
            if sent == 0:
                return self._loop.add_writer(self._sink, self._write)
        return None

    def _due(self):
        came, _ = self._held[0]
        line_free = self._free_at if self._shape.bandwidth else 0
        return max(came + self._shape.latency, line_free)

    def _step(self) -> int:
        """What leaves at once: a hundredth of a second's worth, so that the stream is even."""
        return max(1, int(self._shape.bandwidth / 100)) if self._shape.bandwidth else CHUNK_BYTES

    def _send(self, data) -> int | None:
        """How much was taken; None when the sink is gone."""
        try:
            sent = self._sink.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return None
        self.passed += sent
        if self._shape.bandwidth:
            self._free_at = max(self._free_at, self._loop.time()) + sent / self._shape.bandwidth
        if self._held_bytes >= HELD_BYTES_MAX > self._held_bytes - sent and not self._source_ended:
            self._loop.add_reader(self._source, self._read)
        self._held_bytes -= sent
        return sent

    def _end(self):
        with contextlib.suppress(OSError):
            self._sink.shutdown(socket.SHUT_WR)
        self._on_end(broken=False)

    def _set_timer(self, due):
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due is None else self._loop.call_at(due, self._write)


class Link:
    """A client's connection and the one made to the target for it. `on_change`: it has sent or ended."""

    def __init__(self, loop, client, target_address, *, on_change):
        self.opening = b""  # what the client sent first
        self.whole = True  # both sides are there
        self.closed = False
        self._loop = loop
        self._on_change = on_change
        self._client, self._target = client, socket.socket()
        self._flows = {
            "up": self._flow(client, self._target, self._client_sent),
            "down": self._flow(self._target, client, lambda _: None),
        }
        self._open_ends = 2
        for end in (client, self._target):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._target.connect_ex(target_address)
        loop.add_writer(self._target, self._connected)

    def flow(self, direction) -> Flow:
        return self._flows[direction]

    def close(self, *, reset):
        self._stop()
        self.closed = True
        for end in (self._client, self._target):
            close(end, reset)
        self._on_change(self)

    def half_open(self, dead):
        """The dead side's peer sees a reset; the other side stays, and nobody hears it."""
        self._stop()
        gone, left = (self._target, self._client) if dead == "target" else (self._client, self._target)
        close(gone, reset=True)
        self._loop.add_reader(left, self._swallow, left)
        self._on_change(self)

    def _flow(self, source, sink, on_read):
        return Flow(self._loop, source, sink, on_read=on_read, on_end=self._flow_ended)

    def _connected(self):
        self._loop.remove_writer(self._target)
        if self._target.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return self.close(reset=True)
        for flow in self._flows.values():
            flow.start()

    def _client_sent(self, data):
        if len(self.opening) < OPENING_BYTES:
            self.opening = (self.opening + data)[:OPENING_BYTES]
            self._on_change(self)

    def _flow_ended(self, *, broken):
        self._open_ends -= 1
        if broken or self._open_ends == 0:
            self.close(reset=broken)

    def _swallow(self, left):
        """Until the one that is left ends it; nobody else will."""
        try:
            if not left.recv(CHUNK_BYTES):
                self.close(reset=False)
        except BlockingIOError:
            pass
        except OSError:
            self.close(reset=True)

    def _stop(self):
        self.whole = False
        for flow in self._flows.values():
            flow.stop()
        for end in (self._client, self._target):
            if end.fileno() != -1:
                self._loop.remove_reader(end)
                self._loop.remove_writer(end)


def close(end, reset):
    with contextlib.suppress(OSError):
        if reset:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.close()
