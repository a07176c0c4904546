"""hu_findings draws its verdicts from what was measured, either way."""

import csv
import subprocess
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).parents[1] / "hu_findings"
COLUMNS = ["status", "technique", "load", "spec", "pings", "max_time_s", "total_time_s", "downtime_qemu_ms",
           "downtime_events_ms", "downtime_probe_ms", "transferred_qemu_bytes"]


def row(load, total, technique="precopy", status="completed", probe=300, pings="1", spec="idle"):
    return dict(zip(COLUMNS, [status, technique, load, spec, pings, "20", str(total), "250", "260", str(probe), "1e8"]))


def repeated(*args, **kwargs):
    load, total = args
    return [row(load, total * (1 + shift), **kwargs) for shift in (-0.01, 0, 0.01)]


def suites():
    return {
        "hu-baseline": [row("idle", 4 + 0.01 * i, pings=p) for i in range(5) for p in "01"],
        "hu-activity": repeated("idle", 4) + repeated("cpu", 4.02) + repeated("memory-write-full", 9)
        + repeated("memory-read", 4) + repeated("disk-read", 6) + repeated("disk-write", 4.1),
        "hu-dirty-size": [row("full", 20.4, status="did_not_converge", spec="memory-write,set=64MiB,rate=full")],
        "hu-storage": repeated("idle", 4) + repeated("idle", 8, technique="precopy+storage", probe=310),
        "hu-live-vs-cold": repeated("disk-random", 9, technique="precopy+storage")
        + repeated("disk-random", 7, technique="cold", probe=6500)
        + repeated("disk-random", 6, technique="cold-zstd", probe=5500),
    }


def findings(measured):
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in measured.items():
            with open(Path(folder) / f"{name}.csv", "w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)
        done = subprocess.run([TOOL, folder, "--out", "-", "--plot", "/dev/null"], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class HuFindings(unittest.TestCase):
    def test_what_agrees_is_confirmed(self):
        status, text = findings(suites())
        self.assertEqual(status, 0, text)
        self.assertNotIn("not confirmed", text)
        self.assertEqual(text.count("| confirmed |"), 8)
        self.assertIn("| precopy | 31 | 250 ms | 260 ms | 300 ms | +50 ms |", text)

    def test_what_differs_is_not(self):
        for suite, rows in {
            "hu-activity": repeated("idle", 4) + repeated("cpu", 6) + repeated("memory-write-full", 4)
            + repeated("memory-read", 6) + repeated("disk-read", 4) + repeated("disk-write", 6),
            "hu-dirty-size": [row("full", 90, status="did_not_converge", spec="memory-write,set=64MiB,rate=full")],
            "hu-storage": repeated("idle", 4) + repeated("idle", 8, technique="precopy+storage", probe=3100),
        }.items():
            measured = suites()
            measured[suite] = rows
            status, text = findings(measured)
            self.assertEqual(status, 0, text)
            self.assertEqual(text.count("not confirmed"), 5 if suite == "hu-activity" else 1, text)

    def test_a_suite_that_was_not_measured_is_named(self):
        measured = suites()
        del measured["hu-storage"]
        status, text = findings(measured)
        self.assertEqual(status, 1)
        self.assertIn("godwit bench run hu-storage", text)


if __name__ == "__main__":
    unittest.main()
