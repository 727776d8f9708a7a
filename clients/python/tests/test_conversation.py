import json

import pytest
from conftest import Log

from websocket_gateway.conversation import Conversation, Held, Pending, held_at
from websocket_gateway.errors import ConnectionFailed, Refused, Unanswered

WELCOME = {"type": "system", "event": "welcome"}


class Peer:
    """A conversation, and what it says and is told."""

    def __init__(self):
        self.told, self.answers, self.errors, self.pushed = [], [], [], []
        self.conversation = Conversation(on_message=self.told.append, on_pushed=self._push)
        self.wants_pushed, self.detaches_pushed = False, False

    def _push(self, message):
        if not self.wants_pushed:
            return None
        held = Held(lambda: None, message["run_id"])
        self.pushed.append(held)
        if self.detaches_pushed:
            self.conversation.detach(held)
            return None
        return held

    def open(self, now=0.0, scope="token"):
        self.conversation.opened(now, scope)
        early = self.said()
        self.hear(WELCOME, now)
        return early

    def hear(self, message, now=0.0):
        self.conversation.received(json.dumps(message), now)

    def said(self):
        said = [json.loads(text) for text in self.conversation.out]
        self.conversation.out.clear()
        return said

    def ask(self, id="q", now=0.0, held=None):
        held = held or Held(lambda: None)
        message = {"channel": "guide", "payload": {}, "id": id, "run": {}}
        self.conversation.say(Pending(message, self.answers.append, self.errors.append, held), now)
        return held

    def asked(self, now=0.0):
        """An acknowledged question."""
        held = self.ask(now=now)
        self.said()
        self.hear({"type": "ack", "id": "q", "status": "published", "run_id": "run_1"}, now)
        return held


@pytest.fixture
def peer():
    return Peer()


def test_a_question_is_said_after_the_welcome_and_again_after_each_reconnect(peer):
    peer.ask()
    assert peer.said() == []
    assert peer.open() == []
    [asked] = peer.said()
    assert asked["id"] == "q"
    peer.conversation.closed()
    peer.open(50)
    assert peer.said() == [asked]
    peer.hear({"type": "ack", "id": "q", "status": "duplicate", "run_id": "run_1"})
    assert peer.answers[0]["run_id"] == "run_1"
    peer.conversation.closed()
    assert [one["type"] for one in peer.open(60)] == ["attach"]
    assert peer.said() == []


def test_a_question_that_the_gateway_may_have_forgotten_is_not_said_again(peer):
    peer.open()
    peer.ask()
    peer.said()
    peer.conversation.closed()
    peer.open(111)
    assert peer.said() == []
    assert isinstance(peer.errors[0], Unanswered)


@pytest.mark.parametrize("scopes", [(None, None), ("first", "second"), ("first", None)])
def test_a_question_is_not_said_again_where_the_gateway_would_not_know_its_id(peer, scopes):
    """It would be answered twice."""
    peer.open(scope=scopes[0])
    peer.ask()
    cancel = {"type": "cancel", "run_id": "run_1", "id": "c"}
    peer.conversation.say(Pending(cancel, peer.answers.append, peer.errors.append), 0)
    peer.said()
    peer.conversation.closed()
    peer.open(1, scope=scopes[1])
    assert [type(error) for error in peer.errors] == [Unanswered]
    assert peer.said() == [cancel], "asked for twice, it is cancelled once"


@pytest.mark.parametrize("payload", [{"at": object()}, {"n": float("nan")}])
def test_what_is_no_json_is_refused_where_it_is_said_and_leaves_nothing(peer, payload):
    peer.open()
    with pytest.raises((TypeError, ValueError)):
        peer.conversation.say(Pending({"id": "bad", "payload": payload}, peer.answers.append, peer.errors.append), 0)
    peer.conversation.closed()
    peer.open(1)
    assert peer.said() == []


def test_half_a_character_is_said_as_none(peer):
    peer.open()
    peer.conversation.say(Pending({"id": "h", "payload": {"a": "\ud834", "b": "\ud834\udd1e"}}, print, print), 0)
    peer.conversation.out[0].encode()
    assert peer.said()[0]["payload"] == {"a": "\ufffd", "b": "\U0001d11e"}


