// Where in a migration the guest answered nobody.

import { switchesEarly } from "./cells";
import type { Pings, Row } from "./data";

export interface Gap {
  startS: number;
  endS: number;
  source: "pings" | "end";
}

/**
 * The longest time without an answer arriving, from the pings sent every so often. Answers that come late in
 * a burst end it when they arrive, not when they were asked for. Without an answer after it, the gap is open
 * and none is reported: the probe may just have stopped.
 */
export function longestSilence(pings: Pings): { startS: number; endS: number } | null {
  const arrivals = pings.tS
    .flatMap((t, i) =>
      pings.answerMs[i] === null || pings.answerMs[i] === undefined
        ? []
        : [t + pings.answerMs[i] / 1000],
    )
    .sort((a, b) => a - b);
  let longest: { startS: number; endS: number } | null = null;
  for (let i = 1; i < arrivals.length; i++) {
    const gap = { startS: arrivals[i - 1]!, endS: arrivals[i]! };
    if (!longest || gap.endS - gap.startS > longest.endS - longest.startS) longest = gap;
  }
  return longest;
}

/**
 * The switchover's gap: by the pings where there are any; else, where the switchover is what ends the
 * migration, the last moments of it. Post-copy switches over early, nobody knows when without pings.
 */
export function switchover(row: Row): Gap | null {
  if (row.status !== "completed") return null;
  const silence = row.pings && longestSilence(row.pings);
  if (silence) return { ...silence, source: "pings" };
  const lasted = row.downtimeMs.events ?? row.downtimeMs.qemu;
  if (switchesEarly(row.cell.technique) || lasted === null || row.totalTimeS === null) return null;
  return {
    startS: Math.max(0, row.totalTimeS - lasted / 1000),
    endS: row.totalTimeS,
    source: "end",
  };
}
