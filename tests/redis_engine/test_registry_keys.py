"""The registry as it stands in Redis: who has only a Redis client may rely on every key of it."""

import json
import re

import pytest

from support.cluster import listening, registered, seconds_until, traces
from support.forms import RANDOM_128, TIMESTAMP
from support.redis_agent import collect_events
from support.wait import eventually, paced


@pytest.fixture
def client(gateway):
    return gateway.connect(gateway.new_session(user_id="ada", context={"tenant_id": "acme"}))


@pytest.fixture
def store(redis):
    with redis.client() as client:
        yield client


def record_key(client):
    return f"websocket:connection:{client.connection_id}"


class TestRecord:
    def test_it_is_a_hash_with_these_fields(self, gateway, client, store):
        record = store.hgetall(record_key(client))
        assert record["connection_id"] == client.connection_id
        assert RANDOM_128.fullmatch(record["session_ref"])
        assert record["user_id"] == "ada"
        assert record["channel"] == "guide"
        assert record["gateway_instance_id"] == gateway.instance_id
        for name in ("connected_at", "last_activity", "last_heartbeat"):
            assert TIMESTAMP.fullmatch(record[name]), (name, record[name])
        metadata = json.loads(record["metadata"])
        assert metadata == {"user_id": "ada", "tenant_id": "acme", "connected_at": record["connected_at"]}

    def test_it_is_there_when_the_welcome_is(self, gateway, store):
        for _ in range(50):
            assert store.exists(record_key(gateway.connect()))

    def test_it_expires_within_the_hour_and_not_before(self, client, store):
        assert 3000 < store.ttl(record_key(client)) <= 3600

    def test_its_channel_follows_within_half_a_second(self, client, store, record_property):
        client.say("pillar:content", id=1)
        seconds = seconds_until(lambda: store.hget(record_key(client), "channel") == "pillar:content", 10)
        record_property("a new channel shows after, s (promised 0.5)", seconds)

    def test_it_says_the_same_as_the_service_api(self, gateway, client, store):
        record = store.hgetall(record_key(client))
        told = gateway.api.connection_record(client.connection_id).json()
        told = told.get("connection", told)
        assert told["metadata"] == json.loads(record["metadata"])
        for name in ("connection_id", "session_ref", "user_id", "channel", "connected_at", "gateway_instance_id"):
            assert told[name] == record[name], name

    def test_activity_and_heartbeat_lag_one_heartbeat_at_most(self, cluster, store):
        gateway = cluster.start("--heartbeat-interval", "1")
        client = gateway.connect()
        before = store.hgetall(record_key(client))
        client.say(id=1)

        def later():
            record = store.hgetall(record_key(client))
            return all(record[name] > before[name] for name in ("last_activity", "last_heartbeat"))

        # The client's pongs are what keeps it alive from here on; its library sends them by itself.
        eventually(later, 10)

    def test_its_time_to_live_is_renewed(self, cluster, store):
        gateway = cluster.start("--heartbeat-interval", "1")
        client = gateway.connect()
        store.expire(record_key(client), 60)
        eventually(lambda: store.ttl(record_key(client)) > 3000, 20)


class TestIndexes:
    def test_every_set_has_it(self, gateway, client, store):
        for key in ("channel:guide", "user:ada", f"gateway:{gateway.instance_id}"):
            assert store.smembers(f"websocket:{key}:connections") == {client.connection_id}, key

    def test_a_channel_has_it_from_subscribe_to_unsubscribe(self, client, store):
        members = "websocket:channel:pillar:content:connections"
        client.ask({"type": "subscribe", "channel": "pillar:content"})
        eventually(lambda: store.smembers(members) == {client.connection_id}, 5)
        client.ask({"type": "unsubscribe", "channel": "pillar:content"})
        eventually(lambda: not store.exists(members), 5)

    def test_a_channel_has_it_from_the_first_message(self, client, store):
        client.say("pillar:insights", id=1)
        eventually(lambda: store.sismember("websocket:channel:pillar:insights:connections", client.connection_id), 5)


