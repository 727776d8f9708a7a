"""A client without a WebSocket whose two requests meet different instances."""

import json
import signal

import pytest

from support.sse_client import SseClient
from support.wait import eventually


@pytest.fixture
def pair(cluster):
    return cluster.start(), cluster.start()


@pytest.fixture
def client(pair):
    """Its stream is there, and it posts here."""
    here, there = pair
    client = SseClient.open(there.url, there.new_session(user_id="ada"), post_url=here.url)
    yield client
    client.close()


def test_what_it_says_reaches_an_agent_and_the_answer_it(pair, client):
    here, there = pair
    agent = here.subscribe("guide")
    text = '{"channel":"guide","payload":{"message":"a \\" \\u00fc ü"},"id":"1"}'
    assert client.ask(text)["status"] == "published"
    envelope = agent.next_from(client).json()
    assert envelope["gateway_instance"] == there.instance_id
    here.api.send({"n": 1}, connection_id=client.connection_id)
    assert client.receive() == {"n": 1}


def test_errors_lists_and_order_are_the_same_there(client):
    assert client.ask("{")["code"] == "invalid_json"
    lines = [json.dumps({"type": "ping"}), json.dumps({"channel": "nowhere", "payload": {}})]
    assert client.post("\n".join(lines), headers={"Content-Type": "application/x-ndjson"}).status_code == 200
    assert [client.receive().get("type") for _ in range(2)] == ["pong", "error"]
    answer = client.post("{}", sequence=9)
    assert (answer.status_code, answer.json()["next"]) == (409, 3)
    assert client.post("{}", sequence=1).json()["next"] == 3


def test_posts_by_turns_to_both_keep_their_order(pair, client):
    here, there = pair
    agent = here.subscribe("guide")
    for n in range(20):
        client.http.base_url = (here if n % 2 else there).url
        client.send({"channel": "guide", "payload": {"n": n}})
    assert [agent.next_from(client).json()["message"]["payload"]["n"] for _ in range(20)] == list(range(20))


def test_a_wrong_secret_is_wrong_everywhere(client):
    token = client.send_token
    wrong = token[:63] + ("0" if token[63] != "0" else "1") + token[64:]
    answers = [client.post("{}", sequence=1, token=shown) for shown in (wrong, token.split(".")[0] + ".ws-gateway-nobody")]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].json() == answers[1].json()


def test_of_an_instance_that_has_gone(pair, client):
    _, there = pair
    there.crash()
    eventually(lambda: client.post('{"type":"ping"}', sequence=1).status_code == 404, 30)


def test_an_instance_that_hangs_is_worth_another_try(pair, client):
    _, there = pair
    there.process.send_signal(signal.SIGSTOP)
    try:
        answer = client.post('{"type":"ping"}', sequence=1)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    finally:
        there.process.send_signal(signal.SIGCONT)
    eventually(lambda: client.post('{"type":"ping"}', sequence=1).status_code == 200)
    client.sequence = 1
    assert client.receive()["type"] == "pong"
    client.assert_silent()


def test_ids_hold_across_transports_and_instances(pair):
    here, there = pair
    session = here.new_session(user_id="grace")
    agent = here.subscribe("guide")
    first = SseClient.open(here.url, session, query={"client_id": "tab"}, post_url=there.url)
    assert first.say(id="once")["status"] == "published"
    first.close()
    assert there.connect(session, query="&client_id=tab").say(id="once")["status"] == "duplicate"
    agent.next()
