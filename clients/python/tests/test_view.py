import random

import pytest
from conftest import Log

from websocket_gateway.errors import Superseded
from websocket_gateway.hashing import EMPTY, fold, parse_hash
from websocket_gateway.reading import Reading, common_prefix
from websocket_gateway.view import REPAIRS_MAX, View, Want


def viewing(log, pos=None):
    view = View()
    assert view.take(log.snapshot(pos), 0) is Want.NOTHING
    return view


def test_deltas_follow_a_snapshot_and_an_end_is_verified(log):
    view = viewing(log, 4)
    assert view.take(log.delta(4, 9), 0) is Want.NOTHING
    assert (view.text, view.cursor, view.verified) == ("Once upon", f"1.9.{log.top(9)['hash']}", True)
    assert view.take(log.delta(9), 0) is Want.NOTHING
    assert view.take(log.end(), 0) is Want.NOTHING
    assert (view.text, view.status, view.over, view.verified) == ("Once upon a time", "completed", True, True)
    assert view.take(log.told(3), 0) is Want.NOTHING, "nothing counts after the end"


def test_what_it_has_already_is_dropped_and_what_overlaps_is_asked_for_anew(log):
    view = viewing(log, 9)
    assert view.take(log.delta(4, 9), 0) is Want.NOTHING
    assert view.take(log.delta(4, 11), 0) is Want.ATTACH
    assert view.text == "Once upon"


@pytest.mark.parametrize("event", ["delta", "snapshot"])
def test_text_that_does_not_have_its_hash_is_never_shown(log, event):
    view = viewing(log, 4)
    message = log.delta(4) if event == "delta" else log.snapshot()
    assert view.take(message | {"text": "Once upon a crime"[4 if event == "delta" else 0 :]}, 0) is Want.START_OVER
    assert (view.text, view.verified, view.cuts) == ("Once", False, 0)
    assert view.take(log.snapshot(), 0) is Want.NOTHING
    assert (view.text, view.verified) == ("Once upon a time", True)


def test_a_hole_is_asked_for_with_the_cursor(log):
    view = viewing(log, 4)
    assert view.take(log.delta(9), 0) is Want.ATTACH
    assert view.text == "Once"


def test_a_delta_of_another_epoch_is_asked_for(log):
    view = viewing(log, 4)
    assert view.take(log.delta(4) | {"epoch": 2}, 0) is Want.ATTACH


def test_a_wrong_hash_starts_over(log):
    view = viewing(log, 4)
    assert view.take(log.delta(4) | {"text": " upon a tima"}, 0) is Want.START_OVER
    assert not view.verified
    assert view.take(log.snapshot(), 1) is Want.NOTHING
    assert (view.text, view.verified) == ("Once upon a time", True)


def test_who_is_behind_a_top_for_a_beat_attaches(log):
    view = viewing(log, 4)
    assert view.take(log.told(), 10.0) is Want.NOTHING
    assert view.take(log.told(), 12.0) is Want.ATTACH


def test_who_moves_on_between_two_tops_is_only_slow(log):
    view = viewing(log, 4)
    assert view.take(log.told(), 10.0) is Want.NOTHING
    assert view.take(log.delta(4, 9), 11.0) is Want.NOTHING
    assert view.take(log.told(), 12.0) is Want.NOTHING
    assert view.take(log.told(), 14.0) is Want.ATTACH


def test_who_is_ahead_of_a_top_for_a_beat_attaches_too(log):
    view = viewing(log)
    assert view.take(log.told(4), 10.0) is Want.NOTHING
    assert view.take(log.told(4), 12.0) is Want.ATTACH


def test_a_top_with_another_hash_starts_over(log):
    view = viewing(log)
    assert view.take(log.told() | {"hash": "0" * 14}, 1.0) is Want.START_OVER


def test_a_reset_cuts_to_what_is_common_or_only_changes_the_epoch(log):
    view = viewing(log)
    second = Log(b"Once upon my soul", epoch=2)
    assert view.take(second.message("reset", 10, cause="superseded"), 0) is Want.NOTHING
    assert (view.text, view.epoch, view.verified) == ("Once upon ", 2, True)
    assert view.take(second.delta(10), 0) is Want.NOTHING
    third = Log(second.data, epoch=3)
    assert view.take(third.message("reset", cause="claimed"), 0) is Want.NOTHING
    assert (view.text, view.epoch) == ("Once upon my soul", 3)
    behind = viewing(log, 4)
    assert behind.take(second.message("reset", 10, cause="claimed"), 0) is Want.NOTHING
    assert (behind.text, behind.epoch) == ("Once", 2)
    assert behind.take(second.message("reset", 10), 0) is Want.ATTACH, "that epoch is begun already"


