"""An agent with only a Redis client (docs/PROTOCOL.md, Redis): it listens on channels and answers through `reply_to`."""

import contextlib
import json
import queue
import threading
import time

import redis

from support.wait import eventually

DEADLINE = 20.0


class RedisAgent:
    """Subscribed once made. Envelopes are kept for next(); each goes to `on_envelope`, when given, before.

    It comes back by itself when the server does: `subscribed` tells whether it is.
    """

    def __init__(self, server, *channels, on_envelope=None, prefix="websocket:"):
        self.subscribed = threading.Event()
        self._server = server
        self._names = [f"{prefix}{channel}" for channel in channels]
        self._on_envelope = on_envelope
        self._envelopes = queue.Queue()
        self._closed = False
        self._publisher = server.client()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self.subscribed.wait(DEADLINE), "the agent could not subscribe"

    def next(self, timeout=DEADLINE) -> dict:
        return json.loads(self._envelopes.get(timeout=timeout))

    def next_text(self, timeout=DEADLINE) -> str:
        return self._envelopes.get(timeout=timeout)

    def waiting(self) -> int:
        return self._envelopes.qsize()

    def answer(self, envelope, message) -> int:
        """To the connection that the envelope came from; how many gateways heard it."""
        return self.reply(envelope, json.dumps({"connection_id": envelope["connection_id"], "message": message}))

    def reply(self, envelope, text) -> int:
        """The same with a text of its own making."""
        return self._publisher.publish(envelope["reply_to"], text)

    def close(self):
        self._closed = True
        self._thread.join(DEADLINE)
        self._publisher.close()

    def _run(self):
        while not self._closed:
            with contextlib.suppress(redis.RedisError, OSError):
                self._listen()
            self.subscribed.clear()
            if not self._closed:
                time.sleep(0.02)  # before it tries again

    def _listen(self):
        with self._server.client(socket_timeout=None, encoding_errors="replace") as client, client.pubsub() as pubsub:
            pubsub.subscribe(*self._names)
            confirmed = 0
            while not self._closed:
                message = pubsub.get_message(timeout=0.1)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    confirmed += 1
                    if confirmed == len(self._names):
                        self.subscribed.set()
                elif message["type"] == "message":
                    self._take(message["data"])

    def _take(self, text):
        if self._on_envelope is not None:
            # An answer that fails ends nothing: further envelopes may have come before the connection went.
            with contextlib.suppress(redis.RedisError, OSError):
                self._on_envelope(self, json.loads(text))
        self._envelopes.put(text)


def collect_events(server) -> RedisAgent:
    """Who came and went, as `websocket:events` tells it: next() gives an event."""
    return RedisAgent(server, "events")


def wait_for_group(server, stream, group):
    """Until the consumer group is there."""

    def exists():
        with server.client() as client, contextlib.suppress(redis.ResponseError):
            return any(info["name"] == group for info in client.xinfo_groups(stream))
        return False

    eventually(exists, 10, f"{stream} has the group {group}")
