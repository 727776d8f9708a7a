"""MCP on two gateways that share a Redis: whichever one an agent asks, it is the same Post Office."""

import pytest

from support.cluster import KEY
from support.mcp import NEWER, PUBLISH, SEND, SUBSCRIBE, Mcp, texts
from support.wait import eventually

WAIT_SECONDS = 25


@pytest.fixture(params=["pubsub", "stream"])
def inbox(request):
    return request.param


@pytest.fixture
def pair(cluster, inbox):
    return [cluster.start("--inbox", inbox) for _ in range(2)]


@pytest.fixture
def agents(pair, closing):
    return [closing(Mcp(gateway, NEWER, KEY)) for gateway in pair]


def test_it_receives_and_answers_across_instances(pair, agents):
    """The browser is at one, the agent at the other."""
    agent, client = agents[0], pair[1].connect()
    cursor = agent.poll(max_messages=500)["cursor"]
    client.say("guide", id="m", text="hello")
    [envelope] = agent.poll(cursor=cursor, wait_seconds=WAIT_SECONDS)["messages"]
    assert envelope["gateway_instance"] == pair[1].instance_id
    assert envelope["connection_id"] == client.connection_id
    assert agent.call(SEND, connection_id=client.connection_id, message={"n": 1}).structured["status"] == "sent"
    assert client.receive() == {"n": 1}
    assert agent.call(PUBLISH, channel="guide", message={"n": 2}, realm="tests").structured
    assert client.receive() == {"n": 2}


def test_a_cursor_goes_on_at_the_other_where_that_has_listened(pair, agents):
    client = pair[0].connect()
    here, there = agents
    cursor = here.poll(max_messages=500)["cursor"]
    there.poll(max_messages=500)
    client.say("guide", id="m1", text="first")
    page = here.poll(cursor=cursor, wait_seconds=WAIT_SECONDS)
    assert texts(page) == ["first"]
    client.say("guide", id="m2", text="second")
    page = there.poll(cursor=page["cursor"], wait_seconds=WAIT_SECONDS)
    assert (texts(page), page["gap"]) == (["second"], False)
    client.say("guide", id="m3", text="third")
    page = here.poll(cursor=page["cursor"], wait_seconds=WAIT_SECONDS)
    assert (texts(page), page["gap"]) == (["third"], False)


def test_a_load_balancer_that_alternates_loses_nothing(pair, agents):
    client = pair[0].connect()
    cursor = agents[0].poll(max_messages=500)["cursor"]
    agents[1].poll(max_messages=500)
    for n in range(20):
        client.say("guide", id=f"m{n}", text=f"{n}")
    received = []

    def ask():
        nonlocal cursor
        page = agents[len(received) % 2].poll(cursor=cursor, max_messages=3, wait_seconds=1)
        assert not page["gap"]
        cursor = page["cursor"]
        received.extend(texts(page))
        return len(received) >= 20

    eventually(ask, 60)
    assert received == [str(n) for n in range(20)]


def test_where_the_other_has_not_listened_it_says_so(pair, agents):
    client = pair[0].connect()
    here, there = agents
    cursor = here.poll(max_messages=500)["cursor"]
    client.say("guide", id="m1", text="first")
    cursor = here.poll(cursor=cursor, wait_seconds=WAIT_SECONDS)["cursor"]
    page = there.poll(cursor=cursor)
    assert page["gap_reason"] == "unknown_cursor"
    client.say("guide", id="m2", text="second")
    page = there.poll(cursor=page["cursor"], wait_seconds=WAIT_SECONDS)
    assert (texts(page), page["gap"]) == (["second"], False)


def test_an_instance_that_dies_costs_an_agent_nothing_that_the_other_has_heard(pair, agents):
    client = pair[1].connect()
    here, there = agents
    cursor = here.poll(max_messages=500)["cursor"]
    there.poll(max_messages=500)
    client.say("guide", id="m1", text="first")
    page = here.poll(cursor=cursor, wait_seconds=WAIT_SECONDS)
    pair[0].crash()
    client.say("guide", id="m2", text="second")
    page = there.poll(cursor=page["cursor"], wait_seconds=WAIT_SECONDS)
    assert (texts(page), page["gap"]) == (["second"], False)


def test_what_is_said_while_no_agent_listens(pair, agents, inbox):
    """It waits for whoever comes first, in the instance or in the stream."""
    said = pair[1].connect().say("guide", id="m", text="waiting")
    assert said["status"] == ("queued" if inbox == "pubsub" else "published")
    page = agents[0].poll(wait_seconds=WAIT_SECONDS)
    assert texts(page) == ["waiting"]


def test_redis_gone_is_a_result_that_tells(cluster, redis, inbox, closing):
    agent = closing(Mcp(cluster.start("--inbox", inbox), NEWER, KEY))
    assert agent.poll()["cursor"]
    redis.stop()
    eventually(lambda: "unavailable" in agent.call(SEND, message={}, user_id="ada").tool_error, 30)
    assert agent.ask("tools/list").result["tools"]
    assert agent.call(SUBSCRIBE, channel="guide").result
