"""`--inbox stream`, the default: envelopes are kept until somebody has dealt with them, whoever that is."""

import json
import time

import pytest

from support.redis_agent import RedisAgent, wait_for_group
from support.wait import eventually

INBOX = "websocket:inbox:guide"
DEAD = "websocket:inbox:guide:dead"
STREAM = ("--inbox", "stream")


@pytest.fixture
def gateway(cluster, redis):
    started = cluster.start(*STREAM)
    wait_for_group(redis, INBOX, "agents")
    return started


@pytest.fixture
def pair(gateway, cluster):
    return gateway, cluster.start(*STREAM)


@pytest.fixture
def store(redis):
    with redis.client() as client:
        yield client


def read(store, count=100, consumer="worker-1", group="agents"):
    """[(entry id, envelope)] as a worker with a Redis client takes them."""
    taken = store.xreadgroup(group, consumer, {INBOX: ">"}, count=count, block=5000)
    return [(id, json.loads(fields["envelope"])) for _, entries in taken for id, fields in entries]


def ids(envelopes):
    return [envelope["message"]["id"] for envelope in envelopes]


class TestWithARedisClient:
    def test_an_envelope_is_an_entry_for_the_group_agents(self, gateway, store):
        client = gateway.connect()
        assert client.say(id="m1", text="hello")["status"] == "published", "the inbox stream holds it"
        [(entry, envelope)] = read(store)
        assert envelope["connection_id"] == client.connection_id
        assert envelope["message"] == {"channel": "guide", "payload": {"message": "hello"}, "id": "m1"}
        answer = {"connection_id": envelope["connection_id"], "message": {"n": 1}}
        store.publish(envelope["reply_to"], json.dumps(answer))
        assert client.receive() == {"n": 1}
        assert store.xack(INBOX, "agents", entry) == 1
        assert store.xpending(INBOX, "agents")["pending"] == 0

    def test_what_came_before_any_worker_is_there_in_order(self, gateway, store):
        client = gateway.connect()
        for n in range(100):
            assert client.say(id=n)["status"] == "published"
        assert ids(envelope for _, envelope in read(store)) == list(range(100))

    def test_two_workers_share_and_one_claims_what_the_other_left(self, gateway, store):
        client = gateway.connect()
        for n in range(10):
            client.say(id=n)
        first, second = read(store, 4, "worker-1"), read(store, 10, "worker-2")
        assert ids(e for _, e in first) + ids(e for _, e in second) == list(range(10))
        for entry, _ in second:
            store.xack(INBOX, "agents", entry)
        claimed = store.xautoclaim(INBOX, "agents", "worker-2", min_idle_time=0)[1]
        assert [json.loads(fields["envelope"])["message"]["id"] for _, fields in claimed] == [0, 1, 2, 3]

    def test_pubsub_agents_hear_it_too(self, gateway, redis, closing):
        agent = closing(RedisAgent(redis, "guide"))
        gateway.connect().say(id=1)
        assert agent.next()["message"]["id"] == 1

    def test_the_same_id_is_one_entry(self, gateway, store):
        client = gateway.connect()
        assert [client.say(id="m1")["status"] for _ in range(2)] == ["published", "duplicate"]
        assert store.xlen(INBOX) == 1

    def test_an_inbox_is_bounded(self, cluster, store, redis):
        gateway = cluster.start(*STREAM, "--inbox-size", "20", "--queue-size", "5")
        client = gateway.connect()
        answers = [client.say(id=n) for n in range(40)]
        taken = [answer["id"] for answer in answers if answer["type"] == "ack"]
        assert {answer.get("code") for answer in answers if answer["type"] == "error"} == {"overloaded"}
        wait_for_group(redis, INBOX, "agents")
        assert ids(envelope for _, envelope in read(store)) == taken


