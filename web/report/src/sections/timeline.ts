// The time line of one migration: panels over one clock, read out together.

import type uPlot from "uplot";
import { inText, SETTINGS, sweepText } from "../cells";
import type { Maybe, Row } from "../data";
import { h, note, section } from "../dom";
import { axis, BINARY_STEPS, draw, FONT, logTicks, showAll, zoomKeys } from "../frame";
import { type Gap, switchover } from "../gap";
import { BYTES, DOWNTIMES, type Metric, SLOWDOWN, TOTAL, WIRE } from "../metrics";
import { chip, type PageState, repeatName, STATUS_NAMES, techniqueName } from "../page_state";
import { ends } from "../stats";
import { type Colour, colour } from "../theme";
import { bytes, count, milliseconds, moment, percent, rate, seconds } from "../units";

export interface Timeline {
  element: HTMLElement;
  show: (row: Row) => void;
}

interface Series {
  name: string;
  colour: Colour;
  values: readonly (number | null)[];
  format: (v: number | null | undefined) => string;
  fill?: boolean;
  dots?: boolean;
}
interface Panel {
  name: string;
  tS: readonly number[];
  series: Series[];
  height: number;
  log?: boolean;
  binary?: boolean;
  full?: [number, number];
  unanswered?: readonly number[];
}

/** order: the migrations through which "previous" and "next" go. */
export function timeline(state: PageState, order: () => readonly Row[]): Timeline {
  const about =
    "Rates, what remains, and what a pinging client saw. Drag to zoom, double-click to see all again.";
  if (state.report.rows.length === 0) {
    return {
      element: section(
        "timeline",
        "Time line of a migration",
        about,
        note("There is no migration to show."),
      ),
      show: () => {},
    };
  }
  const body = h("div", { class: "timeline" });
  const where = h("span", { class: "where", role: "status" });
  let current: Row | null = null;
  const go = (by: number) => {
    const rows = order().length > 0 ? order() : state.report.rows;
    const at = current ? rows.indexOf(current) : -1;
    const next = rows[(Math.max(at, 0) + (at < 0 ? 0 : by) + rows.length) % rows.length];
    if (next) show(next);
  };
  const repeats = h("span", { class: "repeats" });
  const show = (row: Row) => {
    current = row;
    const rows = order();
    const at = rows.indexOf(row);
    where.textContent = at < 0 ? `migration ${row.id}` : `${at + 1} of ${rows.length}`;
    const siblings = state.report.rows
      .filter((other) => sameCell(other, row))
      .sort((a, b) => (a.cell.repeat ?? 0) - (b.cell.repeat ?? 0) || a.id - b.id);
    repeats.replaceChildren(
      ...siblings.map((other) =>
        h(
          "button",
          {
            type: "button",
            "aria-pressed": String(other === row),
            class: other.status,
            title: `${repeatName(other)}: ${STATUS_NAMES[other.status]}`,
            onclick: () => show(other),
          },
          other.cell.repeat === null ? `#${other.id}` : String(other.cell.repeat),
        ),
      ),
    );
    body.replaceChildren(...content(state, row));
    drawPanels(body, row);
  };
  return {
    element: section(
      "timeline",
      "Time line of a migration",
      about,
      h(
        "div",
        { class: "controls" },
        h("button", { type: "button", id: "previous", onclick: () => go(-1) }, "← previous"),
        h("button", { type: "button", id: "next", onclick: () => go(1) }, "next →"),
        where,
        h("span", { class: "repeats-label" }, "Repeats of this cell:"),
        repeats,
      ),
      body,
    ),
    show,
  };
}

const sameCell = (a: Row, b: Row): boolean =>
  a.cell.load === b.cell.load &&
  a.cell.technique === b.cell.technique &&
  SETTINGS.every((s) => s.of(a.cell) === s.of(b.cell)) &&
  sweepText(a.cell.sweep) === sweepText(b.cell.sweep);

