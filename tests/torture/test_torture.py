"""A short torture of each engine: nothing that is promised of runs is violated, and most of it was looked at.

scripts/torture does the same for as long as one likes.
"""

import asyncio

import pytest

from torture.faults import KINDS
from torture.report import lines
from torture.torture import Options, Torture

SECONDS = 25.0
SEED = 20
# What no seed may leave out in that time. The others need longer, or a fault that came too late.
ALWAYS = {
    "memory": ("I1", "I2", "I3", "I4", "I5", "I7", "I10", "I13", "I14", "I17", "I19", "I28"),
    "redis": ("I1", "I2", "I3", "I4", "I5", "I7", "I10", "I13", "I14", "I17", "I19", "I28"),
}

pytestmark = [pytest.mark.slow(60), pytest.mark.timeout(300)]


def tortured(engine, faults):
    options = Options(SECONDS, SEED, engine=engine, faults=faults, margin=5.0)
    return asyncio.run(Torture(options).run())


def assert_held(result):
    told = "\n".join(lines(result))
    print(told)
    assert result.ok, told
    left_out = [name for name in ALWAYS[result.options.engine] if not result.found[name].checked]
    assert not left_out, f"{left_out} were not exercised\n{told}"


def test_memory_engine():
    assert_held(tortured("memory", ("kill", "stop", "cut", "slow")))


def test_redis():
    assert_held(tortured("redis", KINDS))


def test_redis_undisturbed():
    """Where nothing goes wrong, nothing may be late either."""
    assert_held(tortured("redis", ()))
