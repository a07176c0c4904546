"""Tests of ../count_tests."""

import importlib.machinery
import importlib.util
import unittest
from pathlib import Path

tool = Path(__file__).parent.parent / "count_tests"
loader = importlib.machinery.SourceFileLoader("count_tests", str(tool))
spec = importlib.util.spec_from_loader("count_tests", loader)
count_tests = importlib.util.module_from_spec(spec)
loader.exec_module(count_tests)


def case(name, status, said=""):
    return f'<testcase name="{name}" status="{status}"><system-out>{said}</system-out></testcase>'


def ctest(*cases):
    return '<?xml version="1.0"?><testsuite>' + "".join(cases) + "</testsuite>"


SKIPPED = "[ RUN ] x\n/a/c.cpp:12: Skipped\n{}\n\n[  SKIPPED ] x"


class CountTests(unittest.TestCase):
    def test_without_skips_the_line_ends_with_the_numbers(self):
        line = count_tests.line([ctest(case("A.b", "run"), case("A.c", "run"))])
        self.assertEqual(line, "2 passed, 0 failed, 0 skipped")

    def test_each_reason_is_said_once_over_all_runs(self):
        one = ctest(
            case("A.b", "run"),
            case("P.a", "notrun", SKIPPED.format("the data is not here")),
            case("P.b", "notrun", SKIPPED.format("the data is not here")),
        )
        page = "ok 1 - x # SKIP there is no chromium\nreport page: 3 passed, 0 failed, 1 skipped\n"
        self.assertEqual(
            count_tests.line([one, one, page]),
            "5 passed, 0 failed, 5 skipped: the data is not here; there is no chromium",
        )

    def test_what_skips_without_a_reason_or_is_switched_off_is_named(self):
        line = count_tests.line([ctest(case("A.b", "disabled"))])
        self.assertEqual(line, "0 passed, 0 failed, 1 skipped: A.b is disabled")

    def test_what_failed_is_counted_as_such(self):
        self.assertIn("1 failed", count_tests.line([ctest(case("A.b", "fail"))]))

    def test_a_suite_that_could_not_be_set_up_failed_though_its_tests_were_skipped(self):
        said = "/a/c.cpp:12: Failure\nup.status is 1\n\n[  SKIPPED ] x"
        self.assertEqual(
            count_tests.line([ctest(case("A.b", "notrun", said))]), "0 passed, 1 failed, 0 skipped"
        )

    def test_a_program_whose_tests_ran_in_one_go_counts_by_its_own_report(self):
        own = (
            '<?xml version="1.0"?><testsuites><testsuite>'
            '<testcase name="a" result="completed"/>'
            '<testcase name="b" result="completed"><failure message="x"/></testcase>'
            '<testcase name="c" result="skipped"><skipped message="c.cpp:12&#x0A;no QEMU"/></testcase>'
            '<testcase name="d" result="suppressed"/>'
            "</testsuite></testsuites>"
        )
        ran = ctest(case("godwit_x_tests.0", "run"), case("fuzz.x", "run"))
        self.assertEqual(count_tests.line([ran, own]), "2 passed, 1 failed, 1 skipped: no QEMU")

    def test_one_of_those_that_died_failed(self):
        died = ctest(case("godwit_x_tests.1", "fail"))
        self.assertEqual(count_tests.line([died]), "0 passed, 1 failed, 0 skipped")

    def test_a_run_that_was_not_counted_is_no_zero(self):
        with self.assertRaises(SystemExit):
            count_tests.line(["node: command not found"])


if __name__ == "__main__":
    unittest.main()
