"""subscribe_to_channel: an agent's Server-Sent Events stream, alone and in a group."""

import queue
import time

import pytest

from support.api import POST_OFFICE, assert_refused
from support.wait import eventually


@pytest.fixture
def client(gateway):
    return gateway.connect()


@pytest.fixture
def group():
    return f"group-{time.monotonic_ns()}"


def numbers(events):
    return [event.json()["message"]["payload"]["n"] for event in events]


def send_numbers(client, count, channel="guide"):
    for n in range(count):
        client.send({"channel": channel, "id": f"{time.monotonic_ns()}", "payload": {"n": n}})
    acks = [client.receive() for _ in range(count)]
    assert {ack["type"] for ack in acks} == {"ack"}, acks


class TestStream:
    def test_its_head(self, gateway):
        stream = gateway.subscribe("guide")
        assert stream.status == 200
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert "no-store" in stream.headers["Cache-Control"] or "no-cache" in stream.headers["Cache-Control"]

    def test_every_event_has_an_id_of_its_own(self, gateway, client):
        stream = gateway.subscribe("guide")
        send_numbers(client, 20)
        events = [stream.next_from(client) for _ in range(20)]
        assert all(event.id for event in events)
        assert len({event.id for event in events}) == 20
        assert numbers(events) == list(range(20))

    def test_without_a_group_every_agent_gets_everything(self, gateway, client):
        streams = [gateway.subscribe("guide") for _ in range(3)]
        send_numbers(client, 20)
        for stream in streams:
            assert numbers(stream.next_from(client) for _ in range(20)) == list(range(20))

    def test_comments_keep_it_alive(self, gateway):
        stream = gateway.subscribe("guide")
        eventually(lambda: stream.comments, 40)
        assert not stream.ended(0)

    @pytest.mark.parametrize("channel", ["", "A", "a%20b", "x" * 65, "guide,pillar:content"])
    def test_a_channel_out_of_its_form_is_400(self, gateway, channel):
        assert_refused(gateway.api.get(f"{POST_OFFICE}/subscribe?channel={channel}"), 400)

    def test_an_unknown_channel_is_refused(self, gateway):
        response = gateway.api.get(f"{POST_OFFICE}/subscribe", params={"channel": "nowhere"})
        assert_refused(response, 404 if response.status_code == 404 else 400)

    def test_without_a_channel_it_is_400(self, gateway):
        assert_refused(gateway.api.get(f"{POST_OFFICE}/subscribe"), 400)

    @pytest.mark.parametrize("name", ["a%20b", "x" * 129, "a%0A", "a%2Fb"])
    def test_a_group_out_of_its_form_is_400(self, gateway, name):
        assert_refused(gateway.api.get(f"{POST_OFFICE}/subscribe?channel=guide&group={name}"), 400)

    def test_many_agents_come_and_go(self, gateway, client):
        for _ in range(30):
            gateway.subscribe("guide").close()
        eventually(lambda: client.say("guide", id=time.monotonic_ns())["status"] == "queued")
        gateway.subscribe("guide").next_from(client)


class TestSlowAgent:
    """An agent that stops reading costs a bounded amount of memory, and loses nothing that it was promised."""

    @pytest.fixture
    def small(self, gateway_factory):
        return gateway_factory("--agent-buffer-bytes", "200000", "--message-rate", "0")

    def test_what_it_could_not_take_waits_for_it(self, small):
        agent = small.subscribe("guide", stalled=True)
        client = small.connect()
        statuses = [client.say(id=n, text="x" * 20_000).get("status") for n in range(400)]
        assert statuses[0] == "published" and statuses[-1] == "queued"
        agent.read()
        assert [event.json()["message"]["id"] for event in agent.take(400)] == list(range(400))
        assert client.say(id="after")["status"] == "published"

    def test_when_it_leaves_what_waits_is_the_next_ones(self, small):
        agent = small.subscribe("guide", stalled=True)
        client = small.connect()
        queued = [n for n in range(400) if client.say(id=n, text="x" * 20_000)["status"] == "queued"]
        agent.close()
        successor = small.subscribe("guide")
        assert [event.json()["message"]["id"] for event in successor.take(len(queued))] == queued


class TestGroup:
    def test_each_envelope_goes_to_one_member(self, gateway, client, group):
        members = [gateway.subscribe("pillar:content", group) for _ in range(3)]
        send_numbers(client, 60, "pillar:content")
        eventually(lambda: sum(member.waiting() for member in members) == 60)
        taken = [numbers(member.take(member.waiting())) for member in members]
        assert sorted(sum(taken, [])) == list(range(60))
        assert all(part == sorted(part) for part in taken)
        assert all(len(part) >= 10 for part in taken), "the work is shared"

    def test_each_group_gets_everything_and_so_does_who_is_in_none(self, gateway, client, group):
        one, two, alone = (gateway.subscribe("pillar:insights", name) for name in (group, f"{group}-b", None))
        send_numbers(client, 10, "pillar:insights")
        for stream in (one, two, alone):
            assert numbers(stream.take(10)) == list(range(10))

    def test_an_acknowledged_one_is_done(self, gateway, client, group):
        member = gateway.subscribe("pillar:operations", group)
        send_numbers(client, 3, "pillar:operations")
        ids = [event.id for event in member.take(3)]
        answer = gateway.api.ack("pillar:operations", group, ids)
        assert answer["success"] is True
        assert gateway.api.ack("pillar:operations", group, ids)["success"] is True, "twice does no harm"

    @pytest.mark.parametrize(
        "change",
        [
            {"channel": None},
            {"channel": 7},
            {"group": None},
            {"group": "a b"},
            {"ids": None},
            {"ids": "x"},
            {"ids": [7]},
        ],
        ids=str,
    )
    def test_an_ack_out_of_form_is_400(self, gateway, change):
        body = {"channel": "guide", "group": "g", "ids": ["x"]} | change
        assert_refused(gateway.api.post(f"{POST_OFFICE}/ack", body), 400)

    @pytest.mark.slow
    def test_what_is_not_acknowledged_is_delivered_again_after_30_seconds(self, gateway, client, group):
        gateway.subscribe("pillar:business_outcomes").close()
        first = gateway.subscribe("pillar:business_outcomes", group)
        send_numbers(client, 3, "pillar:business_outcomes")
        start = time.monotonic()
        events = first.take(3)
        gateway.api.ack("pillar:business_outcomes", group, [events[1].id])
        first.close()
        second = gateway.subscribe("pillar:business_outcomes", group)
        again = second.take(2, timeout=50)
        assert 28 < time.monotonic() - start < 45
        assert numbers(again) == [0, 2]
        assert [event.id for event in again] == [events[0].id, events[2].id]
        gateway.api.ack("pillar:business_outcomes", group, [event.id for event in again])
        with pytest.raises(queue.Empty):
            second.next(timeout=2)
