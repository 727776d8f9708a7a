"""The Redis users of docs/operations/redis.md may do all that gateways and agents need: Redis's log of refusals says so."""

import contextlib
import re
import sys

import pytest

from support.cluster import Cluster, listening
from support.gateway import REPOSITORY
from support.process import Process
from support.redis_cluster import RedisCluster
from support.redis_server import RedisServer
from support.run_copies import Copy, Owner
from support.wait import eventually


def documented_users():
    text = (REPOSITORY / "docs/operations/redis.md").read_text()
    return dict(re.findall(r"acl: begin -->\n```\nuser (\w+) on (.*)\n```\n<!--", text))


@pytest.fixture
def redis():
    users = documented_users()
    assert set(users) == {"gateway", "agent", "guide_agent"}
    with RedisServer(users=users) as server:
        yield server


@pytest.fixture
def cluster(redis):
    with Cluster(redis, redis.url_with(user="gateway", password="secret")) as started:
        yield started


def refusals(redis):
    """But for the name and version that redis-py tells a server where it may."""
    with redis.client() as client:
        entries = [f"{entry['reason']} {entry['object']}" for entry in client.acl_log()]
    return [entry for entry in entries if entry != "command client|setinfo"]


def test_it_refuses_what_no_gateway_does(redis):
    with redis.client(username="gateway", password="secret") as client:
        with pytest.raises(Exception, match="NOPERM|permissions"):
            client.keys("*")
        with pytest.raises(Exception, match="NOPERM|permissions"):
            client.get("another:key")
    assert len(refusals(redis)) == 2


@pytest.mark.parametrize("inbox", ["pubsub", "stream"])
def test_a_gateway_can_do_all_it_has_to(redis, cluster, inbox):
    does_all(redis, *(cluster.start("--inbox", inbox) for _ in range(2)), inbox)
    assert refusals(redis) == []


def test_a_gateway_can_do_all_it_has_to_on_a_cluster():
    with RedisCluster(users=documented_users()) as redis:
        with Cluster(redis, redis.url_with(user="gateway", password="secret")) as cluster:
            prefix = "websocket:{0}:"
            pair = [cluster.start("--inbox", "stream", "--redis-partitions", "1") for _ in range(2)]
            does_all(redis.master_of(prefix), *pair, "stream", prefix)
            assert [refusals(node) for node in redis.nodes] == [[]] * len(redis.nodes)


def does_all(redis, here, there, inbox, prefix="websocket:"):
    """Every command of the engine, with names that begin so on that server."""
    session = here.new_session(user_id="ada", context={"tenant_id": "acme"})
    client = there.connect(session, query="&client_id=phone")
    client.say(id="m1")
    client.say("pillar:content", id="m2")
    group = "workers" if inbox == "stream" else None
    agent = there.subscribe("guide", group)
    assert agent.status == 200, agent.body
    event = agent.next()
    if group:
        assert here.api.ack("guide", group, [event.id])
        assert_redelivers_and_gives_up(redis, client, agent, f"{prefix}inbox:guide")
    lives_a_run(here, there)
    pushes_a_run(here, there)
    lives_a_stream(here, there)
    assert here.api.send({"n": 1}, connection_id=client.connection_id)["status"] == "sent"
    assert here.api.send({"n": 2}, user_id="ada")["delivered"] == 1
    here.api.publish("guide", {"n": 3}, tenant_id="acme")
    assert [client.receive()["n"] for _ in range(3)] == [1, 2, 3]
    eventually(lambda: here.api.get("/api/post-office/websocket/connection-count").json()["per_user"] == {"ada": 1})
    limited = [there.connect(session) for _ in range(4)]
    here.api.patch(f"/api/traffic-cop/sessions/{session}", {"context": {"tenant_id": "acme", "n": 1}})
    limited[0].close()
    there.stop()  # what waits on pillar:content is parked, and delivered by the other one
    assert here.subscribe("pillar:content", group).envelope(30)["message"]["id"] == "m2"


