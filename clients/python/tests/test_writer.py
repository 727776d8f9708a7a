import json
import random

import pytest
from fake_gateway import FakeRun

from websocket_gateway.errors import Refused, RunOver
from websocket_gateway.writer import BATCH_BYTES, Request, Writer


def writing(run, keep="all", **options):
    claimed = run.claim({"producer": "p", "keep": keep, "include_text": True})
    return Writer("p", claimed, kept=claimed["text"].encode(), rng=random.Random(1), **options)


def serve(writer, run, now=0.0, lose=lambda: False, most=10_000):
    """Makes what the writer asks for until it waits; the time then."""
    for _ in range(most):
        todo = writer.next(now)
        if not isinstance(todo, Request):
            if todo is None:
                return now
            now = todo
            continue
        if lose():
            writer.unanswered(now)
            continue
        try:
            answer = run.call(todo.verb, json.loads(todo.body))
        except Refused as error:
            writer.refused(error, now)
            continue
        if lose():
            writer.unanswered(now)
        else:
            writer.answered(answer)
    raise AssertionError("it goes on for ever")


def say(writer, text, now=0.0):
    writer.unsent.add_text(text, now)


def test_what_is_said_within_25_ms_is_one_batch():
    run = FakeRun()
    writer = writing(run)
    say(writer, "one ", 1.0)
    assert writer.next(1.0) == pytest.approx(1.025)
    say(writer, "two", 1.02)
    assert writer.next(1.02) == pytest.approx(1.025)
    assert writer.next(1.03).verb == "append"
    assert writer.next(1.04) is None, "one is in flight"
    serve_one = json.loads(writer._in_flight.body)
    assert (serve_one["seq"], serve_one["text"]) == (0, "one two")


def test_a_full_batch_and_one_in_a_hurry_go_at_once():
    writer = writing(FakeRun())
    say(writer, "x" * BATCH_BYTES, 1.0)
    assert isinstance(writer.next(1.0), Request)
    other = writing(FakeRun())
    say(other, "x", 1.0)
    other.hurry()
    assert isinstance(other.next(1.0), Request)


def test_the_same_bytes_go_out_again_under_the_same_seq_after_a_while():
    run = FakeRun()
    writer = writing(run)
    say(writer, "once")
    first = writer.next(1.0)
    say(writer, "more")
    writer.unanswered(1.0, floor=3.0)
    assert 4.0 <= writer.next(1.0) <= 4.1
    assert writer.next(5.0) == first


def test_the_end_is_in_the_last_batch_or_alone():
    run = FakeRun()
    writer = writing(run)
    say(writer, "all")
    writer.finish({"status": "completed"}, 0)
    serve(writer, run)
    assert (run.data, run.end, len(run.stored), writer.ended) == (b"all", {"status": "completed"}, 1, True)
    empty = FakeRun()
    writer = writing(empty)
    writer.finish({"status": "cancelled"}, 0)
    assert writer.next(0).verb == "end"


def test_items_are_lines_and_never_cut():
    run = FakeRun("json")
    writer = writing(run, is_text=False)
    items = [{"n": n, "text": "x" * 900} for n in range(200)]
    for item in items:
        writer.unsent.add_item(item, 0)
    writer.finish({"status": "completed"}, 0)
    serve(writer, run)
    assert [json.loads(line) for line in run.data.splitlines()] == items
    assert len(run.stored) > 2


def test_a_tail_that_the_engine_lost_is_written_again():
    run = FakeRun()
    writer = writing(run)
    say(writer, "kept ")
    now = serve(writer, run)
    kept = run.kept()
    for text in ("lost ", "too "):
        say(writer, text, now)
        now = serve(writer, run, now)
    run.restore(kept)
    say(writer, "new", now)
    serve(writer, run, now)
    assert run.data == b"kept lost too new" and run.epoch == 1


def test_a_heartbeat_finds_a_lost_tail_while_nothing_is_said():
    run = FakeRun()
    writer = writing(run)
    kept = run.kept()
    for text in ("all ", "lost"):
        say(writer, text)
        now = serve(writer, run)
    run.restore(kept)
    writer.heartbeat(run.heartbeat({"producer": "p", "epoch": 1}), 1)
    serve(writer, run, now)
    assert run.data == b"all lost"


