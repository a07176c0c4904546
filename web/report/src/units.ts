// Numbers for people, always with their unit; and back, for the values that a suite sweeps.

export const NOTHING = "–";

const plain = (value: number, digits: number): string => {
  const decimals =
    value === 0 ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value))));
  const fixed = value.toFixed(Math.min(decimals, 6));
  return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
};

function scaled(value: number, step: number, names: readonly string[]): string {
  let i = 0;
  let v = Math.abs(value);
  while (v >= step * 0.9995 && i < names.length - 1) {
    v /= step;
    i++;
  }
  return `${value < 0 ? "−" : ""}${plain(v, 3)} ${names[i]}`;
}

type Formatted = number | null | undefined;
const orNothing =
  (format: (value: number) => string) =>
  (value: Formatted): string =>
    value === null || value === undefined || !Number.isFinite(value) ? NOTHING : format(value);

export const bytes = orNothing((v) => scaled(v, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]));
export const rate = orNothing((v) => scaled(v, 1000, ["B/s", "kB/s", "MB/s", "GB/s"]));
export const percent = orNothing((v) => `${plain(v * 100, Math.abs(v) >= 0.1 ? 3 : 2)} %`);
export const count = orNothing((v) => plain(v, 15));
export const times = orNothing((v) => `${plain(v, 3)} ×`);

export const seconds = orNothing((v) => {
  const magnitude = Math.abs(v);
  if (magnitude >= 119.5) {
    const whole = Math.round(magnitude);
    return `${v < 0 ? "−" : ""}${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  if (magnitude >= 0.9995 || v === 0) return `${plain(v, 3)} s`.replace("-", "−");
  if (magnitude >= 0.0009995) return `${plain(v * 1e3, 3)} ms`.replace("-", "−");
  return `${plain(v * 1e6, 3)} µs`.replace("-", "−");
});
export const milliseconds = orNothing((v) => (v === 0 ? "0 ms" : seconds(v / 1000)));

export function moment(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime())
    ? iso
    : `${time.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** What a quantity measures; "" for a bare number. */
export type Dimension = "bytes" | "rate" | "time" | "share" | "";
export interface Quantity {
  value: number;
  dimension: Dimension;
}

const UNITS: Record<string, [number, Dimension]> = {
  "": [1, ""],
  "%": [0.01, "share"],
  us: [1e-6, "time"],
  ms: [1e-3, "time"],
  s: [1, "time"],
  min: [60, "time"],
  h: [3600, "time"],
  B: [1, "bytes"],
  kB: [1e3, "bytes"],
  KB: [1e3, "bytes"],
  MB: [1e6, "bytes"],
  GB: [1e9, "bytes"],
  TB: [1e12, "bytes"],
  KiB: [2 ** 10, "bytes"],
  MiB: [2 ** 20, "bytes"],
  GiB: [2 ** 30, "bytes"],
  TiB: [2 ** 40, "bytes"],
  bit: [1 / 8, "bytes"],
  kbit: [1e3 / 8, "bytes"],
  Mbit: [1e6 / 8, "bytes"],
  Gbit: [1e9 / 8, "bytes"],
};

/** "64MiB", "400Mbit/s", "300 ms", "0.5", "20%". null: no such quantity. */
export function quantity(text: string): Quantity | null {
  const match = /^\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([A-Za-z%]*)(\/s)?\s*$/.exec(text);
  if (!match) return null;
  const unit = UNITS[match[2]!];
  if (!unit) return null;
  const value = Number(match[1]) * unit[0];
  if (!match[3]) return { value, dimension: unit[1] };
  return unit[1] === "bytes" ? { value, dimension: "rate" } : null;
}

export const inDimension: Record<Dimension, (value: Formatted) => string> = {
  bytes,
  rate,
  time: seconds,
  share: percent,
  "": count,
};
