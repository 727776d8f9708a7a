"""A raw TCP peer: handmade HTTP requests, WebSocket handshakes and frames, lawful or not."""

import json
import os
import select
import socket
import ssl
import struct
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from support.certificates import any_certificate

DEADLINE = 20.0

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, 1.3
SAMPLE_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@dataclass(frozen=True)
class Response:
    status: int
    reason: str
    headers: list  # of (lower-case name, value), as they came
    body: bytes = b""

    def header(self, name):
        """The value of a header that must not occur twice; None when absent."""
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) <= 1, f"{name} occurs {len(values)} times"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)


@dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0
    masked: bool = False

    @property
    def text(self):
        return self.payload.decode()

    @property
    def close_code(self):
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else None

    @property
    def close_reason(self):
        return self.payload[2:].decode()


def frame(opcode, payload=b"", *, fin=True, rsv=0, mask=b"\x1f\x2e\x3d\x4c", length=None, length_bytes=None):
    """Encodes one frame, as a client must send it unless told otherwise.

    `mask` None leaves it unmasked. `length` announces another length than the payload has;
    `length_bytes` (0, 2 or 8) forces the form of the length field.
    """
    payload = payload.encode() if isinstance(payload, str) else payload
    size = len(payload) if length is None else length
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    masked = 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    head += {
        0: lambda: bytes([masked | size]),
        2: lambda: struct.pack("!BH", masked | 126, size),
        8: lambda: struct.pack("!BQ", masked | 127, size),
    }[length_bytes]()
    if not mask:
        return head + payload
    return head + mask + xor(payload, mask)


def xor(payload, mask):
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def close_frame(code=None, reason=b"", **options):
    payload = (
        b"" if code is None else struct.pack("!H", code) + (reason.encode() if isinstance(reason, str) else reason)
    )
    return frame(CLOSE, payload, **options)


def upgrade_request(target, host, headers=(), *, drop=(), method="GET", version="HTTP/1.1"):
    """A handshake as RFC 6455 4.1 wants it, less the headers named in `drop`, plus `headers`."""
    lines = [
        ("Host", host),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", SAMPLE_KEY),
        ("Sec-WebSocket-Version", "13"),
    ]
    dropped = {name.lower() for name in drop}
    lines = [(name, value) for name, value in lines if name.lower() not in dropped] + list(headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{method} {target} {version}\r\n{head}\r\n".encode("latin-1")


class Peer:
    """One connection, by TCP or to the path of a Unix socket. Reads keep what they did not use.

    `tls`: from the first byte on; True, or the context of a client.
    """

    def __init__(self, address, *, receive_buffer=None, source=None, tls=None, server_name=None):
        is_path = isinstance(address, str | Path)
        self.socket = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET, socket.SOCK_STREAM)
        if source is not None:  # another address of this machine
            self.socket.bind((source, 0))
        if receive_buffer is not None:  # must be set before connecting, for the window to be small
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(address) if is_path else address)
        if not is_path:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = "localhost" if is_path else f"{address[0]}:{address[1]}"
        self.buffer = bytearray()
        if tls:
            self.begin_tls(any_certificate() if tls is True else tls, server_name)

    def begin_tls(self, context, server_name=None):
        self.socket = context.wrap_socket(self.socket, server_hostname=server_name, suppress_ragged_eofs=False)

    # Bytes.

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes | bytearray) else data.encode())

    def send_what_fits(self, data) -> int:
        """Sends without waiting; how much the kernel took."""
        self.socket.settimeout(0)
        try:
            return self.socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return 0
        finally:
            self.socket.settimeout(DEADLINE)

    def fill(self, timeout=DEADLINE):
        """Waits for more bytes; EOFError at the end of the stream."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLEOFError):
            data = b""
        if not data:
            raise EOFError("the gateway closed the TCP connection")
        self.buffer += data

    def take(self, count, timeout=DEADLINE) -> bytes:
        while len(self.buffer) < count:
            self.fill(timeout)
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def at_end(self, timeout=DEADLINE) -> bool:
        """Whether the gateway closes the TCP connection within `timeout`; passes over whatever still comes."""
        end = time.monotonic() + timeout
        try:
            while time.monotonic() < end:
                self.fill(end - time.monotonic())
        except EOFError:
            return True
        except TimeoutError:
            pass
        return False

    def readable(self, timeout) -> bool:
        pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
        return bool(self.buffer) or bool(pending) or bool(select.select([self.socket], [], [], timeout)[0])

    def shut_down_writing(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Ends the connection with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    # HTTP.

    def response(self, timeout=DEADLINE, *, head=False) -> Response:
        while b"\r\n\r\n" not in self.buffer:
            self.fill(timeout)
        raw, _, _ = bytes(self.buffer).partition(b"\r\n\r\n")
        del self.buffer[: len(raw) + 4]
        status_line, *lines = raw.decode("latin-1").split("\r\n")
        _, status, reason = (status_line.split(" ", 2) + [""])[:3]
        headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        response = Response(int(status), reason, headers)
        if response.status == 101 or head or response.header("transfer-encoding"):
            return response
        length = response.header("content-length")
        return Response(int(status), reason, headers, self.take(int(length), timeout) if length else b"")

    def request(self, method, target, headers=(), body=b"", **options) -> Response:
        lines = [("Host", self.host), *headers]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        self.send(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        return self.response(**options)

    def upgrade(self, target="/ws", headers=(), **options) -> Response:
        """Sends a handshake (see upgrade_request) and returns the answer."""
        self.send(upgrade_request(target, options.pop("host", self.host), headers, **options))
        return self.response()

    # WebSocket frames.

    def send_frame(self, opcode, payload=b"", **options):
        self.send(frame(opcode, payload, **options))

    def send_message(self, message):
        text = message if isinstance(message, str) else json.dumps(message)
        self.send_frame(TEXT, text)

    def next_frame(self, timeout=DEADLINE) -> Frame:
        first, second = self.take(2, timeout)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.take(2, timeout))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.take(8, timeout))
        mask = self.take(4, timeout) if second & 0x80 else b""
        payload = self.take(size, timeout)
        return Frame(
            first & 0x0F, xor(payload, mask) if mask else payload, bool(first & 0x80), first >> 4 & 7, bool(mask)
        )

    def next_text(self, timeout=DEADLINE) -> str:
        """The next text message, passing over pings and pongs of both kinds."""
        while True:
            received = self.next_frame(timeout)
            assert received.opcode in (TEXT, PING, PONG), received
            if received.opcode == TEXT and not received.payload.startswith(b'{"type":"ping"'):
                return received.text

    def next_message(self, timeout=DEADLINE):
        return json.loads(self.next_text(timeout))

    def welcome(self):
        message = self.next_message()
        assert message["event"] == "welcome", message
        return message

    def closed(self, timeout=DEADLINE):
        """Reads up to the server's close frame, passing over everything else: (code, reason)."""
        end = time.monotonic() + timeout
        while True:
            received = self.next_frame(max(end - time.monotonic(), 0.001))
            if received.opcode == CLOSE:
                return received.close_code, received.close_reason


def random_key() -> str:
    return b64encode(os.urandom(16)).decode()
