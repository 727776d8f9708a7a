"""Durable runs as clients see them on /ws. Tests are named after the invariant that they check."""

import json
import socket
import time

import pytest

from support.client import Client
from support.forms import TIMESTAMP
from support.run_copies import Copy, Owner, ask, attach
from support.run_engines import ENGINES, run_gateway
from support.runs import fold
from support.wait import eventually


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param) as started:
        yield started


@pytest.fixture
def agent(gateway):
    return gateway.subscribe("guide")


@pytest.fixture
def ada(gateway):
    return gateway.new_session(user_id="ada")


def asked(gateway, agent, client, **run):
    """A question whose run an agent has claimed."""
    ack, copy = ask(client, id="q", **run)
    return Owner.claim(gateway.api, ack["run_id"]), copy


def cut(client):
    """The connection goes without a word."""
    client.socket.socket.shutdown(socket.SHUT_RDWR)


def next_but_tops(client):
    """The next message that is no top: those come by the clock."""
    while (message := client.receive()).get("event") == "top":
        pass
    return message


def assert_hears_nothing(client):
    client.send({"type": "ping"})
    assert next_but_tops(client)["type"] == "pong"


def test_i1_i2_i3_what_a_client_has_is_a_prefix_at_any_moment(gateway, agent, ada):
    client = gateway.connect(ada)
    owner, copy = asked(gateway, agent, client)
    text = ""
    for word in ("Once ", "upon ", "a ", "time", " 😀"):
        owner.append(word)
        text += word
        copy.read_text(client, text)
    owner.end(result={"words": 4})
    end = copy.read_end(client)
    assert (end["status"], end["error"], end["result"]) == ("completed", None, {"words": 4})
    assert TIMESTAMP.fullmatch(end["timestamp"])
    assert_hears_nothing(client)


def test_an_ask_is_acknowledged_before_anything_of_its_run(gateway, agent, ada):
    client = gateway.connect(ada)
    ack, copy = ask(client, id="q", thread_id="c1", format="json")
    envelope = agent.next_from(client).json()
    assert ack == {"type": "ack", "id": "q", "status": "published", "run_id": ack["run_id"], "timestamp": ack["timestamp"]}
    assert ack["run_id"] == "run_" + envelope["message_id"].replace("-", "")
    assert envelope["run"] == {"run_id": ack["run_id"], "thread_id": "c1", "format": "json", "protocol": None}
    top = client.receive()
    assert {key: top[key] for key in top.keys() - {"timestamp", "idle_ms", "hash"}} == {
        "type": "run", "event": "top", "run_id": ack["run_id"], "epoch": 0, "pos": 0, "status": "queued",
        "owner": "none", "cancel_requested": False,
    }  # fmt: skip
    assert top["hash"] == fold(b"")
    copy.take(top)
    owner = Owner.claim(gateway.api, ack["run_id"])
    reset = next_but_tops(client)
    assert (reset["event"], reset["cause"], reset["epoch"]) == ("reset", "claimed", 1)
    copy.take(reset)
    owner.append(items=[{"a": 1}, {"b": 2}])
    copy.read_text(client, '{"a":1}\n{"b":2}\n')


def test_a_message_without_run_has_none(gateway, agent, ada):
    client = gateway.connect(ada)
    assert "run_id" not in client.say(id="plain")
    assert "run" not in agent.next_from(client).json()
    assert_hears_nothing(client)


@pytest.mark.parametrize(
    "message",
    [
        {"payload": {}, "run": {}},
        {"payload": {}, "id": 1, "run": {"format": "ag-ui"}},
        {"payload": {}, "id": 1, "run": {"else": 1}},
        {"payload": {}, "id": 1, "run": {"thread_id": "no blanks"}},
        {"payload": {}, "id": 1, "run": None},
        {"agent_type": "guide", "message": "hi", "id": 1, "run": {}},
        {"type": "attach"},
        {"type": "attach", "run_id": "r", "thread_id": "c"},
        {"type": "attach", "run_id": "no blanks"},
        {"type": "attach", "run_id": "r", "cursor": "1.2"},
        {"type": "attach", "run_id": "r", "coalesce_ms": 1001},
        {"type": "detach"},
        {"type": "cancel", "run_id": "r", "reason": 1},
    ],
    ids=json.dumps,
)
def test_other_forms_are_invalid(gateway, message):
    answer = gateway.connect().ask(message)
    assert (answer["type"], answer["code"]) == ("error", "invalid_message")


