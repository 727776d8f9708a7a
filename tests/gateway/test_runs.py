"""Durable runs as clients see them on /ws. Tests are named after the invariant that they check."""

import json
import socket
import time

import pytest

from support.forms import TIMESTAMP
from support.gateway import is_sanitized
from support.run_copies import Copy, Owner, ask, asked, assert_hears_nothing, attach, cut, next_but_tops
from support.run_engines import ENGINES, run_gateway
from support.runs import fold


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param) as started:
        yield started


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
    if not is_sanitized():
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
