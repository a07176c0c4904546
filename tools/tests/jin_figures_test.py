"""jin_figures ends migrations as the paper's pre-copy does, and holds the paper's claims against what was measured, either way."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).parents[1] / "jin_figures"
MB = 10**6
LINK = 25 * MB


def outcome(rounds, status, downtime, quotas):
    """`rounds`: sent and left, in MB; each takes as long as the link takes to send it. The last is the stop."""
    records, at = [], 0
    for number, (sent, left) in enumerate(rounds, 1):
        records.append({"number": number, "started_s": at, "duration_s": sent * MB / LINK, "sent_bytes": sent * MB,
                        "left_bytes": left * MB, "dirtied_bytes": left * MB, "vcpu_used": [0.5]})
        at += sent * MB / LINK
    orders = [{"round": r, "accepted": True, "order": {"cpu_quota": q}} for r, q in quotas.items()]
    return {"status": status, "rounds": records, "orders": orders, "total_time_s": at, "guest": {"slowdown": 0.1},
            "downtime_ms": {"events": 1e3 * downtime} if downtime else {}}


def trial(law, rounds, status="completed", downtime=None, load="writer", rate=20, quotas=None):
    cell = {"law": law, "load": load, "link_bytes_per_s": LINK, "sweep": {"computes": str(rate)}}
    profile = {"vcpu_use": 0.9, "vcpus": 1, "dirty_curve": [{"window_s": 0.125, "unique_bytes": 1}, {"window_s": 1.0, "unique_bytes": rate * MB}]}
    return {"cell": cell, "network": {"http_p50_ms": {"during": 5}, "http_p99_ms": {"during": 50}},
            "record": {"profile": profile, "outcome": outcome(rounds, status, downtime, quotas or {})}}


def printed(trials, *more):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "trials.jsonl").write_text("".join(json.dumps(t) + "\n" for t in trials))
        done = subprocess.run([TOOL, folder, *[word.format(folder=folder) for word in more]], capture_output=True, text=True)
        pictures = {path.name: path.read_text() for path in Path(folder).glob("*.svg")}
        return done.returncode, done.stdout + done.stderr, pictures


CONVERGES = [(400, 100), (100, 20), (20, 2), (2, 0)]
STANDS = [(400, 60), (60, 60), (60, 60)]
WEB = [trial("none", STANDS, "did_not_converge", load="web"),
       trial("jin,c=0.8", CONVERGES, downtime=0.25, load="web", quotas={2: 0.5})]


class JinFigures(unittest.TestCase):
    def row_of(self, text, start, after):
        lines = text[text.index(after):].splitlines()
        return next(line for line in lines if line.startswith(start))

    def test_what_converges_has_its_own_figures(self):
        status, text, _ = printed([trial("none", CONVERGES, downtime=0.123)])
        self.assertEqual(status, 0, text)
        self.assertIn("| 25 | 20.0 | 0.80 | 0.123 |", self.row_of(text, "| 25", "Fig. 5"))
        self.assertIn("| 20.9 |", self.row_of(text, "| 25", "Fig. 6"))
        self.assertIn("| 0.50 |", self.row_of(text, "| 25", "Fig. 9"))
        uncounted = trial("none", CONVERGES, downtime=0.123)
        for one in uncounted["record"]["outcome"]["rounds"]:
            del one["vcpu_used"]
        self.assertIn("| 0.90 |", self.row_of(printed([uncounted])[1], "| 25", "Fig. 9"))

    def test_what_does_not_end_is_ended(self):
        for rounds, status, stop, total in (
                (STANDS, "did_not_converge", "2.400", "20.8"),  # its time was over in the third round: 60 MB over 25 MB/s
                ([(40, 4)] + [(4, 4)] * 40, "completed", "0.160", "6.2")):  # in the 30th round
            status, text, _ = printed([trial("none", rounds, status, downtime=0.01)])
            self.assertEqual(status, 0, text)
            self.assertIn(f"| {stop} * |", self.row_of(text, "| 25", "Fig. 5"))
            self.assertIn(f"| {total} * |", self.row_of(text, "| 25", "Fig. 6"))

    def test_the_barrier_moves_or_not(self):
        def suite(fast_law_stands):
            slow = [trial(law, CONVERGES, downtime=0.1, rate=10) for law in ("none", "jin,c=0.6")]
            fast = [trial("none", STANDS, "did_not_converge", rate=30),
                    trial("jin,c=0.6", STANDS, "did_not_converge", rate=30) if fast_law_stands
                    else trial("jin,c=0.6", CONVERGES, downtime=0.1, rate=30)]
            return slow + fast
        self.assertIn("| 25 | 1.20 | > 1.20 | yes |", printed(suite(False))[1])
        self.assertIn("| 25 | 1.20 | 1.20 | **no** |", printed(suite(True))[1])
        self.assertIn("| 25 | 1.20 | not measured |", printed(suite(True)[::2])[1])
        self.assertIn("2.400 s → 0.100 s (4.2%), a guest that writes 1.20 of 25 MB/s, C = 0.6", printed(suite(False))[1])

    def test_the_web_applications_claims(self):
        status, text, _ = printed(WEB)
        self.assertEqual(status, 0, text)
        self.assertIn("| downtime cut by at least 88 % | 89.6% | 88.4% | yes |", text)
        self.assertIn("| total time within 5 % | +0.4% | +2.4% | yes |", text)
        self.assertIn("| 2 | 16.00 | 4.00 | 5.0 | 25.0 | 50% |", text)
        late = [WEB[0], trial("jin,c=0.8", CONVERGES[:2] + [(60, 5), (5, 0)], downtime=0.6, load="web")]
        text = printed(late)[1]
        self.assertIn("75.0% | 88.4% | **no** |", text)
        self.assertIn("| +8.7% | +2.4% | **no** |", text)

    def test_what_was_not_measured_is_said(self):
        self.assertIn("The paper's claims: not measured.", printed(WEB[:1])[1])
        status, text, _ = printed([], "/nowhere")
        self.assertNotEqual(status, 0)
        self.assertIn("godwit bench run", text)

    def test_plots(self):
        _, _, pictures = printed(WEB + [trial("none", CONVERGES, downtime=0.1)], "--plots", "{folder}")
        self.assertEqual(sorted(pictures), ["jin-cpu.svg", "jin-downtime.svg", "jin-timeline.svg", "jin-total.svg"])
        for picture in pictures.values():
            self.assertTrue(picture.startswith("<svg") and picture.endswith("</svg>\n"))


if __name__ == "__main__":
    unittest.main()
