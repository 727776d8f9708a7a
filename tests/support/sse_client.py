"""A well-behaved client whose WebSockets are blocked: it reads its messages as events, and posts its own."""

import contextlib
import json
import queue
import time
from urllib.parse import urlencode

import httpx

from support.client import Client
from support.sse import DEADLINE, EventStream

STREAM, SEND = "/connection/sse", "/connection/send"


class SseClient(Client):
    """Looks like a Client. Pings are answered when they are passed over, as clients/js does.

    `post_url`: where it posts; by default where its stream is.
    """

    def __init__(self, base_url, token=None, *, query=None, headers=None, post_url=None, method="POST", **options):
        asked = dict(query or {}) | ({"session_token": token} if token else {})
        self.stream = EventStream(base_url, STREAM, asked, None, headers=headers, method=method, **options)
        self.http = httpx.Client(base_url=post_url or base_url, timeout=DEADLINE, trust_env=False)
        self.sequence = 0
        self.welcome = None
        self._gaps = []

    @classmethod
    def open(cls, base_url, token=None, **options):
        client = cls(base_url, token, **options)
        client.welcome = client.receive()
        assert client.welcome["event"] == "welcome", client.welcome
        return client

    @property
    def send_token(self):
        return self.welcome["send_token"]

    def post(self, body, *, sequence=None, token=None, headers=None):
        """One POST, and its answer; without a sequence the next one of this client's."""
        if sequence is None:
            self.sequence = sequence = self.sequence + 1
        shown = {"Authorization": f"Bearer {token or self.send_token}"} if token != "" else {}
        return self.http.post(f"{SEND}?{urlencode({'seq': sequence})}", content=body, headers=shown | (headers or {}))

    def send(self, message):
        body = message if isinstance(message, str | bytes) else json.dumps(message)
        answer = self.post(body)
        while answer.status_code in (429, 503):
            time.sleep(0.05)
            answer = self.post(body, sequence=self.sequence)
        assert answer.status_code == 200, answer.text

    def receive_text(self, timeout=DEADLINE):
        while True:
            event = self.stream.next(timeout)
            assert event.event == "message", event
            if not event.data.startswith('{"type":"ping"'):
                return event.data
            self.send({"type": "pong"})

    def closed(self, timeout=DEADLINE):
        while True:
            event = self.stream.next(timeout)
            if event.event == "close":
                with contextlib.suppress(EOFError, queue.Empty):
                    raise AssertionError(f"{self.stream.next(timeout)} behind the close")
                return event.json()["code"], event.json()["reason"]

    def close(self, *_):
        self.http.close()
        self.stream.close()
