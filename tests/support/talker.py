"""Clients that talk on and on, whatever happens to what they talk to, and keep books of it.

    talker = Talker(checker, lambda: gateway.connect(session), "t1").start()
    ...
    talker.stop()
"""

import contextlib
import json
import threading
import time

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from support.wait import eventually

DEADLINE = 30.0


class Talker:
    """Sends a message with an id every `interval`, at most `open_max` unanswered ones ahead.

    `connect` gives a welcomed client. When a close code is among `come_back_on`, it connects again and sends
    again what was not answered. `closes` has every close code (1006: none came).
    """

    def __init__(
        self, checker, connect, name, *, channel="guide", interval=0.02, open_max=200, come_back_on=(1012,), fill=""
    ):
        self.closes = []
        self.client = None
        self._checker, self._connect, self._name = checker, connect, name
        self._channel, self._fill, self._sent = channel, fill, 0
        self._interval, self._open_max, self._come_back_on = interval, open_max, come_back_on
        self._open = {}  # id -> message, in the order of sending
        self._changed = threading.Condition()
        self._stopping = False
        self._ended = False
        self._threads = []

    def start(self):
        self.client = self._connect()
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._send_all, self._receive_all)]
        for thread in self._threads:
            thread.start()
        return self

    def stop(self, deadline=DEADLINE):
        """No further messages; returns once all are answered, or after the deadline."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._open or self._ended, deadline)
            self._ended = True
            self._changed.notify_all()
        self._threads[0].join(DEADLINE)
        self.client.close()
        self._threads[1].join(DEADLINE)

    @property
    def open(self) -> int:
        with self._changed:
            return len(self._open)

    def _send_all(self):
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._ended, self._interval)
                if self._stopping or self._ended:
                    return
                if len(self._open) >= self._open_max:
                    continue
                message = self._next_message()
                self._open[message["id"]] = message
                self._send(message)

    def _next_message(self):
        self._sent += 1
        payload = {"n": self._sent, "fill": self._fill}
        return {"channel": self._channel, "id": f"{self._name}-{self._sent}", "payload": payload}

    def _send(self, message):
        """With the lock, so that what is sent again keeps its place before what is new."""
        self._checker.sent(self.client.connection_id, message)
        with contextlib.suppress(ConnectionClosed):  # the receiver sees that too
            self.client.send(message)

    def _receive_all(self):
        while True:
            client = self.client
            try:
                message = json.loads(client.receive_text(1.0))
            except TimeoutError:
                if self._ended:
                    return
                continue
            except ConnectionClosed as closed:
                if self._ended or not self._come_back(closed):
                    return
                continue
            self._take(client, message)

    def _take(self, client, message):
        if message.get("type") == "ack" or (message.get("type") == "error" and "id" in message):
            self._checker.answered(client.connection_id, message)
            with self._changed:
                self._open.pop(message["id"], None)
                self._changed.notify_all()
        elif "answer_to" in message:
            self._checker.client_received(client.connection_id, message)

    def _come_back(self, closed) -> bool:
        code = closed.rcvd.code if closed.rcvd is not None else 1006
        self.closes.append(code)
        if code not in self._come_back_on:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            return False
        with self._changed:
            self.client = eventually(self._try_connect, DEADLINE, "connected again")
            for message in list(self._open.values()):
                self._send(message)
        return True

    def _try_connect(self):
        with contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed, TimeoutError):
            return self._connect()


def talk_for(seconds, talkers):
    """Lets them talk that long, then waits for what is open."""
    end = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= end, seconds + 5)
    for talker in talkers:
        talker.stop()
