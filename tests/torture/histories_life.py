"""Histories of how runs end and are cancelled, beside those of logs and owners in histories.py."""

from torture.fold import cursor_text, hash_text
from torture.histories import begun, right, whole, wrong

# C. The end.


@wrong("I10")
def two_readers_hear_different_ends(story):
    run = begun(story, "Once ")
    run.attach("tab-2").snapshot("tab-2").leave("tab-2")
    run.end()
    story.hear_run("tab-2", "end", run.name, **run.top | {"status": "failed"}, error=None)


@wrong("I10")
def the_record_ends_otherwise(story):
    whole(story).look(1, status="abandoned")


@wrong("I10")
def an_end_comes_twice(story):
    run = whole(story)
    run.tell("end", **run.top, error=None)


@wrong("I10")
def a_reader_never_hears_of_the_end(story):
    run = begun(story, "Once ")
    run.leave("tab-1").end()


@right("I10")
def a_stream_ends_with_its_terminal(story):
    run = whole(story)
    story.note("stream", run=run.name, gateway=0, format="text", text="Once upon a time", last_id=cursor_text(1, len(run.log), hash_text(run.log), sortable=True) + ".end", clean=True)


@wrong("I10")
def a_stream_ends_before_its_terminal(story):
    run = whole(story)
    story.note("stream", run=run.name, gateway=0, format="text", text="Once upon ", last_id=cursor_text(1, 10, hash_text(run.log[:10]), sortable=True), clean=True)


@wrong("I10")
def a_stream_gives_something_else(story):
    run = whole(story)
    last_id = cursor_text(1, len(run.log), hash_text(run.log), sortable=True) + ".end"
    story.note("stream", run=run.name, gateway=0, format="text", text="Once upon a ", last_id=last_id, clean=True)


def orphan(story, seconds):
    run = begun(story, "Once ")
    story.note("died", producers=["p1"])
    story.wait(seconds)
    run.end_by_gateway("abandoned", "agent_lost")


@right("I11")
def an_orphan_is_abandoned(story):
    orphan(story, 10.5)


@wrong("I11")
def an_orphan_is_abandoned_late(story):
    orphan(story, 14)


@right("I11")
def an_orphan_of_a_group_has_the_takeover_window(story):
    run = story.ask_for_run("tab-1").claim(delivery={"group": "workers", "id": "1-0"})
    story.note("died", producers=["p1"])
    story.wait(46)
    run.end_by_gateway("abandoned", "agent_lost")


@right("I11")
def an_engine_that_slept_gives_a_whole_lease(story):
    run = begun(story, "Once ")
    story.note("died", producers=["p1"])
    story.wait(9)
    story.note("fault", kind="redis", target=None, since=story.now - 3, until=story.now)
    story.wait(9)
    run.end_by_gateway("abandoned", "agent_lost")


def unanswered(story, seconds, code="no_agent"):
    run = story.ask_for_run("tab-1")
    story.wait(seconds)
    run.end_by_gateway("abandoned", code)


@right("I12")
def nobody_comes(story):
    unanswered(story, 61)


@wrong("I12")
def nobody_comes_and_it_is_said_late(story):
    unanswered(story, 70)


@wrong("I12")
def nobody_comes_and_another_reason_is_told(story):
    unanswered(story, 61, "agent_lost")


@wrong("I12")
def nobody_comes_and_nothing_is_said(story):
    story.ask_for_run("tab-1")
    story.wait(100)


@wrong("I13")
def an_append_is_taken_after_the_end(story):
    run = whole(story)
    story.request("append", run.name, run.body(" more", 4), 200, run.answer())


@wrong("I13")
def a_reader_hears_more_after_the_end(story):
    run = whole(story)
    run.tell("top", **run.top)


@wrong("I13")
def a_record_changes_after_the_end(story):
    whole(story).look(error={"code": "deadline", "message": ""})


@right("I14")
def a_connection_closes(story):
    run = begun(story, "Once ")
    story.close("tab-1")
    run.leave("tab-1").append("upon ").end()


@wrong("I14")
def a_connection_closes_and_its_run_is_cancelled(story):
    run = begun(story, "Once ")
    story.close("tab-1")
    run.leave("tab-1").end_by_gateway("cancelled", "cancelled")


# D. Cancelling.


def cancelled(story, *, told_after=0.05, over_after=5.2, late_append="run_ended"):
    run = begun(story, "Once ")
    beat = run.begin_heartbeat()
    story.wait(1)
    run.cancel("tab-1", "asked")
    story.wait(told_after)
    run.end_heartbeat(beat)
    story.wait(over_after)
    run.end_by_gateway("cancelled", "cancelled")
    body = run.body("too late ") | {"epoch": 1}
    if late_append:
        run.refuse(body, late_append)
    else:
        story.request("append", run.name, body, 200, run.answer())
    return run


@right("I15", "I16")
def a_tab_cancels(story):
    cancelled(story).cancel("tab-1", "ended", "x2")


@wrong("I15")
def the_owner_is_told_late(story):
    cancelled(story, told_after=1.5)


@wrong("I15")
def an_owner_that_does_not_care_goes_on(story):
    cancelled(story, over_after=9)


@wrong("I15", "I13")
def an_append_is_taken_after_the_cancel(story):
    cancelled(story, late_append=None)


@wrong("I16")
def a_second_cancel_is_asked_anew(story):
    begun(story, "Once ").cancel("tab-1", "asked").cancel("tab-1", "asked", "x2")


@wrong("I16")
def a_cancel_after_the_end_is_asked(story):
    whole(story).cancel("tab-1", "asked")
