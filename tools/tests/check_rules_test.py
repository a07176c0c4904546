"""check_rules finds each banned thing where it is banned, and lets the same thing pass elsewhere."""

import subprocess
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).parents[1] / "check_rules"
LAYERS = """
[modules]
model = { floor = 2, pure = true,  may_use = [] }
qmp   = { floor = 3, pure = false, may_use = [] }
cli   = { floor = 6, pure = false, may_use = [] }
"""


def run(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {"layers.toml": LAYERS, **files}.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([TOOL, folder], capture_output=True, text=True)
        return done.returncode, done.stderr


class CheckRules(unittest.TestCase):
    def assert_banned(self, path, *lines):
        """Each of the lines is a breach of its own."""
        status, findings = run({path: "\n".join(lines) + "\n"})
        self.assertEqual(status, 1)
        for number, line in enumerate(lines, 1):
            self.assertIn(f"{path}:{number}: ", findings, f"not found: {line}")

    def assert_allowed(self, path, *lines):
        self.assertEqual(run({path: "\n".join(lines) + "\n"}), (0, ""))

    def test_clocks_in_pure_modules(self):
        lines = ["auto t = std::chrono::steady_clock::now();", "auto t = ::time(nullptr);", "auto t = time(nullptr);",
                 "clock_gettime(CLOCK_MONOTONIC, &t);", "RealClock clock;"]
        self.assert_banned("src/model/a.cpp", *lines)
        self.assert_allowed("src/qmp/a.cpp", *lines)
        self.assert_allowed("src/model/a.cpp", "auto t = clock.now();", "total_time(x);",
                            "plan.time(x);", "Seconds time(Bytes b, int c);", "model::time(x);")

    def test_sleeps_anywhere(self):
        for path in ("src/model/a.cpp", "src/qmp/tests/a_test.cpp", "tests/e2e/a.cpp"):
            self.assert_banned(path, "std::this_thread::sleep_for(1s);", "usleep(1000);",
                               "::nanosleep(&t, nullptr);")
        self.assert_allowed("src/base/clock.cpp", "nanosleep(&t, nullptr);")
        self.assert_allowed("guest/load/a.cpp", "clock_nanosleep(CLOCK_MONOTONIC, 0, &t, nullptr);")

    def test_tests_that_depend_on_the_machines_pace(self):
        for path in ("src/qmp/tests/a_test.cpp", "tests/e2e/a_test.cpp"):
            self.assert_banned(path, "clock.wait_until(clock.now() + Seconds{0.3}, {});",
                               "wait_for(Seconds{0.3});", "std::this_thread::yield();")
            self.assert_banned(path, "EXPECT_LT(clock.now() - began, Seconds(1)); RealClock clock;")
            self.assert_allowed(path, "while (!seen()) {", "  clock.wait_until(clock.now() + Seconds{0.3}, {});", "}")
            self.assert_allowed(path, "changed.wait_for(lock, patience, seen);",
                                "EXPECT_GE(clock.now() - began, pause); RealClock clock;")
            self.assert_allowed(path, "EXPECT_LT(clock.now() - began, Seconds(1)); ManualClock clock;")
        self.assert_allowed("src/qmp/a.cpp", "clock.wait_until(clock.now() + Seconds{0.3}, {});")

    def test_measured_times_bounded_from_above(self):
        self.assert_banned("tests/e2e/a_test.cpp",
                           'EXPECT_LT(outcome.at("downtime_ms").at("events"), 1000.0);',
                           'EXPECT_LE(outcome.at("total_time_s").get<double>(), 30);',
                           'EXPECT_NEAR(json.at("stop_ms"), 100.0, 5);')
        self.assert_allowed("tests/e2e/a_test.cpp",
                            'EXPECT_GT(outcome.at("downtime_ms").at("probe"), 0.0);',
                            'EXPECT_LT(outcome.at("downtime_ms").at("events"), 1000 * total_s);',
                            'EXPECT_LT(point.at("unique_bytes"), 5e6);')
        self.assert_allowed("src/bench/tests/a_test.cpp", 'EXPECT_NEAR(json.at("stop_ms"), 100.0, 5);')

    def test_randomness_anywhere(self):
        self.assert_banned("src/qmp/a.cpp", "int x = rand();",
                           "std::mt19937_64 engine(seed);", "std::normal_distribution<> d;")
        seeds = ["std::random_device d;", "getrandom(&id, sizeof id, 0);"]
        self.assert_banned("src/model/a.cpp", *seeds)
        self.assert_allowed("src/qmp/a.cpp", *seeds)
        self.assert_allowed("src/base/include/godwit/base/rng.h", "std::mt19937_64 engine_;")

    def test_threads_and_io_in_pure_modules(self):
        lines = ["std::thread t;", "std::jthread t;", "std::mutex m;", "std::ifstream in(path);",
                 "std::cout << x;", 'std::printf("x");', "int fd = ::open(path, 0);",
                 "#include <fstream>", "#include <thread>", "#include <unistd.h>",
                 "#include <sys/socket.h>", "#include <boost/asio.hpp>", "#include <Eigen/Dense>"]
        self.assert_banned("src/model/a.cpp", *lines)
        self.assert_allowed("src/qmp/a.cpp", *lines)
        self.assert_allowed("src/model/tests/a_test.cpp", "std::ifstream in(path);")
        self.assert_allowed("src/model/a.cpp", "#include <nlohmann/json.hpp>", "#include <cmath>",
                            "json.read(x);", "#include <tl/expected.hpp>",
                            "write(*value);", '#include "godwit/base/units.h"')

    def test_one_module_alone_knows_the_libraries_that_train(self):
        lines = ["#include <libsvm/svm.h>", "#include <xgboost/c_api.h>"]
        self.assert_allowed("src/train/a.cpp", *lines)
        self.assert_banned("src/model/a.cpp", *lines)
        self.assert_banned("src/qmp/a.cpp", *lines)

    def test_options_are_spelt_by_cli_alone(self):
        lines = ['"with --store"', 'fail(code, "a", "--link 50MB/s");', 'R"(x --no-profile)"', '"(--max-time)"']
        self.assert_banned("src/model/a.cpp", *lines)
        self.assert_banned("src/qmp/include/godwit/qmp/a.h", *lines)
        for path in ("src/cli/a.cpp", "src/model/tests/a_test.cpp", "guest/load/a.cpp", "tests/e2e/a.cpp"):
            self.assert_allowed(path, *lines)
        self.assert_allowed("src/model/a.cpp", "// as --link says", "--count;", '"a -- b"', '"a--b"', '"---"',
                            '/* "--store" */ int i;')

    def test_work_left_names_its_issue(self):
        self.assert_banned("src/qmp/a.cpp", "// TODO: later", "// FIXME later", "/* XXX */")
        self.assert_allowed("src/qmp/a.cpp", "// TODO(#12): later")

    def test_lines_of_the_page_are_not_too_wide(self):
        self.assert_banned("web/report/src/a.ts", "x" * 121, "–" * 121)
        self.assert_allowed("web/report/src/a.ts", "x" * 120, "–" * 120)
        self.assert_allowed("web/report/tests/data/a.json", "x" * 500)

    def test_no_test_is_switched_off(self):
        self.assert_banned("src/qmp/tests/a_test.cpp", "TEST(Qmp, DISABLED_Works) {}", "GTEST_SKIP();")
        self.assert_allowed("src/qmp/tests/a_test.cpp", 'GTEST_SKIP() << "needs /dev/net/tun";')

    def test_comments_and_strings_are_not_code(self):
        self.assert_allowed("src/model/a.cpp", "// no steady_clock here", '"std::thread"',
                            'R"x(usleep(1) " )x"', "/* rand()\n usleep(1) */ int i;",
                            "int i = 1'000; // usleep(1)", "char c = '\"'; // rand()")
        # and what follows them is
        self.assert_banned("src/model/a.cpp", "/* x */ usleep(1);", '"//"; usleep(1);',
                           "int i = 1'000; usleep(1'000);", "char c = '\"'; usleep(1);")


if __name__ == "__main__":
    unittest.main()
