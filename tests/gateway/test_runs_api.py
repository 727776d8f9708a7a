"""Durable runs over the service API: their making, their owners, and what is shown of them."""

import json
import socket
import time

import pytest

from support.api import assert_refused
from support.run_engines import ENGINES, readers, run_gateway, waiting
from support.runs import EMPTY, RUNS, Run, cursor, fold, new_name
from support.wait import eventually


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param) as started:
        yield started


class TestMaking:
    def test_its_maker_has_claimed_it(self, api):
        response = api.post(RUNS, {"channel": "guide", "producer": "a:1"})
        assert response.status_code == 201
        body = response.json()
        assert body.pop("run_id").startswith("run_")
        assert body == {"success": True, "status": "in_progress", "epoch": 1, "pos": 0, "hash": EMPTY, "lease_ms": 10000}

    def test_its_record_shows_what_was_asked(self, api):
        name = new_name()
        fields = {
            "run_id": name,
            "to": {"user_id": "ada"},
            "tenant_id": "acme",
            "thread_id": "c1",
            "format": "json",
            "lease_ms": 2000,
            "takeover_ms": 0,
            "metadata": {"model": "m"},
            "bytes_max": 1000,
        }
        Run.create(api, **fields)
        record = Run(api, name).record()
        for field in ("run_id", "thread_id", "format", "tenant_id", "to", "metadata", "bytes_max", "lease_ms", "takeover_ms"):
            assert record[field] == fields[field], field
        assert record["channel"] == "guide"
        assert record["status"] == "in_progress"
        assert record["owner"] == "live"
        assert record["error"] is None
        assert record["ended_at"] is None

    def test_the_same_name_and_token_again_is_the_same_run(self, api):
        body = {"run_id": new_name(), "channel": "guide", "producer": "a:1", "token": "t1"}
        first, second = api.post(RUNS, body), api.post(RUNS, body)
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json() == second.json()
        other = api.post(RUNS, body | {"token": "t2"})
        assert_refused(other, 409, "run_exists")
        assert other.json()["run"] == {"status": "in_progress", "epoch": 1, "pos": 0, "hash": EMPTY}

    @pytest.mark.parametrize(
        "wrong",
        [
            {"channel": None},
            {"channel": "A"},
            {"channel": 1},
            {"producer": None},
            {"producer": ""},
            {"producer": "a b"},
            {"producer": "a\x00b"},
            {"producer": "x" * 257},
            {"producer": ["a"]},
            {"run_id": "run_1"},
            {"run_id": ""},
            {"run_id": "a/b"},
            {"run_id": "x" * 129},
            {"thread_id": ""},
            {"thread_id": "a b"},
            {"format": "xml"},
            {"lease_ms": 1999},
            {"lease_ms": 120001},
            {"lease_ms": "10"},
            {"lease_ms": 1e300},
            {"takeover_ms": -1},
            {"takeover_ms": 300001},
            {"ttl_seconds": 0},
            {"ttl_seconds": 604801},
            {"bytes_max": 0},
            {"bytes_max": 2.5},
            {"metadata": []},
            {"metadata": {"a": "x" * 20000}},
            {"push": 1},
            {"to": {}},
            {"to": "ada"},
            {"to": {"user_id": "ada", "session_ref": "x"}},
            {"to": {"user_id": "a b"}},
            {"to": {"connection_id": "nobody"}},
            {"tenant_id": "a/b"},
        ],
        ids=str,
    )
    def test_what_is_wrong_is_400_and_named(self, api, wrong):
        body = {"channel": "guide", "producer": "a:1"} | wrong
        refused = assert_refused(api.post(RUNS, body), 400, "invalid_argument")
        assert next(iter(wrong)) in refused["error"]

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"[]",
            b"{",
            b'{"channel":"guide","producer":"a","producer":"b"}',
            b'{"channel":"guide","producer":"a","to":{"user_id":"a","user_id":"b"}}',
            b'{"channel":"guide","producer":"\xff"}',
            b'{"channel":"guide","producer":"\\ud800"}',
            b'{"channel":"guide","producer":"a","metadata":{"a":\x00}}',
        ],
    )
    def test_what_is_no_json_of_ours_is_400(self, api, raw):
        assert_refused(api.post(RUNS, content=raw), 400, "invalid_argument")

    def test_an_unknown_channel_is_404(self, api):
        assert_refused(api.post(RUNS, {"channel": "nowhere", "producer": "a"}), 404, "not_found")

    def test_a_session_is_found_by_its_token(self, api, gateway):
        token = gateway.new_session()
        run = Run.create(api, to={"session_id": token})
        assert run.record()["to"] == {"session_ref": api.session(token)["session_ref"]}
        refused = api.post(RUNS, {"channel": "guide", "producer": "a", "to": {"session_id": "nobody-at-all-here"}})
        assert_refused(refused, 404, "not_found")


