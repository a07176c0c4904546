// What all plots have in common: uPlot's axes in the page's colours. Plots are drawn anew when
// the window, the theme or the paper changes.

import uPlot from "uplot";
import { colour } from "./theme";

export const FONT = "12px system-ui, sans-serif";
const PAPER_WIDTH = 680; // CSS pixels of A4 between its margins

interface Live {
  holder: HTMLElement;
  plot: uPlot;
  height: (width: number) => number;
}
const live = new Set<Live>();
let onPaper = false;

const widthOf = (holder: HTMLElement): number =>
  onPaper ? PAPER_WIDTH : Math.max(240, holder.clientWidth);

function fit({ holder, plot, height }: Live): void {
  const width = widthOf(holder);
  if (plot.width !== width) plot.setSize({ width, height: height(width) });
  else plot.redraw(true, true);
}

const forget = (): void =>
  live.forEach((l) => {
    if (!l.holder.isConnected) {
      l.plot.destroy();
      live.delete(l);
    }
  });

/** Draws the plots anew in the colours and for the width that hold now. */
export function refit(): void {
  forget();
  live.forEach(fit);
}

export function watchWindow(): void {
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return; // a phone's address bar comes and goes
    width = window.innerWidth;
    refit();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refit);
  const paper = (is: boolean) => () => {
    onPaper = is;
    document.documentElement.classList.toggle("printing", is);
    refit();
  };
  window.addEventListener("beforeprint", paper(true));
  window.addEventListener("afterprint", paper(false));
}

export const axis = (over: Partial<uPlot.Axis>): uPlot.Axis => ({
  stroke: () => colour("faint"),
  grid: { stroke: () => colour("grid"), width: 1 },
  ticks: { stroke: () => colour("grid"), width: 1, size: 5 },
  font: FONT,
  labelFont: FONT,
  labelSize: 18,
  labelGap: 2,
  gap: 4,
  ...over,
});

/** Steps for axes of sizes: powers of two. */
export const BINARY_STEPS = Array.from({ length: 50 }, (_, i) => 2 ** i);

/** Makes the plot in its holder, whose height is kept free from the beginning, so that nothing moves. */
export function draw(
  holder: HTMLElement,
  options: Omit<uPlot.Options, "width" | "height">,
  data: uPlot.AlignedData,
  height: (width: number) => number,
): uPlot {
  forget();
  const width = widthOf(holder);
  holder.style.minHeight = `${height(width)}px`;
  holder.replaceChildren();
  const plot = new uPlot(
    { ...options, legend: { show: false }, width, height: height(width) },
    data,
    holder,
  );
  live.add({ holder, plot, height });
  return plot;
}

/** Round values for a logarithmic axis: 1-2-5, or powers of two for sizes; thinned out when there are many. */
export function logTicks(min: number, max: number, binary: boolean, most: number): number[] {
  const steps: [number, number[]][] = binary
    ? [
        [2, [1]],
        [4, [1]],
        [16, [1]],
        [256, [1]],
      ]
    : [
        [10, [1, 2, 5]],
        [10, [1, 3]],
        [10, [1]],
        [100, [1]],
      ];
  let ticks: number[] = [];
  for (const [base, within] of steps) {
    ticks = [];
    for (let p = Math.floor(Math.log(min) / Math.log(base)); base ** p <= max; p++)
      for (const w of within)
        if (w * base ** p >= min * 0.999 && w * base ** p <= max * 1.001) ticks.push(w * base ** p);
    if (ticks.length <= most) break;
  }
  return ticks;
}

/** Keyboard: + and - zoom around the middle, Escape or 0 shows everything. */
export function zoomKeys(plots: () => uPlot[], event: KeyboardEvent): boolean {
  const factor = event.key === "+" || event.key === "=" ? 0.5 : event.key === "-" ? 2 : 0;
  if (factor) {
    for (const plot of plots()) {
      const { min, max } = plot.scales.x!;
      if (min === undefined || max === undefined) continue;
      const middle =
        plot.cursor.left !== undefined && plot.cursor.left >= 0
          ? plot.posToVal(plot.cursor.left, "x")
          : null;
      const width = plot.over.clientWidth;
      const at = middle === null ? width / 2 : plot.valToPos(middle, "x");
      const low = plot.posToVal(at - at * factor, "x");
      const high = plot.posToVal(at + (width - at) * factor, "x");
      const [first, last] = [plot.data[0][0]!, plot.data[0][plot.data[0].length - 1]!];
      plot.setScale("x", { min: Math.max(first, low), max: Math.min(last, high) });
    }
    return true;
  }
  if (event.key === "0" || event.key === "Escape") {
    plots().forEach(showAll);
    return true;
  }
  return false;
}

export function showAll(plot: uPlot): void {
  plot.setData(plot.data, true);
}
