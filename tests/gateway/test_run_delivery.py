"""A claim for a group's delivery keeps that delivery with its agent while the lease lives."""

import threading
import time

import pytest

from support.run_engines import ENGINES, run_gateway
from support.runs import Run
from support.wait import eventually

ACK_WAIT = 4
LEASE = 6


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param, "--ack-wait", f"{ACK_WAIT}s") as started:
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


def claim(gateway, group, event, **fields):
    run = Run.create(gateway.api)
    claimed = run.claim(run.producer, delivery={"group": group, "id": event.id}, **fields)
    assert claimed.status_code == 200, claimed.text
    run.epoch = claimed.json()["epoch"]
    return run


def test_while_its_lease_lives_the_delivery_stays(gateway, group, delivery):
    stream, event, client = delivery
    run = claim(gateway, group, event, lease_ms=60_000)
    time.sleep(2 * ACK_WAIT)
    assert stream.waiting() == 0
    run.end()
    # Nobody acknowledged it.
    assert stream.next_from(client, 30).id == event.id


def test_when_the_lease_lapses_another_gets_it_and_may_take_over(gateway, group, delivery):
    stream, event, client = delivery
    run = claim(gateway, group, event, lease_ms=2000)
    run.say("half")
    assert stream.next_from(client, 30).id == event.id
    eventually(lambda: run.claim("agent:2", delivery={"group": group, "id": event.id}).status_code == 200)
    assert run.record()["takeover_ms"] == ACK_WAIT * 1000 + 5000


def test_heartbeats_keep_it_and_so_do_appends(gateway, group, delivery):
    stream, event, client = delivery
    client.say("guide", id="m2")
    other = stream.next_from(client)
    beating_run, appending_run = (claim(gateway, group, one, lease_ms=LEASE * 1000) for one in (event, other))
    beats = []
    stop = threading.Event()

    def beat():
        while not stop.is_set():
            beats.append(beating_run.heartbeat(wait_ms=900).status_code)

    beating = threading.Thread(target=beat)
    beating.start()
    until = time.monotonic() + LEASE + ACK_WAIT + 3  # without them both would have come again by then
    while time.monotonic() < until:
        appending_run.say("x")
        time.sleep(0.5)
    stop.set()
    beating.join()
    assert set(beats) == {200}
    assert stream.waiting() == 0
    beating_run.end()
    appending_run.end()
    gateway.api.ack("guide", group, [other.id])


def test_a_claim_just_after_appends_for_no_delivery_binds_it_too(gateway, group, delivery):
    stream, event, client = delivery
    run = Run.create(gateway.api)
    run.say("x")  # so this instance has just seen that the run holds no delivery
    claimed = run.claim(run.producer, delivery={"group": group, "id": event.id}, lease_ms=60_000)
    assert claimed.status_code == 200, claimed.text
    run.epoch, run.seq = claimed.json()["epoch"], 0
    time.sleep(2 * ACK_WAIT)
    assert stream.waiting() == 0
    run.end()
    assert stream.next_from(client, 30).id == event.id


def test_a_claim_that_is_refused_puts_no_delivery_off(gateway, group, delivery):
    stream, event, client = delivery
    run = Run.create(gateway.api, lease_ms=120_000)
    stop = threading.Event()
    codes = []

    def ask():
        while not stop.is_set():
            codes.append(run.claim("agent:2", delivery={"group": group, "id": event.id}).status_code)
            stop.wait(ACK_WAIT / 10)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        assert stream.next_from(client, 30).id == event.id
    finally:
        stop.set()
        asking.join()
    assert set(codes) == {409}
    run.end()
