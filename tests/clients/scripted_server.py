"""A /ws that does what a test says with each connection: welcome, close codes, silence.

    with ScriptedServer(closing(4004), welcoming) as server: ...

A script is called with the connection; the last one serves all that follow.
"""

import contextlib
import json
import threading
import time
from urllib.parse import unquote

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

WELCOME = {"type": "system", "event": "welcome", "message": "", "connection_id": "ws_1", "instance_id": "scripted",
           "heartbeat_interval": 30, "timestamp": "2026-01-02T03:04:05.678Z"}  # fmt: skip


class Connection:
    """`at` is when it came; `heard` is what it said, so far."""

    def __init__(self, socket):
        self.socket, self.at, self.heard = socket, time.monotonic(), []

    @property
    def token(self):
        headers = self.socket.request.headers
        offered = [item.strip() for item in headers.get("Sec-WebSocket-Protocol", "").split(",")]
        named = [unquote(item.removeprefix("bearer.")) for item in offered if item.startswith("bearer.")]
        return named[0] if named else headers.get("Authorization", "").removeprefix("Bearer ")

    def say(self, message):
        self.socket.send(json.dumps(message))

    def welcome(self):
        self.say(WELCOME)

    def hear(self, timeout=20):
        """The next that is no answer to a ping."""
        while True:
            message = json.loads(self.socket.recv(timeout))
            if message.get("type") not in ("ping", "pong"):
                self.heard.append(message)
                return message

    def close(self, code, reason=""):
        self.socket.close(code, reason)

    def stay(self):
        """Until the other side ends it."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.socket.recv()


class ScriptedServer:
    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.connections = []
        self.errors = []

    def __enter__(self):
        self._server = serve(self._serve, "127.0.0.1", 0, subprotocols=["gateway.v1"], select_subprotocol=choose, compression=None)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join(10)
        assert not self.errors, self.errors

    @property
    def url(self):
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/ws"

    @property
    def tokens(self):
        return [connection.token for connection in self.connections]

    def _serve(self, socket):
        connection = Connection(socket)
        script = self.scripts[min(len(self.connections), len(self.scripts) - 1)]
        self.connections.append(connection)
        try:
            script(connection)
        except ConnectionClosed:
            pass
        except Exception as error:
            self.errors.append(repr(error))


def choose(_, offered):
    return "gateway.v1" if "gateway.v1" in offered else None


# Scripts.

def welcoming(connection):
    connection.welcome()
    connection.stay()


def closing(code):
    """As the gateway refuses: without a welcome."""
    return lambda connection: connection.close(code)


def ending(code):
    """After the welcome."""
    def end(connection):
        connection.welcome()
        connection.close(code)
    return end
