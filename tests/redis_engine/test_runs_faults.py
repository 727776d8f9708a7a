"""Durable runs on two instances while one of them, a line or Redis itself breaks. Named after the invariant."""

import threading
import time

import pytest

from support.client import Client
from support.cluster import Cluster, is_ready
from support.redis_copy import RedisCopy
from support.run_copies import Copy, Owner, ask, attach
from support.run_engines import waiting
from support.runs import RUNS, fold
from support.tcp_proxy import sent
from support.wait import eventually

USER = {"user_id": "ada"}


@pytest.fixture
def pair(cluster):
    return [cluster.start() for _ in range(2)]


def over(api, run_id, status):
    return lambda: api.get(f"{RUNS}/{run_id}").json()["status"] == status


def test_i5_an_append_whose_answer_was_lost_is_stored_once_wherever_it_is_asked_for_again(pair):
    one, other = pair
    owner = Owner.create(one.api)
    body = {"producer": owner.producer, "epoch": 1, "seq": 0, "text": "once "}
    answers, go = [], threading.Barrier(8)

    def append(api):
        go.wait()
        answers.append(api.post(f"{RUNS}/{owner.run_id}/append", body).json())

    apis = [pair[n % 2].api_with(pair[n % 2].api_key) for n in range(8)]
    threads = [threading.Thread(target=append, args=(api,)) for api in apis]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["status"] for answer in answers) == ["appended"] + ["duplicate"] * 7
    assert {(answer["pos"], answer["hash"]) for answer in answers} == {(5, fold(b"once "))}
    one.crash()
    assert other.api.post(f"{RUNS}/{owner.run_id}/append", body).json()["status"] == "duplicate"
    assert other.api.get(f"{RUNS}/{owner.run_id}", params={"include": "log"}).json()["log"] == "once "


