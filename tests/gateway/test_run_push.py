"""Runs that a realm makes for somebody who has not asked: `push`."""

import uuid

import pytest

from support.api import assert_refused
from support.cluster import Cluster
from support.run_copies import Copy, Owner, ask
from support.runs import RUNS
from support.wait import eventually


@pytest.fixture
def user():
    return f"ada-{uuid.uuid4().hex}"


@pytest.fixture
def ada(gateway, user):
    return gateway.new_session(user_id=user)


def push(gateway, **to):
    return Owner.create(gateway.api, to=to, push=True, thread_id="news")


def detach(client, owner):
    client.send({"type": "detach", "run_id": owner.run_id})
    while (answer := client.receive())["type"] == "run":
        assert answer["event"] == "top"
    assert answer["type"] == "detach"


def assert_gets(client, owner, text="pushed"):
    """From the beginning to the end, without having asked."""
    copy = Copy(owner.run_id)
    copy.read_until(client, lambda it: it.first)
    first = copy.first
    assert (first["event"], first["cause"], first["channel"], first["thread_id"]) == (
        "snapshot", "attach", "guide", "news",
    )  # fmt: skip
    assert "id" not in first
    owner.append(text)
    copy.read_text(client, text)
    owner.end()
    copy.read_end(client)


def test_whoever_is_there_and_follows_runs_gets_it(gateway, user, ada):
    client = gateway.connect(ada, query="&runs=1")
    assert_gets(client, push(gateway, user_id=user))


def test_so_does_whoever_has_said_run_or_attach(gateway, user, ada):
    asks, attaches = gateway.connect(ada), gateway.connect(ada)
    ask(asks, id="q")
    assert attaches.ask({"type": "attach", "run_id": "nobodys"})["code"] == "unknown_run"
    owner = push(gateway, user_id=user)
    copies = [(client, Copy(owner.run_id)) for client in (asks, attaches)]
    owner.append("both")
    for client, copy in copies:
        copy.read_text(client, "both")


def test_nobody_else_hears_of_it(gateway, user, ada):
    plain = gateway.connect(ada)
    other = gateway.connect(query="&runs=1")
    elsewhere = gateway.connect(gateway.new_session(user_id=user, context={"channels": ["pillar:content"]}), query="&runs=1")
    follows = gateway.connect(ada, query="&runs=1")
    assert_gets(follows, push(gateway, user_id=user))
    for client in (plain, other, elsewhere):
        assert gateway.received_by(client) == []


def test_whoever_comes_later_gets_what_is_open(gateway, user, ada):
    over, owner = push(gateway, user_id=user), push(gateway, user_id=user)
    over.end()
    owner.append("so far")
    client = gateway.connect(ada, query="&runs=1")
    copy = Copy(owner.run_id)
    assert not [m for m in copy.read_text(client, "so far") if m.get("run_id") == over.run_id]
    late = gateway.connect(ada)
    late.assert_silent()
    ack, _ = ask(late, id="q")
    assert ack["status"] in ("published", "queued")
    Copy(owner.run_id).read_text(late, "so far")


def test_a_look_that_fails_is_made_again(redis, user):
    with Cluster(redis) as cluster, redis.client() as server:
        gateway = cluster.start()
        owner = push(gateway, user_id=user)
        owner.append("so far")
        session = gateway.new_session(user_id=user)
        server.execute_command("ACL", "SETUSER", "default", "-zrevrange")
        client = gateway.connect(session, query="&runs=1")
        eventually(lambda: server.acl_log(), 30, "Redis has refused it")
        server.execute_command("ACL", "SETUSER", "default", "+zrevrange")
        Copy(owner.run_id).read_text(client, "so far")


def test_a_run_to_a_session_or_a_connection(gateway, user, ada):
    first, second = (gateway.connect(ada, query="&runs=1") for _ in range(2))
    other = gateway.connect(gateway.new_session(user_id=user), query="&runs=1")
    owner = push(gateway, session_id=ada)
    owner.append("both")
    for client in (first, second):
        Copy(owner.run_id).read_text(client, "both")
    owner.end()
    assert_gets(other, push(gateway, connection_id=other.connection_id))
    first.send({"type": "ping"})
    while (message := first.receive())["type"] != "pong":
        assert message["run_id"] == owner.run_id


