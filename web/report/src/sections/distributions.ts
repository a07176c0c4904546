// Cumulative distributions by technique: of what was measured, and of how far predictions were off.

import type { Row } from "../data";
import { choice, h, note, section } from "../dom";
import { completed, type Metric, PLOTTED, PREDICTED } from "../metrics";
import {
  legend,
  metricOf,
  metricOptions,
  type PageState,
  techniqueName,
  valuesOf,
} from "../page_state";
import { type Dot, extent, type Line, scene } from "../scene";
import { cdf, ends, known, median, quantile, relativeError } from "../stats";
import { table } from "../table";
import { percent } from "../units";

interface Curve {
  technique: string;
  values: number[];
}
interface Look {
  label: string;
  tick: Metric["format"];
  linear?: boolean;
}

export function distributions(state: PageState): HTMLElement {
  const about =
    "The share of each technique's completed migrations that stayed at or below a value.";
  const { rows } = state.report;
  const metrics = PLOTTED.filter((m) => valuesOf(rows, m).length > 0);
  if (metrics.length === 0)
    return section("cdf", "Distributions", about, note("There is no completed migration to show."));
  return section(
    "cdf",
    "Distributions",
    about,
    curves(
      state,
      "cdf",
      metrics,
      (own, metric) => valuesOf(own, metric),
      (metric) => ({ label: metric.name, tick: metric.format }),
    ),
  );
}

export function predictions(state: PageState): HTMLElement {
  const about =
    "How far predictions made before the start were off: |predicted − measured| / measured, of completed migrations.";
  const { rows } = state.report;
  const metrics = PREDICTED.filter((m) => errors(rows, m).length > 0);
  if (metrics.length === 0)
    return section(
      "errors",
      "Prediction errors",
      about,
      note("No completed migration was predicted."),
    );
  return section(
    "errors",
    "Prediction errors",
    about,
    curves(state, "errors", metrics, errors, (metric) => ({
      label: `Error of ${metric.name.toLowerCase()}`,
      tick: percent,
      linear: true,
    })),
    scores(state, metrics),
    note("Coverage: the share of measured values inside their nominal 90 % interval (p05 to p95)."),
  );
}

const errors = (rows: readonly Row[], metric: Metric): number[] =>
  known(
    rows.filter(completed).map((row) => {
      const predicted = metric.predicted(row);
      return predicted && relativeError(predicted.p50, metric.of(row));
    }),
  );

function curves(
  state: PageState,
  name: string,
  metrics: readonly Metric[],
  values: (rows: readonly Row[], metric: Metric) => number[],
  look: (metric: Metric) => Look,
): HTMLElement {
  let metric = metrics[0]!;
  const plot = h("div", { class: "plot", "data-plot": name });
  const rest = h("div", {});
  const fill = () => {
    const all = state.techniques
      .map(
        (technique): Curve => ({
          technique,
          values: values(
            state.report.rows.filter((row) => row.cell.technique === technique),
            metric,
          ),
        }),
      )
      .filter((curve) => curve.values.length > 0);
    drawCurves(plot, state, all, `${look(metric).label}, cumulative`, look(metric));
    rest.replaceChildren(
      legend(
        state,
        all.map((c) => c.technique),
      ),
    );
  };
  queueMicrotask(fill);
  return h(
    "div",
    { class: "panel" },
    h(
      "div",
      { class: "controls" },
      choice("What", metricOptions(metrics), metric.key, (v) => {
        metric = metricOf(metrics, v);
        fill();
      }),
    ),
    plot,
    rest,
  );
}

