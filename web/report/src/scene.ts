// A plot of marks at places (lines, bands, points) for what is no time series: sweeps, scatter, CDFs.
// uPlot gives axes and zoom; the marks are drawn here, and the nearest is read out.

import type uPlot from "uplot";
import { h } from "./dom";
import { axis, BINARY_STEPS, draw, FONT, logTicks, showAll, zoomKeys } from "./frame";
import { ends } from "./stats";
import { colour, outline, seriesColour, seriesDash, seriesShape } from "./theme";

export interface Line {
  points: readonly (readonly [number, number])[];
  series: number | null;
  dashed?: boolean;
  thin?: boolean;
}
export interface Band {
  points: readonly (readonly [x: number, low: number, high: number])[];
  series: number;
}
/** y "top": in the strip for what has no value. A dot without a mark is only read out. */
export interface Dot {
  x: number;
  y: number | "top";
  series: number;
  text: string;
  size?: number;
  hollow?: boolean;
  silent?: boolean;
  pick?: () => void;
}

export interface Direction {
  label: string;
  log: boolean;
  tick: (value: number) => string;
  binary?: boolean;
  /** Only these are labelled (as far as there is room). */
  ticks?: readonly number[];
  min: number;
  max: number;
}

export interface Scene {
  name: string;
  x: Direction;
  y: Direction;
  /** What the strip at the top holds; absent: no strip. */
  top?: string | null;
  lines?: readonly Line[];
  bands?: readonly Band[];
  dots: readonly Dot[];
  height?: (width: number) => number;
}

const STRIP = 36; // CSS pixels: its name, and the dots below it
const NEAR = 28;

const height = (width: number): number => Math.round(Math.min(380, Math.max(260, width * 0.42)));

/** The extent of values with some air; null if there are none. */
export function extent(
  values: readonly number[],
  log: boolean,
  from?: number,
): { min: number; max: number } | null {
  if (values.length === 0) return null;
  const { least, greatest } = ends(values);
  let min = Math.min(from ?? Infinity, least);
  let max = greatest;
  if (log) {
    const air = Math.max(1.15, (max / min) ** 0.05);
    return { min: min / air, max: max * air };
  }
  const air = (max - min || Math.abs(max) || 1) * 0.06;
  if (from === undefined || min < from) min -= air;
  max += air;
  return { min, max };
}

function scale(d: Direction): uPlot.Scale {
  return {
    time: false,
    auto: true,
    distr: d.log ? 3 : 1,
    log: d.binary ? 2 : 10,
    range: (_, min, max) => [min ?? d.min, max ?? d.max],
  };
}

function axisOf(d: Direction, room: number, over: Partial<uPlot.Axis>): uPlot.Axis {
  const fitting = (plot: uPlot, key: string, ticks: readonly number[]): number[] => {
    let last = -Infinity;
    return [...ticks].filter((t) => {
      const at = plot.valToPos(t, key);
      const free = Math.abs(at - last) >= room;
      if (free) last = at;
      return free;
    });
  };
  const ours = d.ticks || d.log;
  return axis({
    label: d.label,
    scale: over.scale ?? "x",
    values: (_, ticks) => ticks.map((t) => (t <= d.max * 1.0001 ? d.tick(t) : "")), // none beside the strip
    ...(ours
      ? {
          splits: (plot: uPlot, _: number, min: number, max: number) => {
            const key = over.scale ?? "x";
            const size =
              key === "x"
                ? plot.over.clientWidth || plot.width
                : plot.over.clientHeight || plot.height;
            const ticks =
              d.ticks ?? logTicks(min, max, d.binary ?? false, Math.max(3, size / room));
            return fitting(
              plot,
              key,
              ticks.filter((t) => t >= min && t <= max),
            );
          },
          filter: (_: uPlot, ticks: number[]) => ticks,
        }
      : d.binary
        ? { incrs: BINARY_STEPS }
        : {}),
    ...over,
  });
}