def test_a_lost_claim_is_made_again_and_the_rest_follows_under_new_seqs():
    run = FakeRun()
    run.claim({"producer": "earlier", "keep": "all"})
    run.append({"producer": "earlier", "epoch": 1, "seq": 0, "text": "said before, "})
    run.is_lapsed = True
    kept = run.kept()
    writer = writing(run)
    assert writer.epoch == 2
    say(writer, "and after")
    now = serve(writer, run)
    run.restore(kept)
    say(writer, ", whole", now)
    writer.finish({"status": "completed"}, now)
    serve(writer, run, now)
    assert run.data == b"said before, and after, whole"
    assert run.epoch == 3, "above every epoch that was ever told"


def test_a_lost_claim_that_had_cut_an_earlier_text_begins_at_the_start():
    """The engine came back with the text of before, which is as long as ours and another."""
    run = FakeRun()
    run.claim({"producer": "earlier", "keep": "all"})
    run.append({"producer": "earlier", "epoch": 1, "seq": 0, "text": "wrong"})
    run.is_lapsed = True
    kept = run.kept()
    writer = writing(run, keep=0)
    say(writer, "right")
    now = serve(writer, run)
    run.restore(kept)
    say(writer, ", and whole", now)
    serve(writer, run, now)
    assert (run.data, run.epoch, writer._healings) == (b"right, and whole", 3, 0)
    assert [body["text"] for body, *_ in run.stored] == ["right, and whole"], "one claim was enough"


def test_a_heartbeat_that_hears_of_our_own_end_is_no_loss():
    run = FakeRun()
    writer = writing(run)
    writer.finish({"status": "completed"}, 0)
    answer = run.call("end", json.loads(writer.next(0).body))
    writer.heartbeat_refused(Refused("run_ended", status=409), 1)
    assert writer.failure is None
    writer.answered(answer)
    assert writer.ended


def test_halves_of_a_character_are_put_together_and_one_alone_is_replaced():
    run = FakeRun()
    writer = writing(run)
    say(writer, "G: \ud834")
    now = serve(writer, run)
    say(writer, "\udd1e, \udd1e, \ud834", now)
    writer.finish({"status": "completed"}, now)
    serve(writer, run, now)
    assert run.data.decode() == "G: 𝄞, \ufffd, \ufffd"


def test_a_heartbeat_finds_a_lost_claim_while_nothing_is_said():
    run = FakeRun()
    kept = run.kept()
    writer = writing(run)
    say(writer, "whole")
    now = serve(writer, run)
    run.restore(kept)
    with pytest.raises(Refused) as fenced:
        run.heartbeat({"producer": "p", "epoch": 1})
    writer.heartbeat_refused(fenced.value, 1)
    serve(writer, run, now)
    assert (run.data, run.epoch) == (b"whole", 2)


def test_a_log_that_is_another_is_replaced():
    run = FakeRun()
    writer = writing(run)
    say(writer, "mine ")
    now = serve(writer, run)
    run.data, run._folded = b"evil ", (0, (0, 0))
    say(writer, "too", now)
    serve(writer, run, now)
    assert run.data == b"mine too" and run.epoch == 2


def test_the_hash_of_a_run_that_the_gateway_frames_is_its_own():
    class Framed(FakeRun):
        def append(self, body):
            return super().append(body | {"text": f"<{body['text']}>"} if "text" in body else body)

    run = Framed("ai-sdk")
    kept = run.kept()
    writer = writing(run, is_framed=True)
    say(writer, "one")
    now = serve(writer, run)
    assert (run.data, writer.pos) == (b"<one>", 5)
    run.restore(kept)
    say(writer, "two", now)
    serve(writer, run, now)
    assert run.data == b"<onetwo>", "all of it, in a new attempt"


