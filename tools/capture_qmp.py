#!/usr/bin/env python3
"""Captures what a real QEMU says on QMP, as test data for src/qmp.

  capture_qmp.py --out DIR [--qemu PROGRAM] [--firmware DIR]...

Starts a pair of small VMs that only run firmware, migrates one to the other in several ways and
writes one file per reply, pretty enough to read and compact enough to keep. The schema is trimmed to
the commands that Godwit gives (COMMANDS) and the types of their arguments; return types are left out,
as decoders are tested on the replies themselves. Needs the right to use userfaultfd (post-copy).
"""

import argparse
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path

COMMANDS = [
    "block-export-add", "block-job-cancel", "blockdev-add", "blockdev-del", "blockdev-mirror",
    "calc-dirty-rate", "cont", "getfd", "closefd", "human-monitor-command", "job-dismiss", "migrate", "migrate-incoming",
    "migrate-pause", "migrate-recover", "migrate-set-capabilities", "migrate-set-parameters",
    "migrate-start-postcopy", "migrate_cancel", "migrate-continue", "nbd-server-add",
    "nbd-server-start", "nbd-server-stop", "qmp_capabilities", "qom-get", "qom-list",
    "query-block", "query-cpus-fast", "query-dirty-rate", "query-hotpluggable-cpus", "query-jobs", "query-kvm",
    "query-memory-devices", "query-memory-size-summary", "query-migrate",
    "query-migrate-capabilities", "query-migrate-parameters", "query-name",
    "query-named-block-nodes", "query-qmp-schema", "query-status", "query-uuid",
    "query-version", "quit", "stop", "system_powerdown", "x-query-virtio", "x-query-virtio-status",
    "yank",
]  # fmt: skip
FEATURES = ("lm", "smap", "sse4-1", "sse4_1", "hv-relaxed", "realized", "hotplugged")
# A guest that only ran firmware is nearly all zero pages of 9 bytes each: only at such a rate
# (bytes/s) is its first pass long enough to be looked at.
SLOW = 1 << 16


class Qmp:
    """A bare QMP client: enough to ask a QEMU that we started ourselves."""

    def __init__(self, path):
        deadline = time.monotonic() + 10
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.socket.settimeout(30)
        self.file = self.socket.makefile("rw")
        self.events = []
        self.greeting = json.loads(self.file.readline())
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            message = json.loads(self.file.readline())
            if "event" not in message:
                return message
            self.events.append(message)

    def hmp(self, line):
        return self.ask("human-monitor-command", **{"command-line": line})

    def migration(self, *wanted):
        """Asks query-migrate until its status is one of `wanted`."""
        for _ in range(3000):
            reply = self.ask("query-migrate")
            if reply["return"].get("status") in wanted:
                return reply
            time.sleep(0.01)
        raise SystemExit(f"migration never was {wanted}, but {reply}")


class Pair:
    """Two VMs, the second waiting for the first; all of it is gone when the block ends."""

    def __init__(self, options):
        self.options = options

    def start(self, name, *extra):
        socket_path = Path(self.folder.name) / f"{name}.qmp"
        command = [self.options.qemu]
        for folder in self.options.firmware:
            command += ["-L", folder]
        command += ["-name", "captured", "-machine", "pc", "-accel", "tcg", "-smp", "2", "-m", "64"]
        command += ["-nodefaults", "-display", "none", "-vga", "std"]
        command += ["-drive", f"if=virtio,format=raw,file={self.disk},file.locking=off"]
        command += ["-device", "virtio-serial-pci,id=serial0"]
        command += ["-chardev", "null,id=c0", "-device", "virtconsole,chardev=c0"]
        command += ["-qmp", f"unix:{socket_path},server=on,wait=off", *extra]
        self.processes.append(subprocess.Popen(command))
        return Qmp(socket_path)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.processes = []
        self.disk = Path(self.folder.name) / "disk.img"
        self.disk.write_bytes(bytes(1 << 20))
        self.uri = f"unix:{self.folder.name}/stream"
        try:
            self.source = self.start("source")
            self.destination = self.start("destination", "-incoming", "defer")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        self.folder.cleanup()

    def begin(self, capabilities, **parameters):
        listed = [{"capability": name, "state": True} for name in capabilities]
        for side in (self.source, self.destination):
            side.ask("migrate-set-capabilities", capabilities=listed)
        self.source.ask("migrate-set-parameters", **parameters)
        self.destination.ask("migrate-incoming", uri=self.uri)
        self.source.ask("migrate", uri=self.uri)


def trimmed(schema):
    """The entities that COMMANDS and the types of their arguments need."""
    by_name = {entity["name"]: entity for entity in schema}
    wanted, kept = list(COMMANDS), {}
    while wanted:
        name = wanted.pop()
        if name in kept or name not in by_name:
            continue
        entity = kept[name] = by_name[name]
        kind = entity["meta-type"]
        if kind == "command":
            wanted.append(entity["arg-type"])
        elif kind == "object":
            if entity.get("tag") == "driver":  # of all kinds of block nodes, Godwit makes one
                variants = [one for one in entity["variants"] if one["case"] == "nbd"]
                entity = kept[name] = {**entity, "variants": variants}
            wanted += [member["type"] for member in entity["members"]]
            wanted += [variant["type"] for variant in entity.get("variants", [])]
        elif kind == "array":
            wanted.append(entity["element-type"])
        elif kind == "alternate":
            wanted += [member["type"] for member in entity["members"]]
    return [kept[entity["name"]] for entity in schema if entity["name"] in kept]


