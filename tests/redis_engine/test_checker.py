"""That the checker finds each kind of fault, and nothing in a run without any."""

import itertools
import time

import pytest

from support.checker import Checker, answer_to


class Run:
    """A run in which all goes well, up to what a test changes of it."""

    def __init__(self):
        self.checker = Checker()
        self._message_ids = itertools.count()

    def send(self, id, connection="ws_1", channel="guide", status="published"):
        message = {"id": id, "channel": channel, "payload": {"n": id}}
        self.checker.sent(connection, message)
        if status:
            self.checker.answered(connection, {"type": "ack", "id": id, "status": status})
        return {
            "message_id": f"m{next(self._message_ids)}",
            "connection_id": connection,
            "channel": channel,
            "message": message,
        }

    def receive(self, *envelopes, agent="agent"):
        for envelope in envelopes:
            self.checker.agent_received(agent, envelope)

    def faults(self):
        return self.checker.report().faults()


@pytest.fixture
def run():
    return Run()


def test_a_good_run_is_clean(run):
    channels = ("guide", "pillar:content", "guide")
    envelopes = [run.send(n, connection=f"ws_{n % 2}", channel=channels[n % 3]) for n in range(12)]
    run.receive(*envelopes[::2], *envelopes[1::2])  # connections may overtake one another
    run.receive(*envelopes, agent="another")
    for envelope in envelopes:
        run.checker.agent_answered(answer_to(envelope))
        run.checker.client_received(envelope["connection_id"], answer_to(envelope))
    report = run.checker.report()
    report.assert_clean()
    assert report.taken == 12 and not report.refused


@pytest.mark.parametrize("status", ["published", "queued", "duplicate"])
def test_lost(run, status):
    run.receive(run.send(1))
    run.send(2, status=status)
    assert run.checker.missing_ids() == {2}
    assert run.faults() == {"lost": [2]}
    with pytest.raises(AssertionError, match="lost"):
        run.checker.report().assert_clean()
    run.checker.report().assert_clean(allowed=["lost"])


def test_what_a_kill_of_redis_excuses(run):
    for id, status in enumerate(["published", "queued", "published"], 1):
        envelope = run.send(id, status=status)
    run.receive(envelope)
    died_at = time.monotonic()
    run.send(4)
    assert run.checker.missing_ids() == {1, 2, 4}
    assert run.checker.counted_by_the_dead(died_at) == {1}, "not what was queued, came, or was sent later"
    assert run.checker.counted_by_the_dead(died_at + 60) == set(), "nor what was sent long before"


def test_what_was_refused_is_not_lost(run):
    run.send(1, status=None)
    assert run.checker.open_ids() == {1}
    run.checker.answered("ws_1", {"type": "error", "id": 1, "code": "overloaded"})
    report = run.checker.report()
    report.assert_clean()
    assert report.refused == {"overloaded": 1} and report.taken == 0


def test_silence(run):
    run.receive(run.send(1, status=None))
    assert run.faults() == {"unanswered": [1]}


def test_refused_and_then_taken_when_sent_again(run):
    run.send(1, status=None)
    run.checker.answered("ws_1", {"type": "error", "id": 1, "code": "overloaded"})
    run.send(1, connection="ws_2")
    assert run.faults() == {"lost": [1]}


def test_doubled_and_redelivered_are_told_apart(run):
    first, second = run.send(1), run.send(2)
    run.receive(first, first | {"message_id": "other"}, second, second)
    assert run.faults() == {"doubled": [("agent", 1)], "redelivered": [("agent", 2)]}


def test_out_of_order_per_connection_and_channel(run):
    first, second = run.send(1), run.send(2)
    elsewhere = run.send(3, channel="pillar:content"), run.send(4, connection="ws_2")
    run.receive(*elsewhere, second, first)
    assert run.faults() == {"disordered": [("agent", "ws_1", "guide", 1)]}


def test_a_message_of_another_connection_or_channel(run):
    first, second = run.send(1), run.send(2)
    run.receive(first | {"connection_id": "ws_9"}, second | {"channel": "pillar:content"})
    assert run.faults() == {"misdelivered": [("agent", 1), ("agent", 2)]}


def test_altered_and_unknown(run):
    envelope = run.send(1)
    message = envelope["message"]
    run.receive(envelope | {"message": message | {"payload": {}}}, envelope | {"message": message | {"id": 7}})
    assert run.faults() == {"altered": [("agent", 1)], "unknown": [("agent", 7)]}


def test_answers_lost_doubled_and_to_the_wrong_one(run):
    envelopes = [run.send(n) for n in range(3)]
    run.receive(*envelopes)
    for envelope in envelopes:
        run.checker.agent_answered(answer_to(envelope))
    run.checker.client_received("ws_1", answer_to(envelopes[1]))
    run.checker.client_received("ws_1", answer_to(envelopes[1]))
    run.checker.client_received("ws_2", answer_to(envelopes[2]))
    assert run.faults() == {
        "answers_lost": [("ws_1", 0)],
        "answers_doubled": [("ws_1", 1)],
        "misdelivered": [("ws_2", 2)],
    }


def test_an_answer_to_what_was_never_sent_is_an_error(run):
    with pytest.raises(AssertionError, match="never sent"):
        run.checker.answered("ws_1", {"type": "ack", "id": 1, "status": "published"})