def test_two_messages_at_once_have_two_ids(peer):
    peer.open()
    peer.ask("q")
    with pytest.raises(ValueError, match="id"):
        peer.ask("q")
    peer.hear({"type": "ack", "id": "q", "status": "published", "run_id": "run_1"})
    assert len(peer.answers) == 1


def test_a_question_that_is_refused_says_why(peer):
    peer.open()
    peer.ask()
    peer.hear({"type": "error", "code": "overloaded", "message": "later", "id": "q"})
    assert (peer.errors[0].code, peer.errors[0].message) == ("overloaded", "later")


def test_a_run_goes_on_with_its_cursor_before_the_welcome(peer):
    peer.open()
    held, log = peer.asked(), Log(b"Once upon")
    peer.hear(log.message("reset", 0, cause="claimed"))
    peer.hear(log.delta(0, 4))
    peer.conversation.closed()
    [attach] = peer.open()
    assert attach["cursor"] == f"1.4.{log.top(4)['hash']}"
    peer.hear(log.delta(4, id=attach["id"]))
    assert held.view.text == "Once upon"


def test_nothing_counts_until_the_attach_is_answered(peer):
    """What is on its way from the old place would look like a hole, and ask again, and again."""
    peer.open()
    held, log = peer.asked(), Log(b"Once upon a time")
    peer.hear(log.message("reset", 0, cause="claimed"))
    peer.hear(log.delta(4, 9))
    [attach] = peer.said()
    peer.hear(log.delta(9))
    peer.hear(log.end())
    assert (peer.said(), held.view.text, held.view.over) == ([], "", False)
    peer.hear(log.delta(0, id=attach["id"]))
    peer.hear(log.end())
    assert (held.view.text, held.view.verified) == ("Once upon a time", True)
    assert not peer.conversation.runs


def test_an_open_run_that_the_gateway_does_not_know_is_lost(peer):
    peer.open()
    held = peer.asked()
    peer.conversation.closed()
    [attach] = peer.open()
    peer.hear({"type": "error", "code": "unknown_run", "message": "", "id": attach["id"], "run_id": "run_1"})
    assert (held.view.status, held.view.error["code"]) == ("failed", "gateway_lost")


def test_an_unknown_run_that_was_never_known_is_refused(peer):
    peer.open()
    held = Held(lambda: None, "run_2")
    peer.conversation.attach(held, 0)
    [attach] = peer.said()
    assert "cursor" not in attach
    peer.hear({"type": "error", "code": "unknown_run", "message": "", "id": attach["id"], "run_id": "run_2"})
    assert isinstance(held.failure, Refused) and held.failure.code == "unknown_run"


def test_who_cannot_be_read_now_is_tried_later(peer):
    peer.open()
    held = peer.asked()
    peer.conversation.closed()
    [attach] = peer.open()
    peer.hear({"type": "error", "code": "overloaded", "message": "", "id": attach["id"], "run_id": "run_1"}, 1)
    assert not peer.conversation.expects_tops
    peer.conversation.tick(0.9)
    assert peer.said() == []
    peer.conversation.tick(2)
    assert peer.said()[0]["type"] == "attach"
    assert held.failure is None


def test_a_question_that_is_not_attached_attaches(peer):
    peer.open()
    peer.ask()
    peer.said()
    peer.hear({"type": "ack", "id": "q", "status": "published", "run_id": "run_1", "attached": False})
    assert peer.said()[0]["type"] == "attach"


def test_a_thread_is_found(peer):
    peer.open()
    held = Held(lambda: None, thread_id="t")
    peer.conversation.attach(held, 0)
    peer.conversation.closed()
    [attach] = peer.open()
    assert attach["thread_id"] == "t" and "run_id" not in attach
    log = Log(b"found")
    peer.hear(log.snapshot(id=attach["id"], thread_id="t", channel="guide"))
    assert (held.run_id, held.view.text, held.channel) == ("run_1", "found", "guide")


def test_what_is_pushed_is_read_by_whoever_wants_it(peer):
    peer.open()
    log = Log(b"pushed")
    peer.hear(log.snapshot())
    peer.hear(log.told())
    assert peer.said() == [{"type": "detach", "run_id": "run_1"}]
    peer.conversation.closed()
    peer.wants_pushed = True
    peer.open()
    peer.hear(log.snapshot())
    assert peer.pushed[0].view.text == "pushed"