class TestEventStreams:
    def test_each_entry_goes_to_one_member_on_either_instance(self, pair, store):
        members = [pair[0].subscribe("guide", "workers"), pair[0].subscribe("guide", "workers"),
                   pair[1].subscribe("guide", "workers")]  # fmt: skip
        clients = [gateway.connect() for gateway in pair]
        for n in range(60):
            assert clients[n % 2].say(id=n)["status"] == "published"
        eventually(lambda: sum(member.waiting() for member in members) >= 60)
        taken = [member.take(member.waiting()) for member in members]
        assert sorted(event.json()["message"]["id"] for events in taken for event in events) == list(range(60))
        assert all(member.waiting() == 0 for member in members)
        for events in taken:
            for client in clients:
                envelopes = [event.json() for event in events]
                own = [e["message"]["id"] for e in envelopes if e["connection_id"] == client.connection_id]
                assert own == sorted(own)
        done = [event.id for events in taken for event in events]
        assert pair[1].api.ack("guide", "workers", done)
        assert store.xpending(INBOX, "workers")["pending"] == 0

    def test_two_groups_each_get_all(self, gateway):
        first, second = gateway.subscribe("guide", "billing"), gateway.subscribe("guide", "audit")
        client = gateway.connect()
        for n in range(10):
            client.say(id=n)
        for stream in (first, second):
            assert [event.json()["message"]["id"] for event in stream.take(10)] == list(range(10))

    def test_without_a_group_each_gets_all(self, pair):
        streams = [gateway.subscribe("guide") for gateway in pair]
        pair[0].connect().say(id=1)
        for stream in streams:
            assert stream.envelope()["message"]["id"] == 1
            assert stream.waiting() == 0

    @pytest.mark.slow
    def test_unacknowledged_is_delivered_again_after_thirty_seconds_to_another(self, pair, record_property):
        here, there = pair
        dying = here.subscribe("guide", "workers")
        client = here.connect()
        client.say(id="m1")
        client.say(id="m2")
        first, second = dying.take(2)
        here.api.ack("guide", "workers", [second.id])
        dying.close()
        other = there.subscribe("guide", "workers")
        start = time.monotonic()
        again = other.next(60)
        record_property("delivered again after, s (promised 30)", time.monotonic() - start)
        assert again.json()["message"]["id"] == "m1" and again.id == first.id
        assert again.data == first.data
        assert other.waiting() == 0

    @pytest.mark.slow
    def test_an_instance_that_dies_leaves_its_entries_to_the_other(self, pair):
        here, there = pair
        member = here.subscribe("guide", "workers")
        client = there.connect()
        client.say(id="m1")
        member.next()
        here.crash()
        other = there.subscribe("guide", "workers")
        assert other.envelope(90)["message"]["id"] == "m1"

    def test_pubsub_has_no_groups(self, cluster):
        gateway = cluster.start("--inbox", "pubsub")
        stream = gateway.subscribe("guide", "workers")
        assert stream.status == 409 and stream.body["success"] is False


