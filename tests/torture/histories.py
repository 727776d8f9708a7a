"""For each invariant histories that are right, and histories that violate it; test_checker.py has them checked."""

from torture.fold import hash_text

RIGHT, WRONG = {}, {}


def right(*names):
    """Tells a history in which these are held, and were looked at."""
    return lambda story: RIGHT.update({(name, story.__name__): story for name in names}) or story


def wrong(*names):
    """Tells a history that violates these."""
    return lambda story: WRONG.update({(name, story.__name__): story for name in names}) or story


def begun(story, *texts, tab="tab-1"):
    run = story.ask_for_run(tab).claim()
    for text in texts:
        run.append(text)
    return run


def whole(story):
    return begun(story, "Once ", "upon ", "a time").end()


# A. The log.


@right("I1", "I2", "I3", "I4", "I5", "I7", "I10", "I13")
def a_run_from_its_question_to_its_end(story):
    run = begun(story, "Once ", "größer ")
    run.look().look(1)
    run.attach("tab-2").snapshot("tab-2")
    run.append("a time").end().look(1)


@wrong("I1")
def a_reader_is_given_what_nobody_wrote(story):
    begun(story, "Once ").tell("delta", **{"from": 5}, epoch=1, pos=9, hash=hash_text(b"Once upom"), text="upom")


@wrong("I1", "I4")
def a_reader_is_given_other_bytes(story):
    run = begun(story, "Once ", "upon ")
    run.attach("tab-2")
    run.snapshot("tab-2", text="Once upom ", hash=hash_text(b"Once upom "))
    run.end()


@wrong("I2")
def a_hash_is_another(story):
    begun(story, "Once ").tell("top", epoch=1, pos=5, hash=hash_text(b"Onze "), status="in_progress")


@wrong("I2")
def an_answer_has_another_hash(story):
    run = begun(story, "Once ")
    story.request("append", run.name, run.body("upon "), 200, run.answer() | {"pos": 10, "hash": hash_text(b"Once upom ")})


@wrong("I2")
def a_claim_is_told_another_hash(story):
    run = begun(story, "Once ")
    answer = {"epoch": 2, "pos": 5, "hash": hash_text(b"Onze "), "lease_ms": 10_000, "status": "in_progress"}
    story.request("claim", run.name, {"producer": "p2", "token": "t", "keep": "all"}, 200, answer)


@wrong("I2")
def a_record_has_another_hash_than_its_log(story):
    begun(story, "Once ").look(hash=hash_text(b"Onze "))


@wrong("I3")
def a_delta_comes_twice(story):
    run = begun(story, "Once ")
    run.tell("delta", **{"from": 0}, **run.place, text="Once ")


@wrong("I3")
def a_hole_is_passed_over(story):
    run = begun(story, "Once ").append("upon ", told=False).append("a time")
    run.end()


@wrong("I3")
def pos_falls(story):
    begun(story, "Once ").tell("top", epoch=1, pos=3, hash=hash_text(b"Onc"), status="in_progress")


@wrong("I3")
def a_new_epoch_comes_without_a_word(story):
    run = begun(story, "Once ")
    run.leave("tab-1").claim("p2").follow("tab-1").append("upon ")


@wrong("I4")
def two_instances_have_different_bytes(story):
    whole(story).look(1, log="Once upon a lime", hash=hash_text(b"Once upon a lime"))


@right("I5")
def an_append_whose_answer_was_lost(story):
    run = begun(story, "Once ").append("upon ", answered=False)
    run.again("upon ").again("upon ").append("a time").end()


@wrong("I5")
def an_append_is_there_twice(story):
    run = begun(story, "Once ").append("upon ", answered=False)
    run.log += b"upon "
    run.again("upon ").end()


@wrong("I5")
def an_append_is_there_in_part(story):
    run = begun(story, "Once ")
    run.append("upon a time", answered=False, told=False)
    run.log = run.log[:-3]
    run.leave("tab-1").end_by_gateway("abandoned", "agent_lost")


@wrong("I5")
def what_was_answered_is_not_there(story):
    run = begun(story, "Once ").append("upon ", told=False)
    run.log = b"Once "
    run.leave("tab-1").end_by_gateway("abandoned", "agent_lost")


@wrong("I5")
def a_claim_finds_less_than_was_answered(story):
    run = begun(story, "Once ").append("upon ", told=False)
    run.log = b"Once "
    run.leave("tab-1").claim("p2")


@wrong("I5")
def a_claim_keeps_other_than_it_asked_for(story):
    run = begun(story, "Once ", "upon ")
    run.leave("tab-1").log = b"Once "
    story.request("claim", run.name, {"producer": "p2", "token": "t", "keep": 0}, 200, run.place | {"epoch": 2})


@wrong("I5")
def a_repeated_append_is_answered_otherwise(story):
    run = begun(story, "Once ")
    story.request("append", run.name, run.body("Once ", 0), 200, run.answer("duplicate") | {"pos": 0, "hash": hash_text(b"")})


# B. The owner.


@right("I6", "I7", "I8", "I9")
def an_owner_is_followed_by_another(story):
    run = begun(story, "Once upon a time ")
    old = run.body("there was an old owner ", 1)
    run.claim("p2", keep=5).refuse(old, "fenced", 403, epoch=2).append("more ").refuse(old, "fenced", 403, epoch=2)
    run.refuse(run.body("other", 0), "sequence_conflict").refuse(run.body("gap", 7), "sequence_gap", expected_seq=1)
    run.append("and so on").end()


@right("I5")
def an_answer_is_lost_and_the_next_claim_is_quicker(story):
    run = begun(story, "Once ")
    lost = run.body("upon a time ")
    run.append("upon a time ", answered=False).claim("p2").refuse(lost, "fenced", 403, epoch=2)
    run.append("there was").end()


@right("I6")
def the_last_of_two_owners_is_abandoned(story):
    begun(story, "Once upon a time ").claim("p2").append("there was ").end_by_gateway("abandoned", "agent_lost")


@wrong("I6")
def an_old_owner_is_taken(story):
    run = begun(story, "Once upon a time ")
    old = run.body("there was an old owner ", 1)
    run.claim("p2")
    story.request("append", run.name, old, 200, run.answer())


@wrong("I6")
def an_old_owners_bytes_come_in(story):
    run = begun(story, "Once upon a time ")
    story.request("append", run.name, run.body("there was an old owner ", 1), None, None)
    run.claim("p2")
    run.log += b"there was an old owner "
    run.look()


@wrong("I7")
def two_claims_get_one_epoch(story):
    begun(story, "Once ").claim("p2", epoch=1)


@wrong("I8")
def other_bytes_are_taken(story):
    run = begun(story, "Once ")
    story.request("append", run.name, run.body("Twice ", 0), 200, run.answer("duplicate"))


@wrong("I9")
def a_gap_is_taken(story):
    run = begun(story, "Once ")
    story.request("append", run.name, run.body("behind a gap ", 5), 200, run.answer())


@wrong("I9")
def a_gap_is_told_wrongly(story):
    run = begun(story, "Once ")
    run.refuse(run.body("behind a gap ", 5), "sequence_gap", expected_seq=4)
