import assert from "node:assert/strict";
import { test } from "node:test";
import { countByStatus, isCold, repeats, settings, techniquesOf } from "../src/cells";
import { type Row, read } from "../src/data";
import { longestSilence, switchover } from "../src/gap";
import { TOTAL } from "../src/metrics";
import { liveAndCold } from "../src/sections/cold";
import { score } from "../src/sections/distributions";
import { facets, loadBesides, sweepAxis, sweptKeys } from "../src/sweep";

function rowsOf(rows: unknown[]): Row[] {
  const found = read(JSON.stringify({ version: 1, rows }));
  assert.ok("report" in found);
  return found.report.rows;
}
const row = (cell: object, more: object = {}) => ({
  status: "completed",
  cell: { load: "idle", technique: "precopy", ...cell },
  ...more,
});

test("repeats of one cell stand together, whatever the order they ran in", () => {
  const cells = repeats(
    rowsOf([row({ repeat: 2 }), row({ technique: "postcopy", repeat: 1 }), row({ repeat: 1 })]),
  );
  assert.deepEqual(
    cells.map((c) => [c.cell.technique, c.rows.map((r) => r.cell.repeat)]),
    [
      ["precopy", [1, 2]],
      ["postcopy", [1]],
    ],
  );
});

test("another link, RAM, limit, swept value or pinging is another cell; the order of swept keys is not", () => {
  const others = [
    { link_bytes_per_s: 1 },
    { ram_bytes: 1 },
    { downtime_limit_ms: 1 },
    { sweep: { set: "1MiB" } },
    { pings: true },
    { pings: false },
  ];
  assert.equal(repeats(rowsOf([row({}), ...others.map((o) => row(o))])).length, 1 + others.length);
  assert.equal(
    repeats(rowsOf([row({ sweep: { a: "1", b: "2" } }), row({ sweep: { b: "2", a: "1" } })]))
      .length,
    1,
  );
});

test("endings are counted, settings that vary are told from those that all share", () => {
  const rows = rowsOf([
    row({ link_bytes_per_s: 1, ram_bytes: 5 }),
    { ...row({ link_bytes_per_s: 2, ram_bytes: 5 }), status: "did_not_converge" },
  ]);
  assert.deepEqual(
    [...countByStatus(rows)],
    [
      ["completed", 1],
      ["did_not_converge", 1],
    ],
  );
  assert.deepEqual(
    settings(rows).varying.map((s) => s.key),
    ["link"],
  );
});

test("techniques come in the order of the documents, unknown ones later, cold ones last", () => {
  const names = [
    "cold-compressed",
    "stop-and-copy",
    "new-one",
    "postcopy",
    "precopy+storage",
    "precopy",
  ];
  assert.deepEqual(techniquesOf(rowsOf(names.map((technique) => row({ technique })))), [
    "precopy",
    "precopy+storage",
    "postcopy",
    "new-one",
    "cold-compressed",
    "stop-and-copy",
  ]);
  assert.ok(isCold("stop-and-copy") && isCold("cold-zstd") && !isCold("precopy"));
  assert.ok(isCold("multifd+stop-and-copy") && !isCold("multifd+hybrid"));
});

test("sizes that double get a logarithmic axis, few near values a linear one, words a place each", () => {
  const sizes = sweepAxis(["64MiB", "8MiB", "16MiB"]);
  assert.equal(sizes.kind, "log");
  assert.equal(sizes.at.get("8MiB"), 8 * 2 ** 20);
  assert.equal(sizes.label(2 ** 20), "1 MiB");
  assert.equal(sweepAxis(["100ms", "300ms"]).kind, "linear");
  const words = sweepAxis(["text", "random"]);
  assert.deepEqual([words.kind, words.at.get("random"), words.label(0)], ["names", 1, "text"]);
  assert.equal(sweepAxis(["0MiB", "1MiB", "2MiB", "4MiB"]).kind, "names", "0 has no logarithm");
  assert.equal(sweepAxis(["1MiB", "1s"]).kind, "names", "of two dimensions");
});

test("a sweep sets apart what else differs, but not what only follows the swept key", () => {
  const swept = (link: string, set: string) =>
    row({
      load: `w,set=${set}`,
      link_bytes_per_s: Number.parseInt(link, 10) * 1e6,
      sweep: { link, set },
    });
  const rows = rowsOf([
    swept("50MB/s", "1MiB"),
    swept("50MB/s", "2MiB"),
    swept("100MB/s", "1MiB"),
    swept("100MB/s", "2MiB"),
  ]);
  assert.deepEqual(sweptKeys(rows), ["link", "set"]);
  assert.equal(loadBesides(rows[0]!.cell), "w");
  assert.deepEqual(
    facets(rows, "link").map((f) => f.name),
    ["set 1MiB", "set 2MiB"],
  );
  assert.equal(facets(rows, "set").length, 2);
});

test("a key with one value is no sweep", () => {
  assert.deepEqual(
    sweptKeys(rowsOf([row({ sweep: { set: "1MiB" } }), row({ sweep: { set: "1MiB" } })])),
    [],
  );
});

test("the gap lasts until an answer arrives, not until it was asked for", () => {
  // lost at 0.2, asked at 0.3 and answered 200 ms later
  assert.deepEqual(
    longestSilence({ tS: [0, 0.1, 0.2, 0.3, 0.6], answerMs: [0, 0, null, 200, 0] }),
    {
      startS: 0.1,
      endS: 0.5,
    },
  );
  assert.equal(longestSilence({ tS: [0, 1], answerMs: [null, null] }), null);
});

test("without pings the gap is placed only where the switchover ends the migration", () => {
  const measured = { total_time_s: 4, downtime_ms: { events: 500 } };
  const of = (technique: string, more: object = {}) =>
    switchover(rowsOf([{ ...row({ technique }, measured), ...more }])[0]!);
  assert.deepEqual(of("precopy"), { startS: 3.5, endS: 4, source: "end" });
  assert.equal(of("postcopy"), null);
  assert.equal(of("multifd+postcopy"), null, "wherever the word stands");
  assert.equal(of("precopy", { status: "did_not_converge" }), null);
  assert.equal(of("precopy", { downtime_ms: null }), null);
});

test("live stands against cold only where a load was moved both ways", () => {
  const rows = rowsOf([
    row({}),
    row({ technique: "stop-and-copy" }),
    row({ load: "cpu" }),
    row({ load: "disk", technique: "cold" }),
  ]);
  assert.deepEqual([...liveAndCold(rows).keys()], ["idle"]);
});

test("coverage counts only what has an interval, errors only what was completed", () => {
  const predicted = (p05: number | null, p50: number, p95: number | null) => ({
    total_time_s: 10,
    predicted: { total_time_s: { p05, p50, p95 } },
  });
  const rows = rowsOf([
    row({}, predicted(9, 11, 12)),
    row({}, predicted(11, 12, 13)),
    row({}, predicted(null, 10, null)),
    { ...row({}, predicted(0, 99, 99)), status: "failed" },
  ]);
  const s = score(rows, "precopy", TOTAL)!;
  assert.deepEqual([s.n, s.bounded, s.within, s.relative, s.absolute], [3, 2, 1, 0.1, 1]);
});
