// Runs the page's tests with node's own runner, after esbuild has put each into plain JavaScript.
//
//   run.mjs [unit|page]   the tests (both kinds); the last line counts them
//   run.mjs --sample      build/web/sample.html: the built page with made-up data, to look at

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const web = join(here, "../..");
const built = join(web, "node_modules/.tests"); // inside, so that the tests find their packages
const what = process.argv[2] ?? "";

rmSync(built, { recursive: true, force: true });
mkdirSync(built, { recursive: true });
const wanted =
  what === "--sample"
    ? /^sample\.ts$/
    : what === "page"
      ? /^page\.test\.ts$/
      : what === "unit"
        ? /(?<!^page)\.test\.ts$/
        : /\.test\.ts$/;
const names = readdirSync(here).filter((name) => wanted.test(name));
await build({
  entryPoints: names.map((name) => join(here, name)),
  outdir: built,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node18",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
  define: { TESTS: JSON.stringify(here) },
});
const files = names.map((name) => join(built, name.replace(/\.ts$/, ".mjs")));

if (what === "--sample") {
  await import(pathToFileURL(files[0]).href);
} else {
  const run = spawnSync(
    process.execPath,
    ["--enable-source-maps", "--test", "--test-reporter=tap", ...files],
    {
      encoding: "utf8",
    },
  );
  const number = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(run.stdout)?.[1] ?? 0);
  const [passed, failed, skipped] = [
    number("pass"),
    number("fail") + number("cancelled"),
    number("skipped") + number("todo"),
  ];
  if (run.status !== 0 || failed > 0) process.stdout.write(run.stdout + run.stderr);
  else for (const line of run.stdout.split("\n")) if (/# SKIP/.test(line)) console.log(line.trim());
  console.log(`report page: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = run.status === 0 && failed === 0 && passed + skipped > 0 ? 0 : 1;
}