def lives_a_run(here, there):
    """Claimed on one instance, read on the other, listed, ended and removed."""
    runs = "/api/post-office/runs"
    made = here.api.post(runs, {"channel": "guide", "producer": "p", "thread_id": "t"})
    assert made.status_code == 201, made.text
    address = f"{runs}/{made.json()['run_id']}"
    part = {"producer": "p", "epoch": 1, "text": "word"}
    assert here.api.post(f"{address}/append", part | {"seq": 0}).status_code == 200
    assert there.api.post(f"{address}/heartbeat", {"producer": "p", "epoch": 1}).status_code == 200
    assert there.api.get(f"{address}?include=log").json()["log"] == "word"
    assert there.api.get(f"{runs}?thread_id=t").json()["runs"]
    assert there.api.post(f"{address}/cancel", {}).status_code == 202
    assert here.api.post(f"{address}/append", part | {"seq": 1, "end": {"status": "completed"}}).status_code == 200
    assert here.api.delete(address).status_code == 200


def lives_a_stream(here, there):
    """Made on one instance, written and read on the other by more producers than are known, and removed."""
    address, text = "/v1/stream/notes", {"Content-Type": "text/plain"}
    assert here.api.request("PUT", address, content="a", headers=text).status_code == 201
    for producer in range(66):
        batch = text | {"Producer-Id": f"p{producer}", "Producer-Epoch": "0", "Producer-Seq": "0"}
        assert there.api.request("POST", address, content="b", headers=batch).status_code == 200
    assert here.api.get(address).text == "a" + 66 * "b"
    assert there.api.request("POST", address, headers={"Stream-Closed": "true"}).status_code == 204
    assert here.api.delete(address).status_code == 204


def pushes_a_run(here, there):
    """To a user who is there, and who comes to the other instance later."""
    bob = here.new_session(user_id="bob")
    present = there.connect(bob, query="&runs=1")
    owner = Owner.create(here.api, to={"user_id": "bob"}, push=True)
    owner.append("pushed")
    later = here.connect(bob, query="&runs=1")
    for client in (present, later):
        Copy(owner.run_id).read_text(client, "pushed")
    owner.end()
    for client in (present, later):
        client.close()


def assert_redelivers_and_gives_up(redis, client, agent, inbox):
    """Aged by XCLAIM's own means, so that nobody has to wait."""
    client.say(id="m3")
    with redis.client() as store:
        for deliveries in (1, 5):
            event = agent.next(30)
            store.xclaim(inbox, "workers", "nobody", 0, [event.id], idle=40_000, retrycount=deliveries)
        eventually(lambda: store.xlen(f"{inbox}:dead") == 1, 30)


@pytest.mark.parametrize("user", ["agent", "guide_agent"])
@pytest.mark.parametrize("flags", [(), ("--inbox",)])
def test_an_agent_can_answer_and_leave(redis, cluster, flags, user):
    gateway = cluster.start("--inbox", "stream")
    url = redis.url_with(user=user, password="secret")
    command = [sys.executable, REPOSITORY / "examples/redis_agent.py", "--url", url, "--delay", "0", *flags]
    with contextlib.closing(Process(command)) as agent:
        client = gateway.connect()
        eventually(lambda: flags or listening(redis, "websocket:guide"))
        client.say()
        while not client.receive(30)["data"]["final"]:
            pass
        agent.terminate()
        assert agent.wait_exit() == 0
    assert refusals(redis) == []


@pytest.mark.parametrize(
    "command",
    [
        ("PUBLISH", "websocket:fanout:guide", "{}"), ("PUBLISH", "websocket:pillar:content", "{}"),
        ("PUBLISH", "websocket:session:changed", "{}"), ("PUBLISH", "websocket:events", "{}"),
        ("XREADGROUP", "GROUP", "agents", "x", "STREAMS", "websocket:inbox:pillar:content", ">"),
        ("HGETALL", "websocket:connection:x"),
    ],
)  # fmt: skip
def test_an_agent_of_one_channel_reaches_no_other(redis, command):
    with redis.client(username="guide_agent", password="secret") as client:
        with pytest.raises(Exception, match="NOPERM|permissions"):
            client.execute_command(*command)


@pytest.mark.slow
def test_it_can_remove_what_a_dead_one_left(redis, cluster):
    here, there = cluster.start(), cluster.start()
    there.connect(here.new_session(user_id="ada"))
    there.kill()
    with redis.client() as client:
        eventually(lambda: client.smembers("websocket:gateways") == {here.instance_id}, 60)
    assert refusals(redis) == []
