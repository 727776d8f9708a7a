"""Every command that a Redis server executes, as MONITOR tells it."""

import contextlib
import os
import re
import threading
from dataclasses import dataclass

import redis

LINE = re.compile(rb'^([\d.]+) \[(\d+) ([^\]]*)\] (".*")$', re.DOTALL)
ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
DEADLINE = 20.0


@dataclass(frozen=True)
class Command:
    time: float
    database: int
    client: str  # its address; "lua" for a script's calls
    arguments: tuple[bytes, ...]

    @property
    def name(self) -> str:
        return self.arguments[0].decode().upper()


class Monitor:
    """Records from `with` on; commands() is complete up to the call."""

    def __init__(self, client: redis.Redis):
        self._client = client
        self._commands = []
        self._markers = set()
        self._changed = threading.Condition()

    def __enter__(self):
        self._connection = self._client.connection_pool.get_connection()
        self._connection.send_command("MONITOR")
        assert self._connection.read_response() in (b"OK", "OK")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._connection._sock.shutdown(2)
        self._reader.join(DEADLINE)
        self._client.close()

    def commands(self, *names) -> list[Command]:
        """What was executed up to now, but for this class's own ECHOs; with names, only those commands."""
        marker = os.urandom(12).hex().encode()
        self._client.echo(marker)
        with self._changed:
            assert self._changed.wait_for(lambda: marker in self._markers, DEADLINE), "the monitor went silent"
            recorded = list(self._commands)
        wanted = {name.upper() for name in names}
        return [command for command in recorded if not wanted or command.name in wanted]

    def _read(self):
        while True:
            try:
                line = self._connection.read_response(disable_decoding=True, timeout=None)
            except (redis.RedisError, OSError, ValueError, AttributeError):
                return  # closed, or the server is gone
            command = parse(line)
            with self._changed:
                if command.name == "ECHO":
                    self._markers.add(command.arguments[1])
                    self._changed.notify_all()
                else:
                    self._commands.append(command)


def parse(line: bytes) -> Command:
    match = LINE.match(line)
    assert match, line
    arguments = tuple(unescape(argument[1]) for argument in ARGUMENT.finditer(match[4]))
    return Command(float(match[1]), int(match[2]), match[3].decode(), arguments)


def unescape(quoted: bytes) -> bytes:
    def plain(match):
        kind = match[1]
        return bytes([int(kind[1:], 16)]) if len(kind) == 3 else NAMED.get(kind, kind)

    return ESCAPE.sub(plain, quoted)
