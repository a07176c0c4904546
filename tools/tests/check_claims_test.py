"""check_claims finds names that no test has, and rows that hold nothing."""

import subprocess
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).parents[1] / "check_claims"
CTEST = 'add_test(Suite.Works "true")\nadd_test([=[All/Sweep.Holds/3  # "a b"]=] "true")\n'
HEAD = "| claim | held by |\n|---|---|\n| **Part** | |\n"


# A program that says which tests it has, as GoogleTest does, and runs in two halves.
PROGRAM = "#!/bin/sh\nprintf 'Running main()\\nTogether.\\n  Runs\\nAll/Each.\\n  Holds/0  # GetParam() = 1\\n'\n"


def run(row, files=None, safety=""):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in (files or {}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "docs").mkdir()
        (root / "docs/claims.md").write_text(HEAD + row + "\n")
        (root / "docs/safety.md").write_text(safety)
        for build, tests in (("build", CTEST.splitlines()[0]), ("build-asan", CTEST.splitlines()[1])):
            (root / build).mkdir()
            (root / build / "CTestTestfile.cmake").write_text(tests + "\n")
        program = root / "x_tests"
        program.write_text(PROGRAM)
        program.chmod(0o755)
        with (root / "build-asan/CTestTestfile.cmake").open("a") as file:
            file.write(f'add_test(x_tests.0 "{program}" "--brief")\n')
        builds = [root / build for build in ("build", "build-asan", "none")]
        done = subprocess.run([TOOL, *builds, "--root", root], capture_output=True, text=True)
        return done.returncode, done.stderr


class CheckClaims(unittest.TestCase):
    def test_what_exists_passes(self):
        for row in ("| a | `Suite.Works` |", "| a | `Sweep.Holds`, `docs/claims.md` |", "| a | pending |"):
            self.assertEqual(run(row), (0, ""))

    def test_what_a_program_runs_in_one_go_exists(self):
        self.assertEqual(run("| a | `Together.Runs`, `Each.Holds` |"), (0, ""))

    def test_what_does_not_exist(self):
        for name in ("Suite.Gone", "docs/gone.md", "Suite"):
            status, findings = run(f"| a | `Suite.Works`, `{name}` |")
            self.assertEqual(status, 1)
            self.assertIn(f"docs/claims.md:4: no such test: {name}", findings)

    def test_what_the_table_of_cases_names(self):
        self.assertEqual(run("| a | pending |", safety="| a death | goes on | `Suite.Works` |")[0], 0)
        status, findings = run("| a | pending |", safety="| a death | goes on | `Suite.Gone` |")
        self.assertEqual(status, 1)
        self.assertIn("docs/safety.md:1: no such test: Suite.Gone", findings)

    def test_a_row_without_evidence(self):
        for row in ("| a | |", "| a | surely |"):
            status, findings = run(row)
            self.assertEqual(status, 1)
            self.assertIn("neither a test nor 'pending'", findings)

    def test_a_test_that_is_not_run(self):
        for name, text, missing in (
            ("src/a/tests/more/x.cpp", "TEST_F(Suite, Forgotten) {", "Suite.Forgotten"),
            ("tests/e2e/x.cpp", "RC_GTEST_PROP(\n    Suite, Forgotten, ()) {", "Suite.Forgotten"),
            ("src/a/fuzz/x_fuzz.cpp", "int main", "fuzz.a.x_fuzz"),
            ("tools/tests/x_test.py", "", "tools.x_test"),
        ):
            status, findings = run("| a | `Suite.Works` |", {name: text})
            self.assertEqual(status, 1)
            self.assertIn(f"{name}: {missing} is not run", findings)
        self.assertEqual(run("| a | pending |", {"src/a/tests/x.cpp": "TEST(Suite, Works) {"}), (0, ""))

    def test_what_only_the_public_data_holds_says_so(self):
        public = {"tests/public/x.cpp": "TEST(Suite, Works) {"}
        marked = "| a | `Suite.Works`, *only where the public data is* |"
        self.assertIn("is missing: a", run("| a | `Suite.Works` |", public)[1])
        self.assertEqual(run(marked, public), (0, ""))
        self.assertIn("without need: a", run(marked)[1])


if __name__ == "__main__":
    unittest.main()