def test_a_detach_lasts_until_the_client_attaches_again(gateway, user):
    session = gateway.new_session(user_id=user, context={"channels": ["guide"]})
    client = gateway.connect(session, query="&runs=1")
    other = Owner.create(gateway.api, channel="pillar:content", to={"user_id": user}, push=True)
    owner = push(gateway, user_id=user)
    Copy(owner.run_id).read_until(client, lambda it: it.first)
    detach(client, owner)
    # It is offered what it may read now: the other run, and this one before.
    gateway.api.patch_session(session, context={"channels": ["guide", "pillar:content"]})
    copy = Copy(other.run_id)
    assert copy.read_until(client, lambda it: it.first) == []
    owner.append("unheard")
    other.append("heard")
    assert copy.read_text(client, "heard") == []
    client.send({"type": "attach", "run_id": owner.run_id})
    Copy(owner.run_id).read_text(client, "unheard")


def test_who_asks_for_the_thread_of_one_that_is_pushed_gets_it_once(gateway, user, ada):
    owner = push(gateway, user_id=user)
    owner.append("so far")
    client = gateway.connect(ada)
    # It follows runs from here on: so it is offered what it has just asked for.
    client.send({"type": "attach", "thread_id": "news", "id": 7, "coalesce_ms": 10})
    copy = Copy(owner.run_id)
    assert copy.read_text(client, "so far") == []
    assert copy.first["id"] == 7
    owner.append(", and more")
    copy.read_text(client, "so far, and more")
    assert copy.events.count("snapshot") == 1
    owner.end()
    copy.read_end(client)
    assert gateway.received_by(client) == []


def test_one_of_the_same_name_is_another(gateway, user, ada):
    client = gateway.connect(ada, query="&runs=1")
    owner = push(gateway, user_id=user)
    Copy(owner.run_id).read_until(client, lambda it: it.first)
    detach(client, owner)
    assert gateway.api.delete(f"{RUNS}/{owner.run_id}").status_code == 200
    again = Owner.create(gateway.api, run_id=owner.run_id, to={"user_id": user}, push=True)
    again.append("anew")
    Copy(again.run_id).read_text(client, "anew")


def test_bounds_hold_and_attached_ones_are_not_told_twice(gateway, user, ada):
    mine = [push(gateway, user_id=user) for _ in range(3)]
    client = gateway.connect(ada, query="&runs=1")
    copies = [Copy(owner.run_id) for owner in mine]
    for copy in copies:
        copy.read_until(client, lambda it: it.first)
    # It says run now: what it has is not told again.
    client.send({"type": "attach", "run_id": "nobodys", "id": 1})
    while (message := client.receive())["type"] == "run":
        assert message["event"] == "top"
    assert message["code"] == "unknown_run"


def test_at_the_bound_no_more_are_pushed(gateway, user, ada):
    client = gateway.connect(ada)
    others = [Owner.create(gateway.api, lease_ms=120_000) for _ in range(64)]
    for owner in others:
        client.send({"type": "attach", "run_id": owner.run_id})
        Copy(owner.run_id).read_until(client, lambda it: it.first)
    owner = push(gateway, user_id=user)
    client.send({"type": "attach", "run_id": owner.run_id, "id": 1})
    while (message := client.receive())["type"] == "run":
        assert message["run_id"] != owner.run_id
    assert message["code"] == "too_many_runs"
    client.send({"type": "detach", "run_id": others[0].run_id})
    client.send({"type": "attach", "run_id": owner.run_id})
    Copy(owner.run_id).read_until(client, lambda it: it.first)
    for one in others:
        one.end()


def test_push_needs_somebody(gateway):
    assert_refused(gateway.api.post(RUNS, {"channel": "guide", "producer": "a", "push": True}), 400, "invalid_argument")


def test_runs_in_the_address_is_1(gateway, ada):
    response = gateway.peer().upgrade(f"/ws?session_token={ada}&runs=yes")
    assert response.status == 400
