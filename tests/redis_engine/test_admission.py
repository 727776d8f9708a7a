"""What changes, or gives up, while a connection is being let in: Redis is slow then, and its news are fast."""

import contextlib

import pytest

from support.cluster import is_ready, registered
from support.peer import upgrade_request
from support.redis_monitor import Monitor
from support.tcp_proxy import sent
from support.wait import eventually

# The connection for sessions and registry answers so much later; what Pub/Sub pushes comes at once.
ANSWERS_LATE_MS = 300
COMMANDS = sent(b"commands")


@pytest.fixture
def start(proxied):
    """The gateway that is looked at; it speaks to Redis through the proxy."""
    return proxied.start


@pytest.fixture
def handshake(redis, proxy, elsewhere):
    """Sends one, and returns when Redis has answered for the session and nobody has heard of that yet."""
    with contextlib.ExitStack() as stack:

        def handshake(gateway, session):
            proxy.set("down", latency_ms=ANSWERS_LATE_MS, only=COMMANDS)
            monitor = stack.enter_context(Monitor(redis.client()))
            peer = gateway.peer()
            peer.send(upgrade_request(f"/ws?session_token={session}", peer.host))
            eventually(lambda: monitor.commands("HMGET"), interval=0.005)
            return peer

        yield handshake


@pytest.fixture
def elsewhere(cluster):
    """Another instance, with a line of its own."""
    return cluster.start()


@pytest.mark.parametrize(
    "end",
    [
        lambda api, session: api.patch_session(session, status="suspended"),
        lambda api, session: api.delete_session(session),
        lambda api, session: api.patch_session(session, ttl_seconds=1),
    ],
    ids=["suspended", "deleted", "given one more second"],
)
def test_a_session_that_ends_meanwhile_has_no_connection(start, elsewhere, handshake, redis, end):
    gateway = start()
    session = elsewhere.new_session()
    peer = handshake(gateway, session)
    end(elsewhere.api, session)
    assert peer.response().status == 101
    assert peer.closed()[0] in (4001, 4003)
    eventually(lambda: registered(redis) == {"sets": {}, "records": {}})


def test_a_session_that_is_narrowed_meanwhile_gets_no_more_than_it_may(start, elsewhere, handshake):
    gateway = start()
    session = elsewhere.new_session()
    peer = handshake(gateway, session)
    elsewhere.api.patch_session(session, context={"channels": ["pillar:content"]})
    assert peer.response().status == 101
    connection_id = peer.welcome()["connection_id"]
    eventually(lambda: elsewhere.api.channel_connections("guide") == [])
    gateway.api.publish("guide", "forbidden")
    gateway.api.send("the end", connection_id=connection_id)
    assert peer.next_message() == "the end"


# Within the first answer, and within the second.
@pytest.mark.parametrize("late_ms", [450, 250])
def test_a_handshake_that_took_too_long_leaves_nothing(start, elsewhere, proxy, redis, late_ms):
    gateway = start("--handshake-timeout", "300ms")
    proxy.set("down", latency_ms=late_ms, only=COMMANDS)
    session = elsewhere.new_session(user_id="victim")
    peers = [gateway.peer() for _ in range(5)]
    for peer in peers:
        peer.send(upgrade_request(f"/ws?session_token={session}", peer.host))
    assert {peer.response().status for peer in peers} == {408}
    proxy.clear()
    eventually(lambda: is_ready(gateway))
    # What was under way has been answered by then.
    gateway.connect(gateway.new_session(user_id="bystander")).close()
    eventually(lambda: registered(redis) == {"sets": {}, "records": {}})
    assert [gateway.connect(session).welcome["event"] for _ in range(5)] == ["welcome"] * 5