def test_i14_closing_changes_no_run(gateway, agent, ada):
    client = gateway.connect(ada)
    owner, copy = asked(gateway, agent, client)
    owner.append("before")
    copy.read_text(client, "before")
    cut(client)
    others = [gateway.connect(ada) for _ in range(3)]
    for other in others:
        attach(other, owner.run_id).read_text(other, "before")
        other.close()
    assert owner.append(" and after")["run_status"] == "in_progress"
    owner.end()
    assert owner.record()["status"] == "completed"


def test_i15_i16_a_cancel_from_another_tab_reaches_the_owner(gateway, agent, ada):
    client, tab = gateway.connect(ada), gateway.connect(ada)
    owner, copy = asked(gateway, agent, client)
    ack = tab.ask({"type": "cancel", "run_id": owner.run_id, "reason": "enough", "id": "x"})
    assert (ack["type"], ack["status"], ack["id"], ack["run_id"]) == ("ack", "asked", "x", owner.run_id)
    assert tab.ask({"type": "cancel", "run_id": owner.run_id, "id": "y"})["status"] == "already"
    assert owner.append("last words")["cancel_requested"] is True
    owner.end("cancelled")
    assert copy.read_end(client)["status"] == "cancelled"
    assert copy.text == "last words"
    assert tab.ask({"type": "cancel", "run_id": owner.run_id, "id": "z"})["status"] == "ended"


def test_i15_an_agent_that_ignores_a_cancel_is_cut_off_after_the_grace(gateway, agent, ada):
    client = gateway.connect(ada)
    owner, copy = asked(gateway, agent, client)
    owner.append("and on")
    client.send({"type": "cancel", "run_id": owner.run_id})
    end = copy.read_end(client, timeout=30)
    assert (end["status"], end["error"]["code"]) == ("cancelled", "cancelled")
    assert owner.call("append", seq=owner.seq, text="and on").status_code == 409


def test_a_queued_run_is_cancelled_at_once(gateway, ada):
    client = gateway.connect(ada)
    ack, copy = ask(client, id="q")
    assert copy.read_until(client, lambda c: c.tops) == []
    client.send({"type": "cancel", "run_id": ack["run_id"]})
    assert copy.read_end(client, timeout=4.5)["status"] == "cancelled"  # before the grace of 5 s is over


def test_i17_a_cursor_that_fits_goes_on_at_its_place_in_one_round_trip(gateway, agent, ada):
    client = gateway.connect(ada)
    owner, copy = asked(gateway, agent, client)
    owner.append("Once upon")
    copy.read_text(client, "Once upon")
    cut(client)
    owner.append(" a time")
    # Sent without waiting for the welcome.
    again = Client(f"{gateway.ws_url}?session_token={ada}")
    copy.first = None
    attach(again, owner.run_id, copy=copy, id=7)
    assert again.receive()["event"] == "welcome"
    copy.read_text(again, "Once upon a time")
    assert (copy.first["event"], copy.first["from"], copy.first["id"]) == ("delta", len("Once upon"), 7)
    # Nothing is missing: a top.
    copy.first = None
    attach(again, owner.run_id, copy=copy)
    copy.read_until(again, lambda c: c.first)
    assert copy.first["event"] == "top"
    again.close()


@pytest.mark.parametrize(
    "cursor,cause",
    [
        ("1.4." + fold(b"Else"), "diverged"),
        ("1.400." + fold(b"Once"), "ahead"),
        ("9.4." + fold(b"Once"), "ahead"),
        ("0001.000000000004." + fold(b"What"), "diverged"),
    ],
)
def test_i18_a_cursor_that_does_not_fit_is_a_snapshot(gateway, ada, cursor, cause):
    owner = Owner.create(gateway.api, to={"user_id": "ada"})
    owner.append("Once upon a time")
    client = gateway.connect(ada)
    copy = attach(client, owner.run_id, cursor=cursor)
    copy.read_text(client, "Once upon a time")
    assert (copy.first["event"], copy.first["cause"], copy.first["channel"]) == ("snapshot", cause, "guide")