function content(state: PageState, row: Row): (Node | string)[] {
  const { cell } = row;
  const swept = sweepText(cell.sweep);
  const settings = SETTINGS.map((s) => `${inText(s)} ${s.of(cell)}`)
    .filter((s) => !s.endsWith("unknown"))
    .join(" · ");
  const panels = panelsOf(row);
  return [
    h(
      "div",
      { class: "which" },
      h(
        "h3",
        {},
        techniqueName(state, cell.technique),
        h("span", {}, cell.load),
        chip(row.status, STATUS_NAMES[row.status]),
      ),
      h(
        "p",
        { class: "note" },
        [
          `migration ${row.id}`,
          repeatName(row) === `migration ${row.id}` ? "" : repeatName(row),
          swept && `swept: ${swept}`,
          settings,
          row.started && moment(row.started),
        ]
          .filter(Boolean)
          .join(" · "),
      ),
      ...(row.reason ? [h("p", { class: "reason" }, row.reason)] : []),
      ...(row.vmRunsOn && !(row.status === "completed" && row.vmRunsOn === "destination")
        ? [h("p", { class: "note" }, `The VM runs on: ${row.vmRunsOn.replace("_", " ")}.`)]
        : []),
    ),
    panels.length > 0
      ? h(
          "div",
          {
            class: "panels",
            tabindex: 0,
            role: "group",
            "aria-roledescription": "plot",
            "aria-label":
              "Time line. Arrow keys move the reading, plus and minus zoom, Escape shows everything.",
          },
          h("p", { class: "readout", "aria-live": "polite" }),
          ...panels.map((p) =>
            h(
              "figure",
              {},
              h(
                "figcaption",
                {},
                h("b", {}, p.name),
                ...p.series.map((s) => key(s)),
                p.unanswered && p.unanswered.length > 0
                  ? h(
                      "span",
                      { class: "key" },
                      h("i", { style: "background:var(--alarm)" }),
                      "never answered",
                    )
                  : "",
              ),
              h("div", {
                class: "plot",
                "data-plot": `timeline-${p.name.split(" ")[0]!.toLowerCase()}`,
              }),
            ),
          ),
        )
      : note("Nothing was recorded over time for this migration."),
    facts(row),
  ];
}

const key = (s: Series): HTMLElement =>
  h("span", { class: "key" }, h("i", { style: `background:var(--${s.colour})` }), s.name);

function panelsOf(row: Row): Panel[] {
  const panels: Panel[] = [];
  const { samples, pings } = row;
  const some = (values: readonly (number | null)[]) => values.some((v) => v !== null);
  if (samples) {
    const rates: Series[] = [
      { name: "sent", colour: "series-0", values: samples.sent, format: rate },
      { name: "dirtied by the guest", colour: "series-1", values: samples.dirtied, format: rate },
    ].filter((s) => some(s.values)) as Series[];
    if (rates.length > 0)
      panels.push({ name: "Rates", tS: samples.tS, series: rates, height: 220 });
    if (some(samples.remaining))
      panels.push({
        name: "Remaining",
        tS: samples.tS,
        height: 150,
        binary: true,
        series: [
          {
            name: "memory still to send",
            colour: "series-2",
            values: samples.remaining,
            format: bytes,
            fill: true,
          },
        ],
      });
    if (samples.throttle.some((v) => v !== null && v > 0)) {
      panels.push({
        name: "Throttle",
        tS: samples.tS,
        height: 110,
        full: [0, 100],
        series: [
          {
            name: "processors held back",
            colour: "series-3",
            values: samples.throttle,
            format: (v) => (v === null || v === undefined ? "–" : percent(v / 100)),
            fill: true,
          },
        ],
      });
    }
  }
  if (!panels.some((p) => p.name === "Remaining") && row.rounds.some((r) => r.leftBytes !== null)) {
    const rounds = row.rounds.filter((r) => r.durationS !== null);
    panels.push({
      name: "Remaining",
      tS: rounds.map((r) => r.startedS + r.durationS!),
      height: 150,
      binary: true,
      series: [
        {
          name: "left after each round",
          colour: "series-2",
          values: rounds.map((r) => r.leftBytes),
          format: bytes,
        },
      ],
    });
  }
  if (pings) {
    panels.push({
      name: "Pings",
      tS: pings.tS,
      height: 180,
      log: true,
      unanswered: pings.tS.filter((_, i) => pings.answerMs[i] === null),
      series: [
        {
          name: "time to the answer",
          colour: "series-0",
          values: pings.answerMs.map((v) => (v === null ? null : Math.max(v, 0.01))),
          format: milliseconds,
          dots: true,
        },
      ],
    });
  }
  return panels;
}

