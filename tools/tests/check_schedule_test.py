#!/usr/bin/env python3
"""check_schedule finds what is wrong with a plan: a right one passes, and each fault is named."""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).resolve().parent.parent / "check_schedule"

HOST = {"mem": 4, "cpu": 4, "link_mbit_per_s": 1000, "switch": 0}
VM = {"cpu": 1, "mem_mb": 1000}
INSTANCE = {
    "kind": "try",
    "hosts": [{**HOST, "id": 0}, {**HOST, "id": 1}, {**HOST, "id": 2, "online": False, "boot_s": 100}],
    "vms": [
        {**VM, "id": 0, "on": 0, "to": 1, "mem": 2, "apart": "a"},
        {**VM, "id": 1, "on": 0, "mem": 2},
        {**VM, "id": 2, "on": 1, "mem": 1, "fixed": True},
    ],
    "must_end_offline": [0],
}
PLAN = {
    "makespan_s": 120,
    "lower_bound_s": 120,
    "plan_ms": 1,
    "moves": [
        {"vm": 0, "from": 0, "to": 1, "start_s": 0, "end_s": 10, "rate_mbit_per_s": 1000},
        {"vm": 1, "from": 0, "to": 2, "start_s": 110, "end_s": 120, "rate_mbit_per_s": 1000},
    ],
    "blockers": [],
}


class CheckSchedule(unittest.TestCase):
    def check(self, plan, *options, instance=INSTANCE):
        with tempfile.TemporaryDirectory() as folder:
            instances = os.path.join(folder, "instances.jsonl")
            Path(instances).write_text(json.dumps(instance) + "\n", encoding="utf-8")
            program = os.path.join(folder, "program")
            Path(program).write_text(f"#!{sys.executable}\nprint({json.dumps(plan)!r})\n", encoding="utf-8")
            os.chmod(program, 0o755)
            done = subprocess.run([sys.executable, CHECK, program, instances, *options],
                                  capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def found(self, change, words, instance=INSTANCE):
        plan = copy.deepcopy(PLAN)
        change(plan["moves"], plan)
        status, said = self.check(plan, instance=instance)
        self.assertEqual(status, 1, said)
        self.assertIn(words, said)

    def test_a_right_plan_passes(self):
        status, said = self.check(PLAN)
        self.assertEqual(status, 0, said)
        self.assertIn("1 plans with 2 moves checked, 0 wrong", said)

    def test_a_vm_that_stays_is_found(self):
        self.found(lambda moves, plan: moves.pop(0), "VM 0 ends on 0, not on 1")

    def test_a_host_that_is_not_emptied_is_found(self):
        self.found(lambda moves, plan: moves.pop(1), "which is to be empty")

    def test_a_start_before_the_boot_is_found(self):
        self.found(lambda moves, plan: moves[1].update(start_s=50), "before it, or its destination")

    def test_a_move_faster_than_its_rate_is_found(self):
        self.found(lambda moves, plan: moves[0].update(end_s=5), "less than its memory takes")

    def test_a_link_that_is_given_too_much_is_found(self):
        self.found(lambda moves, plan: moves[0].update(start_s=105, end_s=115), "link ('out', 0)")

    def test_a_host_without_room_is_found(self):
        self.found(lambda moves, plan: moves[1].update(to=1, start_s=20, end_s=30), "host 1 has 4 mem")

    def test_a_fixed_vm_that_moves_is_found(self):
        move = {"vm": 2, "from": 1, "to": 2, "start_s": 200, "end_s": 210, "rate_mbit_per_s": 1000}
        self.found(lambda moves, plan: moves.append(move), "VM 2 is fixed")

    def test_groups_that_meet_are_found(self):
        instance = copy.deepcopy(INSTANCE)
        instance["vms"][2]["apart"] = "a"
        self.found(lambda moves, plan: None, "two of group a", instance)

    def test_a_makespan_that_is_not_the_last_end_is_found(self):
        self.found(lambda moves, plan: plan.update(makespan_s=100), "the makespan is 100")

    def test_a_bound_above_the_makespan_is_found(self):
        self.found(lambda moves, plan: plan.update(lower_bound_s=121), "before its lower bound")

    def test_a_plan_far_from_the_bound_is_found(self):
        plan = copy.deepcopy(PLAN)
        plan["moves"][1].update(start_s=190, end_s=200)
        plan["makespan_s"] = 200
        status, said = self.check(plan, "--within", "1.05")
        self.assertEqual(status, 1, said)
        self.assertIn("times the lower bound", said)

    RACK = """
link = "1Gbit/s"
[hosts.a]
[hosts.b]
memory = "4GiB"
[hosts.c]
[vms.x]
host = "a"
memory = "2GiB"
[vms.y]
host = "a"
memory = "2GiB"
[vms.z]
host = "b"
memory = "2GiB"
"""
    INTENTS = '[apart]\nfar = ["x", "y"]\n[vms.y]\nnot_before = "1h"\n'
    LEAVE = [{"vm": "x", "from": "a", "to": "b", "start_s": 4, "end_s": 22, "rate_bytes_per_s": 125e6},
             {"vm": "y", "from": "a", "to": "c", "start_s": 3600, "end_s": 3618, "rate_bytes_per_s": 125e6}]

    def evacuated(self, change):
        moves = copy.deepcopy(self.LEAVE)
        change(moves)
        with tempfile.TemporaryDirectory() as folder:
            files = {name: os.path.join(folder, name) for name in ("rack", "intents", "program")}
            Path(files["rack"]).write_text(self.RACK, encoding="utf-8")
            Path(files["intents"]).write_text(self.INTENTS, encoding="utf-8")
            given = json.dumps({"plan": {"moves": moves, "blockers": []}})
            Path(files["program"]).write_text(f"#!{sys.executable}\nprint({given!r})\n", encoding="utf-8")
            os.chmod(files["program"], 0o755)
            done = subprocess.run([sys.executable, CHECK, files["program"], files["rack"], "--empty", "a",
                                   "--intent", files["intents"]], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_an_evacuation_is_held_against_the_fleet_and_the_intents(self):
        self.assertEqual(self.evacuated(lambda moves: None)[0], 0)
        for change, words in (
            (lambda moves: moves[1].update(to="b"), "host b has"),
            (lambda moves: moves[0].update(to="c"), "two of group far"),
            (lambda moves: moves[1].update(start_s=30, end_s=48), "before it"),
            (lambda moves: moves.pop(), "which is to be empty"),
            (lambda moves: moves[0].update(end_s=10), "less than its memory takes"),
        ):
            status, said = self.evacuated(change)
            self.assertEqual(status, 1, said)
            self.assertIn(words, said)


if __name__ == "__main__":
    unittest.main()
