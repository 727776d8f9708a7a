"""A group's message that takes long stays with its agent: `working`, and a claim for its delivery."""

import threading
import time

import pytest

from support.api import POST_OFFICE, assert_refused
from support.gateway import Gateway
from support.redis_server import RedisServer
from support.runs import Run
from support.wait import eventually

ACK_WAIT = 1.5


@pytest.fixture(scope="module", params=["memory", "redis"])
def gateway(request):
    if request.param == "memory":
        with Gateway("--ack-wait", f"{int(ACK_WAIT * 1000)}ms") as started:
            yield started
        return
    with RedisServer() as server:
        flags = ["--engine", "redis", "--redis-url", server.url, "--ack-wait", f"{int(ACK_WAIT * 1000)}ms"]
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
    assert stream.next_from(client, 10).id == event.id


def test_while_it_is_worked_on_it_does_not(gateway, group, delivery):
    stream, event, client = delivery
    until = time.monotonic() + 3 * ACK_WAIT
    while time.monotonic() < until:
        answer = working(gateway, group, [event.id, "nothing", "1-1"])
        assert answer.json() == {"success": True, "working": 1}
        assert stream.waiting() == 0
        time.sleep(ACK_WAIT / 5)
    assert stream.next_from(client, 10).id == event.id


def test_what_is_done_is_not_worked_on(gateway, group, delivery):
    _, event, _ = delivery
    assert gateway.api.ack("guide", group, [event.id])["acknowledged"] == 1
    assert working(gateway, group, [event.id]).json()["working"] == 0
    assert working(gateway, "nobody", [event.id]).json()["working"] == 0


@pytest.mark.parametrize("change", [{"channel": None}, {"group": ""}, {"ids": "x"}, {"ids": [1]}, {"channel": "nowhere"}], ids=str)
def test_out_of_form_it_is_refused(gateway, change):
    body = {"channel": "guide", "group": "g", "ids": ["x"]} | change
    assert_refused(gateway.api.post(f"{POST_OFFICE}/working", body), 404 if change == {"channel": "nowhere"} else 400)


class TestRunsOfADelivery:
    @pytest.fixture(autouse=True)
    def needs_runs(self, gateway):
        if gateway.api.get("/api/post-office/runs").status_code == 503:
            pytest.skip("this engine has no runs yet")

    def claim(self, gateway, group, event, **fields):
        run = Run.create(gateway.api)
        claimed = run.claim(run.producer, delivery={"group": group, "id": event.id}, **fields)
        assert claimed.status_code == 200, claimed.text
        run.epoch = claimed.json()["epoch"]
        return run

    def test_while_its_lease_lives_the_delivery_stays(self, gateway, group, delivery):
        stream, event, client = delivery
        run = self.claim(gateway, group, event)
        time.sleep(3 * ACK_WAIT)
        assert stream.waiting() == 0
        run.end()
        # Nobody acknowledged it.
        assert stream.next_from(client, 10).id == event.id

    def test_when_the_lease_lapses_another_gets_it_and_may_take_over(self, gateway, group, delivery):
        stream, event, client = delivery
        run = self.claim(gateway, group, event, lease_ms=2000)
        run.say("half")
        assert stream.next_from(client, 15).id == event.id
        eventually(lambda: run.claim("agent:2", delivery={"group": group, "id": event.id}).status_code == 200, 5)
        assert run.record()["takeover_ms"] == int(ACK_WAIT * 1000) + 5000

    def test_a_heartbeat_keeps_it(self, gateway, group, delivery):
        stream, event, _ = delivery
        run = self.claim(gateway, group, event, lease_ms=2000)
        beats = []
        stop = threading.Event()

        def beat():
            while not stop.is_set():
                beats.append(run.heartbeat(wait_ms=900).status_code)

        beating = threading.Thread(target=beat)
        beating.start()
        time.sleep(4)
        stop.set()
        beating.join()
        assert set(beats) == {200}
        assert stream.waiting() == 0
        run.end()
