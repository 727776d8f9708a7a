"""Redis was away, or an instance was, for a moment: nobody is given up, and what was missed is said."""

import threading
import time
from collections import Counter

import pytest

from support.cluster import is_ready
from support.wait import eventually


@pytest.fixture
def pair(cluster):
    return [cluster.start("--max-connections-per-user", "0") for _ in range(2)]


class Sending:
    """Sends to a client again and again, from the other instance; counts the answers' statuses."""

    def __init__(self, gateway, client):
        self.statuses = Counter()
        self._gateway, self._body = gateway, {"connection_id": client.connection_id, "message": {}}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(20)

    def _run(self):
        while not self._end.is_set():
            self.statuses[self._gateway.api.post("/api/post-office/websocket/send", self._body).status_code] += 1


# Of a lease of 15 s a live instance has always renewed the last 3.
LOOKS_DEAD_SECONDS = 4


@pytest.mark.parametrize(
    ("keep_data", "away_seconds", "times"), [(True, 0, 5), (False, 0, 5), (True, LOOKS_DEAD_SECONDS, 2)],
    ids=["with its data", "without its data", "with leases that look dead"],
)  # fmt: skip
def test_a_connected_client_is_never_said_to_be_gone(pair, redis, keep_data, away_seconds, times):
    """A sender takes 404 for final."""
    one, two = pair
    client = two.connect()
    with Sending(one, client) as sending:
        for _ in range(times):
            eventually(lambda: sending.statuses[200] > 0, 30)
            redis.kill(keep_data=keep_data)
            eventually(lambda: time.monotonic() >= redis.died_at + away_seconds, 30)
            redis.start()
            eventually(lambda: all(map(is_ready, pair)), 30)
            sending.statuses[200] = 0
        eventually(lambda: sending.statuses[200] > 0, 30)
    assert set(sending.statuses) <= {200, 503}, sending.statuses


def test_an_instance_that_does_not_listen_for_a_moment_is_not_gone(pair, redis):
    one, two = pair
    client = two.connect()
    with Sending(one, client) as sending:
        for _ in range(20):
            with redis.client() as admin:
                admin.client_kill_filter(_type="pubsub")
            eventually(lambda: is_ready(two), 20)
    assert set(sending.statuses) <= {200, 503}, sending.statuses


def test_one_that_is_really_gone_is_said_to_be(pair):
    one, two = pair
    client = two.connect()
    two.process.kill()
    two.process.wait(10)
    body = {"connection_id": client.connection_id, "message": {}}
    eventually(lambda: one.api.post("/api/post-office/websocket/send", body).status_code == 404, 20)


def test_whoever_was_deaf_says_for_which_channels(cluster, redis):
    gateway = cluster.start()
    assert "publications_missed" not in gateway.log_text
    with redis.client() as admin:
        admin.client_kill_filter(_type="pubsub")
    eventually(lambda: "publications_missed channel=guide" in gateway.log_text, 20)