class TestEnd:
    @pytest.mark.parametrize("how", ["closed", "cut", "session ended"])
    def test_no_key_tells_of_it_any_more_within_two_seconds(self, gateway, redis, record_property, how):
        session = gateway.new_session(user_id="grace")
        if how == "cut":
            peer = gateway.raw_connect(session)
            connection_id = peer.welcome()["connection_id"]
        else:
            client = gateway.connect(session)
            connection_id = client.connection_id
            client.say("pillar:content", id=1)
        assert traces(redis, connection_id)
        if how == "cut":
            peer.close()
        elif how == "closed":
            client.close()
        else:
            gateway.api.delete_session(session)
            assert client.closed()[0] == 4003
        seconds = seconds_until(lambda: not traces(redis, connection_id), 20)
        record_property("a disconnect shows after, s (promised 2)", seconds)

    def test_after_a_drain_nothing_is_left_but_sessions(self, cluster, redis):
        gateway = cluster.start()
        clients = [gateway.connect() for _ in range(20)]
        clients[0].say("pillar:content", id=1)
        assert gateway.stop() == 0
        assert registered(redis) == {"sets": {}, "records": {}}
        with redis.client() as store:
            assert not store.exists(f"websocket:gateway:{gateway.instance_id}:lease")
            assert not [key for key in store.keys() if gateway.instance_id in key]


class TestLease:
    def test_it_is_a_string_that_lives_fifteen_seconds_and_is_renewed(self, gateway, store):
        key = f"websocket:gateway:{gateway.instance_id}:lease"
        assert store.type(key) == "string"
        seen = set()
        for _ in paced(0.1, 4):
            seen.add(left := store.pttl(key))
            assert 11_000 < left <= 15_000, "soft: renewed within 3 s"
        assert max(seen) > 13_500

    def test_no_key_holds_the_secret_of_a_session(self, gateway, client, redis):
        token = gateway.new_session(user_id="eve")
        gateway.connect(token).say(id=1)
        assert traces(redis, token) == []


class TestEvents:
    def test_coming_and_going_are_told(self, gateway, redis, closing):
        events = closing(collect_events(redis))
        client = gateway.connect()
        opened = events.next()
        client.close()
        closed = events.next()
        for event, name in ((opened, "connection_opened"), (closed, "connection_closed")):
            assert event["event"] == name
            assert event["connection_id"] == client.connection_id
            assert isinstance(event["reason"], str)
            assert TIMESTAMP.fullmatch(event["timestamp"])
            assert set(event) == {"event", "connection_id", "reason", "timestamp"}

    def test_an_eviction_is_told_as_one(self, cluster, redis, closing):
        gateway = cluster.start("--heartbeat-interval", "1", "--idle-timeout", "2")
        events = closing(collect_events(redis))
        peer = gateway.raw_connect()
        connection_id = peer.welcome()["connection_id"]
        assert events.next()["event"] == "connection_opened"
        evicted = events.next(30)
        assert (evicted["event"], evicted["connection_id"]) == ("connection_evicted", connection_id)


def test_the_prefix_is_a_setting(cluster, redis, store):
    gateway = cluster.start("--key-prefix", "city:")
    client = gateway.connect()
    client.say(id=1)
    assert listening(redis, "city:fanout:guide")
    assert store.exists(f"city:connection:{client.connection_id}")
    assert [key for key in store.keys() if not key.startswith("city:")] == []


def test_every_key_is_of_the_contract_or_expires(gateway, client, store):
    """What is not promised to anyone must not pile up."""
    client.say(id="a")
    promised = re.compile(
        r"websocket:(connection:ws_[^:]+|(channel|user|gateway|session|tenant):.+:connections|gateway:[^:]+:lease"
        r"|connections|tenant:.+:connections:listed|gateway:[^:]+:report"
        r"|session:.+|(tenant|user):.+:sessions|tenant:.+:sessions:made|sessions|sessions:made|users|gateways|parked|waiting|inbox:(guide|pillar:[a-z_]+)|channel:.+:inbox:(waiting|removed|aside|held))"
    )
    eventually(lambda: store.exists(record_key(client)), 5)
    for key in store.keys():
        assert promised.fullmatch(key), key
        if re.match("websocket:(session:|(tenant|user):.+:sessions|sessions|gateway:.+:report)", key) and not key.endswith(":connections"):
            assert store.ttl(key) > 0, key