class TestWithoutAGroup:
    """Event streams read the inbox from their place; what has found nobody goes to whoever comes first."""

    def test_what_came_before_is_there_in_order(self, gateway):
        client = gateway.connect()
        for n in range(100):
            assert client.say(id=n)["status"] == "published"
        agent = gateway.subscribe("guide")
        first = agent.next(10)  # promised within 1 s; what a dead instance left is taken over after 15
        assert [event.json()["message"]["id"] for event in (first, *agent.take(99))] == list(range(100))
        client.say(id="new")
        assert agent.envelope()["message"]["id"] == "new"

    def test_it_goes_on_from_the_last_event_id_on_either_instance(self, pair):
        stays, leaves = pair[0].subscribe("guide"), pair[0].subscribe("guide")
        client = pair[0].connect()
        for n in range(10):
            client.say(id=n)
        had = leaves.take(10)[5]
        leaves.close()
        assert [event.json()["message"]["id"] for event in stays.take(10)] == list(range(10))
        back = pair[1].subscribe("guide", headers={"Last-Event-ID": had.id})
        assert [event.json()["message"]["id"] for event in back.take(4)] == [6, 7, 8, 9]

    def test_where_it_cannot_go_on_it_says_so(self, gateway, store):
        gateway.subscribe("guide")
        gateway.connect().say(id="kept")
        store.set("websocket:channel:guide:inbox:removed", "1767323045678-5")
        agent = gateway.subscribe("guide", headers={"Last-Event-ID": "1767323045678-4"})
        assert agent.next().event == "gap"
        agent = gateway.subscribe("guide", headers={"Last-Event-ID": "1767323045678-5"})
        assert agent.envelope()["message"]["id"] == "kept"

    @pytest.mark.parametrize("other", ["comes meanwhile", "comes afterwards"])
    def test_what_an_instance_took_and_never_gave_is_given_by_another(self, pair, other):
        """Stopped it counts as somebody who listens; killed it has confirmed nothing."""
        here, there = pair
        taken = here.subscribe("guide")
        client = there.connect()
        client.say(id="given")
        assert taken.envelope()["message"]["id"] == "given"
        here.stop_process()
        for n in range(20):
            assert client.say(id=n)["status"] == "published"
        if other == "comes afterwards":
            here.crash()
        agent = there.subscribe("guide")
        if other == "comes meanwhile":  # and begins behind what the stopped one seems to have
            here.crash()
        got = []
        while 19 not in got:
            got.append(agent.envelope(30)["message"]["id"])
        assert [n for n in got if n != "given"] == list(range(20))

    def test_a_pubsub_subscriber_gets_what_found_nobody(self, gateway, redis, closing, record_property):
        client = gateway.connect()
        for n in range(1200):
            client.send({"payload": {}, "id": n})
        for n in range(1200):
            assert client.receive()["status"] == "published"
        start = time.monotonic()
        agent = closing(RedisAgent(redis, "guide"))
        assert agent.next()["message"]["id"] == 0
        record_property("the first that waited comes after, s (promised 1)", time.monotonic() - start)
        assert [agent.next()["message"]["id"] for _ in range(1199)] == list(range(1, 1200))
        client.say(id="new")
        assert agent.next()["message"]["id"] == "new"

    def test_what_somebody_had_waits_for_nobody(self, gateway, redis, store, closing):
        client = gateway.connect()
        takes = {"stream": lambda: gateway.subscribe("guide"), "redis": lambda: closing(RedisAgent(redis, "guide"))}
        for kind, take in takes.items():
            first = take()
            client.say(id=kind)
            first.next()
            eventually(lambda: not store.exists("websocket:channel:guide:inbox:waiting"))
            first.close()
            eventually(lambda: store.pubsub_numsub("websocket:inbox:guide/feed", "websocket:guide") ==
                       [("websocket:inbox:guide/feed", 0), ("websocket:guide", 0)])  # fmt: skip
        client.say(id="waits")
        agent = gateway.subscribe("guide")
        assert agent.envelope()["message"]["id"] == "waits"

    def test_a_tenant_that_fills_it_leaves_room_for_others(self, cluster):
        """Nobody listens, and one tenant says more than the inbox holds."""
        gateway = cluster.start(*STREAM, "--inbox-size", "100", "--max-connections-per-user", "0")
        red, blue = (
            gateway.connect(gateway.new_session(user_id=name, context={"tenant_id": name})) for name in ("red", "blue")
        )
        answers = [red.say(id=n) for n in range(150)]
        taken = [answer["id"] for answer in answers if answer["type"] == "ack"]
        assert taken == list(range(50)), "half of it: as much as is left for others"
        assert [blue.say(id=n)["status"] for n in range(10)] == ["published"] * 10
        agent = gateway.subscribe("guide")
        got = [event.json() for event in agent.take(60)]
        assert [e["message"]["id"] for e in got if e["tenant_id"] == "red"] == taken
        # Taken by somebody, it holds nothing any more.
        eventually(lambda: red.say(id=f"x{time.monotonic_ns()}").get("status") == "published")

    def test_an_abandoned_group_holds_up_nobody(self, cluster, redis, store):
        """It took one and left; the inbox is small, and the workers who acknowledge go on."""
        gateway = cluster.start(*STREAM, "--inbox-size", "100")
        gone = gateway.subscribe("guide", "tmp")
        workers = gateway.subscribe("guide", "workers")
        client = gateway.connect()
        client.say(id="first")
        gone.next()
        gone.close()
        gateway.api.ack("guide", "workers", [workers.next().id])
        for n in range(300):
            assert client.say(id=n)["status"] == "published"
            event = workers.next()
            assert event.json()["message"]["id"] == n
            gateway.api.ack("guide", "workers", [event.id])
        assert store.xlen(INBOX) <= 100
        eventually(lambda: store.xlen(DEAD) > 0)


class TestDeadLetters:
    @pytest.mark.slow(150)
    @pytest.mark.timeout(400)
    def test_after_five_deliveries_an_entry_is_put_aside(self, gateway, store):
        """A worker that dies on it takes it five times; the gateway's own claims are what counts."""
        member = gateway.subscribe("guide", "workers")
        gateway.connect().say(id="poison")
        deliveries = [member.next(60) for _ in range(5)]
        assert len({event.id for event in deliveries}) == 1
        eventually(lambda: store.xlen(DEAD), 60)
        assert member.waiting() == 0, "a sixth delivery"
        [(_, fields)] = store.xrange(DEAD)
        assert json.loads(fields["envelope"])["message"]["id"] == "poison"
        assert store.xpending(INBOX, "workers")["pending"] == 0

    @pytest.mark.slow
    def test_what_a_redis_client_took_five_times_is_not_delivered_again(self, gateway, store):
        """Aged by XCLAIM's own means, so that nobody has to wait for four minutes."""
        store.xgroup_create(INBOX, "workers", "0")
        gateway.connect().say(id="poison")
        [(entry, _)] = read(store, group="workers")
        store.xclaim(INBOX, "workers", "worker-1", 0, [entry], idle=40_000, retrycount=5)
        member = gateway.subscribe("guide", "workers")
        eventually(lambda: store.xlen(DEAD) == 1, 60)
        assert member.waiting() == 0, "a sixth delivery"
        assert store.xpending(INBOX, "workers")["pending"] == 0
