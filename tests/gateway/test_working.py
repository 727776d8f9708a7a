"""A group's message that takes long stays with its agent that says so."""

import time

import pytest

from support.api import POST_OFFICE, assert_refused
from support.gateway import Gateway
from support.redis_server import RedisServer

ACK_WAIT = 4


@pytest.fixture(scope="module", params=["memory", "redis"])
def gateway(request):
    if request.param == "memory":
        with Gateway("--ack-wait", f"{ACK_WAIT}s") as started:
            yield started
        return
    with RedisServer() as server:
        flags = ["--engine", "redis", "--redis-url", server.url, "--ack-wait", f"{ACK_WAIT}s"]
        with Gateway(*flags) as started:
            yield started


@pytest.fixture
def group():
    return f"group-{time.monotonic_ns()}"


@pytest.fixture
def delivery(gateway, group):
    """A member's stream, and the event that it has."""
    client = gateway.connect()
    stream = gateway.subscribe("guide", group)
    client.say("guide", id="m1")
    event = stream.next_from(client)
    yield stream, event, client
    gateway.api.ack("guide", group, [event.id])


def working(gateway, group, ids):
    return gateway.api.post(f"{POST_OFFICE}/working", {"channel": "guide", "group": group, "ids": ids})


def test_without_it_the_message_comes_again(gateway, delivery):
    stream, event, client = delivery
    assert stream.next_from(client, 30).id == event.id


def test_while_it_is_worked_on_it_does_not(gateway, group, delivery):
    stream, event, client = delivery
    until = time.monotonic() + 2 * ACK_WAIT
    while time.monotonic() < until:
        answer = working(gateway, group, [event.id, "nothing", "1-1"])
        assert answer.json() == {"success": True, "working": 1}
        assert stream.waiting() == 0
        time.sleep(0.3)
    assert stream.next_from(client, 30).id == event.id


def test_what_is_done_is_not_worked_on(gateway, group, delivery):
    _, event, _ = delivery
    assert gateway.api.ack("guide", group, [event.id])["acknowledged"] == 1
    assert working(gateway, group, [event.id]).json()["working"] == 0
    assert working(gateway, "nobody", [event.id]).json()["working"] == 0


@pytest.mark.parametrize("change", [{"channel": None}, {"group": ""}, {"ids": "x"}, {"ids": [1]}, {"channel": "nowhere"}], ids=str)
def test_out_of_form_it_is_refused(gateway, change):
    body = {"channel": "guide", "group": "g", "ids": ["x"]} | change
    assert_refused(gateway.api.post(f"{POST_OFFICE}/working", body), 404 if change == {"channel": "nowhere"} else 400)
