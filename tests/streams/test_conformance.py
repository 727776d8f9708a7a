"""@durable-streams/server-conformance-tests, unmodified: all of it but forks and subscriptions, on either engine."""

import pytest

from streams.conformance import expected_failures, run_suite
from support.cluster import KEY
from support.run_engines import ENGINES, instances, run_gateway

# Those that are neither forks nor subscriptions, of 338.
TESTS = 250
ORIGIN = "https://example.com"  # the suite's


@pytest.mark.parametrize("engine", ENGINES)
def test_the_suite(engine, tmp_path):
    with run_gateway(engine, "--allowed-origin", ORIGIN, "--stream-poll-wait", "500ms") as gateway:
        outcomes = run_suite(instances(gateway)[0].url, KEY, tmp_path)
    assert all((outcome.status == "skipped") == outcome.is_left_out for outcome in outcomes)
    ran = [outcome for outcome in outcomes if not outcome.is_left_out]
    failed = {outcome.name: outcome.said for outcome in ran if outcome.status != "passed"}
    assert set(failed) == expected_failures(), "\n".join(f"{name}\n{said}" for name, said in failed.items())
    assert len(ran) == TESTS