def test_i18_an_older_epoch_is_cut_to_the_common_prefix(gateway, ada):
    owner = Owner.create(gateway.api, to={"user_id": "ada"})
    owner.append("Once upon a time")
    client = gateway.connect(ada)
    live = attach(client, owner.run_id)
    live.read_text(client, "Once upon a time")
    late = Copy(owner.run_id, epoch=1, data=live.data)
    again = Owner.claim(gateway.api, owner.run_id, owner.producer, keep=5)
    again.append("more")
    live.read_text(client, "Once more")
    assert live.events[-2:] == ["reset", "delta"]
    other = gateway.connect(ada)
    attach(other, owner.run_id, copy=late)
    late.read_text(other, "Once more")
    assert late.events == ["reset", "delta"]
    assert (late.first["cause"], late.first["pos"]) == ("superseded", 5)


def test_i19_a_late_joiner_gets_everything_in_pieces(gateway, ada):
    owner = Owner.create(gateway.api, to={"user_id": "ada"})
    text = "é€😀" * 8000
    for at in range(0, len(text), 6000):
        owner.append(text[at : at + 6000])
    client = gateway.connect(ada)
    copy = attach(client, owner.run_id)
    copy.read_text(client, text)
    assert copy.first["event"] == "snapshot" and copy.first["cause"] == "attach"
    owner.append("!")
    copy.read_text(client, text + "!")
    owner.end()
    copy.read_end(client)
    # After it is over: the same, and the end.
    late = attach(client, owner.run_id)
    late.read_end(client)
    assert late.text == text + "!"


def test_i20_a_top_comes_every_two_seconds(gateway, ada, record_property):
    owner = Owner.create(gateway.api, to={"user_id": "ada"}, lease_ms=60_000)
    client = gateway.connect(ada)
    copy = attach(client, owner.run_id)
    began = time.monotonic()
    copy.read_until(client, lambda c: c.tops == 2, timeout=10)
    record_property("two came within, s (promised 5)", time.monotonic() - began)


def test_i21_a_slow_reader_is_a_place_and_disturbs_nobody(gateway, ada):
    owner = Owner.create(gateway.api, to={"user_id": "ada"})
    slow = gateway.raw_connect(ada, receive_buffer=4096)
    slow.welcome()
    slow.send_message({"type": "attach", "run_id": owner.run_id})
    fast = gateway.connect(ada)
    copy = attach(fast, owner.run_id)
    before = gateway.rss_bytes
    text = ""
    for n in range(100):
        piece = f"{n:04d}" * 2000
        owner.append(piece)
        text += piece
        copy.read_text(fast, text)
    assert gateway.rss_bytes - before < 24 << 20
    owner.end()
    copy.read_end(fast)
    behind = Copy(owner.run_id)
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # it has been slow long enough
    while behind.end is None:
        message = slow.next_message()
        if message["type"] == "run":
            behind.take(message)
    assert behind.text == text


def test_coalesced_deltas_come_merged(gateway, ada):
    owner = Owner.create(gateway.api, to={"user_id": "ada"})
    client = gateway.connect(ada)
    copy = attach(client, owner.run_id, coalesce_ms=1000)
    copy.read_until(client, lambda c: c.first)
    began = time.monotonic()
    for n in range(10):
        owner.append(str(n))
    copy.read_text(client, "0123456789")
    assert copy.events.count("delta") <= 2 + (time.monotonic() - began)  # at most one a second