function drawCurves(
  holder: HTMLElement,
  state: PageState,
  curves: readonly Curve[],
  name: string,
  look: Look,
): void {
  const all = curves.flatMap((c) => c.values);
  const wide = !look.linear && ends(all).least > 0 && ends(all).greatest > 30 * ends(all).least;
  const x = extent(all, wide, wide ? undefined : 0)!;
  const lines: Line[] = [];
  const dots: Dot[] = [];
  for (const { technique, values } of curves) {
    const series = state.techniques.indexOf(technique);
    const steps: [number, number][] = [[x.min, 0]];
    let share = 0;
    for (const step of cdf(values)) {
      steps.push([step.value, share], [step.value, step.share]);
      share = step.share;
      dots.push({
        x: step.value,
        y: step.share,
        series,
        silent: values.length > 60,
        size: 3,
        text: `${technique}: ${percent(step.share)} of ${values.length} at most ${look.tick(step.value)}`,
      });
    }
    steps.push([x.max, 1]);
    lines.push({ series, points: steps });
  }
  scene(holder, {
    name,
    lines,
    dots,
    x: { label: look.label, log: wide, tick: look.tick, binary: look.tick(1024) === "1 KiB", ...x },
    y: {
      label: "Share of migrations",
      log: false,
      tick: percent,
      ticks: [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1],
      min: 0,
      max: 1.02,
    },
  });
}

interface Score {
  technique: string;
  metric: Metric;
  n: number;
  relative: number | null;
  relative90: number | null;
  absolute: number | null;
  absolute90: number | null;
  within: number;
  bounded: number;
}

export function score(rows: readonly Row[], technique: string, metric: Metric): Score | null {
  const pairs = rows.filter(completed).flatMap((row) => {
    const predicted = metric.predicted(row);
    const actual = metric.of(row);
    return predicted && actual !== null ? [{ predicted, actual }] : [];
  });
  if (pairs.length === 0) return null;
  const relative = known(pairs.map((p) => relativeError(p.predicted.p50, p.actual)));
  const absolute = pairs.map((p) => Math.abs(p.predicted.p50 - p.actual));
  const bounded = pairs.filter((p) => p.predicted.p05 !== null && p.predicted.p95 !== null);
  return {
    technique,
    metric,
    n: pairs.length,
    relative: median(relative),
    relative90: quantile(relative, 0.9),
    absolute: median(absolute),
    absolute90: quantile(absolute, 0.9),
    bounded: bounded.length,
    within: bounded.filter((p) => p.actual >= p.predicted.p05! && p.actual <= p.predicted.p95!)
      .length,
  };
}

function scores(state: PageState, metrics: readonly Metric[]): HTMLElement {
  const { rows } = state.report;
  const grid = table<Score>("Prediction errors and coverage", [
    { name: "Metric", text: true, sort: (s) => s.metric.name },
    {
      name: "Technique",
      text: true,
      sort: (s) => state.techniques.indexOf(s.technique),
      show: (s) => (s.technique ? techniqueName(state, s.technique) : "all together"),
    },
    { name: "Migrations", sort: (s) => s.n },
    {
      name: "Median",
      under: "Relative error",
      sort: (s) => s.relative,
      show: (s) => percent(s.relative),
    },
    {
      name: "90th percentile",
      under: "Relative error",
      sort: (s) => s.relative90,
      show: (s) => percent(s.relative90),
    },
    {
      name: "Median",
      under: "Absolute error",
      sort: (s) => s.absolute,
      show: (s) => s.metric.format(s.absolute),
    },
    {
      name: "90th percentile",
      under: "Absolute error",
      sort: (s) => s.absolute90,
      show: (s) => s.metric.format(s.absolute90),
    },
    {
      name: "Coverage",
      title: "measured values within the predicted 90 % interval",
      sort: (s) => (s.bounded ? s.within / s.bounded : null),
      show: (s) =>
        s.bounded
          ? h(
              "span",
              {},
              h("b", {}, percent(s.within / s.bounded)),
              h("small", {}, ` ${s.within} of ${s.bounded}`),
            )
          : "–",
    },
  ]);
  grid.fill(
    metrics.flatMap((metric) =>
      [
        score(rows, "", metric),
        ...state.techniques.map((t) =>
          score(
            rows.filter((row) => row.cell.technique === t),
            t,
            metric,
          ),
        ),
      ].filter((s): s is Score => s !== null),
    ),
  );
  return grid.element;
}