def test_an_end_elsewhere_is_asked_for_once_more_and_then_taken(log):
    view = viewing(log, 4)
    assert view.take(log.end(), 0) is Want.ATTACH
    assert not view.over
    assert view.take(log.end(), 0, answers_attach=True) is Want.NOTHING  # the log has expired
    assert (view.over, view.status, view.verified) == (True, "completed", False)


def test_a_gateway_that_never_fits_is_not_asked_for_ever(log):
    view, wants = viewing(log, 4), []
    for _ in range(REPAIRS_MAX * 2):
        wants.append(view.take(log.snapshot() | {"hash": "0" * 14}, 0))
    assert wants.count(Want.START_OVER) == REPAIRS_MAX
    assert wants[-1] is Want.NOTHING
    assert view.take(log.end() | {"hash": "0" * 14}, 0) is Want.NOTHING
    assert view.over and not view.verified


def test_goes_on_at_a_foreign_cursor_without_the_text_before_it(log):
    view = View.at(1, 5, fold(log.data[:5]))
    assert view.take(log.delta(5), 0) is Want.NOTHING
    assert (view.text, view.pos, view.verified) == ("upon a time", 16, True)
    second = Log(b"On and on", epoch=2)
    assert view.take(second.message("reset", 2), 0) is Want.NOTHING
    assert (view.text, view.pos, view.base_hash) == ("", 2, parse_hash(second.top(2)["hash"]))
    assert view.take(second.delta(2), 0) is Want.NOTHING
    assert (view.text, view.verified) == (" and on", True)
    assert view.take(second.snapshot(), 0) is Want.NOTHING
    assert (view.text, view.base, view.base_hash) == ("On and on", 0, EMPTY)


@pytest.mark.parametrize("seed", range(80))
def test_whatever_is_lost_doubled_or_late_the_text_is_a_prefix_or_says_so(seed):
    """A gateway that answers attaches, over a network that drops and repeats messages."""
    rng = random.Random(seed)
    log, view, place, now = Log(b""), View(), 0, 0.0
    for _ in range(120):
        now += 0.7
        log.data += rng.choice(["a", "ü", "𝄞 ", "word "]).encode()
        if rng.random() < 0.05:
            cut = len(log.data[: rng.randrange(len(log.data))].decode("utf-8", "ignore").encode())
            log.data, log.epoch = log.data[:cut], log.epoch + 1
            messages, place = [log.message("reset", cut, cause="superseded")], cut
        else:
            messages, place = [log.delta(min(place, len(log.data)))], len(log.data)
        if rng.random() < 0.3:
            messages.append(log.told())
        messages = [one for one in messages for _ in range(rng.choice([0, 1, 1, 1, 2]))]
        for message in messages:
            want = view.take(message, now)
            if want is not Want.NOTHING:
                fits = want is Want.ATTACH and view.epoch == log.epoch and log.data.startswith(view.data)
                view.take(log.delta(view.pos) if fits else log.snapshot(), now, answers_attach=True)
            assert view.epoch != log.epoch or log.data.startswith(bytes(view.data))
    for _ in range(3):
        now += 2
        if view.take(log.told(), now) is not Want.NOTHING:
            view.take(log.snapshot(), now, answers_attach=True)
    assert (bytes(view.data), view.verified) == (log.data, True)


def test_a_reading_gives_each_piece_once(log):
    view = viewing(log, 4)
    reading = Reading(view)
    assert (reading.next(), reading.next()) == ("Once", "")
    view.take(log.delta(4), 0)
    assert reading.next() == " upon a time"


def test_a_reading_waits_for_an_attempt_that_says_the_same_again(log):
    view = viewing(log)
    reading = Reading(view)
    reading.next()
    again = Log(b"", epoch=2)
    view.take(again.message("reset"), 0)
    again.data = b"Once upon a "
    view.take(again.delta(0), 0)
    assert reading.next() == ""
    again.data = b"Once upon a time there was"
    view.take(again.delta(12), 0)
    assert reading.next() == " there was"


def test_a_reading_says_what_is_taken_back(log):
    view = viewing(log)
    reading = Reading(view)
    reading.next()
    again = Log("Once ünder".encode(), epoch=2)
    view.take(again.message("reset", 0), 0)
    view.take(again.delta(0), 0)
    with pytest.raises(Superseded) as told:
        reading.next()
    assert told.value.kept == 5
    assert reading.next() == "ünder"


def test_an_attempt_that_ends_before_what_was_given_is_told(log):
    view = viewing(log)
    reading = Reading(view)
    reading.next()
    again = Log(b"Once", epoch=2)
    view.take(again.message("reset"), 0)
    assert reading.next() == ""
    view.take(again.end(), 0)
    with pytest.raises(Superseded):
        reading.next()


def test_the_common_prefix_is_of_whole_characters():
    assert common_prefix("aü".encode(), "aö".encode()) == 1
    assert common_prefix(b"abc", b"abd") == 2
    assert common_prefix(b"", b"abd") == 0
    assert common_prefix(b"ab", b"ab") == 2
