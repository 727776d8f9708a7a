"""Several instances on one Redis and one address: the page tells which of them served what."""

import re

import pytest
from playwright.sync_api import expect

from support.console import Console
from support.redis_agent import RedisAgent
from support.wait import eventually

SHARED = ("--reuse-port", "on")


@pytest.fixture
def pair(cluster):
    """By instance id; both on one address."""
    first = cluster.start(*SHARED, "--instance-id", "gateway-1")
    second = cluster.start(*SHARED, "--instance-id", "gateway-2", "--listen", f"127.0.0.1:{first.port}")
    return {"gateway-1": first, "gateway-2": second}


@pytest.fixture
def echo(redis):
    def answer(agent, envelope):
        said = envelope["message"]["payload"]["message"]
        agent.answer(envelope, {"type": "agent_response", "agent_type": "guide", "message": f"echo of {said}"})

    agent = RedisAgent(redis, "guide", on_envelope=answer)
    yield agent
    agent.close()


def instances(console):
    return console.page.get_by_role("region", name="Instances")


def row(console, name):
    console.operate()
    return instances(console).get_by_role("row").filter(has_text=name)


def expect_row(console, name, connections, *, here=False):
    """What is to be seen of an instance in the table; and back to the conversation."""
    shown = row(console, name)
    expect(shown.get_by_role("cell").nth(2)).to_have_text(str(connections))
    expect(shown.get_by_text("this page")).to_have_count(1 if here else 0)
    console.talk()


@pytest.mark.network_noise
def test_the_page_tells_which_instance_served_what(pair, echo, context, user):
    console = Console(context.new_page(), pair["gateway-1"]).enter(user)
    here = console.conversation.get_by_text(re.compile(r"^gateway-[12]$")).inner_text()
    there = "gateway-2" if here == "gateway-1" else "gateway-1"
    # Both are listed, with what each holds; this page's own is marked.
    expect_row(console, here, 1, here=True)
    expect_row(console, there, 0)
    console.say("before")
    expect(console.mine("before").get_by_text(f"via {here}", exact=True)).to_be_visible()
    expect(console.theirs("echo of before").get_by_text(f"via {here}", exact=True)).to_be_visible()
    # The other one takes over: the session and the agent are still there.
    pair[here].kill()
    console.shows(f"Welcome from {there}")
    console.connected()
    console.say("after")
    expect(console.theirs("echo of after").get_by_text(f"via {there}", exact=True)).to_be_visible()
    expect_row(console, there, 1, here=True)
    expect(row(console, here)).to_have_count(0)
    console.talk()
    # What the first one served is still told.
    expect(console.theirs("echo of before").get_by_text(f"via {here}", exact=True)).to_be_visible()


def test_counts_of_the_other_instance_follow(pair, context, user):
    console = Console(context.new_page(), pair["gateway-1"]).enter(user)
    here = console.conversation.get_by_text(re.compile(r"^gateway-[12]$")).inner_text()
    there = "gateway-2" if here == "gateway-1" else "gateway-1"

    def another_there():  # the kernel chooses
        client = pair[here].connect()
        return client.welcome["instance_id"] == there

    eventually(another_there)
    expect_row(console, there, 1)


def test_of_one_alone_nothing_is_said(cluster, context, user):
    gateway = cluster.start("--instance-id", "gateway-1", "--inbox", "pubsub")
    console = Console(context.new_page(), gateway).enter(user)
    expect_row(console, "gateway-1", 1)
    console.say("alone")
    expect(console.mine("alone").get_by_text(re.compile("^queued in"))).to_be_visible()
    expect(console.mine("alone").get_by_text(re.compile("^via"))).to_be_hidden()