def qom(vm):
    """The objects that Godwit looks into: of each its properties, and values that can be compared."""
    first = vm.ask("query-cpus-fast")["return"][0]["qom-path"]
    paths = ["/machine", "/machine/peripheral", "/machine/peripheral-anon", first]
    for device in vm.ask("x-query-virtio")["return"]:  # and the way from each to its root bus
        path = device["path"]
        while path.count("/") > 1:
            paths.append(path)
            bus = vm.ask("qom-get", path=path, property="parent_bus").get("return")
            path = bus.rpartition("/")[0] if bus else ""
    objects = {}
    for path in paths:
        listed = vm.ask("qom-list", path=path)["return"]
        values = {}
        for one in listed:
            # of hundreds of features a few show how they are read
            is_feature = path == first and one["type"] == "bool" and one["name"] not in FEATURES
            if is_feature or one["type"].startswith("child<") or "time" in one["name"]:
                continue
            reply = vm.ask("qom-get", path=path, property=one["name"])
            if "return" in reply:
                values[one["name"]] = reply["return"]
        kept = [one for one in listed if one["name"] in values or one["type"].startswith("child<")]
        objects[path] = {"properties": kept, "values": values}
    return objects


def dirty_rates(vm, save):
    """QEMU 8.2 and later. An emulated guest is counted like another, but as one that never writes."""
    unit = {"calc-time-unit": "millisecond"}
    ask = lambda: vm.ask("query-dirty-rate", **unit)  # noqa: E731
    begin = lambda mode: vm.ask("calc-dirty-rate", **unit, **{"calc-time": 500, "mode": mode})  # noqa: E731
    if "error" in ask():
        return
    save("query-dirty-rate.unstarted", ask())
    save("error.calc-dirty-rate.mode", begin("dirty-ring"))
    begin("dirty-bitmap")
    save("query-dirty-rate.measuring", ask())
    save("error.calc-dirty-rate.busy", begin("dirty-bitmap"))
    while ask()["return"]["status"] != "measured":
        time.sleep(0.05)
    save("query-dirty-rate.measured", ask())


def still(pair, save):
    source = pair.source
    save("greeting", source.greeting)
    schema = source.ask("query-qmp-schema")["return"]
    save("query-qmp-schema", {"return": trimmed(schema)})
    for command in ("query-version", "query-name", "query-kvm", "query-cpus-fast", "query-block",
                    "query-memory-size-summary", "query-migrate-parameters",
                    "query-migrate-capabilities", "query-status"):  # fmt: skip
        save(command, source.ask(command))
    save("query-status.inmigrate", pair.destination.ask("query-status"))
    save("query-migrate.none", source.ask("query-migrate"))
    save("qom", qom(source))
    for command in ("query-hotpluggable-cpus", "query-memory-devices", "query-uuid",
                    "x-query-virtio"):  # fmt: skip
        save(command, source.ask(command))
    version = source.greeting["QMP"]["version"]["qemu"]
    if (version["major"], version["minor"]) <= (10, 0):  # newer ones end themselves when asked
        paths = [device["path"] for device in source.ask("x-query-virtio")["return"]]
        save("x-query-virtio-status",
             {path: source.ask("x-query-virtio-status", path=path)["return"] for path in paths})  # fmt: skip
    save("info-qtree", source.hmp("info qtree"))
    save("info-ramblock", source.hmp("info ramblock"))
    save("info-mtree", source.hmp("info mtree -f"))
    save("gpa2hva", source.hmp("gpa2hva 0"))
    dirty_rates(source, save)
    save("error.not-found", source.ask("no-such-command"))
    save("error.refused", source.ask("migrate-set-parameters", **{"multifd-channels": 0}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qemu", default="qemu-system-x86_64")
    parser.add_argument("--firmware", action="append", default=[], help="folder for QEMU's -L")
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)

    def save(name, reply):
        text = json.dumps(reply, separators=(",", ":"))
        text = re.sub(r"/tmp/[^/]+/", "/vm/", text)
        # one schema entity a line: a later capture then shows as a readable difference
        text = text.replace('},{"name"', '},\n{"name"') if "schema" in name else text
        (options.out / f"{name}.json").write_text(text + "\n")

    with Pair(options) as pair:
        still(pair, save)
        pair.begin(["events"], **{"max-bandwidth": SLOW, "downtime-limit": 20})
        time.sleep(0.3)  # QEMU measures its rates over windows of 100 ms
        save("query-migrate.active", pair.source.migration("active"))
        pair.source.ask("migrate_cancel")
        save("query-migrate.cancelled", pair.source.migration("cancelled"))
    with Pair(options) as pair:
        pair.begin(["events"])
        save("query-migrate.completed", pair.source.migration("completed"))
        save("query-status.postmigrate", pair.source.ask("query-status"))
        save("query-migrate.incoming-completed", pair.destination.migration("completed"))
        save("events.source", pair.source.events)
        save("events.destination", pair.destination.events)
    with Pair(options) as pair:
        slow = {"max-bandwidth": SLOW, "max-postcopy-bandwidth": SLOW}
        pair.begin(["events", "postcopy-ram"], **slow)
        pair.source.migration("active")
        pair.source.ask("migrate-start-postcopy")
        save("query-migrate.postcopy-active", pair.source.migration("postcopy-active"))
        pair.processes[1].kill()
        save("query-migrate.postcopy-paused", pair.source.migration("postcopy-paused"))
    with Pair(options) as pair:
        pair.begin(["events"], **{"max-bandwidth": SLOW})
        pair.source.migration("active")
        pair.processes[1].kill()
        save("query-migrate.failed", pair.source.migration("failed"))


if __name__ == "__main__":
    main()
