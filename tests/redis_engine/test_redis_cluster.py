"""On a Redis Cluster: what is under way while a slot moves, a master gives way or is killed, or a shard is away."""

import contextlib
import json
import subprocess
import threading
import time

import httpx
import pytest

from support.cluster import Cluster, is_ready, seconds_until
from support.gateway import binary_path
from support.redis_cluster import RedisCluster
from support.redis_server import RedisServer
from support.run_copies import Owner, attach
from support.wait import eventually

PREFIX = "websocket:{0}:"
ONE_SLOT = ("--redis-partitions", "1", "--message-rate", "0")
USER = {"user_id": "ada"}


@pytest.fixture
def redis():
    with RedisCluster() as started:
        yield started


@pytest.fixture
def pair(cluster):
    return [cluster.start(*ONE_SLOT) for _ in range(2)]


def prefixes(redis) -> dict:
    """What begins a channel's names."""
    command = [binary_path(), "--engine", "redis", "--redis-url", redis.url, "--print-redis-names"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[0]: line.split()[-1] for line in lines}


class Traffic:
    """A client of one instance talks to an agent of the other, and reads a run that is written there."""

    def __init__(self, here, there):
        self.client, self.reader = here.connect(), here.connect(here.new_session(**USER))
        self.agent = there.subscribe("guide", "workers")
        self.api = there.api
        self.owner = Owner.create(there.api, to=USER, lease_ms=60_000)
        self.copy = attach(self.reader, self.owner.run_id)
        self.statuses, self.text = [], ""
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=target) for target in (self._talk, self._write)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def assert_nothing_is_lost_or_doubled(self):
        events = self.agent.take(len(self.statuses))
        assert [json.loads(event.data)["message"]["id"] for event in events] == list(range(len(self.statuses)))
        assert self.api.ack("guide", "workers", [event.id for event in events])
        assert self.agent.waiting() == 0
        self.copy.read_text(self.reader, self.text)
        assert self.owner.record(include="log")["log"] == self.text

    def _talk(self):
        while not self._stopped.wait(0.01):
            answer = self.client.say(id=len(self.statuses))
            assert answer["type"] == "ack", answer
            self.statuses.append(answer["status"])

    def _write(self):
        """What is answered 503 is written again, as agents do it."""
        while not self._stopped.wait(0.01):
            word = f"{self.owner.seq} "
            with contextlib.suppress(AssertionError, httpx.TransportError):
                self.owner.append(word)
                self.text += word


def test_a_slot_moves_while_all_goes_on(redis, pair, record_property):
    with Traffic(*pair) as traffic:
        eventually(lambda: len(traffic.statuses) > 20)
        new = redis.migrate(PREFIX, between=lambda: time.sleep(0.05))
        record_property("ready again after, s", seconds_until(lambda: all(map(is_ready, pair)), 20))
        said = len(traffic.statuses)
        eventually(lambda: traffic.statuses[said:].count("published") > 20)
    traffic.assert_nothing_is_lost_or_doubled()
    assert "queued" in traffic.statuses, "it pauses on the way"
    assert redis.master_of(PREFIX) is new


def test_a_master_gives_way_while_all_goes_on(redis, pair, record_property):
    with Traffic(*pair) as traffic:
        eventually(lambda: len(traffic.statuses) > 20)
        replica = redis.replica_of(redis.master_of(PREFIX))
        replica.ask("FAILOVER")
        eventually(lambda: redis.master_of(PREFIX) is replica)
        record_property("ready again after, s", seconds_until(lambda: all(map(is_ready, pair)), 20))
        said = len(traffic.statuses)
        eventually(lambda: traffic.statuses[said:].count("published") > 20)
    traffic.assert_nothing_is_lost_or_doubled()


def test_a_master_is_killed_and_what_it_had_goes_on_at_its_replica(redis, pair, record_property):
    """Quiet for a moment before: what a replica does not have yet is lost with the master."""
    master = redis.master_of(PREFIX)
    traffic = Traffic(*pair)
    traffic.owner.append("before ")
    traffic.text = "before "
    redis.wait_for_replica_of(master)
    master.kill()
    with traffic:
        record_property("ready again after, s", seconds_until(lambda: all(map(is_ready, pair)), 30))
        said = len(traffic.statuses)
        eventually(lambda: traffic.statuses[said:].count("published") > 20)
    traffic.assert_nothing_is_lost_or_doubled()
    assert "queued" in traffic.statuses
    assert redis.master_of(PREFIX) is redis.replica_of(master)


def test_all_goes_on_in_sixteen_partitions(redis, cluster):
    """What is said, its client, its session and the run are in slots of different masters."""
    pair = [cluster.start("--message-rate", "0") for _ in range(2)]
    prefix = prefixes(redis)["guide"]
    with Traffic(*pair) as traffic:
        eventually(lambda: len(traffic.statuses) > 20)
        master = redis.migrate(prefix)
        eventually(lambda: traffic.statuses[-1] == "published", 20)
        redis.replica_of(master).ask("FAILOVER")
        eventually(lambda: redis.master_of(prefix) is redis.replica_of(master), 20)
        said = len(traffic.statuses)
        eventually(lambda: traffic.statuses[said:].count("published") > 20)
    traffic.assert_nothing_is_lost_or_doubled()


def test_a_shard_that_is_away_takes_its_channels_and_no_others(redis, cluster):
    here, there = (cluster.start("--message-rate", "0") for _ in range(2))
    masters = {channel: redis.master_of(prefix) for channel, prefix in prefixes(redis).items()}
    away = next(channel for channel, master in masters.items() if master is not masters["guide"])
    client = here.connect()
    agents = {channel: there.subscribe(channel, "workers") for channel in ("guide", away)}
    master, replica = masters[away], redis.replica_of(masters[away])
    replica.stop_process()
    master.stop_process()
    waiting = list(range(100))
    for n in waiting:
        assert client.say(away, id=f"w{n}")["status"] == "queued"
        assert client.say("guide", id=f"g{n}")["status"] == "published"
    assert is_ready(here) and is_ready(there)
    master.continue_process()
    replica.continue_process()
    for channel, letter in (away, "w"), ("guide", "g"):
        said = []
        # What was on its way when the shard fell silent may come twice: nobody knew whether it was taken.
        while len(set(said)) < len(waiting):
            [event] = agents[channel].take(1)
            said.append(json.loads(event.data)["message"]["id"])
        assert list(dict.fromkeys(said)) == [f"{letter}{n}" for n in waiting]
        assert set(said[: len(said) - len(waiting)]) <= {f"{letter}0"}, said


def test_over_tls_with_a_password():
    with RedisCluster(tls=True, password="se/cret") as redis, Cluster(redis) as cluster:
        flags = (*ONE_SLOT, "--redis-ca-file", redis.ca_file)
        pair = [cluster.start(*flags) for _ in range(2)]
        with Traffic(*pair) as traffic:
            eventually(lambda: len(traffic.statuses) > 20)
        traffic.assert_nothing_is_lost_or_doubled()
        assert "se/cret" not in pair[0].log_text


def test_what_is_no_cluster_is_not_taken_for_one(cluster):
    """Nor are sentinels; the other way round is in test_connect_urls.py."""
    with RedisServer() as server:
        gateway = cluster.start_unready(*ONE_SLOT, url=f"redis+cluster://127.0.0.1:{server.port}")
        eventually(lambda: "cluster support disabled" in gateway.log_text, 20)
