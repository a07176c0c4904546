// What is measured, in one place: name, unit, where it stands in a row and in its prediction.
// The three kinds of downtime are three metrics: they are never mixed.

import type { Interval, Maybe, Row } from "./data";
import { bytes, milliseconds, percent, seconds } from "./units";

export interface Metric {
  key: string;
  name: string;
  short: string;
  about: string;
  format: (value: Maybe<number> | undefined) => string;
  of: (row: Row) => Maybe<number>;
  predicted: (row: Row) => Maybe<Interval>;
}

const notPredicted = (): null => null;

export const TOTAL: Metric = {
  key: "total",
  name: "Total time",
  short: "Total time",
  about: "from the command to the end at the source",
  format: seconds,
  of: (row) => row.totalTimeS,
  predicted: (row) => row.predicted?.totalTimeS ?? null,
};
export const QEMU: Metric = {
  key: "qemu",
  name: "Downtime (QEMU)",
  short: "QEMU",
  about: "downtime as QEMU reports it",
  format: milliseconds,
  of: (row) => row.downtimeMs.qemu,
  predicted: (row) => row.predicted?.downtimeMs.qemu ?? null,
};
export const EVENTS: Metric = {
  key: "events",
  name: "Downtime (events)",
  short: "Events",
  about: "downtime from STOP at the source to RESUME at the destination",
  format: milliseconds,
  of: (row) => row.downtimeMs.events,
  predicted: (row) => row.predicted?.downtimeMs.events ?? null,
};
export const PROBE: Metric = {
  key: "probe",
  name: "Downtime (client)",
  short: "Client",
  about: "longest gap that a pinging client saw, less its usual gap",
  format: milliseconds,
  of: (row) => row.downtimeMs.probe,
  predicted: (row) => row.predicted?.downtimeMs.probe ?? null,
};
export const BYTES: Metric = {
  key: "bytes",
  name: "Transferred",
  short: "Transferred",
  about: "bytes sent, as QEMU counts them",
  format: bytes,
  of: (row) => row.transferred.qemu,
  predicted: (row) => row.predicted?.transferred ?? null,
};
export const WIRE: Metric = {
  key: "wire",
  name: "On the wire",
  short: "Wire",
  about: "bytes by the interface's counters",
  format: bytes,
  of: (row) => row.transferred.wire,
  predicted: notPredicted,
};
export const SLOWDOWN: Metric = {
  key: "slowdown",
  name: "Work lost",
  short: "Work lost",
  about: "share of the guest's work lost while it migrated, against its pace before",
  format: percent,
  of: (row) => row.guest.slowdown,
  predicted: notPredicted,
};

export const DOWNTIMES: readonly Metric[] = [QEMU, EVENTS, PROBE];
export const PLOTTED: readonly Metric[] = [TOTAL, ...DOWNTIMES, BYTES, WIRE];
export const PREDICTED: readonly Metric[] = [TOTAL, ...DOWNTIMES, BYTES];

export const completed = (row: Row): boolean => row.status === "completed";
