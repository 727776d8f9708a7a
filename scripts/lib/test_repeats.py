"""Failed tests once more, alone: do they fail again, or did they depend on what else the machine did?

`scripts/test --repeat-failed N` allows it for N tests of a run. One that passes then counts as passed, and the run ends
by naming it as flaky: there is a race in it or in the product, and somebody has to find it. That a gateway died or hung
and what a sanitizer reported are facts whatever comes later, and so is what a seed replays (simulation, stress, fuzz):
none of it is repeated. The torture is: its timing is the machine's, and it tells all that it saw.
"""

import re
from collections.abc import Callable
from pathlib import Path

_FACT = re.compile(r"(Address|Thread|Leak|UndefinedBehavior)Sanitizer|runtime error: |assertion_failed|"
                   r"gateway had died with|gateway did not end within")


def pytest_ids(root: Path, failures: list) -> list[str]:
    """What pytest takes on its command line, from the names that its JUnit file has."""
    ids = []
    for failure in failures:
        parts = failure.suite.split(".")
        for length in range(len(parts), 0, -1):
            file = Path("tests", *parts[:length]).with_suffix(".py")
            if (root / file).is_file():
                ids.append("::".join([str(file), *parts[length:], failure.name]))
                break
    return list(dict.fromkeys(ids))


def gtest_ids(failures: list) -> list[str]:
    return list(dict.fromkeys(f"{failure.suite}.{failure.name}" for failure in failures))


def repeat(context, result, ids: list[str], again: Callable):
    """Where the failed tests of the result, which have these ids, pass in the result that `again` gives for the ids, they
    count as passed, and as flaky."""
    tests = {(failure.suite, failure.name) for failure in result.failures}
    said = "".join(map(str, result.failures)) + (context.logs / f"{result.log}.log").read_text(errors="replace")
    # A runner that found tests wrong ends with 1; with anything else, or more failures than tests, it ended badly itself.
    ended_well = result.exit_code == 1 and len(result.failures) == result.failed and len(ids) == len(tests)
    if not tests or not ended_well or len(tests) > context.repeats_left or _FACT.search(said):
        return
    context.repeats_left -= len(tests)
    second = again(ids)
    if second.failed or second.passed != len(tests):
        return
    result.passed += len(tests)
    result.flaky, result.failures = result.failures, []
    result.failed, result.reason = 0, ""
