"""What scripts/test does with a failed test when it may repeat it: run by the part `tidy`."""

import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))

from test_parts import Context, Failure, Result  # noqa: E402
from test_repeats import gtest_ids, pytest_ids, repeat  # noqa: E402


class Repeats(unittest.TestCase):
    def setUp(self):
        logs = tempfile.TemporaryDirectory()
        self.addCleanup(logs.cleanup)
        self.context = Context(ROOT, Path(logs.name), 0, "", repeats_left=2)
        (self.context.logs / "first.log").write_text("it was so")
        self.repeated = 0

    def first(self, *failures, failed=None, exit_code=1):
        return Result("part", 10, failed or len(failures), reason="some failed", log="first", exit_code=exit_code,
                      failures=list(failures))

    def repeat(self, result, second, ids=None):
        def again(ids):
            self.repeated += 1
            return second
        repeat(self.context, result, gtest_ids(result.failures) if ids is None else ids, again)
        return result

    def test_what_passes_alone_counts_as_passed_and_is_named(self):
        result = self.repeat(self.first(Failure("a", "b", "late")), Result("part", 1, 0))
        self.assertEqual((result.passed, result.failed, result.reason, result.failures), (11, 0, "", []))
        self.assertEqual(list(map(str, result.flaky)), ["a.b: late"])
        self.assertEqual(self.context.repeats_left, 1)

    def test_what_fails_again_has_failed(self):
        result = self.repeat(self.first(Failure("a", "b", "wrong")), Result("part", 0, 1))
        self.assertEqual((result.passed, result.failed, result.flaky), (10, 1, []))

    def test_a_repetition_that_ran_something_else_proves_nothing(self):
        for passed in (0, 2):
            self.assertEqual(self.repeat(self.first(Failure("a", "b", "wrong")), Result("part", passed, 0)).failed, 1)

    def test_one_test_that_failed_twice_in_one_run_is_one(self):
        result = self.repeat(self.first(Failure("a", "b", "late"), Failure("a", "b", "on teardown")), Result("part", 1, 0))
        self.assertEqual((result.passed, result.failed, len(result.flaky)), (11, 0, 2))

    def test_many_failures_are_no_accident(self):
        self.repeat(self.first(*(Failure("a", name, "") for name in "bcd")), Result("part", 3, 0))
        self.assertEqual((self.repeated, self.context.repeats_left), (0, 2))

    def test_a_runner_that_ended_badly_is_not_asked_again(self):
        self.repeat(self.first(failed=1), Result("part", 1, 0))
        self.repeat(self.first(Failure("a", "b", ""), failed=2), Result("part", 1, 0))
        self.repeat(self.first(Failure("a", "b", ""), exit_code=-11), Result("part", 1, 0))
        self.assertEqual(self.repeated, 0)

    def test_one_whose_name_leads_nowhere_is_not_asked_again(self):
        self.repeat(self.first(Failure("", "b", "does not import")), Result("part", 1, 0), ids=[])
        self.assertEqual(self.repeated, 0)

    def test_what_a_sanitizer_found_stays_found_and_a_gateway_that_died_dead(self):
        self.repeat(self.first(Failure("a", "b", "ERROR: LeakSanitizer: detected")), Result("part", 1, 0))
        self.repeat(self.first(Failure("a", "b", "AssertionError: gateway had died with -6")), Result("part", 1, 0))
        (self.context.logs / "first.log").write_text("x.cc:3:1: runtime error: shift exponent")
        self.repeat(self.first(Failure("a", "b", "")), Result("part", 1, 0))
        self.assertEqual(self.repeated, 0)

    def test_names_lead_back_to_tests(self):
        failures = [Failure("gateway.test_runs", "test_x[a/b]", ""), Failure("gateway.test_runs.Some", "test_y", ""),
                    Failure("gateway.test_runs", "test_x[a/b]", "on teardown"), Failure("nowhere.test_z", "test_z", "")]
        self.assertEqual(pytest_ids(ROOT, failures),
                         ["tests/gateway/test_runs.py::test_x[a/b]", "tests/gateway/test_runs.py::Some::test_y"])
        self.assertEqual(gtest_ids([Failure("Engines/Contract", "Holds/Redis", ""), Failure("Url", "Parses", "")]),
                         ["Engines/Contract.Holds/Redis", "Url.Parses"])


if __name__ == "__main__":
    unittest.main()