def test_an_event_that_ends_a_framed_stream_goes_with_the_end():
    writer = writing(FakeRun("ai-sdk"), is_text=False, is_framed=True)
    part, finish = {"type": "data-x", "data": 1}, {"type": "finish", "messageMetadata": {"tokens": 5}}
    for item in (part, finish, part, {"type": "abort"}, finish):
        writer.unsent.add_item(item, 0)
    first = json.loads(writer.next(1.0).body)
    assert first["items"] == [part, {"type": "message-metadata", "messageMetadata": {"tokens": 5}}, part] and "end" not in first
    writer.answered({"pos": 1, "hash": "0" * 14})
    assert writer.next(1.0) is None
    writer.finish({"status": "completed"}, 1.0)
    last = json.loads(writer.next(1.0).body)
    assert (last["items"], last["end"]) == ([{"type": "abort"}, finish], {"status": "completed"})


def test_another_owner_is_the_end_of_it():
    run = FakeRun()
    writer = writing(run)
    run.is_lapsed = True
    run.claim({"producer": "other", "keep": "all"})
    say(writer, "late")
    serve(writer, run)
    assert isinstance(writer.failure, RunOver) and writer.failure.code == "fenced"
    assert run.data == b""


def test_an_end_by_others_is_the_end_of_it_and_a_cancel_is_told():
    run = FakeRun()
    writer = writing(run)
    run.end, run.status = {}, "cancelled"
    say(writer, "late")
    serve(writer, run)
    assert writer.failure.code == "run_ended" and writer.cancelled


def test_a_batch_that_is_never_taken_is_left_out_and_the_run_can_still_be_ended():
    run = FakeRun()
    writer = writing(run)
    say(writer, "fine ")
    now = serve(writer, run)
    say(writer, "too large", now)
    writer.next(now + 1)
    writer.refused(Refused("run_too_large", status=413), now)
    assert writer.trouble.code == "run_too_large" and writer.failure is None
    writer.finish({"status": "failed"}, now)
    serve(writer, run, now)
    assert (run.data, run.status) == (b"fine ", "failed")


def test_a_last_batch_that_is_never_taken_ends_the_run_as_failed():
    run = FakeRun()
    writer = writing(run)
    say(writer, "too large")
    writer.finish({"status": "completed"}, 0)
    writer.next(1)
    writer.refused(Refused("run_too_large", status=413), 1)
    now = serve(writer, run, 1)
    assert (run.data, run.status, run.end["error"]["code"], writer.ended) == (b"", "failed", "run_too_large", True)
    refused = FakeRun()
    writer = writing(refused)
    writer.finish({"status": "completed", "result": "far too large"}, now)
    for code in ("first", "second"):
        writer.next(now)
        writer.refused(Refused(code, status=400), now)
    assert writer.failure.code == "second", "nor is that taken"


def test_a_claim_that_is_made_again_is_for_the_same_message():
    run = FakeRun()
    kept = run.kept()
    writer = writing(run, claim={"delivery": {"group": "g", "id": "1"}})
    say(writer, "text")
    run.restore(kept)
    writer.next(1)
    with pytest.raises(Refused) as fenced:
        run.append(json.loads(writer._in_flight.body))
    writer.refused(fenced.value, 1)
    again = json.loads(writer.next(2).body)
    assert (again["delivery"], again["keep"], again["epoch"]) == ({"group": "g", "id": "1"}, 0, 1)


@pytest.mark.parametrize("seed", range(150))
def test_whatever_is_lost_the_log_is_what_was_said(seed):
    """Answers and requests that are lost, tails and claims that the engine loses, at random."""
    rng = random.Random(seed)
    run = FakeRun()
    copies = [run.kept()]
    writer, said, now = writing(run), "", 0.0
    lose = (lambda: rng.random() < 0.3) if rng.random() < 0.7 else lambda: False
    for n in range(rng.randrange(1, 40)):
        text = rng.choice(["a", "ü", "𝄞", "word ", "x" * 5000])
        said += text
        say(writer, text, now)
        if rng.random() < 0.7:
            now = serve(writer, run, now, lose)
        copies.append(run.kept())
        if rng.random() < 0.1:
            run.restore(rng.choice(copies[-6:] if n > 8 else copies))
    writer.finish({"status": "completed"}, now)
    serve(writer, run, now, lose)
    assert writer.failure is None
    assert (run.data.decode(), run.status) == (said, "completed")
