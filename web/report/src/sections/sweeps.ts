// Sweeps: what one parameter does to each technique, with every repeat shown.

import { techniquesOf } from "../cells";
import type { Row } from "../data";
import { behind, choice, dropdown, h, note, section } from "../dom";
import { completed, type Metric, PLOTTED } from "../metrics";
import {
  legend,
  metricOf,
  metricOptions,
  type PageState,
  repeatName,
  spreadName,
  summaryCell,
  summaryOf,
  techniqueName,
} from "../page_state";
import { type Band, type Dot, extent, type Line, scene } from "../scene";
import type { Summary } from "../stats";
import { groupBy } from "../stats";
import { type Facet, facets, sweepAxis, sweptKeys } from "../sweep";
import { table } from "../table";

export function sweeps(state: PageState): HTMLElement {
  const about =
    "Each point is a migration, the line goes through the medians, the band is their spread. What did " +
    "not converge stands in the strip at the top. A click on a point opens its time line.";
  const keys = sweptKeys(state.report.rows).filter(
    (key) => facets(state.report.rows, key).length > 0,
  );
  if (keys.length === 0)
    return section("sweeps", "Sweeps", about, note("This suite sweeps no parameter."));
  return section("sweeps", "Sweeps", about, ...keys.map((key) => sweep(state, key)));
}

function sweep(state: PageState, key: string): HTMLElement {
  const all = facets(state.report.rows, key);
  let facet = all.reduce((best, f) => (f.rows.length > best.rows.length ? f : best));
  let metric =
    PLOTTED.find((m) => state.report.rows.some((row) => m.of(row) !== null)) ?? PLOTTED[0]!;
  const plot = h("div", { class: "plot", "data-plot": `sweep-${key}` });
  const rest = h("div", {});
  const fill = () => {
    const inIt = techniquesOf(facet.rows);
    drawSweep(plot, state, key, facet, metric);
    rest.replaceChildren(
      legend(state, inIt),
      note(`The band: ${spreadName(state)}.`),
      behind("The numbers behind this plot", numbers(state, key, facet, metric)),
    );
  };
  state.onSpread(fill);
  queueMicrotask(fill); // the plot needs its room's width
  return h(
    "div",
    { class: "panel" },
    h("h3", {}, `By ${key}`),
    h(
      "div",
      { class: "controls" },
      choice("What", metricOptions(PLOTTED), metric.key, (v) => {
        metric = metricOf(PLOTTED, v);
        fill();
      }),
      all.length > 1 &&
        dropdown(
          "Where",
          all.map((f, i) => ({ value: String(i), name: f.name })),
          String(all.indexOf(facet)),
          (v) => {
            facet = all[Number(v)]!;
            fill();
          },
        ),
    ),
    plot,
    rest,
  );
}

interface Point {
  technique: string;
  value: string;
  rows: Row[];
  summary: Summary | null;
}

function points(state: PageState, key: string, facet: Facet, metric: Metric): Point[] {
  const axis = sweepAxis(facet.rows.map((row) => row.cell.sweep[key]!));
  return techniquesOf(facet.rows).flatMap((technique) => {
    const byValue = groupBy(
      facet.rows.filter((row) => row.cell.technique === technique),
      (row) => row.cell.sweep[key]!,
    );
    return [...byValue]
      .map(([value, rows]) => ({
        technique,
        value,
        rows,
        summary: summaryOf(rows, metric, state),
      }))
      .sort((a, b) => axis.at.get(a.value)! - axis.at.get(b.value)!);
  });
}

