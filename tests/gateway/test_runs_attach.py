"""Attaching to a durable run on /ws: where a client goes on, what a thread names, how many it may read, and leaving."""

import pytest

from support.client import Client
from support.run_copies import Copy, Owner, ask, asked, assert_hears_nothing, attach, cut, next_but_tops
from support.run_engines import ENGINES, run_gateway
from support.runs import fold
from support.wait import eventually


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param) as started:
        yield started


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