/** From the first to the last moment that any panel or boundary knows. */
function span(row: Row, panels: readonly Panel[]): [number, number] {
  const times = panels.flatMap((p) => (p.tS.length > 0 ? [p.tS[0]!, p.tS[p.tS.length - 1]!] : []));
  const ends = row.rounds.map((r) => r.startedS + (r.durationS ?? 0));
  const low = Math.min(0, ...times);
  const high = Math.max(row.totalTimeS ?? 0, ...times, ...ends);
  return [low, high > low ? high : low + 1];
}

/** A series' name in the readout, where the line is short. */
const briefly = (name: string): string =>
  name
    .replace(" by the guest", "")
    .replace("memory still to send", "remaining")
    .replace("processors held back", "throttle");

function drawPanels(body: HTMLElement, row: Row): void {
  const panels = panelsOf(row);
  const holders = [...body.querySelectorAll<HTMLElement>(".panels .plot")];
  if (holders.length === 0) return;
  const group = body.querySelector<HTMLElement>(".panels")!;
  const readout = body.querySelector<HTMLElement>(".readout")!;
  const [from, to] = span(row, panels);
  const gap = switchover(row);
  const sync = `timeline-${row.id}`;
  readout.textContent = summaryOf(gap);
  const last = panels.length - 1;
  const plots = panels.map((panel, i) =>
    drawPanel(holders[i]!, panel, row, gap, [from, to], i === 0, i === last, sync),
  );

  const read = (t: number | null) => {
    if (t === null) {
      readout.textContent = summaryOf(gap);
      return;
    }
    const round = [...row.rounds]
      .reverse()
      .find((r) => r.startedS <= t && (r.durationS === null || t <= r.startedS + r.durationS));
    const parts = panels.flatMap((p) => {
      const at = nearest(p.tS, t);
      return p.series.map(
        (s) =>
          `${s.dots ? "ping" : briefly(s.name)} ` +
          (s.dots && s.values[at] === null ? "never answered" : s.format(s.values[at])),
      );
    });
    readout.replaceChildren(
      h("b", {}, `t = ${seconds(t)}`),
      round?.number != null ? ` · round ${count(round.number)}` : "",
      ` · ${parts.join(" · ")}`,
    );
  };
  for (const plot of plots) {
    plot.over.addEventListener("mousemove", () =>
      read(
        plot.cursor.left !== undefined && plot.cursor.left >= 0
          ? plot.posToVal(plot.cursor.left, "x")
          : null,
      ),
    );
    plot.over.addEventListener("mouseleave", () => read(null));
  }
  group.onkeydown = (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const first = plots[0]!;
    if (step) {
      const width = first.over.clientWidth;
      const at =
        first.cursor.left !== undefined && first.cursor.left >= 0 ? first.cursor.left : width / 2;
      const left = Math.max(
        0,
        Math.min(width - 1, at + step * Math.max(1, width / (event.shiftKey ? 20 : 200))),
      );
      for (const plot of plots) plot.setCursor({ left, top: 10 }, false);
      read(first.posToVal(left, "x"));
    } else if (!zoomKeys(() => plots, event)) return;
    event.preventDefault();
  };
  group.ondblclick = () => plots.forEach(showAll);
}

function summaryOf(gap: Gap | null): string {
  if (!gap) return "Point at a plot to read it out.";
  const length = milliseconds((gap.endS - gap.startS) * 1000);
  return gap.source === "pings"
    ? `Shaded: no answer arrived for ${length}.`
    : `Shaded: the switchover, ${length}, placed at the end (there were no pings).`;
}