function drawSweep(
  holder: HTMLElement,
  state: PageState,
  key: string,
  facet: Facet,
  metric: Metric,
): void {
  const axis = sweepAxis(facet.rows.map((row) => row.cell.sweep[key]!));
  const all = points(state, key, facet, metric);
  const techniques = techniquesOf(facet.rows);
  const places = [...axis.at.values()];
  const log = axis.kind === "log";
  const x = axis.kind === "names" ? { min: -0.5, max: places.length - 0.5 } : extent(places, log)!;
  // techniques side by side, so that equal ones do not cover one another
  const sorted = [...places].sort((a, b) => a - b);
  const closest = Math.min(
    ...sorted.slice(1).map((v, i) => (log ? Math.log(v / sorted[i]!) : v - sorted[i]!)),
  );
  const whole = log ? Math.log(x.max / x.min) : x.max - x.min;
  const apart = Math.min(whole / 110, (0.3 * closest) / techniques.length);
  const step = log ? Math.exp(apart) : apart;
  const beside = (value: string, technique: string): number => {
    const by = techniques.indexOf(technique) - (techniques.length - 1) / 2;
    const at = axis.at.get(value)!;
    return log ? at * step ** by : at + step * by;
  };
  const ys = all
    .flatMap((p) => p.rows.filter(completed).map(metric.of))
    .filter((v): v is number => v !== null);
  const y = extent(ys, false, 0) ?? { min: 0, max: 1 };
  const lines: Line[] = [];
  const bands: Band[] = [];
  const dots: Dot[] = [];
  let stuck = 0;
  for (const technique of techniques) {
    const series = state.techniques.indexOf(technique);
    const with_ = all.filter((p) => p.technique === technique && p.summary);
    lines.push({
      series,
      points: with_.map((p) => [beside(p.value, technique), p.summary!.median]),
    });
    bands.push({
      series,
      points: with_.map((p) => [beside(p.value, technique), p.summary!.low, p.summary!.high]),
    });
    for (const p of all.filter((q) => q.technique === technique)) {
      const at = beside(p.value, technique);
      for (const row of p.rows) {
        const name = `${technique}, ${key} ${p.value}, ${repeatName(row)}`;
        const value = metric.of(row);
        if (completed(row) && value !== null)
          dots.push({
            x: at,
            y: value,
            series,
            hollow: true,
            size: 3.5,
            text: `${name}: ${metric.format(value)}`,
            pick: () => state.open(row),
          });
        if (row.status === "did_not_converge") {
          stuck++;
          dots.push({
            x: at,
            y: "top",
            series,
            size: 5,
            text: `${name}: did not converge${row.reason ? ` (${row.reason})` : ""}`,
            pick: () => state.open(row),
          });
        }
      }
      if (p.summary)
        dots.push({
          x: at,
          y: p.summary.median,
          series,
          size: 4.5,
          text: `${technique}, ${key} ${p.value}: median ${metric.format(p.summary.median)} of ${p.summary.n}`,
        });
    }
  }
  scene(holder, {
    name: `${metric.name} by ${key}`,
    x: { label: key, log, tick: axis.label, ticks: places, ...x },
    y: {
      label: metric.name,
      log: false,
      tick: metric.format,
      binary: metric.format(1024) === "1 KiB",
      ...y,
    },
    top: stuck > 0 ? "did not converge" : null,
    lines,
    bands,
    dots,
  });
}

function numbers(state: PageState, key: string, facet: Facet, metric: Metric): HTMLElement {
  const axis = sweepAxis(facet.rows.map((row) => row.cell.sweep[key]!));
  const grid = table<Point>(`${metric.name} by ${key}`, [
    { name: key, sort: (p) => axis.at.get(p.value)!, show: (p) => p.value },
    {
      name: "Technique",
      text: true,
      sort: (p) => state.techniques.indexOf(p.technique),
      show: (p) => techniqueName(state, p.technique),
    },
    {
      name: "Completed",
      sort: (p) => p.rows.filter(completed).length,
      show: (p) => `${p.rows.filter(completed).length} of ${p.rows.length}`,
    },
    {
      name: "Did not converge",
      sort: (p) => p.rows.filter((row) => row.status === "did_not_converge").length,
    },
    {
      name: metric.name,
      title: metric.about,
      sort: (p) => p.summary?.median ?? null,
      show: (p) => summaryCell(p.summary, metric),
    },
  ]);
  grid.fill(points(state, key, facet, metric));
  return grid.element;
}
