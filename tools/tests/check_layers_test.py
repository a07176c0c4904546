"""check_layers finds each kind of breach in a small tree made for it, and nothing in a good one."""

import subprocess
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).parents[1] / "check_layers"
LAYERS = """
[modules]
base  = { floor = 0, pure = false, may_use = [] }
model = { floor = 2, pure = true,  may_use = ["base"] }
advise = { floor = 2, pure = true,  may_use = ["base", "model"] }
qmp   = { floor = 3, pure = false, may_use = ["base"] }
probe = { floor = 3, pure = false, may_use = ["base"] }

[beside]
guest = { library = "guest_core", used_by = ["qmp"] }
"""
GOOD = {
    "layers.toml": LAYERS,
    "src/base/CMakeLists.txt": "godwit_module(base LIBS fmt::fmt)\n",
    "src/base/include/godwit/base/a.h": "#include <string>\n",
    "src/model/CMakeLists.txt": "# godwit_module(model USES qmp)\ngodwit_module(model USES base)\n",
    "src/model/m.cpp": '#include "godwit/model/m.h"\n#include "godwit/base/a.h"\n',
    "src/model/include/godwit/model/m.h": "#pragma once\n",
    "src/advise/CMakeLists.txt": "godwit_module(advise USES base model)\n",
    "src/advise/a.cpp": '#include "godwit/model/m.h"\n#include "godwit/base/a.h"\n',
    "src/qmp/CMakeLists.txt": "godwit_module(qmp USES base PRIVATE_LIBS nlohmann_json::nlohmann_json)\n",
    "src/qmp/q.cpp": '#include "godwit/base/a.h"\n#include "local.h"\n',
    "src/qmp/local.h": "#pragma once\n",
    # a test may use a lower floor that its module does not
    "src/qmp/tests/q_test.cpp": '#include "godwit/model/m.h"\n#include "godwit/qmp/q.h"\n',
    "src/probe/CMakeLists.txt": "godwit_module(probe)\n",
}


def run(changes):
    """(exit status, stderr) on the good tree with some files changed; None removes one."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**GOOD, **changes}.items():
            if text is None:
                continue
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([TOOL, folder], capture_output=True, text=True)
        return done.returncode, done.stderr


class CheckLayers(unittest.TestCase):
    def assert_finding(self, changes, *words):
        status, findings = run(changes)
        self.assertEqual(status, 1, "the breach was not found")
        for word in words:
            self.assertIn(word, findings)
        self.assertEqual(len(findings.splitlines()), 1, findings)

    def test_a_good_tree_passes(self):
        self.assertEqual(run({}), (0, ""))

    def test_what_lies_beside_is_for_those_who_are_named(self):
        include = '#include "godwit/guest/g.h"\n'
        self.assertEqual(run({"src/qmp/local.h": include}), (0, ""))
        self.assert_finding({"src/probe/p.h": include}, "src/probe/p.h:1: includes guest")

    def test_include_without_uses(self):
        self.assert_finding(
            {"src/probe/p.h": '\n#include "godwit/base/a.h"\n'}, "src/probe/p.h:2", "missing in USES"
        )

    def test_uses_without_include(self):
        self.assert_finding(
            {"src/probe/CMakeLists.txt": "godwit_module(probe USES base)\n"}, "nothing includes it"
        )

    def test_include_not_allowed(self):
        changes = {
            "src/probe/CMakeLists.txt": "godwit_module(probe USES qmp)\n",
            "src/probe/p.cpp": '#include "godwit/qmp/q.h"\n',
        }
        status, findings = run(changes)
        self.assertEqual(status, 1)
        self.assertIn("src/probe/p.cpp:1: probe may not include qmp", findings)
        self.assertIn("USES qmp, which layers.toml does not allow", findings)

    def test_a_test_must_not_look_upwards(self):
        self.assert_finding(
            {"src/model/tests/m_test.cpp": "#include <godwit/qmp/q.h>\n"}, "model may not include qmp"
        )

    def test_a_test_must_not_use_a_forbidden_neighbour(self):
        self.assert_finding(
            {"src/probe/tests/p_test.cpp": '#include "godwit/qmp/q.h"\n'}, "may not include qmp"
        )

    def test_a_way_around_by_dots(self):
        self.assert_finding({"src/probe/p.cpp": '#include "../qmp/local.h"\n'}, "../qmp/local.h")

    def test_linking_behind_uses(self):
        for text in (
            "godwit_module(probe LIBS godwit_qmp)\n",
            "godwit_module(probe)\ntarget_link_libraries(godwit_probe PUBLIC godwit_qmp)\n",
        ):
            self.assert_finding({"src/probe/CMakeLists.txt": text}, "links qmp")

    def test_unknown_folder(self):
        self.assert_finding({"src/attic/x.cpp": ""}, "src/attic: not in layers.toml")

    def test_a_module_that_is_two(self):
        lines = "int a;\n" * 2997  # m.cpp and m.h have the other three
        changes = {"src/model/x.cpp": lines, "src/model/tests/x_test.cpp": lines}
        self.assertEqual(run(changes)[0], 0)
        self.assert_finding({"src/model/x.cpp": lines + "int b;\n"}, "src/model: has 3001 lines")
        large = LAYERS.replace("model = {", "model = { large = true,")
        self.assertEqual(run({"src/model/x.cpp": lines + "int b;\n", "layers.toml": large})[0], 0)

    def test_folder_without_cmake(self):
        self.assert_finding({"src/probe/CMakeLists.txt": None, "src/probe/p.cpp": ""}, "no CMakeLists")

    def test_a_floor_may_not_use_a_higher_one(self):
        bad = LAYERS.replace("floor = 0", "floor = 9")
        status, findings = run({"layers.toml": bad})
        self.assertEqual(status, 1)
        self.assertIn("higher floor 9", findings)

    def test_cycle(self):
        bad = LAYERS.replace('model = { floor = 2, pure = true,  may_use = ["base"]',
                             'model = { floor = 2, pure = true,  may_use = ["base", "advise"]')
        self.assert_finding({"layers.toml": bad}, "cycle: model -> advise -> model")

    def test_unknown_module_in_the_table(self):
        bad = LAYERS.replace('may_use = ["base", "model"]', 'may_use = ["base", "model", "oracle"]')
        self.assert_finding({"layers.toml": bad}, "oracle, which is no module")


if __name__ == "__main__":
    unittest.main()
