"""What a run's owner appends over the service API: it is stored once and in order, until the end."""

import http.client
import json
import socket
import threading

import pytest

from support.api import assert_refused
from support.run_engines import ENGINES, run_gateway
from support.runs import Run, fold


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param) as started:
        yield started


class TestAppending:
    def test_the_log_grows_and_its_hash_folds(self, run):
        text = ""
        for piece in ("Once ", "upon a ", "tïme 🎈", "", "\x00\r\n."):
            text += piece
            answer = run.say(piece)
            assert answer["pos"] == len(text.encode())
            assert answer["hash"] == fold(text.encode())
            assert answer["status"] == "appended"
            assert answer["run_status"] == "in_progress"
            assert answer["cancel_requested"] is False
        assert run.log() == text

    def test_i5_a_batch_is_stored_once_however_often_it_is_sent(self, run):
        first = run.say("one")
        for _ in range(5):
            again = run.append("one", seq=0)
            assert again.status_code == 200
            assert again.json() == first | {"status": "duplicate"}
        run.say("two")
        assert run.append("one", seq=0).json() == first | {"status": "duplicate"}
        assert run.log() == "onetwo"

    def test_i5_many_at_once_store_it_once(self, api, run):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(run.call("append", **run.owner(seq=0, text="x")))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.json()["status"] for answer in answers) == ["appended"] + ["duplicate"] * 7
        assert run.log() == "x"

    def test_i8_the_same_seq_with_other_bytes_is_a_conflict(self, run):
        run.say("one")
        refused = run.append("two", seq=0)
        body = assert_refused(refused, 409, "sequence_conflict")
        assert body["run"] == {"status": "in_progress", "epoch": 1, "pos": 3, "hash": fold(b"one")}
        with_end = run.append("one", seq=0, end={"status": "completed"})
        assert_refused(with_end, 409, "sequence_conflict")
        assert run.log() == "one"

    def test_i9_a_gap_stores_nothing(self, run):
        run.say("one")
        body = assert_refused(run.append("three", seq=2), 409, "sequence_gap")
        assert body["expected_seq"] == 1
        assert body["run"]["pos"] == 3
        assert run.log() == "one"

    def test_a_seq_long_past_is_a_conflict(self, run):
        for n in range(20):
            run.say(str(n))
        assert_refused(run.append("0", seq=0), 409, "sequence_conflict")
        assert run.append("19", seq=19).json()["status"] == "duplicate"

    def test_who_is_not_its_owner_is_fenced(self, run):
        run.say("one")
        for wrong in ({"producer": "other:1"}, {"epoch": 0}, {"epoch": 2}):
            body = assert_refused(run.append("two", **wrong), 403, "fenced")
            assert body["epoch"] == 1
            assert body["run"]["pos"] == 3

    def test_items_are_lines_byte_for_byte(self, api):
        run = Run.create(api, format="json")
        raw = b'{"producer":"agent:1","epoch":1,"seq":0,"items":[ {"a" :\r\n1.50, "b":"\\u00e9 \\n"} ,[],\n"x", 1e400, null ]}'
        assert api.post(f"{run.path}/append", content=raw).status_code == 200
        assert run.log() == '{"a" :  1.50, "b":"\\u00e9 \\n"}\n[]\n"x"\n1e400\nnull\n'
        assert run.record(include="log")["items"] == 5

    def test_text_and_items_are_for_their_format(self, api, run):
        assert_refused(run.call("append", **run.owner(seq=0, items=[1])), 400, "invalid_argument")
        other = Run.create(api, format="json")
        body = assert_refused(other.append("x"), 400, "invalid_argument")
        assert body["run"]["pos"] == 0

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"text": 1},
            {"text": "a", "items": []},
            {"items": {}},
            {"text": "a", "seq": -1},
            {"text": "a", "seq": "0"},
            {"text": "a", "seq": 0.5},
            {"text": "a", "epoch": -1},
            {"text": "a", "epoch": 10000},
            {"text": "a", "end": {}},
            {"text": "a", "end": {"status": "in_progress"}},
            {"text": "a", "end": {"status": "abandoned"}},
            {"text": "a", "end": []},
            {"text": "a", "end": {"status": "failed", "error": {"message": "no code"}}},
            {"text": "a", "end": {"status": "failed", "error": "broken"}},
        ],
        ids=str,
    )
    def test_what_is_wrong_is_400(self, run, wrong):
        body = run.owner(seq=0) | wrong
        assert_refused(run.call("append", **body), 400, "invalid_argument")
        assert run.log() == ""

    def test_what_is_too_large_is_413(self, api, run):
        assert_refused(run.append("x" * (2 << 20)), 413, "too_large")
        assert_refused(run.append("x" * (256 * 1024 + 1)), 413, "run_too_large")
        many = Run.create(api, format="json")
        body = assert_refused(many.append(items=[1] * 1001), 413, "run_too_large")
        assert (body["run"]["status"], body["run"]["pos"]) == ("in_progress", 0)
        # What is wrong before that is said before that.
        assert_refused(many.append(items=[1] * 1001, epoch=0), 403, "fenced")
        assert_refused(many.append(items=[1] * 1001, seq=7), 409, "sequence_gap")
        for seq in range(3):
            assert many.append(items=[seq], seq=seq).status_code == 200
        assert_refused(many.append(items=[1] * 1001, seq=3), 413, "run_too_large")
        assert_refused(many.append(items=[1] * 1001, seq=1), 409, "sequence_conflict")
        assert assert_refused(many.append(items=[1] * 1001, seq=7), 409, "sequence_gap")["expected_seq"] == 3
        small = Run.create(api, bytes_max=10)
        small.say("123456789")
        body = assert_refused(small.append("ab"), 413, "run_too_large")
        assert body["run"]["status"] == "in_progress"
        small.say("a")
        small.end()

    def test_faster_than_the_rate_is_429(self, gateway, run):
        # All in one write: one by one, a slow machine would never come to so many a second.
        requests = b""
        for seq in range(1500):
            body = json.dumps(run.owner(seq=seq, text="x")).encode()
            head = f"POST {run.path}/append HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.api_key}\r\n"
            requests += head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
        with socket.create_connection(gateway.address, timeout=20) as connection:
            sender = threading.Thread(target=connection.sendall, args=(requests,))
            sender.start()
            answers = connection.makefile("rb")
            stored = 0
            while True:
                status = int(answers.readline().split()[1])
                headers = http.client.parse_headers(answers)
                body = json.loads(answers.read(int(headers["Content-Length"])))
                if status == 429:
                    break
                stored += 1
            while sender.is_alive():
                answers.read1(65536)
            sender.join()
        assert stored >= 400
        assert body["code"] == "rate_limited"
        assert body["retry_after_ms"] > 0
        assert int(headers["Retry-After"]) >= 1


