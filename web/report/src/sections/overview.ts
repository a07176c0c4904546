// One line per cell, all its repeats together.

import {
  countByStatus,
  distinct,
  type Repeats,
  repeats,
  settings,
  sweepText,
  techniquesOf,
} from "../cells";
import type { Row } from "../data";
import { STATUSES } from "../data";
import { choice, dropdown, h, section } from "../dom";
import { BYTES, completed, DOWNTIMES, type Metric, SLOWDOWN, TOTAL } from "../metrics";
import {
  chip,
  type PageState,
  SPREADS,
  STATUS_NAMES,
  spreadName,
  summaryCell,
  summaryOf,
  techniqueName,
} from "../page_state";
import type { SpreadKind } from "../stats";
import { known, median } from "../stats";
import { loadBesides } from "../sweep";
import { type Column, table } from "../table";
import { rate } from "../units";

export interface Overview {
  element: HTMLElement;
  order: () => Row[];
}

export function overview(state: PageState): Overview {
  const { rows } = state.report;
  const cells = repeats(rows);
  const filter = { kind: "", technique: "", link: "" };
  const { varying } = settings(rows);

  const grid = table<Repeats>("Cells of the suite", columns(state, varying), {
    pick: (cell) => state.open(typical(cell)),
    nothing: rows.length === 0 ? "no migration was measured" : "no cell passes this filter",
  });
  const counted = h("p", { class: "counted", role: "status" });
  const about = h("span", {});
  const shown = (): Repeats[] =>
    cells.filter(
      ({ cell }) =>
        (!filter.kind || cell.loadKind === filter.kind) &&
        (!filter.technique || cell.technique === filter.technique) &&
        (!filter.link || rate(cell.link) === filter.link),
    );
  const fill = () => {
    const visible = shown();
    grid.fill(visible);
    const n = visible.reduce((sum, c) => sum + c.rows.length, 0);
    counted.textContent = `${visible.length} of ${cells.length} cells, ${n} migration${n === 1 ? "" : "s"}`;
    about.textContent = `Large: the median of completed repeats. Small: their spread, ${spreadName(state)}.`;
  };
  const all = (name: string) => ({ value: "", name });
  const same = (values: string[]) => distinct(values).map((v) => ({ value: v, name: v }));
  const filters = h(
    "div",
    { class: "controls" },
    dropdown(
      "Load",
      [all("all loads"), ...same(rows.map((r) => r.cell.loadKind).sort())],
      "",
      (v) => {
        filter.kind = v;
        fill();
      },
    ),
    dropdown("Technique", [all("all techniques"), ...same(techniquesOf(rows))], "", (v) => {
      filter.technique = v;
      fill();
    }),
    dropdown(
      "Link",
      [
        all("all links"),
        ...same(
          [...rows]
            .sort((a, b) => (a.cell.link ?? 0) - (b.cell.link ?? 0))
            .map((r) => rate(r.cell.link)),
        ),
      ],
      "",
      (v) => {
        filter.link = v;
        fill();
      },
    ),
    choice("Spread", SPREADS, state.spread, (v) => state.setSpread(v as SpreadKind)),
    counted,
  );
  state.onSpread(fill);
  fill();
  const element = section(
    "overview",
    "All cells",
    "One line per cell, its repeats together. Choose one to see its time line; a heading sorts.",
    filters,
    h("p", { class: "note" }, about),
    grid.element,
  );
  return { element, order: () => grid.shown().flatMap((c) => c.rows) };
}

/** The repeat to show first: the completed one with the median time, else one with something to show. */
export function typical({ rows }: Repeats): Row {
  const done = rows.filter((row) => completed(row) && row.totalTimeS !== null);
  const middle = median(known(done.map((row) => row.totalTimeS)));
  if (middle !== null)
    return done.reduce((best, row) =>
      Math.abs(row.totalTimeS! - middle) < Math.abs(best.totalTimeS! - middle) ? row : best,
    );
  return rows.find((row) => row.samples || row.pings || row.rounds.length > 0) ?? rows[0]!;
}

function columns(
  state: PageState,
  varying: ReturnType<typeof settings>["varying"],
): Column<Repeats>[] {
  const measured = (metric: Metric, under?: string): Column<Repeats> => ({
    name: metric.short,
    title: metric.about,
    ...(under ? { under } : {}),
    sort: ({ rows }) => summaryOf(rows, metric, state)?.median ?? null,
    show: ({ rows }) => summaryCell(summaryOf(rows, metric, state), metric),
  });
  const swept = state.report.rows.some((row) => sweepText(row.cell.sweep));
  return [
    {
      name: "Load",
      text: true,
      sort: ({ cell }) => `${swept ? loadBesides(cell) : cell.load} ${sweepText(cell.sweep)}`,
      show: ({ cell }) =>
        h(
          "span",
          { class: "load", title: cell.load },
          swept ? loadBesides(cell) : cell.load,
          swept && h("small", {}, sweepText(cell.sweep)),
        ),
    },
    {
      name: "Technique",
      text: true,
      sort: ({ cell }) => state.techniques.indexOf(cell.technique),
      show: ({ cell }) => techniqueName(state, cell.technique),
    },
    ...varying.map(
      (s): Column<Repeats> => ({
        name: s.name,
        sort: ({ cell }) =>
          s.key === "link"
            ? cell.link
            : s.key === "ram"
              ? cell.ram
              : s.key === "limit"
                ? cell.downtimeLimitMs
                : s.of(cell),
        show: ({ cell }) => s.of(cell),
      }),
    ),
    {
      name: "Ended",
      text: true,
      title: "how the repeats ended; sorts by the share that completed",
      sort: ({ rows }) => rows.filter(completed).length / rows.length,
      show: ({ rows }) => ended(rows),
    },
    measured(TOTAL),
    ...DOWNTIMES.map((metric) => measured(metric, "Downtime, by who saw it")),
    measured(BYTES),
    ...(state.report.rows.some((row) => row.guest.slowdown !== null) ? [measured(SLOWDOWN)] : []),
  ];
}

function ended(rows: readonly Row[]): HTMLElement {
  const counts = countByStatus(rows);
  return h(
    "span",
    { class: "chips" },
    ...STATUSES.filter((s) => counts.has(s)).map((s) =>
      chip(s, `${counts.get(s)} ${STATUS_NAMES[s]}`),
    ),
  );
}
