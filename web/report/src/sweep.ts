// What a suite sweeps: the values of a key, the axis they want, and which rows can stand on one line.

import { distinct, inText, SETTINGS } from "./cells";
import type { Cell, Row } from "./data";
import { groupBy } from "./stats";
import { inDimension, quantity } from "./units";

export const sweptKeys = (rows: readonly Row[]): string[] =>
  distinct(rows.flatMap((row) => Object.keys(row.cell.sweep)))
    .sort()
    .filter(
      (key) =>
        distinct(rows.map((row) => row.cell.sweep[key])).filter((v) => v !== undefined).length > 1,
    );

/** Where values stand on the x axis. Logarithmic ones and linear ones stand at their value, others at 0, 1, 2 … */
export interface SweepAxis {
  kind: "log" | "linear" | "names";
  at: Map<string, number>;
  label: (x: number) => string;
}

/** Values that at least grow eightfold, none of them 0, are read on a logarithmic axis (sizes that double). */
export function sweepAxis(values: readonly string[]): SweepAxis {
  const found = distinct(values).map((text) => ({ text, quantity: quantity(text) }));
  const dimension = found[0]?.quantity?.dimension;
  const numeric =
    found.length > 0 &&
    found.every((f) => f.quantity !== null && f.quantity.dimension === dimension);
  const sorted = numeric ? [...found].sort((a, b) => a.quantity!.value - b.quantity!.value) : found;
  const least = sorted[0]?.quantity?.value ?? 0;
  const greatest = sorted[sorted.length - 1]?.quantity?.value ?? 0;
  const wide = greatest >= 8 * least;
  if (!numeric || (least === 0 && wide && found.length > 3)) {
    const texts = sorted.map((f) => f.text);
    return {
      kind: "names",
      at: new Map(texts.map((t, i) => [t, i])),
      label: (x) => texts[x] ?? "",
    };
  }
  return {
    kind: least > 0 && wide ? "log" : "linear",
    at: new Map(sorted.map((f) => [f.text, f.quantity!.value])),
    label: (x) => inDimension[dimension!](x),
  };
}

/** The load without the values that are swept: "memory-write,set=64MiB" → "memory-write". */
export function loadBesides(cell: Cell): string {
  const parts = cell.load.split(",");
  return parts
    .filter((part) => !Object.entries(cell.sweep).some(([k, v]) => part.trim() === `${k}=${v}`))
    .join(",");
}

export interface Facet {
  name: string;
  rows: Row[];
}

/**
 * The rows that sweep `key`, apart by all else that differs but the technique, so that one line shows the
 * effect of `key` alone. What only follows `key` (a swept link rate is also the cell's link) sets nothing apart.
 */
export function facets(rows: readonly Row[], key: string): Facet[] {
  const swept = rows.filter((row) => row.cell.sweep[key] !== undefined);
  const others = distinct(swept.flatMap((row) => Object.keys(row.cell.sweep)))
    .filter((k) => k !== key)
    .sort();
  const attributes = [
    { name: "", of: (cell: Cell) => loadBesides(cell) },
    ...others.map((k) => ({ name: k, of: (cell: Cell) => cell.sweep[k] ?? "not set" })),
    ...SETTINGS.map((s) => ({ name: inText(s), of: s.of })),
  ];
  const telling = attributes.filter(({ of }) => {
    if (distinct(swept.map((row) => of(row.cell))).length < 2) return false;
    const perValue = [...groupBy(swept, (row) => row.cell.sweep[key]!).values()];
    return perValue.some((group) => distinct(group.map((row) => of(row.cell))).length > 1);
  });
  const nameOf = (cell: Cell) =>
    telling.map(({ name, of }) => `${name ? `${name} ` : ""}${of(cell)}`).join(", ");
  return [...groupBy(swept, (row) => nameOf(row.cell))]
    .map(([name, group]) => ({ name, rows: group }))
    .filter((facet) => distinct(facet.rows.map((row) => row.cell.sweep[key])).length > 1);
}
