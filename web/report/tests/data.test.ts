import assert from "node:assert/strict";
import { test } from "node:test";
import { type Report, read } from "../src/data";
import { madeUpReport } from "./made_up_data";

function reportOf(rows: unknown[], more: object = {}): Report {
  const found = read(JSON.stringify({ version: 1, rows, ...more }));
  assert.ok("report" in found, JSON.stringify(found));
  return found.report;
}
const problemOf = (json: string | null): string => {
  const found = read(json);
  assert.ok("problem" in found);
  return `${found.problem} ${found.details}`;
};

test("another version, torn data, no data and the empty form are told apart", () => {
  assert.match(problemOf('{"version": 2, "rows": []}'), /another version.*reads version 1.*say: 2/);
  assert.match(problemOf('{"rows": []}'), /another version.*say: none/);
  assert.match(problemOf("[]"), /another version/);
  assert.match(problemOf('{"version": 1, "rows": [{"id"'), /torn/);
  assert.match(problemOf(null), /no data/);
  assert.match(problemOf("  "), /no data/);
  assert.match(problemOf("__GODWIT_DATA__"), /empty form/);
  assert.match(problemOf('{"version": 1}'), /no list of migrations/);
});

test("what is missing is null, never 0", () => {
  const [row] = reportOf([{ id: 1, status: "failed" }]).rows;
  assert.equal(row!.totalTimeS, null);
  assert.deepEqual(row!.downtimeMs, { qemu: null, events: null, probe: null });
  assert.equal(row!.transferred.qemu, null);
  assert.equal(row!.predicted, null);
  assert.equal(row!.samples, null);
  assert.equal(row!.pings, null);
  assert.equal(row!.cell.link, null);
});

test("a measured 0 stays 0, and what is no number is missing", () => {
  const [row] = reportOf([
    { downtime_ms: { qemu: 0, events: "12", probe: null }, status: "completed" },
  ]).rows;
  assert.deepEqual(row!.downtimeMs, { qemu: 0, events: null, probe: null });
});

test("an unknown status is broken and says so; entries that are no rows are counted", () => {
  const report = reportOf([{ status: "exploded" }, 7, null]);
  assert.equal(report.rows.length, 1);
  assert.equal(report.unreadable, 2);
  assert.equal(report.rows[0]!.status, "broken");
  assert.match(report.rows[0]!.reason, /exploded/);
});

test("series are sorted by time, shorter ones are filled with nothing", () => {
  const [row] = reportOf([
    { samples: { t_s: [2, null, 1], sent_bytes_per_s: [20, 0, 10], remaining_bytes: [5] } },
  ]).rows;
  assert.deepEqual(row!.samples, {
    tS: [1, 2],
    sent: [10, 20],
    dirtied: [null, null],
    remaining: [null, 5],
    throttle: [null, null],
  });
});

test("the made-up data are read in full, and are the same each time", () => {
  const made = madeUpReport();
  assert.deepEqual(made, madeUpReport());
  const found = read(JSON.stringify(made));
  assert.ok("report" in found);
  assert.equal(found.report.rows.length, (made.rows as unknown[]).length);
  assert.equal(found.report.unreadable, 0);
});
