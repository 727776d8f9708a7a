"""Messages wait for an agent, in order and within bounds."""

import time

import pytest

from support.wait import eventually


@pytest.fixture
def small(gateway_factory):
    return gateway_factory("--queue-size", "5")


def backlog(gateway, channel):
    """The channel's line of the backpressure report, wherever it keeps it."""
    report = gateway.api.backpressure()
    return report.get("channels", report)[channel]


def test_without_an_agent_a_message_is_queued(gateway):
    client = gateway.connect()
    assert client.say("pillar:content", id=1)["status"] == "queued"
    assert backlog(gateway, "pillar:content")["queue_size"] == 1
    assert gateway.subscribe("pillar:content").envelope()["connection_id"] == client.connection_id
    assert client.say("pillar:content", id=2)["status"] == "published"


def test_what_waited_is_delivered_in_order_within_a_second(gateway):
    clients = [gateway.connect() for _ in range(2)]
    for n in range(200):
        assert clients[n % 2].say("pillar:insights", id=n, text=str(n))["status"] == "queued"
    agent = gateway.subscribe("pillar:insights")
    start = time.monotonic()
    waited = agent.take(200, timeout=5)
    assert time.monotonic() - start < 1
    assert [event.json()["message"]["id"] for event in waited] == list(range(200))
    assert backlog(gateway, "pillar:insights")["queue_size"] == 0


def test_what_comes_while_the_queue_drains_stays_behind_it(gateway):
    client = gateway.connect()
    for n in range(300):
        client.send({"channel": "pillar:operations", "id": n, "payload": {}})
    agent = gateway.subscribe("pillar:operations")
    for n in range(300, 400):
        client.send({"channel": "pillar:operations", "id": n, "payload": {}})
    assert [event.json()["message"]["id"] for event in agent.take(400)] == list(range(400))
    assert [client.receive()["id"] for _ in range(400)] == list(range(400))


def test_when_an_agent_leaves_messages_wait_again(gateway):
    client = gateway.connect()
    agent = gateway.subscribe("pillar:business_outcomes")
    assert client.say("pillar:business_outcomes", id=1)["status"] == "published"
    agent.close()
    eventually(lambda: client.say("pillar:business_outcomes", id=time.monotonic_ns())["status"] == "queued")


def test_a_full_queue_is_said_to_the_client_and_loses_nothing(small):
    client = small.connect()
    for n in range(5):
        assert client.say(id=n, text=f"waiting {n}")["status"] == "queued"
    answer = client.say(id=5)
    assert answer == {
        "type": "error",
        "code": "overloaded",
        "message": "Message rejected: system overloaded",
        "id": 5,
        "timestamp": answer["timestamp"],
    }
    assert (backlog(small, "guide")["queue_size"], backlog(small, "guide")["queue_max"]) == (5, 5)
    assert client.say("pillar:content", id="elsewhere")["status"] == "queued", "each channel has its own queue"

    agent = small.subscribe("guide")
    assert [event.json()["message"]["id"] for event in agent.take(5)] == [0, 1, 2, 3, 4]
    assert client.say(id=5)["status"] == "published", "a rejected message is no duplicate"
    assert agent.envelope()["message"]["id"] == 5


def fill(client):
    """Says so much on guide that no more is taken; how many waited."""
    for n in range(1000):
        if client.say(id=n).get("status") != "queued":
            return n
    raise AssertionError("no bound was met")


def test_one_client_does_not_use_up_what_others_need(small):
    assert fill(small.connect()) == 5
    assert small.connect().say(id=1)["status"] == "queued", "another client"
    for _ in range(20):
        fill(small.connect())
    tenant = small.connect(small.new_session(user_id="ada", context={"tenant_id": "acme"}))
    assert tenant.say(id=1)["status"] == "queued", "another tenant"
    assert backlog(small, "guide")["queue_size"] <= 20


def test_a_group_that_acknowledges_nothing_holds_nobody_back(small):
    idle = small.subscribe("guide", group="idle")
    healthy = small.subscribe("guide")
    client = small.connect()
    for n in range(100):
        assert client.say(id=n)["status"] == "published"
    assert [event.json()["message"]["id"] for event in healthy.take(100)] == list(range(100))
    assert small.api.publish("guide", {"n": 1})["status"] == "published"
    assert idle.envelope()["message"]["id"] == 0
    assert backlog(small, "guide")["unacknowledged"] == 20
    eventually(lambda: "agent_messages_given_up" in small.log_text)


def test_a_message_without_an_id_is_told_of_the_overload_too(small):
    client = small.connect()
    for n in range(6):
        client.say(text=str(n))
    answer = client.receive()
    assert (answer["code"], "id" in answer) == ("overloaded", False)


def test_the_bytes_of_a_queue_are_bounded(gateway_factory):
    gateway = gateway_factory("--queue-bytes", "100000")
    client = gateway.connect()
    answers = [client.say(id=n, text="x" * 30_000) for n in range(5)]
    statuses = [answer.get("status") or answer["code"] for answer in answers]
    assert statuses[:3] in (["queued"] * 3, ["queued", "queued", "overloaded"])
    assert statuses[3:] == ["overloaded"] * 2


def test_what_waits_too_long_is_given_up(gateway_factory):
    gateway = gateway_factory("--queue-age", "500ms")
    client = gateway.connect()
    assert client.say(id="old")["status"] == "queued"
    eventually(lambda: backlog(gateway, "guide")["queue_size"] == 0)
    agent = gateway.subscribe("guide")
    client.say(id="new")
    assert agent.envelope()["message"]["id"] == "new"


def test_the_report_names_every_channel(gateway):
    for channel in ("guide", "pillar:content", "pillar:insights", "pillar:operations", "pillar:business_outcomes"):
        state = backlog(gateway, channel)
        assert state["queue_max"] == 1000
        assert state["circuit_state"] == "closed"
        assert state["failure_count"] == 0
        assert state["queue_size"] >= 0