export function nearest(times: readonly number[], t: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! < t) low = middle + 1;
    else high = middle;
  }
  return low > 0 && t - times[low - 1]! < times[low]! - t ? low - 1 : low;
}

const STRIP = 12; // CSS pixels, for pings that nobody answered

function drawPanel(
  holder: HTMLElement,
  panel: Panel,
  row: Row,
  gap: Gap | null,
  [from, to]: [number, number],
  first: boolean,
  last: boolean,
  sync: string,
): uPlot {
  const known = panel.series.flatMap((s) => s.values.filter((v): v is number => v !== null));
  const { least: lowest, greatest } = ends(known);
  const most = Math.max(greatest, panel.log ? 1 : 0) || 1;
  const least = panel.log ? Math.min(lowest, 1) : 0;
  const full =
    panel.full ??
    (panel.log ? [least / 1.3, most * (panel.unanswered?.length ? 4 : 1.6)] : [0, most * 1.08]);
  const tick = panel.series[0]!.format;

  const under = (plot: uPlot) => {
    const { ctx, bbox } = plot;
    if (!gap) return;
    const [a, b] = [plot.valToPos(gap.startS, "x", true), plot.valToPos(gap.endS, "x", true)];
    const left = Math.max(bbox.left, a);
    const right = Math.min(bbox.left + bbox.width, Math.max(b, a + 2 * devicePixelRatio));
    if (right <= left) return;
    ctx.fillStyle = colour("gap");
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
  };
  const over = (plot: uPlot) => {
    const { ctx, bbox } = plot;
    const px = devicePixelRatio;
    const inside = (x: number) => x >= bbox.left - 0.5 && x <= bbox.left + bbox.width + 0.5;
    const line = (t: number, dash: number[], strong: boolean) => {
      const x = Math.round(plot.valToPos(t, "x", true)) + 0.5;
      if (!inside(x)) return null;
      ctx.beginPath();
      ctx.setLineDash(dash.map((d) => d * px));
      ctx.strokeStyle = colour(strong ? "ink" : "faint");
      ctx.lineWidth = px;
      ctx.globalAlpha = strong ? 0.8 : 0.45;
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.globalAlpha = 1;
      return x;
    };
    ctx.save();
    ctx.font = FONT.replace("12px", `${11 * px}px`);
    ctx.textBaseline = "bottom";
    ctx.textAlign = "left";
    ctx.fillStyle = colour("faint");
    let free = -Infinity;
    for (const round of row.rounds) {
      const x = line(round.startedS, [2, 3], false);
      if (!first || x === null || round.number === null || x < free) continue;
      const label = free === -Infinity ? `round ${count(round.number)}` : count(round.number);
      ctx.fillText(label, x, bbox.top - 3 * px);
      free = x + ctx.measureText(label).width + 8 * px;
    }
    if (row.totalTimeS !== null) {
      const x = line(row.totalTimeS, [], true);
      if (first && x !== null && x + 4 * px > free) {
        ctx.textAlign = "right";
        ctx.fillText("end", Math.max(x, free + 20 * px), bbox.top - 3 * px);
      }
    }
    ctx.fillStyle = colour("alarm");
    let drawn = -1;
    for (const t of panel.unanswered ?? []) {
      const x = Math.round(plot.valToPos(t, "x", true));
      if (x === drawn || !inside(x)) continue;
      drawn = x;
      ctx.fillRect(x - 0.5 * px, bbox.top + 2 * px, 1.5 * px, STRIP * px);
    }
    ctx.restore();
  };
  const padded = [from, ...panel.tS, to];
  const data: uPlot.AlignedData = [padded, ...panel.series.map((s) => [null, ...s.values, null])];
  return draw(
    holder,
    {
      scales: {
        x: { time: false, range: (_, min, max) => [min ?? from, max ?? to] },
        y: { distr: panel.log ? 3 : 1, range: () => full as [number, number] },
      },
      series: [
        {},
        ...panel.series.map(
          (s): uPlot.Series => ({
            scale: "y",
            stroke: () => colour(s.colour),
            width: s.dots ? 0 : 1.75,
            ...(s.fill
              ? { fill: () => `color-mix(in srgb, ${colour(s.colour)} 16%, transparent)` }
              : {}),
            ...(s.dots
              ? {
                  paths: () => null,
                  points: { show: true, size: 3, width: 0, fill: () => colour(s.colour) },
                }
              : { points: { show: false } }),
          }),
        ),
      ],
      axes: [
        axis({
          scale: "x",
          values: (_, ticks) => ticks.map((t) => seconds(t)),
          size: 24,
          ...(last ? { label: "since the migration's start" } : {}),
          space: 70,
        }),
        axis({
          scale: "y",
          values: (_, ticks) => ticks.map((t) => (t === null ? "" : tick(t))),
          size: 74,
          space: 34,
          ...(panel.log
            ? {
                splits: (plot: uPlot, _: number, min: number, max: number) =>
                  logTicks(min, max, false, plot.height / 34),
                filter: (_: uPlot, ticks: number[]) => ticks,
              }
            : {}),
          ...(panel.binary ? { incrs: BINARY_STEPS } : {}),
        }),
      ],
      padding: [first ? 20 : 8, 14, 0, 0],
      cursor: {
        sync: { key: sync, scales: ["x", null] },
        drag: { x: true, y: false, setScale: true },
        y: false,
        points: { show: !panel.log, size: 7 },
      },
      hooks: { drawAxes: [under], draw: [over] },
    },
    data,
    () => panel.height + (last ? 20 : 0),
  );
}