class TestClaiming:
    def test_held_while_the_lease_lasts(self, run):
        run.say("text")
        body = assert_refused(run.claim(), 409, "run_held")
        assert 0 < body["retry_after_ms"] <= 10000
        assert body["run"] == {"status": "in_progress", "epoch": 1, "pos": 4, "hash": fold(b"text")}

    def test_the_same_producer_may_at_once(self, run):
        run.say("text")
        claimed = run.claim(run.producer, include_text=True).json()
        assert claimed["epoch"] == 2
        assert claimed["pos"] == 4
        assert claimed["hash"] == fold(b"text")
        assert claimed["text"] == "text"
        assert claimed["status"] == "in_progress"
        body = assert_refused(run.append("old"), 403, "fenced")
        assert body["epoch"] == 2

    def test_i6_i7_each_claim_has_an_epoch_and_ends_the_last(self, run):
        epochs = [run.claim(run.producer).json()["epoch"] for _ in range(5)]
        assert epochs == [2, 3, 4, 5, 6]
        for epoch in range(1, 6):
            assert_refused(run.append("x", epoch=epoch), 403, "fenced")
        assert run.append("x", epoch=6, seq=0).status_code == 200

    def test_force_needs_the_scope_for_it(self, run):
        assert run.claim(force=True).json()["epoch"] == 2

    def test_keep_cuts_the_log(self, run):
        run.say("Once upoñ")
        assert_refused(run.claim(run.producer, keep=100), 409, "run_moved")
        assert_refused(run.claim(run.producer, keep=9), 409, "run_moved")
        claimed = run.claim(run.producer, keep=8, include_text=True).json()
        assert (claimed["pos"], claimed["text"], claimed["hash"]) == (8, "Once upo", fold(b"Once upo"))
        assert run.claim(run.producer, keep="all").json()["pos"] == 8
        assert run.claim(run.producer, keep=0).json()["pos"] == 0
        assert run.log() == ""

    def test_an_old_epoch_has_moved(self, run):
        assert_refused(run.claim(run.producer, epoch=0), 409, "run_moved")
        assert run.claim(run.producer, epoch=1).json()["epoch"] == 2

    def test_the_same_token_and_body_is_the_same_claim(self, run):
        body = {"token": "t7", "keep": "all"}
        first = run.claim(run.producer, **body).json()
        assert run.claim(run.producer, **body).json() == first
        assert_refused(run.claim(run.producer, token="t7", keep=0), 409, "run_moved")
        assert run.claim(run.producer).json()["epoch"] == first["epoch"] + 1
        assert_refused(run.claim(run.producer, **body), 409, "run_moved")

    @pytest.mark.parametrize("wrong", [{"keep": -1}, {"keep": "some"}, {"keep": True}, {"epoch": "1"}, {"force": 1}, {"lease_ms": 1},
                                       {"delivery": {"group": "g"}}, {"delivery": {"id": "1"}}, {"delivery": "1"}, {"include_text": "yes"}], ids=str)
    def test_what_is_wrong_is_400(self, run, wrong):
        assert_refused(run.claim(**wrong), 400, "invalid_argument")

    def test_a_lapsed_lease_may_be_claimed(self, api):
        run = Run.create(api, lease_ms=2000, takeover_ms=20000)
        run.say("half")
        eventually(lambda: run.claim(keep=2).status_code == 200, 10)
        record = run.record(include="log")
        assert (record["epoch"], record["producer"], record["log"]) == (2, "agent:2", "ha")


class TestHeartbeats:
    def test_one_renews_the_lease(self, run):
        run.say("x")
        body = run.heartbeat().json()
        assert body == {
            "success": True,
            "run_status": "in_progress",
            "pos": 1,
            "hash": fold(b"x"),
            "cancel_requested": False,
            "lease_ms": 10000,
        }

    def test_i15_a_waiting_one_hears_of_a_cancel(self, gateway, api, record_property):
        run = Run.create(api, lease_ms=120_000)
        answer = waiting(gateway, lambda: (run.heartbeat(wait_ms=60_000), time.monotonic()))
        asked = time.monotonic()
        response = run.cancel(reason="enough")
        assert (response.status_code, response.json()["status"]) == (202, "asked")
        beat, at = answer.result(20)
        record_property("answered_after_ms", round((at - asked) * 1000))
        assert beat.json()["cancel_requested"] is True
        assert beat.json()["run_status"] == "in_progress", "only the end of the grace was told"
        assert run.heartbeat(wait_ms=5000).json()["cancel_requested"] is True
        assert run.record()["cancel_reason"] == "enough"

    def test_i16_again_and_after_the_end_it_is_nothing(self, run):
        assert run.cancel().json()["status"] == "asked"
        assert run.cancel().json()["status"] == "already"
        run.end("completed")
        assert run.cancel().json()["status"] == "ended"
        assert run.record()["status"] == "completed"

    def test_i15_who_ignores_it_is_ended(self, run):
        run.say("x")
        run.cancel()
        eventually(lambda: run.record()["status"] == "cancelled", 30)
        body = assert_refused(run.append("y"), 409, "run_ended")
        assert body["run"]["epoch"] == 2
        assert run.append("x", seq=0).json()["status"] == "duplicate"

    def test_it_waits_no_longer_than_it_said(self, run):
        began = time.monotonic()
        assert run.heartbeat(wait_ms=400).json()["cancel_requested"] is False
        assert 0.3 < time.monotonic() - began < 5

    def test_a_waiting_one_hears_of_the_end_and_of_another_claim(self, gateway, api):
        for happens, check in (
            (lambda run: run.end(), lambda answer: answer.json()["run_status"] == "completed"),
            (lambda run: run.claim(force=True), lambda answer: answer.status_code == 403 and answer.json()["epoch"] == 2),
            (lambda run: run.api.delete(run.path), lambda answer: answer.json()["run_status"] == "cancelled"),
        ):
            run = Run.create(api, lease_ms=120_000)
            beat = waiting(gateway, lambda run=run: run.heartbeat(wait_ms=60_000))
            happens(run)
            answer = beat.result(20)  # long before it has waited enough
            assert check(answer), answer.text

    @pytest.mark.parametrize("wait", [-1, 60001, "5", 5001])
    def test_half_the_lease_at_most(self, run, wait):
        assert_refused(run.heartbeat(wait_ms=wait), 400, "invalid_argument")

    def test_who_leaves_gives_its_place_back(self, gateway, api):
        run = Run.create(api, lease_ms=120_000)
        before = readers(gateway)
        body = json.dumps(run.owner(wait_ms=60_000)).encode()
        head = f"POST {run.path}/heartbeat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.api_key}\r\n"
        connection = socket.create_connection(gateway.address, timeout=20)
        connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        eventually(lambda: readers(gateway) == before + 1)
        connection.close()
        eventually(lambda: readers(gateway) == before)

    def test_not_by_others(self, run):
        body = assert_refused(run.call("heartbeat", producer="other", epoch=1), 403, "fenced")
        assert body["epoch"] == 1


