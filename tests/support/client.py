"""A well-behaved WebSocket client (the `websockets` library) that speaks JSON."""

import json
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support.certificates import any_certificate

DEADLINE = 20.0


class Client:
    """One connection. Protocol pings are answered by the library; `{"type":"ping"}` is passed over, and so are gaps
    that follow each loss of Redis: `gap()` waits for one."""

    def __init__(self, url, *, headers=None, **options):
        if url.startswith("wss:"):
            options = {"ssl": any_certificate()} | options
        options = {"compression": None, "max_size": None, "max_queue": None, "ping_interval": None} | options
        self.socket = connect(url, additional_headers=headers, open_timeout=DEADLINE, proxy=None, legacy=True, **options)
        self.welcome = None
        self._gaps = []

    @classmethod
    def open(cls, ws_url, token, *, query="", **options):
        """Connects with the session token in the query, and reads the welcome."""
        client = cls(f"{ws_url}?session_token={quote(token, safe='')}{query}", **options)
        client.welcome = client.receive()
        assert client.welcome["event"] == "welcome", client.welcome
        return client

    @property
    def connection_id(self):
        return self.welcome["connection_id"]

    def send(self, message):
        """Sends a message: text as it is, anything else as JSON."""
        self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def receive_text(self, timeout=DEADLINE) -> str:
        while True:
            text = self.socket.recv(timeout)
            if is_gap(text):
                self._gaps.append(json.loads(text))
            elif not is_ping(text):
                return text

    def gap(self, timeout=DEADLINE):
        """The oldest gap not yet taken; what else comes until then is passed over."""
        while not self._gaps:
            text = self.socket.recv(timeout)
            if is_gap(text):
                self._gaps.append(json.loads(text))
        return self._gaps.pop(0)

    def receive(self, timeout=DEADLINE):
        return json.loads(self.receive_text(timeout))

    def ask(self, message):
        """Sends, and returns the next message that comes."""
        self.send(message)
        return self.receive()

    def say(self, channel="guide", *, id=None, text="hello", **fields):
        """Sends a chat message; with an id, waits for what answers it (an ack or an error)."""
        message = {"channel": channel, "payload": {"message": text}, **fields}
        if id is None:
            return self.send(message)
        return self.ask(message | {"id": id})

    def assert_silent(self):
        """Nothing is waiting: the answer to a ping is the next message."""
        answer = self.ask({"type": "ping"})
        assert answer["type"] == "pong", answer

    def closed(self, timeout=DEADLINE):
        """Waits until the server has closed, passing over messages. Returns (code, reason)."""
        try:
            while True:
                self.socket.recv(timeout)
        except ConnectionClosed as error:
            assert error.rcvd is not None, "the connection was cut without a close frame"
            return error.rcvd.code, error.rcvd.reason

    def close(self, code=1000, reason=""):
        self.socket.close(code, reason)


def is_ping(text) -> bool:
    return isinstance(text, str) and text.startswith('{"type":"ping"')


def is_gap(text) -> bool:
    return isinstance(text, str) and text.startswith('{"type":"system","event":"gap"')