function facts(row: Row): HTMLElement {
  const predictedOf = (m: Metric): Node | string => {
    const p = m.predicted(row);
    if (!p) return "";
    const actual = m.of(row);
    const bounded = p.p05 !== null && p.p95 !== null;
    if (!bounded) return h("small", {}, ` predicted ${m.format(p.p50)}`);
    const inside = actual !== null && actual >= p.p05! && actual <= p.p95!;
    const verdict = actual === null ? "" : inside ? ", as it was" : ", it was outside";
    const interval = `${m.format(p.p05)} – ${m.format(p.p95)}`;
    return h("small", {}, ` predicted ${m.format(p.p50)} (${interval}${verdict})`);
  };
  const measured: [string, string, Node | string][] = [
    TOTAL,
    ...DOWNTIMES,
    BYTES,
    WIRE,
    SLOWDOWN,
  ].map((m) => [m.name, m.format(m.of(row)), predictedOf(m)]);
  const { network: n, hostCpuS: cpu } = row;
  const phases = (
    { before, during, after }: Row["network"]["httpP50Ms"],
    format: (v: Maybe<number>) => string,
  ) => {
    const all = [before, during, after];
    return all.some((v) => v !== null) ? all.map(format).join(" → ") : "–";
  };
  const others: [string, string, string][] = [
    ["Guest's longest gap", milliseconds(row.guest.longestGapMs), ""],
    ["Longest TCP gap", milliseconds(n.tcpGapMs), ""],
    ["UDP messages lost", count(n.udpLost), ""],
    ["UDP messages out of order", count(n.udpOutOfOrder), ""],
    ["HTTP median", phases(n.httpP50Ms, milliseconds), " before, during, after"],
    ["HTTP 99th percentile", phases(n.httpP99Ms, milliseconds), " before, during, after"],
    ["HTTP requests failed", phases(n.httpFailed, count), " before, during, after"],
    ["Client's trouble", n.trouble || "–", ""],
    [
      "Host's processor",
      cpu.source === null && cpu.destination === null
        ? "–"
        : `${seconds(cpu.source)} + ${seconds(cpu.destination)}`,
      " source, destination",
    ],
    ["Rounds", row.rounds.length ? count(row.rounds.length) : "–", ""],
  ];
  return h(
    "dl",
    { class: "facts measured" },
    ...[...measured, ...others.filter(([, value]) => value !== "–")].map(([name, value, more]) =>
      h(
        "div",
        {},
        h("dt", {}, name),
        h("dd", {}, value, typeof more === "string" ? h("small", {}, more) : more),
      ),
    ),
  );
}
