import assert from "node:assert/strict";
import { test } from "node:test";
import { logTicks } from "../src/frame";
import { between } from "../src/page_state";
import { nearest } from "../src/sections/timeline";
import { compare } from "../src/table";
import { bytes, milliseconds, percent, quantity, rate, seconds } from "../src/units";

test("quantities have a unit, and nothing is a dash", () => {
  assert.equal(bytes(268435456), "256 MiB");
  assert.equal(bytes(1023.9), "1 KiB");
  assert.equal(rate(5e7), "50 MB/s");
  assert.equal(milliseconds(250), "250 ms");
  assert.equal(milliseconds(1250), "1.25 s");
  assert.equal(milliseconds(0), "0 ms");
  assert.equal(milliseconds(-12.5), "−12.5 ms");
  assert.equal(seconds(0.00042), "420 µs");
  assert.equal(seconds(125), "2 min 5 s");
  assert.equal(percent(0.0123), "1.2 %");
  for (const format of [bytes, rate, seconds, milliseconds, percent])
    assert.equal(format(null), "–");
});

test("a suite's values are read with their units, decimal and binary apart", () => {
  assert.deepEqual(quantity("64MiB"), { value: 64 * 2 ** 20, dimension: "bytes" });
  assert.deepEqual(quantity("50 MB/s"), { value: 5e7, dimension: "rate" });
  assert.deepEqual(quantity("400Mbit/s"), { value: 5e7, dimension: "rate" });
  assert.deepEqual(quantity("300ms"), { value: 0.3, dimension: "time" });
  assert.deepEqual(quantity("0.5"), { value: 0.5, dimension: "" });
  for (const no of ["", "fast", "5 apples", "3ms/s"]) assert.equal(quantity(no), null);
});

test("a spread names its unit once where it can", () => {
  assert.equal(between("3.3 s", "3.4 s"), "3.3 – 3.4 s");
  assert.equal(between("900 ms", "1.1 s"), "900 ms – 1.1 s");
  assert.equal(between("2 min 1 s", "3 min 1 s"), "2 min 1 s – 3 min 1 s");
});

test("what is absent sorts last both ways, numbers as numbers", () => {
  const sorted = (descending: boolean) => [null, 10, 9].sort((a, b) => compare(a, b, descending));
  assert.deepEqual(sorted(false), [9, 10, null]);
  assert.deepEqual(sorted(true), [10, 9, null]);
  assert.ok(compare("set 8MiB", "set 16MiB", false) < 0);
});

test("the reading takes the nearest moment", () => {
  assert.deepEqual(
    [-1, 0.4, 0.6, 2.6, 9].map((t) => nearest([0, 1, 3], t)),
    [0, 0, 1, 2, 2],
  );
});

test("logarithmic axes have round marks within their ends, and few of them", () => {
  assert.deepEqual(logTicks(1, 100, false, 8), [1, 2, 5, 10, 20, 50, 100]);
  assert.deepEqual(logTicks(1, 1e4, false, 5), [1, 10, 100, 1000, 10000]);
  assert.deepEqual(logTicks(2 ** 20, 2 ** 23, true, 8), [2 ** 20, 2 ** 21, 2 ** 22, 2 ** 23]);
});
