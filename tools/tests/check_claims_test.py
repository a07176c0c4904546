"""check_claims finds names that no test has, and rows that hold nothing."""

import subprocess
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).parents[1] / "check_claims"
CTEST = 'add_test(Suite.Works "true")\nadd_test([=[All/Sweep.Holds/3  # "a b"]=] "true")\n'
HEAD = "| claim | held by |\n|---|---|\n| **Part** | |\n"


def run(row, safety=""):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "docs").mkdir()
        (root / "docs/claims.md").write_text(HEAD + row + "\n")
        (root / "docs/safety.md").write_text(safety)
        (root / "CTestTestfile.cmake").write_text(CTEST)
        done = subprocess.run([TOOL, folder, folder], capture_output=True, text=True)
        return done.returncode, done.stderr


class CheckClaims(unittest.TestCase):
    def test_what_exists_passes(self):
        for row in ("| a | `Suite.Works` |", "| a | `Sweep.Holds`, `docs/claims.md` |", "| a | pending |"):
            self.assertEqual(run(row), (0, ""))

    def test_what_does_not_exist(self):
        for name in ("Suite.Gone", "docs/gone.md", "Suite"):
            status, findings = run(f"| a | `Suite.Works`, `{name}` |")
            self.assertEqual(status, 1)
            self.assertIn(f"docs/claims.md:4: no such test: {name}", findings)

    def test_what_the_table_of_cases_names(self):
        self.assertEqual(run("| a | pending |", "| a death | goes on | `Suite.Works` |")[0], 0)
        status, findings = run("| a | pending |", "| a death | goes on | `Suite.Gone` |")
        self.assertEqual(status, 1)
        self.assertIn("docs/safety.md:1: no such test: Suite.Gone", findings)

    def test_a_row_without_evidence(self):
        for row in ("| a | |", "| a | surely |"):
            status, findings = run(row)
            self.assertEqual(status, 1)
            self.assertIn("neither a test nor 'pending'", findings)


if __name__ == "__main__":
    unittest.main()
