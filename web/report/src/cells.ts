// Which rows are repeats of one another, and what all of them share.

import type { Cell, Maybe, Row, Status } from "./data";
import { groupBy } from "./stats";
import { bytes, milliseconds, rate } from "./units";

/** One cell of the suite: everything but the repeat. */
export interface Repeats {
  key: string;
  cell: Cell;
  rows: Row[];
}

export const sweepText = (sweep: Record<string, string>): string =>
  Object.keys(sweep)
    .sort()
    .map((key) => `${key} ${sweep[key]}`)
    .join(", ");

const identity = (cell: Cell): string =>
  JSON.stringify([
    cell.load,
    cell.technique,
    cell.link,
    cell.ram,
    cell.downtimeLimitMs,
    cell.pings,
    cell.law,
    cell.intent,
    cell.relay,
    sweepText(cell.sweep),
  ]);

/** The rows by cell; within one, by repeat. */
export function repeats(rows: readonly Row[]): Repeats[] {
  return [...groupBy(rows, (row) => identity(row.cell))].map(([key, group]) => ({
    key,
    cell: group[0]!.cell,
    rows: [...group].sort((a, b) => (a.cell.repeat ?? 0) - (b.cell.repeat ?? 0) || a.id - b.id),
  }));
}

export function countByStatus(rows: readonly Row[]): Map<Status, number> {
  const counts = new Map<Status, number>();
  for (const row of rows) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
  return counts;
}

/** A setting beside load and technique. */
export interface Setting {
  key: string;
  name: string;
  of: (cell: Cell) => string;
  /** Not worth stating where all rows share it. */
  usual?: string;
}

const orUnknown =
  (format: (v: Maybe<number>) => string) =>
  (v: Maybe<number>): string =>
    v === null ? "unknown" : format(v);
export const SETTINGS: readonly Setting[] = [
  { key: "link", name: "Link", of: (cell) => orUnknown(rate)(cell.link) },
  { key: "ram", name: "RAM", of: (cell) => orUnknown(bytes)(cell.ram) },
  {
    key: "limit",
    name: "Downtime limit",
    of: (cell) => orUnknown(milliseconds)(cell.downtimeLimitMs),
  },
  {
    key: "pings",
    name: "Pings",
    of: (cell) => (cell.pings === null ? "unknown" : cell.pings ? "on" : "off"),
  },
  { key: "law", name: "Law", of: (cell) => cell.law, usual: "none" },
  { key: "intent", name: "Intent", of: (cell) => cell.intent, usual: "none" },
  { key: "relay", name: "Relay", of: (cell) => (cell.relay ? "on" : "off"), usual: "off" },
];

/** Its name within a sentence. */
export const inText = ({ name }: Setting): string =>
  name === name.toUpperCase() ? name : name.toLowerCase();

export const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** The settings that differ between rows, and those that all share. */
export function settings(rows: readonly Row[]): { varying: Setting[]; shared: Setting[] } {
  const varies = (s: Setting) => distinct(rows.map((row) => s.of(row.cell))).length > 1;
  const isUsual = (s: Setting) => rows.every((row) => s.of(row.cell) === s.usual);
  return {
    varying: SETTINGS.filter(varies),
    shared: SETTINGS.filter((s) => !varies(s) && !isUsual(s)),
  };
}

/** A technique's name is words joined by "+", in which its ending may stand anywhere. */
const hasWord = (technique: string, word: RegExp): boolean =>
  technique.split("+").some((one) => word.test(one));

export const isCold = (technique: string): boolean => hasWord(technique, /^(stop-and-copy|cold)/);

/** The guest runs at the destination before all of it is there, or only after all of it is. */
export const switchesEarly = (technique: string): boolean =>
  isCold(technique) || hasWord(technique, /^(postcopy|hybrid)/);

/** The techniques in the order of cli.md, unknown ones after them by name, cold ones last. */
export function techniquesOf(rows: readonly Row[]): string[] {
  const known = [
    "precopy",
    "auto-converge",
    "xbzrle",
    "compress",
    "multifd",
    "multifd-zlib",
    "multifd-zstd",
    "postcopy",
    "hybrid",
  ];
  const rank = (t: string) => {
    const i = known.indexOf(t.replace(/\+storage$/, ""));
    return (i < 0 ? known.length : i) + (isCold(t) ? 100 : 0) + (t.endsWith("+storage") ? 0.5 : 0);
  };
  return distinct(rows.map((row) => row.cell.technique)).sort(
    (a, b) => rank(a) - rank(b) || a.localeCompare(b),
  );
}