def test_i28_a_foreign_run_is_as_unknown_as_none(gateway, ada):
    owner = Owner.create(gateway.api, run_id="of-ada", to={"user_id": "ada"})
    owner.append("secret")
    eve = gateway.connect(gateway.new_session(user_id="eve"))
    nobody = gateway.connect()
    for client in (eve, nobody):
        for message in ({"type": "attach", "id": 1}, {"type": "cancel", "id": 1}):
            foreign = client.ask(message | {"run_id": "of-ada"})
            absent = client.ask(message | {"run_id": "of-bob"})
            assert foreign["code"] == absent["code"] == "unknown_run"
            masked = [{**answer, "timestamp": "", "run_id": answer["run_id"][:3]} for answer in (foreign, absent)]
            assert json.dumps(masked[0]) == json.dumps(masked[1])
            assert list(foreign) == list(absent)
    eve.send({"type": "attach", "thread_id": "c1"})
    answer = eve.receive()
    assert (answer["code"], answer["thread_id"]) == ("unknown_run", "c1")
    assert owner.append("!")["cancel_requested"] is False


def test_i22_the_same_question_again_is_one_run(gateway, agent, ada):
    before = gateway.connect(ada, query="&client_id=tab")
    ack, copy = ask(before, id="q")
    owner = Owner.claim(gateway.api, ack["run_id"])
    owner.append("answer")
    cut(before)
    after = gateway.connect(ada, query="&client_id=tab")
    again, fresh = ask(after, id="q")
    assert (again["status"], again["run_id"]) == ("duplicate", ack["run_id"])
    fresh.read_text(after, "answer")
    # Attached already: only the ack.
    after.send({"channel": "guide", "payload": {}, "id": "q", "run": {}})
    assert next_but_tops(after)["run_id"] == ack["run_id"]
    assert_hears_nothing(after)
    # Decided by the id alone.
    after.send({"channel": "guide", "payload": {}, "id": "q"})
    assert next_but_tops(after)["run_id"] == ack["run_id"]
    assert agent.next_from(before).json()["run"]["run_id"] == ack["run_id"]


def test_a_duplicate_of_a_message_without_run_has_none(gateway, agent, ada):
    client = gateway.connect(ada)
    assert client.say(id="q")["status"] == "published"
    again = client.say(id="q", run={})
    assert again["status"] == "duplicate" and "run_id" not in again


def test_a_detach_is_answered_and_ends_the_deltas(gateway, ada):
    owner = Owner.create(gateway.api, to={"user_id": "ada"})
    client = gateway.connect(ada)
    copy = attach(client, owner.run_id)
    copy.read_until(client, lambda c: c.first)
    client.send({"type": "detach", "run_id": owner.run_id})
    answer = next_but_tops(client)
    assert answer == {"type": "detach", "run_id": owner.run_id, "timestamp": answer["timestamp"]}
    owner.append("unheard")
    assert_hears_nothing(client)
    # In order, also while the attach is being answered.
    client.send({"type": "attach", "run_id": owner.run_id})
    client.send({"type": "detach", "run_id": owner.run_id, "id": 2})
    assert next_but_tops(client)["event"] == "snapshot"
    assert next_but_tops(client)["id"] == 2
    owner.append("unheard")
    assert_hears_nothing(client)


def test_a_thread_names_its_latest_run(gateway, agent, ada):
    client = gateway.connect(ada)
    asked(gateway, agent, client, thread_id="c1")
    ack, _ = ask(client, id="q2", thread_id="c1")
    tab = gateway.connect(ada)
    answer = tab.ask({"type": "attach", "thread_id": "c1", "id": 3})
    assert (answer["run_id"], answer["id"], answer["thread_id"]) == (ack["run_id"], 3, "c1")


def test_sixty_four_runs_may_be_attached_and_no_more(gateway):
    client = gateway.connect()
    runs = [Owner.create(gateway.api, lease_ms=120_000) for _ in range(66)]
    for run in runs[:64]:
        client.send({"type": "attach", "run_id": run.run_id})
    missing = {run.run_id for run in runs[:64]}
    while missing:
        message = client.receive()
        assert message["type"] == "run"
        missing.discard(message["run_id"])
    answers = []
    client.send({"type": "attach", "run_id": runs[64].run_id, "id": 9})
    while not answers or answers[-1]["type"] != "error":
        answers.append(client.receive())
    assert (answers[-1]["code"], answers[-1]["id"], answers[-1]["run_id"]) == ("too_many_runs", 9, runs[64].run_id)
    # One that it reads may be attached anew, and one that is left makes room.
    client.send({"type": "detach", "run_id": runs[0].run_id})
    client.send({"type": "attach", "run_id": runs[65].run_id, "id": 10})
    eventually(lambda: client.receive().get("id") == 10)


