"""write_sbom names the Debian package and version of what a program loads, and hides nothing."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).parents[1] / "write_sbom"
PROGRAM = shutil.which("dpkg-query")  # of Debian's own, with a library besides libc


def run(*words, **environment):
    return subprocess.run([TOOL, *words], capture_output=True, text=True, check=False, env={**os.environ, **environment})


def loaded():
    """Soname → path, of the program, by the loader."""
    lines = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[0]: line.split()[2] for line in lines if " => /" in line}


@unittest.skipUnless(PROGRAM, "this is no Debian")
class WriteSbom(unittest.TestCase):
    def test_each_library_has_its_package_and_version(self):
        said = json.loads(run("1.2", PROGRAM).stdout)
        self.assertEqual((said["bomFormat"], said["metadata"]["component"]["version"]), ("CycloneDX", "1.2"))
        files = {p["value"] for c in said["components"] for p in c["properties"] if p["name"] == "godwit:file"}
        self.assertGreater(len(loaded()), 1)
        self.assertLessEqual(set(loaded()), files)
        for part in said["components"]:
            version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}\n", part["name"]], capture_output=True,
                                     text=True, check=True).stdout.split()
            self.assertIn(part["version"], version)
            self.assertIn(f"pkg:deb/debian/{part['name']}@", part["purl"])
        self.assertEqual(set(said["dependencies"][0]["dependsOn"]), {part["bom-ref"] for part in said["components"]})

    def test_the_same_program_gives_the_same_file(self):
        one, other = (run("1", PROGRAM, SOURCE_DATE_EPOCH="1") for _ in range(2))
        self.assertEqual(one.stdout, other.stdout)
        self.assertEqual(json.loads(one.stdout)["metadata"]["timestamp"], "1970-01-01T00:00:01Z")

    def test_a_library_of_no_package_is_said(self):
        name, path = next((name, path) for name, path in loaded().items() if not name.startswith("libc.so"))
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(path, Path(folder, name))
            done = run("1", PROGRAM, LD_LIBRARY_PATH=folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{name} belongs to no package", done.stderr)


if __name__ == "__main__":
    unittest.main()
