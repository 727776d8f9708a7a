"""That the checker finds what violates each invariant, and nothing in a history that is right."""

import pytest

from torture import histories_life, histories_readers  # noqa: F401  (they add their histories)
from torture.checker import CHECKS, check, title
from torture.fold import BASES, MODULI, Folded, cursor_text, fold, hash_text, parse_cursor, text_of
from torture.histories import RIGHT, WRONG, begun
from torture.story import Story
from torture.view import View, snapshot_of


@pytest.mark.parametrize(("name", "story"), RIGHT.items(), ids=lambda value: "-".join(value) if isinstance(value, tuple) else "")
def test_right(name, story):
    told = Story()
    story(told)
    found = told.check()
    assert found[name[0]].verdict == "held", found[name[0]].told()
    assert not {other: one.violations for other, one in found.items() if one.violations}


@pytest.mark.parametrize(("name", "story"), WRONG.items(), ids=lambda value: "-".join(value) if isinstance(value, tuple) else "")
def test_wrong(name, story):
    told = Story()
    story(told)
    found = told.check()[name[0]]
    assert found.verdict == "violated", found.told()


@pytest.mark.parametrize("invariant", CHECKS)
def test_each_has_both(invariant):
    assert any(name == invariant for name, _ in RIGHT), "a history that is right"
    assert any(name == invariant for name, _ in WRONG), "a history that violates it"
    assert title(invariant)


def test_nothing_was_exercised():
    assert {found.verdict for found in check([]).values()} == {"not exercised"}


def test_memory_engine_runs_end_with_their_instance():
    story = Story(engine="memory")
    run = begun(story, "Once ")
    story.note("died", producers=["p1"])
    story.note("fault", kind="kill", target=0, since=story.now, until=story.now + 1)
    story.close("tab-1")
    assert not {name: found.violations for name, found in story.check().items() if found.violations}, run.name


# What the checker computes with.


def test_fold_is_its_definition():
    data, plain = bytes(range(256)) * 40, [0, 0]
    for byte in data:
        plain = [(plain[i] * BASES[i] + byte + 1) % MODULI[i] for i in (0, 1)]
    assert fold(data) == tuple(plain) == fold(data[5000:], fold(data[:5000]))
    assert Folded(data).hash_at(5000) == hash_text(data[:5000]) and hash_text(b"") == "0" * 14 == text_of((0, 0))


def test_cursors():
    place = (12, 15131, "1c8441d38a51ad")
    assert parse_cursor("12.15131.1c8441d38a51ad") == place == parse_cursor(cursor_text(*place, sortable=True))
    assert cursor_text(1, 15131, "1c8441d38a51ad", sortable=True) == "0001.000000015131.1c8441d38a51ad"
    assert parse_cursor("1.2") is None and parse_cursor(None) is None


def test_a_view_asks_for_what_it_misses():
    view = View()
    assert view.apply(snapshot_of(1, "Once ")) == [] and (view.pos, view.wants) == (5, None)
    view.apply({"event": "top", "epoch": 1, "pos": 9, "hash": "", "status": "in_progress"})
    assert view.wants == "hole"
    view.apply({"event": "top", "epoch": 1, "pos": 5, "hash": hash_text(b"Onze "), "status": "in_progress"})
    assert view.wants == "differs"