class TestEnding:
    @pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
    def test_its_owner_ends_it(self, run, status):
        run.say("all")
        answer = run.end(status, error={"code": "my_code", "message": "said"}, result={"n": 1})
        assert answer["run_status"] == status
        record = run.record(include="log")
        assert record["status"] == status
        assert record["error"] == {"code": "my_code", "message": "said"}
        assert record["result"] == {"n": 1}
        assert record["log"] == "all"
        assert record["ended_at"] is not None
        assert record["owner"] is None

    def test_with_the_last_text(self, run):
        assert run.append("all", end={"status": "completed"}).json()["run_status"] == "completed"
        assert run.log() == "all"

    def test_i13_nothing_changes_after_it(self, run):
        run.say("all")
        end = run.end()
        assert run.call("end", **run.owner(seq=1, end={"status": "completed"})).json() == end | {"status": "duplicate"}
        body = assert_refused(run.append("more", seq=2), 409, "run_ended")
        assert body["run"] == {"status": "completed", "epoch": 1, "pos": 3, "hash": fold(b"all")}
        assert_refused(run.claim(), 409, "run_ended")
        assert_refused(run.heartbeat(), 409, "run_ended")
        assert run.cancel().json()["status"] == "ended"
        assert run.record()["status"] == "completed"

    def test_an_end_alone_takes_no_text(self, run):
        body = run.owner(seq=0, text="x", end={"status": "completed"})
        assert_refused(run.call("end", **body), 400, "invalid_argument")
        assert_refused(run.call("end", **run.owner(seq=0)), 400, "invalid_argument")