def test_at_that_bound_a_thread_is_refused_unless_its_run_is_read(gateway, ada):
    client = gateway.connect(ada)
    to_ada = {"to": {"user_id": "ada"}, "lease_ms": 120_000}
    mine, other = (Owner.create(gateway.api, thread_id=name, **to_ada) for name in ("mine", "other"))
    runs = [mine] + [Owner.create(gateway.api, lease_ms=120_000) for _ in range(63)]
    for run in runs:
        client.send({"type": "attach", "run_id": run.run_id})
        Copy(run.run_id).read_until(client, lambda copy: copy.first)
    client.send({"type": "attach", "thread_id": "other", "id": 1})
    refused = next_but_tops(client)
    assert (refused["code"], refused["id"], refused["thread_id"]) == ("too_many_runs", 1, "other")
    client.send({"type": "attach", "thread_id": "mine", "id": 2})
    answer = next_but_tops(client)
    assert (answer["event"], answer["run_id"], answer["id"]) == ("snapshot", mine.run_id, 2)
    client.send({"type": "detach", "run_id": runs[1].run_id})
    assert next_but_tops(client)["type"] == "detach"
    client.send({"type": "attach", "thread_id": "other", "id": 3})
    assert next_but_tops(client)["run_id"] == other.run_id
    for run in (*runs, other):
        run.end()


def test_what_is_refused_of_an_attach_says_what_was_asked_for(gateway, ada):
    client = gateway.connect(ada)
    wrong = client.ask({"type": "attach", "run_id": "r", "cursor": "1.2", "id": 1})
    assert (wrong["code"], wrong["id"], wrong["run_id"]) == ("invalid_message", 1, "r")
    wrong = client.ask({"type": "attach", "thread_id": "c", "cursor": "1.2", "id": 2})
    assert (wrong["code"], wrong["id"], wrong["thread_id"]) == ("invalid_message", 2, "c")
    unknown = client.ask({"type": "attach", "thread_id": "nobodys", "id": 3})
    assert (unknown["code"], unknown["id"], unknown["thread_id"]) == ("unknown_run", 3, "nobodys")


def test_an_attach_of_a_thread_waits_for_the_ack_of_the_question_before_it(gateway, agent):
    client = gateway.connect(gateway.api.create_session("finn")["session_id"])
    for turn in range(20):
        thread = f"c{turn}"
        client.send({"channel": "guide", "payload": {}, "id": turn, "run": {"thread_id": thread}})
        client.send({"type": "attach", "thread_id": thread, "id": f"a{turn}"})
        ack = next_but_tops(client)
        assert (ack["type"], ack["id"]) == ("ack", turn)
        while (answer := client.receive()).get("id") != f"a{turn}":
            pass
        assert answer["run_id"] == ack["run_id"]


def test_a_channel_that_a_session_loses_takes_its_runs_along(gateway, ada):
    session = gateway.api.create_session("carl", context={"channels": ["guide", "pillar:content"]})
    token = session["session_id"]
    owner = Owner.create(gateway.api, channel="pillar:content", to={"user_id": "carl"})
    client = gateway.connect(token)
    copy = attach(client, owner.run_id)
    copy.read_until(client, lambda c: c.first)
    gateway.api.patch_session(token, context={"channels": ["guide"]})
    message = next_but_tops(client)
    assert message == {"type": "detach", "run_id": owner.run_id, "reason": "forbidden", "timestamp": message["timestamp"]}
    owner.append("unheard")
    assert_hears_nothing(client)
    assert client.ask({"type": "attach", "run_id": owner.run_id})["code"] == "unknown_run"


def test_a_run_to_a_channel_is_cancelled_by_keys_only(gateway, ada):
    owner = Owner.create(gateway.api)
    answer = gateway.connect(ada).ask({"type": "cancel", "run_id": owner.run_id, "id": 1})
    assert (answer["code"], answer["run_id"]) == ("forbidden", owner.run_id)