@pytest.mark.parametrize("within_callback", [False, True])
def test_what_was_detached_is_not_pushed_again(peer, within_callback):
    """Not by what was on its way, nor by a later connection; attaching makes it wanted again."""
    peer.wants_pushed, peer.detaches_pushed = True, within_callback
    peer.open()
    log = Log(b"pushed")
    peer.hear(log.snapshot())
    if not within_callback:
        peer.conversation.detach(peer.pushed[0])
    assert peer.said() == [{"type": "detach", "run_id": "run_1"}]
    log.data += b" on"
    peer.hear(log.delta(6))
    assert (len(peer.pushed), peer.conversation.runs, peer.said()) == (1, {}, [])
    peer.conversation.closed()
    assert peer.open() == []
    peer.hear(log.snapshot())
    assert (len(peer.pushed), peer.said()) == (1, [{"type": "detach", "run_id": "run_1"}])
    held = Held(lambda: None, "run_1")
    peer.conversation.attach(held, 0)
    [attach] = peer.said()
    peer.hear(log.snapshot(id=attach["id"]))
    log.data += b" and on"
    peer.hear(log.delta(9))
    assert held.view.text == "pushed on and on"


def test_the_answer_to_an_attach_that_was_given_up_is_no_push(peer):
    peer.wants_pushed = True
    peer.open()
    held = Held(lambda: None, thread_id="t")
    peer.conversation.attach(held, 0)
    [attach] = peer.said()
    peer.conversation.detach(held)
    peer.hear(Log(b"found").snapshot(id=attach["id"]))
    assert (peer.pushed, peer.conversation.runs) == ([], {})


def test_more_runs_than_may_be_said_early_wait_for_the_welcome(peer):
    for n in range(64):
        peer.conversation.attach(held_at("1.5.1c8441d38a51ad", "", lambda: None, f"run_{n:0128}"), 0)
    peer.conversation.opened(0)
    early = sum(map(len, peer.conversation.out))
    assert early <= 16 * 1024 and len(peer.said()) <= 60
    peer.hear(WELCOME)
    attached = {one["run_id"] for one in peer.said()}
    assert attached and len(attached) < 64


def test_a_session_that_loses_the_channel_reads_no_more(peer):
    peer.open()
    held = peer.asked()
    peer.hear({"type": "detach", "run_id": "run_1", "reason": "forbidden"})
    assert isinstance(held.failure, Refused) and held.failure.code == "forbidden"


def test_an_engine_that_lost_the_run_is_said(peer):
    peer.open()
    held = peer.asked()
    peer.hear({"type": "detach", "run_id": "run_1", "reason": "unknown_run"})
    assert held.view.error["code"] == "gateway_lost"


def test_pings_are_answered_and_the_rest_is_handed_on(peer):
    peer.open()
    peer.hear({"type": "ping"})
    assert peer.said() == [{"type": "pong"}]
    peer.hear({"type": "agent_response", "message": "hello"})
    peer.hear({"type": "system", "event": "gap", "channel": "guide"})
    assert [one["type"] for one in peer.told] == ["agent_response", "system"]


def test_a_run_that_is_read_already_is_that_one(peer):
    """Found by its thread, or asked for with the same id again."""
    peer.open()
    first, log = peer.asked(), Log(b"one text")
    again = peer.ask("other")
    peer.hear({"type": "ack", "id": "other", "status": "duplicate", "run_id": "run_1"})
    by_thread = Held(lambda: None, thread_id="t")
    peer.said()
    peer.conversation.attach(by_thread, 0)
    [attach] = peer.said()
    peer.hear(log.snapshot(id=attach["id"]))
    assert again.same_as is first and by_thread.same_as is first
    assert first.view.text == "one text"
    assert list(peer.conversation.runs.values()) == [first]


def test_what_ended_the_connection_is_not_said_again(peer):
    peer.open()
    peer.ask()
    peer.said()
    peer.conversation.closed(ours=True)
    assert isinstance(peer.errors[0], ConnectionFailed)
    peer.open()
    assert peer.said() == []


def test_the_end_of_all_connections_ends_everything(peer):
    peer.open()
    held = peer.asked()
    peer.ask("other")
    over = ConnectionFailed("closed")
    peer.conversation.ended(over)
    assert held.failure is over and peer.errors == [over]
