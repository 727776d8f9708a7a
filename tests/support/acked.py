"""Whether what was acknowledged arrives: clients and agents that outlast every fault, and the books that they keep.

    books = Books()
    with Traffic(books, gateways) as traffic, StreamAgent(books, "agent", urls, key) as agent:
        ...
        traffic.stop()
        books.wait_for_all("agent")

Nothing is asked of a gateway or of Redis: what counts is what a client was told and what an agent was given.
"""

import contextlib
import http.client
import itertools
import json
import os
import threading
import time
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from support.api import POST_OFFICE
from support.checker import Checker
from support.talker import DEADLINE, Talker
from support.wait import eventually

QUIET_SECONDS = 75.0  # more than two deliveries to a group, 30 s apart
CONNECTED_WITHIN = 90.0
RECONNECT_SECONDS = 0.1
ACK_SECONDS = 0.1
COME_BACK_ON = (1001, 1006, 1012, 4000)


class Books(Checker):
    """A checker that tells agents apart: each that was there has to have everything."""

    def missing_at(self, agent, excused=()) -> list:
        """(id, what it was told), acknowledged and never given to that agent, in the order of sending."""
        with self._lock:
            received = {envelope["message"].get("id") for envelope in self._received[agent]}
            return [(id, entry.answer["status"]) for id, entry in self._sent.items()
                    if entry.answer is not None and entry.answer["type"] == "ack" and entry.answer["status"] not in excused
                    and id not in received]

    def count_at(self, agent) -> int:
        with self._lock:
            return len(self._received[agent])

    def wait_for_all(self, *agents, excused=()):
        """Until nothing is missing any more, or nothing more comes. `excused`: of what was told so the loss is no fault."""
        for agent in agents:
            missing, since = None, time.monotonic()
            while (now := self.missing_at(agent, excused)) and time.monotonic() - since < QUIET_SECONDS:
                if now != missing:
                    missing, since = now, time.monotonic()
                time.sleep(0.1)
        told = {agent: (len(ids), ids[:8]) for agent in agents if (ids := self.missing_at(agent, excused))}
        assert not told, f"of {self.taken()} acknowledged messages never arrived, how many and the first of them: {told}"

    def assert_right(self, *, in_order=True):
        """The rest: each connection's in order and nobody's altered. Twice is allowed with the same message_id."""
        allowed = ("lost", "redelivered") if in_order else ("lost", "redelivered", "disordered")
        report = self.report()
        report.assert_clean(allowed=allowed)
        return report


class Traffic:
    """Clients that name themselves, some at each gateway; one whose gateway is gone goes to the next, and says again what
    was not answered."""

    def __init__(self, books, gateways, *, clients=4, interval=0.03, channel="guide"):
        self._gateways = list(gateways)
        self._talkers = []
        for number in range(clients):
            name = f"client-{os.urandom(3).hex()}"
            token = eventually(lambda: gateways[0].new_session(user_id=f"user-of-{name}"), CONNECTED_WITHIN)
            self._talkers.append(Talker(books, self._connector(token, number), name, channel=channel, interval=interval, come_back_on=COME_BACK_ON))

    def __enter__(self):
        for talker in self._talkers:
            talker.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def run_for(self, seconds):
        """Lets them talk that long."""
        end = time.monotonic() + seconds
        eventually(lambda: time.monotonic() >= end, seconds + 5)

    def stop(self, deadline=DEADLINE):
        """No further messages, and each that was sent is answered."""
        for talker in self._talkers:
            talker.stop(deadline)
        self._talkers = []

    def _connector(self, token, number):
        """To one gateway after another, until one lets it in."""
        first = number % len(self._gateways)
        turn = itertools.cycle(self._gateways[first:] + self._gateways[:first])

        def try_connect():
            with contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed, TimeoutError):
                return next(turn).connect(token, query=f"&client_id=c{number}")

        return lambda: eventually(try_connect, CONNECTED_WITHIN, "some gateway lets a client in", interval=0.2)


class StreamAgent:
    """An event stream that comes back, to the next address, whenever it ends, as examples/agent.py does.

    With `resumes` it says what it had last (`Last-Event-ID`). In a group it acknowledges what it got.
    """

    def __init__(self, books, name, urls, key, *, channel="guide", group=None, resumes=True, last_id=None):
        self.last_id = last_id
        self.subscribed = threading.Event()
        self.statuses = []  # of answers other than 200
        self.gaps = 0  # how often it was told that it may have missed something
        self._books, self._name, self._urls, self._key = books, name, list(urls), key
        self._channel, self._group, self._resumes = channel, group, resumes
        self._connection = None
        self._closed = threading.Event()
        self._open_ids, self._lock = [], threading.Lock()
        targets = [self._run] + ([self._acknowledge_all] if group else [])
        self._threads = [threading.Thread(target=target, daemon=True) for target in targets]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        assert self.subscribed.wait(DEADLINE), f"{self._name} could not subscribe: {self.statuses[-3:]}"
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._closed.set()
        self.cut()
        for thread in self._threads:
            thread.join(DEADLINE)

    def cut(self):
        """Its connection ends from its own side; it comes back by itself unless it was closed."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(2)

    def _run(self):
        while not self._closed.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
                self._read(self._urls[0])
            self._urls.append(self._urls.pop(0))
            self._closed.wait(RECONNECT_SECONDS)

    def _read(self, url):
        target = urlsplit(url)
        query = {"channel": self._channel} | ({"group": self._group} if self._group else {})
        headers = {"Authorization": f"Bearer {self._key}"}
        if self._resumes and self.last_id and not self._group:
            headers["Last-Event-ID"] = self.last_id
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=DEADLINE)
        connection.connect()
        self._connection = connection
        try:
            if self._closed.is_set():
                return
            connection.request("GET", f"{POST_OFFICE}/subscribe?{urlencode(query)}", headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                self.statuses.append(response.status)
                return
            self.subscribed.set()
            connection.sock.settimeout(DEADLINE)  # keep-alive comments come more often
            self._take_events(response)
        finally:
            connection.close()

    def _take_events(self, response):
        event_id, name = None, "message"
        for raw in response:
            field, _, value = raw.decode().rstrip("\n").partition(": ")
            if field == "id":
                event_id = value
            elif field == "event":
                name = value
                self.gaps += name == "gap"
            elif field == "data" and name == "message":
                self._take(event_id, json.loads(value))
            elif not field:
                name = "message"

    def _take(self, event_id, envelope):
        self._books.agent_received(self._name, envelope)
        self.last_id = event_id
        if self._group:
            with self._lock:
                self._open_ids.append(event_id)

    def _acknowledge_all(self):
        while not self._closed.wait(ACK_SECONDS):
            with self._lock:
                ids, self._open_ids = self._open_ids, []
            if ids and not self._acknowledged(ids):
                with self._lock:
                    self._open_ids = ids + self._open_ids

    def _acknowledged(self, ids) -> bool:
        target = urlsplit(self._urls[0])
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=DEADLINE)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            body = json.dumps({"channel": self._channel, "group": self._group, "ids": ids})
            headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            connection.request("POST", f"{POST_OFFICE}/ack", body, headers)
            return connection.getresponse().status == 200
        return False
