"""check_docs finds dead links, codes without a section, sentences that are too long, words that are none."""

import shutil
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

TOOL = Path(__file__).parents[1] / "check_docs"
GOOD = {
    "README.md": "# The program\n[one](docs/one.md), [part](docs/one.md#a-part-of-it), [here](#the-program)\n",
    "docs/one.md": "# One\n## A `part` of it\nShort.\n",
    "src/base/error.cpp": 'case ErrorCode::kBusy:\n      return "busy";\n',
    "src/terminal/output.cpp": "switch (code) {\n    case ErrorCode::kBusy:\n      return kBadUsage;\n",
    "src/terminal/include/godwit/terminal/output.h": "inline constexpr int kBadUsage = 2;\n",
    "docs/troubleshooting.md": "| [`busy`](#busy) | 2 | held |\n\n## busy\n**Cause.** It.\n\n**Mend.** Wait.\n",
}


def tool():
    loader = SourceFileLoader("check_docs", str(TOOL))
    module = module_from_spec(spec_from_loader("check_docs", loader))
    loader.exec_module(module)
    return module


def run(changes, spell=False):
    """(exit status, findings) on the good tree with some files changed."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**GOOD, **changes}.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        findings = list(tool().check(Path(folder), spell))
        return int(bool(findings)), "\n".join(findings)


class CheckDocs(unittest.TestCase):
    def assert_finding(self, changes, words, spell=False):
        status, findings = run(changes, spell)
        self.assertEqual(status, 1, "nothing was found")
        self.assertIn(words, findings)
        self.assertEqual(len(findings.splitlines()), 1, findings)

    def test_a_good_tree_passes(self):
        self.assertEqual(run({}), (0, ""))

    def test_links(self):
        self.assert_finding({"docs/two.md": "[x](three.md)\n"}, "docs/two.md:1: three.md leads nowhere")
        self.assert_finding({"docs/two.md": "\n[x](one.md#gone)\n"}, "docs/two.md:2: one.md has no heading #gone")
        self.assert_finding({"docs/two.md": "![x](x.svg)\n"}, "x.svg leads nowhere")
        self.assertEqual(run({"docs/two.md": "```\n[x](gone.md)\n```\n[y](https://example.org/gone.md)\n"}), (0, ""))

    def test_pages_that_sources_name(self):
        self.assert_finding({"src/a.cpp": "// docs/gone.md\n"}, "src/a.cpp:1: there is no docs/gone.md")
        self.assertEqual(run({"src/a.cpp": "// docs/one.md, ../docs/gone.md\n"}), (0, ""))

    def test_error_codes(self):
        page = GOOD["docs/troubleshooting.md"]
        more = GOOD["src/base/error.cpp"] + 'case ErrorCode::kNew:\n      return "new";\n'
        self.assert_finding({"src/base/error.cpp": more}, "no section on new")
        self.assert_finding({"docs/troubleshooting.md": page + "\n## gone\nIt.\n"}, "gone is no error code any more")
        self.assert_finding({"docs/troubleshooting.md": page.replace("| 2 |", "| 3 |")},
                            "busy ends with status 2, the table says 3")
        self.assert_finding({"docs/troubleshooting.md": page.replace("**Mend.**", "")}, "lacks its cause or its mend")

    def test_long_sentences(self):
        long = " ".join(["word"] * 41) + ".\n"
        self.assert_finding({"docs/two.md": long}, "docs/two.md:1: 41 words in one sentence")
        self.assert_finding({"docs/two.md": "| a |\n|---|\n| " + long.strip() + " |\n"}, "docs/two.md:3: 41 words")
        self.assert_finding({"docs/two.md": "- " + " ".join(["word"] * 20) + "\n  " + long}, "docs/two.md:1: 61 words")
        half = " ".join(["word"] * 30)
        for fine in (f"{half}. {half}.\n", f"{half}:\n\n{half}\n", f"```\n{long}```\n", f"- {half}\n- {half}\n"):
            self.assertEqual(run({"docs/two.md": fine}), (0, ""), fine)
        self.assertEqual(run({"docs/research/two.md": long}), (0, ""))

    @unittest.skipUnless(shutil.which("aspell"), "needs aspell")
    def test_spelling(self):
        self.assert_finding({"docs/two.md": "A mitsake.\n"}, "docs/two.md: 'mitsake' is no word", spell=True)
        self.assertEqual(run({"docs/two.md": "A colour, `mitsake`, a/mitsake.\n"}, spell=True), (0, ""))
        own = {"docs/two.md": "A mitsake.\n", "docs/words.txt": "mitsake\n"}
        self.assertEqual(run(own, spell=True), (0, ""))


if __name__ == "__main__":
    unittest.main()
