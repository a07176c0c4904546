// Statistics of a few numbers. Nothing here knows what is measured.

export const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

/** The p-quantile (0..1), linear between the two nearest (R's type 7). null: no values. */
export function quantile(values: readonly number[], p: number): number | null {
  if (values.length === 0) return null;
  const sorted = ascending(values);
  const at = p * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - below);
}

export const median = (values: readonly number[]): number | null => quantile(values, 0.5);

export type SpreadKind = "range" | "middle-half";
export interface Summary {
  n: number;
  median: number;
  low: number;
  high: number;
}

/** Median and spread: from the least to the greatest, or the middle half (quartiles). null: no values. */
export function summary(values: readonly number[], kind: SpreadKind): Summary | null {
  const [low, high] = kind === "range" ? [0, 1] : [0.25, 0.75];
  const middle = median(values);
  if (middle === null) return null;
  return {
    n: values.length,
    median: middle,
    low: quantile(values, low)!,
    high: quantile(values, high)!,
  };
}

/** Least and greatest, also of a million values (Math.min(...values) takes no more than the stack holds). */
export function ends(values: readonly number[]): { least: number; greatest: number } {
  let [least, greatest] = [Infinity, -Infinity];
  for (const v of values) {
    if (v < least) least = v;
    if (v > greatest) greatest = v;
  }
  return { least, greatest };
}

/** The empirical distribution: for each distinct value, rising, the share of values not above it. */
export function cdf(values: readonly number[]): { value: number; share: number }[] {
  const sorted = ascending(values);
  return sorted.flatMap((value, i) =>
    sorted[i + 1] === value ? [] : [{ value, share: (i + 1) / sorted.length }],
  );
}

/** |p-a|/a; null where nothing was measured to compare with, or 0. */
export function relativeError(predicted: number, actual: number | null): number | null {
  return actual === null || actual === 0 ? null : Math.abs(predicted - actual) / Math.abs(actual);
}

/** The items by key, in the order in which the keys first occur. */
export function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const k = key(item);
    const group = groups.get(k);
    if (group) group.push(item);
    else groups.set(k, [item]);
  }
  return groups;
}

export const known = <T>(values: readonly (T | null)[]): T[] =>
  values.filter((value): value is T => value !== null);
