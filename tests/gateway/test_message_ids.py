"""Ids ask for an ack, and make sending twice harmless."""

import pytest

from support.forms import TIMESTAMP


@pytest.fixture(scope="module")
def agent(gateway):
    return gateway.subscribe("guide")


@pytest.fixture
def client(gateway, agent):
    return gateway.connect()


def texts(agent, client, count):
    return [agent.next_from(client).json()["message"]["payload"]["message"] for _ in range(count)]


def test_an_ack_has_exactly_these_fields(client):
    ack = client.say(id="m1")
    assert TIMESTAMP.fullmatch(ack["timestamp"])
    assert ack == {"type": "ack", "id": "m1", "status": "published", "timestamp": ack["timestamp"]}


def test_without_an_id_there_is_no_ack(client):
    client.say(text="quiet")
    assert client.say(id="loud")["id"] == "loud"


@pytest.mark.parametrize(
    "raw",
    [
        '"a"',
        '"' + "x" * 64 + '"',
        '"' + "é" * 64 + '"',
        '"' + "😀" * 64 + '"',
        "0",
        "-7",
        "12345678901234567890123",
        '"\\u0000\\""',
    ],
)
def test_an_id_comes_back_as_it_was_sent(client, raw):
    client.send('{"id":%s,"payload":{}}' % raw)
    assert f'"id":{raw},' in client.receive_text()


@pytest.mark.parametrize("raw", ['"' + "x" * 65 + '"', '"' + "é" * 65 + '"', "1.5", "true", "{}", "[]"])
def test_other_ids_are_invalid(client, raw):
    client.send('{"id":%s,"payload":{}}' % raw)
    answer = client.receive()
    assert (answer["type"], answer["code"]) == ("error", "invalid_message")
    assert "id" in answer["message"]


def test_the_same_id_again_is_acknowledged_and_not_passed_on(agent, client):
    assert client.say(id="m", text="once")["status"] == "published"
    assert client.say(id="m", text="twice")["status"] == "duplicate"
    assert client.say("pillar:content", id="m", text="elsewhere")["status"] == "duplicate"
    assert client.say(id="n", text="next")["status"] == "published"
    assert texts(agent, client, 2) == ["once", "next"]


def test_an_id_is_the_same_however_it_is_escaped(client):
    assert client.say(id="a")["status"] == "published"
    assert client.ask('{"id":"\\u0061","payload":{}}')["status"] == "duplicate"


def test_a_number_and_its_text_are_two_ids(client):
    assert client.say(id=1)["status"] == "published"
    assert client.say(id="1")["status"] == "published"


def test_an_id_whose_message_failed_may_be_used_again(client):
    assert client.say("nowhere", id="m")["code"] == "unknown_channel"
    assert client.ask({"id": "m", "payload": 1})["code"] == "invalid_message"
    assert client.say(id="m")["status"] == "published"


def test_two_connections_without_a_client_id_do_not_share_ids(gateway, agent):
    session = gateway.new_session(user_id="ada")
    assert gateway.connect(session).say(id="m")["status"] == "published"
    assert gateway.connect(session).say(id="m")["status"] == "published"


def test_a_client_id_carries_ids_over_a_reconnect(gateway, agent):
    session = gateway.new_session(user_id="grace")
    before = gateway.connect(session, query="&client_id=tab-1")
    assert before.say(id="m", text="once")["status"] == "published"
    before.close()
    after = gateway.connect(session, query="&client_id=tab-1")
    assert after.say(id="m", text="again")["status"] == "duplicate"
    assert after.say(id="n", text="new")["status"] == "published"
    assert texts(agent, after, 1) == ["new"]


def test_a_client_id_is_one_client_of_one_session(gateway, agent):
    session, other = gateway.new_session(user_id="mary"), gateway.new_session(user_id="mary")
    assert gateway.connect(session, query="&client_id=tab-1").say(id="m")["status"] == "published"
    assert gateway.connect(session, query="&client_id=tab-2").say(id="m")["status"] == "published"
    assert gateway.connect(other, query="&client_id=tab-1").say(id="m")["status"] == "published"
    assert gateway.connect(session).say(id="m")["status"] == "published"


def test_acks_come_in_the_order_of_the_messages(client):
    for n in range(100):
        client.send({"id": n, "payload": {"n": n}})
    assert [client.receive()["id"] for _ in range(100)] == list(range(100))
