"""run_pages runs what stands on a page, and tells what is printed otherwise."""

import os
import subprocess
import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

TOOL = Path(__file__).parents[1] / "run_pages"
PROGRAM = """#!/bin/sh
case "$*" in
*--help) printf 'Options:\\n  --link RATE\\n' ;;
*) echo "took $$.5 ms over $*"; exit 3 ;;
esac
"""


def tool():
    loader = SourceFileLoader("run_pages", str(TOOL))
    module = module_from_spec(spec_from_loader("run_pages", loader))
    sys.modules["run_pages"] = module  # dataclasses look it up
    loader.exec_module(module)
    return module


def run(page, *options):
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "program")
        program.write_text(PROGRAM)
        program.chmod(0o755)
        path = Path(folder, "page.md")
        path.write_text(page)
        done = subprocess.run([TOOL, *options, program, path], capture_output=True, text=True, check=False)
        return done.returncode, done.stderr, path.read_text()


def console(*lines):
    return "\n".join(["```console", *lines, "```", ""])


class Shapes(unittest.TestCase):
    def setUp(self):
        self.is_like = tool().is_like

    def assert_alike(self, expected, said):
        self.assertTrue(self.is_like(expected, said), (expected, said))

    def test_numbers_with_their_units_are_alike(self):
        self.assert_alike(["total 5.54 s, 211 MiB"], ["total   312 ms, 1.02 GiB"])
        self.assert_alike(["  a  1.10 MiB   912 KiB … 1.36 MiB  yes"], ["  a  3 B  1 B … 4 KiB  no, 40 % likely"])
        self.assert_alike(["error +0.1 %, 2 min 5 s"], ["error -38 ms, 5.00 s"])
        self.assert_alike(["at 2026-11-28T10:00:00, – sent"], ["at 1970-01-01T00:00:00.5Z, 3.1 MB/s sent"])

    def test_words_are_not(self):
        self.assertFalse(self.is_like(["completed after 3 s"], ["failed after 3 s"]))
        self.assertFalse(self.is_like(["a"], ["a", "b"]))
        self.assertFalse(self.is_like(["a", "b"], ["a"]))

    def test_plots_are_alike(self):
        self.assert_alike(["  20 MiB ┤    ●●░", "         │ ●", "  ● x"], ["         │  ●", "  8 KiB ┤●●", "  ● x"])
        self.assert_alike(["time  ··──┼──··●  3 s"], ["time  ───┼●······  20 ms"])

    def test_an_ellipsis_stands_for_lines_or_words(self):
        self.assert_alike(["first", "…", "last"], ["first", "x", "y", "last"])
        self.assert_alike(["first", "…", "last"], ["first", "last"])
        self.assert_alike(["advice: …"], ["advice: precopy, as it is"])
        self.assertFalse(self.is_like(["first", "…", "last"], ["first", "x"]))


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class RunPages(unittest.TestCase):
    def test_what_is_printed_as_it_stands_there_passes(self):
        page = console("$ x=7; echo $x \\", "  and more", "7 and more", "$ cat <<END", "text", "END", "text")
        self.assertEqual(run(page)[:2], (0, ""))

    def test_what_is_printed_otherwise_is_found(self):
        status, findings, _ = run(console("$ echo one", "two"))
        self.assertEqual(status, 1)
        self.assertIn("page.md:2: echo one", findings)
        self.assertIn("one", findings.splitlines()[-1])

    def test_a_failure_is_found_unless_its_status_is_asked_for(self):
        self.assertIn("ended with status 3", run(console("$ sudo godwit it", "took 1 ms over it"))[1])
        self.assertEqual(run(console("$ godwit it", "took 9.9 ms over it", "$ echo $?", "3"))[:2], (0, ""))
        error = "godwit: no; do [busy]"
        self.assertEqual(run(console(f"$ echo '{error}'; (exit 2)", error))[:2], (0, ""))

    def test_blocks_that_are_marked_or_no_console_are_not_run(self):
        for page in ("<!-- not run: why -->\n" + console("$ false"), "```\n$ false\n```\n"):
            self.assertEqual(run(page)[:2], (0, ""))

    def test_output_is_written_where_it_is_another(self):
        page = console("$ echo a; echo b", "$ echo c", "c", "$ echo d", "old", "older")
        status, _, written = run(page, "--write")
        self.assertEqual(status, 0)
        self.assertEqual(written, console("$ echo a; echo b", "a", "b", "$ echo c", "c", "$ echo d", "d"))


class Usage(unittest.TestCase):
    def usage(self, page):
        return run(page, "--usage")[:2]

    def test_commands_are_run_or_it_is_said_why_not(self):
        self.assertIn("nobody says why", self.usage("```\ngodwit watch it\n```\n")[1])
        self.assertIn("nobody says why", self.usage("Text:\n\n    godwit watch it\n")[1])
        for mark in ("<!-- not run: two hosts -->\n", "<!-- not run: two hosts -->\n\n"):
            self.assertEqual(self.usage(mark + "```\ngodwit watch it\n```\n"), (0, ""))
        self.assertEqual(self.usage("<!-- not run: why -->\n\n    godwit watch it\n"), (0, ""))
        self.assertEqual(self.usage("```\nsome text\n```\n"), (0, ""))

    def test_options_that_the_program_has_not_got(self):
        self.assertIn("page.md:2: godwit predict has no --lnk", self.usage("a\n`godwit predict VM --lnk 5`\n")[1])
        self.assertEqual(self.usage("`godwit --json predict VM --link 5 --json`, `--other`\n"), (0, ""))


if __name__ == "__main__":
    unittest.main()
