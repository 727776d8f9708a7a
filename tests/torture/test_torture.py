"""A short torture of each engine: nothing that is promised of runs is violated, and all of it was looked at.

scripts/torture does the same for as long as one likes.
"""

import asyncio

import pytest

from torture.faults import KINDS
from torture.report import lines
from torture.torture import Options, Torture

SEED = 20
# So many seconds that each fault comes once at this pace.
SECONDS, PACE = {"redis": 45.0, "memory": 35.0}, 0.3
# What cannot be looked at: nothing is lost between instances, nor with Redis; and who reads slowly for 25 s may see its gateway end.
OUT_OF_REACH = {"redis": (), "memory": ("I20", "I21", "I29")}
# Of a torture, in seconds.
STARVED_MAX = 5.0

pytestmark = [pytest.mark.slow(80), pytest.mark.timeout(300)]


def tortured(engine, faults, directory, seconds):
    """It has a margin for machines on which everything else runs, too."""
    options = Options(seconds, SEED, engine=engine, faults=faults, margin=5.0, pace=PACE, journal=directory / "journal.jsonl")
    result = asyncio.run(Torture(options).run())
    told = "\n".join(lines(result))
    print(told)
    assert result.ok, f"{told}\neverything that was said: {options.journal}"
    return result


def assert_all_was_looked_at(result):
    if result.starved > STARVED_MAX:
        return  # too much is excused
    left_out = [name for name, found in result.found.items() if not found.checked]
    assert set(left_out) <= set(OUT_OF_REACH[result.options.engine]), f"{left_out} were not exercised"


@pytest.mark.parametrize("engine", ["redis", "memory"])
def test_while_everything_breaks(engine, tmp_path):
    assert_all_was_looked_at(tortured(engine, KINDS, tmp_path, SECONDS[engine]))


def test_where_nothing_goes_wrong_nothing_is_late_either(tmp_path):
    tortured("redis", (), tmp_path, 12.0)
