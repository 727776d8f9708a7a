"""Histories of what readers get, beside those of logs and owners in histories.py."""

from torture.fold import hash_text
from torture.histories import begun, right, wrong

# E. Resuming.


def back_with_its_cursor(story):
    run = begun(story, "Once ")
    cursor = run.cursor
    story.close("tab-1")
    return run.leave("tab-1").append("upon ").attach("tab-1", cursor)


def back_to_a_later_epoch(story, told):
    run = begun(story, "Once upon ")
    cursor = run.cursor
    story.close("tab-1")
    run.leave("tab-1").claim("p2", keep=5).append("more ").attach("tab-1", cursor)
    story.hear_run("tab-1", "reset", run.name, epoch=2, pos=len(told), hash=hash_text(told), cause="superseded", id="a1")
    return run


@right("I17")
def a_tab_comes_back_with_its_cursor(story):
    back_with_its_cursor(story).delta_from("tab-1", 5).end()


@right("I17")
def a_tab_comes_back_to_a_later_epoch(story):
    back_to_a_later_epoch(story, b"Once ").delta_from("tab-1", 5, id=None).end()


@wrong("I17")
def a_fitting_cursor_is_answered_with_everything(story):
    back_with_its_cursor(story).snapshot("tab-1")


@wrong("I17")
def a_later_epoch_cuts_too_much(story):
    back_to_a_later_epoch(story, b"")


@right("I18")
def cursors_that_do_not_fit(story):
    run = begun(story, "Once ")
    wrong_ones = (f"1.5.{hash_text(b'Onze ')}", f"7.5.{hash_text(b'Once ')}", f"1.500.{hash_text(b'Once ')}")
    for number, cursor in enumerate(wrong_ones):
        run.attach("tab-1", cursor, id=f"b{number}").snapshot("tab-1", id=f"b{number}", cause="diverged")
    run.end()


@right("I18")
def a_cursor_of_the_epoch_in_which_a_stopping_gateway_ended_the_run(story):
    """Nobody can look at its record any more."""
    run = begun(story, "Once ")
    run.attach("tab-1", f"1.5.{hash_text(b'Onze ')}", id="b1").snapshot("tab-1", id="b1", cause="diverged")
    run.epoch, run.status, error = 2, "abandoned", {"code": "gateway_stopped", "message": "gateway_stopped"}
    run.tell("reset", **run.place, cause="ended")
    run.tell("end", **run.top, error=error, result=None)
    run.attach("tab-1", run.cursor, id="b2")
    story.hear_run("tab-1", "top", run.name, **run.top, id="b2")
    story.hear_run("tab-1", "end", run.name, **run.top, error=error, result=None)


@wrong("I18")
def a_wrong_hash_is_taken(story):
    run = begun(story, "Once ", "upon ")
    run.attach("tab-1", f"1.5.{hash_text(b'Onze ')}").delta_from("tab-1", 5)


@right("I19")
def a_tab_joins_late(story):
    run = begun(story, "Once ")
    run.attach("tab-2").snapshot("tab-2").append("upon ").end()


@wrong("I19")
def a_late_joiner_misses_something(story):
    run = begun(story, "Once ")
    run.attach("tab-2").snapshot("tab-2").leave("tab-2").append("upon ").end()
    story.hear_run("tab-2", "end", run.name, **run.top, error=None)


def delta_lost(story, seconds):
    run = begun(story, "Once ")
    story.wait(2)
    since = story.now
    run.append("upon ", told=False)
    story.note("fault", kind="lost-delta", target=0, since=since, until=story.now)
    story.wait(seconds)
    run.tell("top", **run.top)
    run.attach("tab-1", f"1.5.{hash_text(b'Once ')}").delta_from("tab-1", 5)
    story.wait(5)
    run.end()


@right("I20")
def a_lost_delta_is_repaired(story):
    delta_lost(story, 2.0)


@wrong("I20")
def a_lost_delta_is_repaired_late(story):
    delta_lost(story, 6.0)


def slow_beside_fast(story, *, more=1 << 20, code=1000, fast_after=0.0):
    run = begun(story)
    story.open("slow-1", slow=True)
    run.attach("slow-1").snapshot("slow-1").leave("slow-1")
    story.wait(1)
    run.append("Once ", told=False)
    story.wait(fast_after)
    run.tell("delta", **run.place, **{"from": 0}, text="Once ")
    story.wait(5)
    story.note("memory", gateway=0, bytes=(100 << 20) + more, idle_bytes=100 << 20)
    run.end()
    story.wait(10)
    run.delta_from("slow-1", 0, id=None)
    story.hear_run("slow-1", "end", run.name, **run.top, error=None)
    story.close("slow-1", code)


@right("I21")
def a_slow_reader_gets_everything(story):
    slow_beside_fast(story)


@wrong("I21")
def a_slow_reader_is_closed(story):
    slow_beside_fast(story, code=4008)


@wrong("I21")
def a_slow_reader_costs_memory(story):
    slow_beside_fast(story, more=200 << 20)


@wrong("I21", "I20")
def a_slow_reader_holds_up_a_fast_one(story):
    slow_beside_fast(story, fast_after=4)


# F. Once.


def said_twice(story, run=None, message_id="e1"):
    first = story.ask_for_run("tab-1").claim()
    story.close("tab-1")
    story.say("tab-1", "m1")
    story.ack("tab-1", "m1", run or first.name, "duplicate")
    if message_id != "e1":
        story.envelope("m1", message_id, run or first.name)
    first.snapshot("tab-1", id=None).end()


@right("I22")
def a_message_is_said_twice(story):
    said_twice(story)


@wrong("I22")
def a_message_said_twice_makes_two_runs(story):
    said_twice(story, run="run_" + "f" * 32)


@wrong("I22")
def a_message_said_twice_makes_two_envelopes(story):
    said_twice(story, message_id="e2")


# Who may, and what an engine lost.


@right("I28")
def a_stranger_asks(story):
    story.note("foreign", address="GET /v1/stream/{}", foreign='404 {"code":"run_not_found"}', absent='404 {"code":"run_not_found"}')


@wrong("I28")
def a_stranger_can_tell(story):
    story.note("foreign", address="GET /v1/stream/{}", foreign="403 {}", absent="404 {}")


@wrong("I28")
def a_stranger_may_read(story):
    story.note("foreign", address="/ws attach", foreign="None snapshot", absent="None snapshot")


def tail_lost(story, *, healed="Once upon ", shown="Once upon "):
    run = begun(story, "Once ").append("upon ")
    story.note("fault", kind="tail", target=None, copied_at=story.now - 0.02, since=story.now, until=story.now + 1)
    run.log, before = healed.encode(), run.log
    if shown.encode() != before:
        run.tell("snapshot", epoch=1, pos=len(shown.encode()), hash=hash_text(shown.encode()), status="in_progress", cause="ahead", text=shown)
    run.leave("tab-1")
    story.wait(3)
    story.note("intended", run=run.name, epoch=1, text="Once upon ", heals=True)
    run.end()


@right("I29")
def a_tail_is_lost_and_healed(story):
    tail_lost(story)


@wrong("I29")
def a_tail_is_lost_and_stays_so(story):
    tail_lost(story, healed="Once ", shown="Once ")


@wrong("I29")
def a_reader_goes_on_showing_what_is_lost(story):
    tail_lost(story, healed="Once more ")