export function scene(holder: HTMLElement, s: Scene): void {
  const tip = h("div", { class: "tip", hidden: true, role: "status" });
  const dots = s.dots;
  let current = -1;

  const stripOnTop = s.top ? 1 : 0;
  const yFull = (): [number, number] => {
    if (!stripOnTop) return [s.y.min, s.y.max];
    const share = 1 / (1 - STRIP / (height(holder.clientWidth) - 60)); // room for the strip above the values
    return s.y.log
      ? [s.y.min, s.y.min * (s.y.max / s.y.min) ** share]
      : [s.y.min, s.y.min + (s.y.max - s.y.min) * share];
  };
  const place = (plot: uPlot, dot: Dot, canvas: boolean): [number, number] => {
    const ratio = canvas ? devicePixelRatio : 1;
    const y =
      dot.y === "top"
        ? (canvas ? plot.bbox.top : 0) + (STRIP - 12) * ratio
        : plot.valToPos(dot.y, "y", canvas);
    return [plot.valToPos(dot.x, "x", canvas), y];
  };

  const paint = (plot: uPlot) => {
    const { ctx, bbox } = plot;
    const px = devicePixelRatio;
    const X = (v: number) => plot.valToPos(v, "x", true);
    const Y = (v: number) => plot.valToPos(v, "y", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (s.top) {
      ctx.fillStyle = colour("gap");
      ctx.fillRect(bbox.left, bbox.top, bbox.width, STRIP * px);
      ctx.fillStyle = colour("alarm");
      ctx.font = FONT.replace("12px", `${11 * px}px`);
      ctx.textBaseline = "middle";
      ctx.textAlign = "left";
      ctx.fillText(s.top, bbox.left + 6 * px, bbox.top + 9 * px);
    }
    for (const band of s.bands ?? []) {
      ctx.beginPath();
      // the first lineTo of an empty path is a moveTo
      for (const [x, low] of band.points) ctx.lineTo(X(x), Y(low));
      for (const [x, , high] of [...band.points].reverse()) ctx.lineTo(X(x), Y(high));
      ctx.closePath();
      ctx.globalAlpha = 0.16;
      ctx.fillStyle = seriesColour(band.series);
      ctx.fill();
      ctx.globalAlpha = 1;
    }
    for (const line of s.lines ?? []) {
      ctx.beginPath();
      for (const [x, y] of line.points) ctx.lineTo(X(x), Y(y));
      ctx.strokeStyle = line.series === null ? colour("faint") : seriesColour(line.series);
      ctx.lineWidth = (line.thin ? 1 : 2) * px;
      ctx.setLineDash(
        (line.dashed ? [5, 5] : line.series === null ? [] : seriesDash(line.series)).map(
          (d) => d * px,
        ),
      );
      ctx.lineJoin = "round";
      ctx.stroke();
    }
    ctx.setLineDash([]);
    dots.forEach((dot, i) => {
      if (dot.silent && i !== current) return;
      const [x, y] = place(plot, dot, true);
      const path = outline(
        seriesShape(dot.series),
        x,
        y,
        (dot.size ?? 4) * px * (i === current ? 1.5 : 1),
      );
      ctx.lineWidth = 1.5 * px;
      ctx.globalAlpha = dot.hollow ? 0.75 : 1;
      ctx.strokeStyle = dot.hollow ? seriesColour(dot.series) : colour("paper");
      ctx.fillStyle = dot.hollow && i !== current ? "transparent" : seriesColour(dot.series);
      ctx.fill(path);
      ctx.stroke(path);
      ctx.globalAlpha = 1;
    });
    ctx.restore();
  };

  const plot = draw(
    holder,
    {
      series: [{}, { show: true, scale: "y", paths: () => null, points: { show: false } }],
      scales: { x: scale(s.x), y: { ...scale(s.y), range: yFull } },
      axes: [axisOf(s.x, 74, { scale: "x", size: 34 }), axisOf(s.y, 26, { scale: "y", size: 70 })],
      padding: [8, 14, 0, 0],
      cursor: {
        drag: { x: true, y: true, uni: 24, setScale: true },
        points: { show: false },
        x: false,
        y: false,
      },
      hooks: { draw: [paint] },
    },
    [
      [s.x.min, s.x.max],
      [s.y.min, s.y.max],
    ],
    s.height ?? height,
  );

  const read = (i: number) => {
    if (i === current) return;
    current = i;
    plot.redraw(false, false);
    const dot = dots[i];
    tip.hidden = !dot;
    plot.over.style.cursor = dot?.pick ? "pointer" : "";
    if (!dot) return;
    const [x, y] = place(plot, dot, false);
    tip.textContent = dot.text;
    const left = x > plot.over.clientWidth / 2;
    tip.style.left = left ? "" : `${x + 12}px`;
    tip.style.right = left ? `${plot.over.clientWidth - x + 12}px` : "";
    const below = y < plot.over.clientHeight / 2;
    tip.style.top = below ? `${y + 10}px` : "";
    tip.style.bottom = below ? "" : `${plot.over.clientHeight - y + 10}px`;
  };
  const visible = (i: number): boolean => {
    const [x, y] = place(plot, dots[i]!, false);
    return x >= -1 && y >= -1 && x <= plot.over.clientWidth + 1 && y <= plot.over.clientHeight + 1;
  };
  plot.over.append(tip);
  plot.over.addEventListener("mousemove", (event) => {
    const box = plot.over.getBoundingClientRect();
    let nearest = -1;
    let least = NEAR;
    dots.forEach((dot, i) => {
      const [x, y] = place(plot, dot, false);
      const distance = Math.hypot(x - (event.clientX - box.left), y - (event.clientY - box.top));
      if (distance < least) [nearest, least] = [i, distance];
    });
    read(nearest);
  });
  plot.over.addEventListener("mouseleave", () => read(-1));
  let down: [number, number] = [0, 0];
  plot.over.addEventListener("mousedown", (event) => {
    down = [event.clientX, event.clientY];
  });
  plot.over.addEventListener("click", (event) => {
    if (Math.hypot(event.clientX - down[0], event.clientY - down[1]) < 4) dots[current]?.pick?.();
  });

  holder.tabIndex = 0;
  holder.setAttribute("role", "group");
  holder.setAttribute("aria-roledescription", "plot");
  holder.setAttribute(
    "aria-label",
    `${s.name}. Arrow keys read the points out, plus and minus zoom, Escape shows everything.`,
  );
  holder.onblur = () => read(-1);
  holder.onkeydown = (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const shown = step ? dots.map((_, i) => i).filter(visible) : [];
    if (shown.length > 0) {
      const at = shown.indexOf(current);
      read(
        shown[
          at < 0 ? (step > 0 ? 0 : shown.length - 1) : (at + step + shown.length) % shown.length
        ]!,
      );
    } else if (event.key === "Enter") dots[current]?.pick?.();
    else if (!zoomKeys(() => [plot], event)) return;
    event.preventDefault();
  };
  plot.over.addEventListener("dblclick", () => showAll(plot));
}
