// What the sections have in common: the report, the looks of its techniques, the chosen spread.

import { techniquesOf } from "./cells";
import type { Report, Row, Status } from "./data";
import { h } from "./dom";
import { completed, type Metric } from "./metrics";
import { known, type SpreadKind, type Summary, summary } from "./stats";
import { sign } from "./theme";

export interface PageState {
  report: Report;
  techniques: readonly string[];
  spread: SpreadKind;
  onSpread: (changed: () => void) => void;
  setSpread: (kind: SpreadKind) => void;
  /** Goes to the time line of this migration. */
  open: (row: Row) => void;
}

export function newPageState(report: Report): PageState {
  const listeners: (() => void)[] = [];
  return {
    report,
    techniques: techniquesOf(report.rows),
    spread: "range",
    onSpread: (changed) => {
      listeners.push(changed);
    },
    setSpread(kind) {
      this.spread = kind;
      for (const changed of listeners) changed();
    },
    open: () => {},
  };
}

export const SPREADS: readonly { value: SpreadKind; name: string; title: string }[] = [
  {
    value: "range",
    name: "least to greatest",
    title: "from the least to the greatest of the repeats",
  },
  {
    value: "middle-half",
    name: "middle half",
    title: "from the first to the third quartile of the repeats",
  },
];

export const spreadName = (state: PageState): string =>
  SPREADS.find((s) => s.value === state.spread)!.name;

/** Of completed migrations only: what did not converge has no total time that could be compared. */
export const valuesOf = (rows: readonly Row[], metric: Metric): number[] =>
  known(rows.filter(completed).map(metric.of));

export const summaryOf = (rows: readonly Row[], metric: Metric, state: PageState): Summary | null =>
  summary(valuesOf(rows, metric), state.spread);

export const spreadText = (s: Summary, metric: Metric): string =>
  s.n < 2 || s.low === s.high ? "" : between(metric.format(s.low), metric.format(s.high));

/** "3.3 s", "3.4 s" → "3.3 – 3.4 s": the unit once where both have the same. */
export function between(low: string, high: string): string {
  const [number, ...unit] = low.split(" ");
  return unit.length === 1 && high.endsWith(` ${unit[0]}`) && !high.includes("min")
    ? `${number} – ${high}`
    : `${low} – ${high}`;
}

export function summaryCell(s: Summary | null, metric: Metric): Node | string {
  if (!s) return h("span", { class: "absent" }, "–");
  return h(
    "span",
    { class: "summary" },
    h("b", {}, metric.format(s.median)),
    h("small", {}, spreadText(s, metric)),
  );
}

export const STATUS_NAMES: Record<Status, string> = {
  completed: "completed",
  did_not_converge: "did not converge",
  cancelled: "cancelled",
  failed: "failed",
  broken: "broken",
};

export const chip = (status: Status, text: string): HTMLElement =>
  h("span", { class: `chip ${status}` }, text);

export function techniqueName(state: PageState, technique: string): HTMLElement {
  return h("span", { class: "technique" }, sign(state.techniques.indexOf(technique)), technique);
}

export function legend(state: PageState, techniques: readonly string[]): HTMLElement {
  return h(
    "ul",
    { class: "legend" },
    ...techniques.map((t) => h("li", {}, techniqueName(state, t))),
  );
}

export const metricOptions = (metrics: readonly Metric[]) =>
  metrics.map((m) => ({ value: m.key, name: m.name, title: m.about }));
export const metricOf = (metrics: readonly Metric[], key: string): Metric =>
  metrics.find((m) => m.key === key) ?? metrics[0]!;

/** The settings of a migration in a few words. */
export const repeatName = (row: Row): string =>
  row.cell.repeat === null ? `migration ${row.id}` : `repeat ${row.cell.repeat}`;
