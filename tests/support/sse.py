"""A Server-Sent Events stream, read as it comes (WHATWG HTML, 9.2)."""

import contextlib
import http.client
import json
import queue
import re
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from support.certificates import any_certificate

DEADLINE = 20.0
LINE_END = re.compile(r"\r\n?")


@dataclass(frozen=True)
class Event:
    id: str
    event: str
    data: str  # as it was sent, byte for byte

    def json(self):
        return json.loads(self.data)


class EventStream:
    """A GET, or a POST of the JSON `post`, or `method`. Subscribed once the constructor returns with status 200; `next()` is the oldest event not yet taken.

    With another status, `status` and `body` say why. With `stalled`, nothing is read (and little fits into
    the socket) until read().
    """

    def __init__(self, base_url, path, query, key, *, stalled=False, headers=None, post=None, method=None):
        target = urlsplit(base_url)
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=DEADLINE)
        connection.sock = socket.socket()
        if stalled:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sock.settimeout(DEADLINE)
        connection.sock.connect((target.hostname, target.port))
        if target.scheme == "https":
            connection.sock = any_certificate().wrap_socket(connection.sock, suppress_ragged_eofs=False)
        own = {"Accept": "text/event-stream"} | ({"Authorization": f"Bearer {key}"} if key is not None else {})
        headers = own | (headers or {})
        if post is not None:
            headers.setdefault("Content-Type", "application/json")
        body = None if post is None else json.dumps(post)
        connection.request(method or ("GET" if post is None else "POST"), f"{path}?{urlencode(query)}", body, headers)
        self._socket = connection.sock
        self._response = connection.getresponse()
        self.status = self._response.status
        self.headers = self._response.headers
        self.comments = []
        self.body = None
        self._events = queue.Queue()
        self._reader = None
        if self.status != 200:
            self.body = json.loads(self._response.read() or "null")
            return
        # Silence is normal here: keep-alive comments are tens of seconds apart.
        self._socket.settimeout(None)
        if not stalled:
            self.read()

    def read(self):
        """Begins to read; only a stalled stream needs to be told."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def next(self, timeout=DEADLINE) -> Event:
        """The next event; raises queue.Empty after `timeout`, EOFError once the stream has ended."""
        event = self._events.get(timeout=timeout)
        if event is None:
            self._events.put(None)
            raise EOFError("the stream has ended")
        return event

    def envelope(self, timeout=DEADLINE) -> dict:
        return self.next(timeout).json()

    def next_from(self, client, timeout=DEADLINE) -> Event:
        """The next envelope of that client's, passing over those of others."""
        while True:
            event = self.next(timeout)
            if event.json().get("connection_id") == client.connection_id:
                return event

    def take(self, count, timeout=DEADLINE) -> list:
        return [self.next(timeout) for _ in range(count)]

    def waiting(self) -> int:
        """How many events have come and were not taken."""
        return self._events.qsize()

    def ended(self, timeout=DEADLINE):
        """Waits for the server to end the stream."""
        self._reader.join(timeout)
        return not self._reader.is_alive()

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._reader is not None:
            self._reader.join(DEADLINE)
        self._response.close()
        self._socket.close()

    def _lines(self):
        for raw in self._response:
            # LF, CR LF and a lone CR end a line alike.
            yield from LINE_END.split(raw.decode().removesuffix("\n").removesuffix("\r"))

    def _read(self):
        event_id, name, data = "", "message", []
        try:
            for line in self._lines():
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if not line:
                    if data:
                        self._events.put(Event(event_id, name, "\n".join(data)))
                    name, data = "message", []
                elif not field:
                    self.comments.append(value)
                elif field == "data":
                    data.append(value)
                elif field == "event":
                    name = value
                elif field == "id":
                    event_id = value
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # closed from this side, or cut
        self._events.put(None)
