// QEMU's downtime against what others saw of the same switchover.

import type { Row } from "../data";
import { choice, h, note, section } from "../dom";
import { completed, EVENTS, type Metric, PROBE, QEMU } from "../metrics";
import {
  legend,
  type PageState,
  repeatName,
  spreadName,
  summaryCell,
  techniqueName,
} from "../page_state";
import { type Dot, extent, scene } from "../scene";
import { type Summary, summary } from "../stats";
import { table } from "../table";
import { milliseconds, times } from "../units";

const LEAST_MS = 1; // the axes are logarithmic; QEMU counts in whole milliseconds

export function clients(state: PageState): HTMLElement {
  const about =
    "Each point is a migration. On the dashed line both would have seen the same downtime; above it the " +
    "client was cut off for longer than QEMU says.";
  const pairs = (seen: Metric): Row[] =>
    state.report.rows.filter(
      (row) => completed(row) && QEMU.of(row) !== null && seen.of(row) !== null,
    );
  const kinds = [PROBE, EVENTS].filter((m) => pairs(m).length > 0);
  if (kinds.length === 0)
    return section(
      "clients",
      "What a client sees",
      about,
      note("No completed migration has both QEMU's downtime and another kind."),
    );
  let seen = kinds[0]!;
  const plot = h("div", { class: "plot", "data-plot": "clients" });
  const rest = h("div", {});
  const fill = () => {
    const rows = pairs(seen);
    const techniques = state.techniques.filter((t) => rows.some((row) => row.cell.technique === t));
    drawScatter(plot, state, rows, seen);
    rest.replaceChildren(
      legend(state, techniques),
      gaps(state, techniques, rows, seen),
      note(
        `Large: medians; small: spread, ${spreadName(state)}. The gap is taken migration by migration. ` +
          "For post-copy QEMU's figure is not reliable. What is below 1 ms is drawn at 1 ms.",
      ),
    );
  };
  state.onSpread(fill);
  queueMicrotask(fill);
  return section(
    "clients",
    "What a client sees",
    about,
    h(
      "div",
      { class: "controls" },
      choice(
        "Against QEMU's",
        kinds.map((m) => ({ value: m.key, name: m.name, title: m.about })),
        seen.key,
        (v) => {
          seen = v === EVENTS.key ? EVENTS : PROBE;
          fill();
        },
      ),
    ),
    plot,
    rest,
  );
}

function drawScatter(
  holder: HTMLElement,
  state: PageState,
  rows: readonly Row[],
  seen: Metric,
): void {
  const at = (value: number) => Math.max(LEAST_MS, value);
  const both = extent(
    rows.flatMap((row) => [at(QEMU.of(row)!), at(seen.of(row)!)]),
    true,
  )!;
  const dots = rows.map((row): Dot => {
    const [q, s] = [QEMU.of(row)!, seen.of(row)!];
    return {
      x: at(q),
      y: at(s),
      series: state.techniques.indexOf(row.cell.technique),
      size: 4.5,
      text:
        `${row.cell.technique}, ${row.cell.load}, ${repeatName(row)}: ` +
        `QEMU ${milliseconds(q)}, ${seen.short.toLowerCase()} ${milliseconds(s)}`,
      pick: () => state.open(row),
    };
  });
  scene(holder, {
    name: `${seen.name} against QEMU's`,
    x: { label: QEMU.name, log: true, tick: milliseconds, ...both },
    y: { label: seen.name, log: true, tick: milliseconds, ...both },
    lines: [
      {
        points: [
          [both.min, both.min],
          [both.max, both.max],
        ],
        series: null,
        dashed: true,
      },
    ],
    dots,
    height: (width) => Math.round(Math.min(480, Math.max(300, width * 0.6))),
  });
}

interface Gap {
  technique: string;
  n: number;
  qemu: Summary | null;
  seen: Summary | null;
  gap: Summary | null;
  ratio: Summary | null;
}

function gaps(
  state: PageState,
  techniques: readonly string[],
  rows: readonly Row[],
  seen: Metric,
): HTMLElement {
  const of = (own: readonly Row[], value: (row: Row) => number) =>
    summary(own.map(value), state.spread);
  const show = (pick: (g: Gap) => Summary | null, metric: Metric) => (g: Gap) =>
    summaryCell(pick(g), metric);
  const difference = { ...seen, format: milliseconds };
  const grid = table<Gap>("Downtime gaps by technique", [
    {
      name: "Technique",
      text: true,
      sort: (g) => state.techniques.indexOf(g.technique),
      show: (g) => techniqueName(state, g.technique),
    },
    { name: "Migrations", sort: (g) => g.n },
    {
      name: QEMU.name,
      title: QEMU.about,
      sort: (g) => g.qemu?.median ?? null,
      show: show((g) => g.qemu, QEMU),
    },
    {
      name: seen.name,
      title: seen.about,
      sort: (g) => g.seen?.median ?? null,
      show: show((g) => g.seen, seen),
    },
    {
      name: "Gap",
      title: "the one less the other",
      sort: (g) => g.gap?.median ?? null,
      show: show((g) => g.gap, difference),
    },
    {
      name: "Ratio",
      title: "the one over the other",
      sort: (g) => g.ratio?.median ?? null,
      show: (g) => times(g.ratio?.median),
    },
  ]);
  grid.fill(
    techniques.map((technique) => {
      const own = rows.filter((row) => row.cell.technique === technique);
      const positive = own.filter((row) => QEMU.of(row)! > 0);
      return {
        technique,
        n: own.length,
        qemu: of(own, (row) => QEMU.of(row)!),
        seen: of(own, (row) => seen.of(row)!),
        gap: of(own, (row) => seen.of(row)! - QEMU.of(row)!),
        ratio: of(positive, (row) => seen.of(row)! / QEMU.of(row)!),
      };
    }),
  );
  return grid.element;
}
