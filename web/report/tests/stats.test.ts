import assert from "node:assert/strict";
import { test } from "node:test";
import { cdf, ends, groupBy, known, median, quantile, relativeError, summary } from "../src/stats";

test("the median of an odd number is the middle one, of an even number the mean of the middle two", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([7]), 7);
});

test("nothing has no median, no spread and no distribution", () => {
  assert.equal(median([]), null);
  assert.equal(summary([], "range"), null);
  assert.deepEqual(cdf([]), []);
});

test("numbers are sorted as numbers, and the caller's stay as they are", () => {
  const values = [10, 9, 100];
  assert.equal(median(values), 10);
  assert.deepEqual(values, [10, 9, 100]);
});

test("quantiles are linear between neighbours", () => {
  assert.equal(quantile([0, 10, 20, 30, 40], 0.25), 10);
  assert.equal(quantile([0, 10], 0.9), 9);
  assert.equal(quantile([5, 1, 3], 0), 1);
  assert.equal(quantile([5, 1, 3], 1), 5);
});

test("spread is the range or the middle half, as asked for", () => {
  const values = [1, 2, 3, 4, 100];
  assert.deepEqual(summary(values, "range"), { n: 5, median: 3, low: 1, high: 100 });
  assert.deepEqual(summary(values, "middle-half"), { n: 5, median: 3, low: 2, high: 4 });
});

test("a distribution rises to 1, one step for equal values", () => {
  assert.deepEqual(cdf([3, 1, 1, 2]), [
    { value: 1, share: 0.5 },
    { value: 2, share: 0.75 },
    { value: 3, share: 1 },
  ]);
});

test("a relative error needs something measured", () => {
  assert.equal(relativeError(110, 100), 0.1);
  assert.equal(relativeError(90, 100), 0.1);
  assert.equal(relativeError(1, null), null);
  assert.equal(relativeError(1, 0), null);
});

test("groups keep the order in which they came; 0 is known, null is not", () => {
  assert.deepEqual(
    [...groupBy(["b1", "a1", "b2"], (s) => s[0]!)],
    [
      ["b", ["b1", "b2"]],
      ["a", ["a1"]],
    ],
  );
  assert.deepEqual(known([0, null, 2]), [0, 2]);
});

test("the ends of a million values are found", () => {
  assert.deepEqual(ends(Array.from({ length: 1e6 }, (_, i) => i)), { least: 0, greatest: 999999 });
});