class TestLooking:
    def test_it_waits_for_the_end(self, gateway, run):
        answer = waiting(gateway, lambda: run.get(wait_ms=25_000, include="log"))
        run.say("all")
        run.end()
        record = answer.result(20).json()
        assert (record["status"], record["log"]) == ("completed", "all")

    def test_a_deleted_one_is_shown_as_it_ended(self, gateway, run):
        run.say("some")
        answer = waiting(gateway, lambda: run.get(wait_ms=25_000, include="log"))
        run.api.delete(run.path)
        record = answer.result(20).json()
        assert (record["status"], record["error"]["code"], record["log"]) == ("cancelled", "cancelled", "some")
        assert record["ended_at"] >= record["created_at"]

    def test_or_for_the_time(self, run):
        assert run.get(wait_ms=200).json()["status"] == "in_progress"

    @pytest.mark.parametrize("query", ["wait_ms=25001", "wait_ms=-1", "wait_ms=x", "include=everything"])
    def test_what_is_wrong_is_400(self, run, query):
        assert_refused(run.api.get(f"{run.path}?{query}"), 400, "invalid_argument")

    def test_what_is_not_there_is_404(self, api):
        nobody = Run(api, "nobody")
        bodies = set()
        for response in (
            nobody.get(),
            nobody.get(wait_ms=10),
            nobody.append("x"),
            nobody.claim(),
            nobody.heartbeat(),
            nobody.cancel(),
            api.delete(nobody.path),
            api.get(f"{RUNS}/a%20b"),
            nobody.call("append", **nobody.owner(seq=0, items=[1] * 1001)),
        ):
            assert_refused(response, 404, "run_not_found")
            bodies.add(response.content)
        assert len(bodies) == 1

    def test_lists_are_newest_first_and_in_pages(self, api):
        thread = new_name()
        runs = [Run.create(api, thread_id=thread).run_id for _ in range(5)]
        found = []
        after = {}
        while True:
            page = api.get(RUNS, params={"thread_id": thread, "limit": 2, **after}).json()
            found += [run["run_id"] for run in page["runs"]]
            if page["after"] is None:
                break
            after = {"after": page["after"]}
        assert found == runs[::-1]

    def test_lists_take_channel_and_status(self, api):
        thread = new_name()
        guide = Run.create(api, thread_id=thread)
        other = Run.create(api, "pillar:content", thread_id=thread)
        guide.end("failed")

        def listed(**params):
            return [run["run_id"] for run in api.get(RUNS, params={"thread_id": thread} | params).json()["runs"]]

        assert listed(channel="guide") == [guide.run_id]
        assert listed(status="in_progress") == [other.run_id]
        assert listed(status="failed", channel="pillar:content") == []

    @pytest.mark.parametrize("query", ["limit=0", "limit=1001", "status=happy", "thread_id=a%20b", "after=a%20b", "channel=A"])
    def test_what_is_wrong_in_a_list_is_400(self, api, query):
        assert_refused(api.get(f"{RUNS}?{query}"), 400)

    def test_deleted_it_is_gone(self, run):
        assert run.api.delete(run.path).json()["status"] == "deleted"
        assert_refused(run.get(), 404, "run_not_found")
        assert_refused(run.api.delete(run.path), 404, "run_not_found")

    def test_a_cursor_is_what_it_says(self, run):
        run.say("añ")
        record = run.record()
        assert cursor(1, "añ".encode()) == f"{record['epoch']}.{record['pos']}.{record['hash']}"