def test_i6_i7_of_many_claims_at_once_each_has_an_epoch_and_the_last_alone_writes(pair):
    owner = Owner.create(pair[0].api)
    claimed, go = [], threading.Barrier(8)

    def claim(api, name):
        go.wait()
        claimed.append((Owner.claim(api, owner.run_id, name, force=True).epoch, name))

    apis = [pair[n % 2].api_with(pair[n % 2].api_key) for n in range(8)]
    threads = [threading.Thread(target=claim, args=(api, f"p{n}")) for n, api in enumerate(apis)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(epoch for epoch, _ in claimed) == list(range(2, 10))
    for n, (epoch, name) in enumerate(sorted(claimed)):
        writes = Owner(pair[n % 2].api, owner.run_id, epoch, name).call("append", seq=0, text=f"{epoch}")
        assert writes.status_code == (200 if epoch == 9 else 403), writes.text
    assert pair[0].api.get(f"{RUNS}/{owner.run_id}", params={"include": "log"}).json()["log"] == "9"


def test_i6_who_wrote_before_a_claim_at_another_instance_is_fenced(pair):
    """His instance has read of the run that he owns it."""
    here, there = pair
    owner = Owner.create(here.api)
    owner.append("mine, ")
    other = Owner.claim(there.api, owner.run_id, "other", force=True)
    late = owner.call("append", seq=1, text="late")
    assert (late.status_code, late.json()["code"], late.json()["run"]["epoch"]) == (403, "fenced", 2), late.text
    other.append("another's")
    assert there.api.get(f"{RUNS}/{owner.run_id}", params={"include": "log"}).json()["log"] == "mine, another's"


def test_i11_agent_and_instance_die_together(pair, record_property):
    dying, living = pair
    reader = living.connect(living.new_session(**USER))
    owner = Owner.create(dying.api, to=USER, lease_ms=60_000)
    copy = attach(reader, owner.run_id)
    owner.append("half")
    copy.read_text(reader, "half")
    owner.claimed_for(2000)
    dying.crash()
    died = time.monotonic()
    end = copy.read_end(reader, timeout=30)
    record_property("over after, s (promised 4)", time.monotonic() - died)
    assert (end["status"], end["error"]["code"], end["pos"]) == ("abandoned", "agent_lost", 4)


def test_i14_i17_readers_go_with_their_instance_and_come_back_at_another(pair):
    dying, living = pair
    token = dying.new_session(**USER)
    owner = Owner.create(living.api, to=USER, lease_ms=60_000)
    copies = []
    for _ in range(3):  # a user's connections at a dead instance count for a while
        client = dying.connect(token)
        copies.append(attach(client, owner.run_id))
        owner.append("more ")
        copies[-1].read_text(client, "more " * len(copies))
    dying.crash()
    answer = owner.append("after")
    assert (answer["status"], answer["run_status"]) == ("appended", "in_progress")
    for n, copy in enumerate(copies):
        held = copy.text
        copy.first = None
        client = Client(f"{living.ws_url}?session_token={token}")
        attach(client, owner.run_id, copy=copy)  # without waiting for the welcome
        assert client.receive()["event"] == "welcome"
        copy.read_text(client, "more " * 3 + "after")
        assert (copy.first["event"], copy.first["from"]) == ("delta", len(held)), n
        client.close()
    owner.end()


def test_i15_a_cancel_at_another_instance_reaches_the_waiting_heartbeat(pair, record_property):
    one, other = pair
    owner = Owner.create(one.api, to=USER, lease_ms=120_000)
    tab = other.connect(other.new_session(**USER))
    answer = waiting(one, lambda: (owner.call("heartbeat", wait_ms=60_000).json(), time.monotonic()))
    assert tab.ask({"type": "cancel", "run_id": owner.run_id, "id": "x"})["status"] == "asked"
    asked = time.monotonic()
    beat, at = answer.result(20)
    record_property("heard after, ms (promised 200)", (at - asked) * 1000)
    assert beat["cancel_requested"] is True
    assert beat["run_status"] == "in_progress", "only the end of the grace was told"
    owner.end("cancelled")
    eventually(over(other.api, owner.run_id, "cancelled"))


def test_i20_a_delta_that_is_lost_between_redis_and_an_instance_is_repaired(redis, cluster, proxy, record_property):
    with Cluster(redis, f"redis://127.0.0.1:{proxy.port}") as behind:
        writing, reading = cluster.start(), behind.start()
        client = reading.connect(reading.new_session(**USER))
        owner = Owner.create(writing.api, to=USER, lease_ms=60_000)
        copy = attach(client, owner.run_id)
        owner.append("seen, ")
        copy.read_text(client, "seen, ")
        proxy.set("down", stalled=True, only=sent(b"SUBSCRIBE"))
        owner.append("lost, ")
        proxy.cut(only=sent(b"SUBSCRIBE"))
        proxy.clear()
        lost = time.monotonic()
        copy.read_text(client, "seen, lost, ")
        record_property("repaired after, s (promised 2.5)", time.monotonic() - lost)
        assert time.monotonic() - lost < 10
        owner.append("and on")
        copy.read_text(client, "seen, lost, and on")


def test_i22_the_same_question_at_each_instance_is_one_run_and_one_envelope(cluster):
    instances = [cluster.start() for _ in range(3)]
    token = instances[0].new_session(**USER)
    agent = instances[0].subscribe("guide")
    runs = set()
    for turn in range(2):
        for instance in instances:
            client = instance.connect(token, query="&client_id=tab")
            ack, _ = ask(client, id="q")
            runs.add(ack["run_id"])
            assert ack["status"] == ("published" if len(runs) == 1 and turn == 0 and instance is instances[0] else "duplicate")
            client.close()
    assert len(runs) == 1
    last = instances[2].connect(token, query="&client_id=tab")
    marker = ask(last, id="marker")[0]["run_id"]
    named = []
    while not named or named[-1] != marker:
        named.append(agent.next().json()["run"]["run_id"])
    assert named == [*runs, marker]


def until_answered(owner, **fields):
    told = []
    eventually(lambda: told.append(owner.call("append", **fields)) or told[-1].status_code not in (429, 503), 30)
    return told[-1]


@pytest.mark.parametrize("heals", [True, False])
def test_i29_a_copy_without_the_tail_takes_redis_place(redis, pair, heals):
    swapped = RedisCopy(redis)
    token = pair[0].new_session(**USER)
    owner = Owner.create(pair[0].api, to=USER, lease_ms=60_000)
    owner.append("kept ")
    readers = [(one.connect(token), Copy(owner.run_id)) for one in pair]
    for client, copy in readers:
        attach(client, owner.run_id, copy=None)
        copy.read_text(client, "kept ")
    swapped.copy()
    batches = ["lost ", "too ", "lost "]
    for text in batches:
        owner.append(text)
    for client, copy in readers:
        copy.read_text(client, "kept " + "".join(batches))
    swapped.swap()
    refused = until_answered(owner, seq=owner.seq, text="new ")
    assert (refused.status_code, refused.json()["code"], refused.json()["expected_seq"]) == (409, "sequence_gap", 1)
    assert refused.json()["run"] | {"status": ""} == {"status": "", "epoch": 1, "pos": 5, "hash": fold(b"kept ")}
    texts = [*batches, "new "] if heals else ["other "]
    for seq, text in enumerate(texts, 1):
        assert until_answered(owner, seq=seq, text=text).json()["status"] == "appended"
    whole = "kept " + "".join(texts)
    for client, copy in readers:
        copy.read_until(client, lambda one: one.text == whole, 30)
    eventually(lambda: is_ready(pair[1]), 30)
    fresh = pair[1].connect(token)
    attach(fresh, owner.run_id).read_text(fresh, whole)
