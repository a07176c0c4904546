// The data that `godwit bench report` puts into the page (web/README.md), read with suspicion: what is
// missing or of the wrong type becomes null, never 0, and what cannot be read at all is said.

export type Maybe<T> = T | null;
export type Status = "completed" | "did_not_converge" | "cancelled" | "failed" | "broken";
export const STATUSES: readonly Status[] = [
  "completed",
  "did_not_converge",
  "cancelled",
  "failed",
  "broken",
];

export interface Downtime {
  qemu: Maybe<number>;
  events: Maybe<number>;
  probe: Maybe<number>;
}
export interface Interval {
  p05: Maybe<number>;
  p50: number;
  p95: Maybe<number>;
}
export interface Phases {
  before: Maybe<number>;
  during: Maybe<number>;
  after: Maybe<number>;
}
export interface Round {
  number: Maybe<number>;
  startedS: number;
  durationS: Maybe<number>;
  sentBytes: Maybe<number>;
  leftBytes: Maybe<number>;
}
export interface Samples {
  tS: number[];
  sent: Maybe<number>[];
  dirtied: Maybe<number>[];
  remaining: Maybe<number>[];
  throttle: Maybe<number>[];
}
/** answerMs null: never answered. */
export interface Pings {
  tS: number[];
  answerMs: Maybe<number>[];
}

export interface Cell {
  load: string;
  loadKind: string;
  technique: string;
  link: Maybe<number>;
  ram: Maybe<number>;
  downtimeLimitMs: Maybe<number>;
  pings: Maybe<boolean>;
  law: string;
  intent: string;
  relay: boolean;
  sweep: Record<string, string>;
  repeat: Maybe<number>;
}

export interface Row {
  id: number;
  cell: Cell;
  status: Status;
  reason: string;
  started: string;
  vmRunsOn: string;
  totalTimeS: Maybe<number>;
  downtimeMs: Downtime;
  transferred: { qemu: Maybe<number>; wire: Maybe<number> };
  guest: { slowdown: Maybe<number>; longestGapMs: Maybe<number> };
  hostCpuS: { source: Maybe<number>; destination: Maybe<number> };
  network: {
    tcpGapMs: Maybe<number>;
    udpLost: Maybe<number>;
    udpOutOfOrder: Maybe<number>;
    httpP50Ms: Phases;
    httpP99Ms: Phases;
    httpFailed: Phases;
    trouble: string;
  };
  predicted: Maybe<{
    totalTimeS: Maybe<Interval>;
    downtimeMs: { qemu: Maybe<Interval>; events: Maybe<Interval>; probe: Maybe<Interval> };
    transferred: Maybe<Interval>;
  }>;
  rounds: Round[];
  samples: Maybe<Samples>;
  pings: Maybe<Pings>;
}

export interface Report {
  title: string;
  made: string;
  godwit: string;
  suite: { name: string; about: string; toml: string };
  host: {
    cpu: string;
    cores: Maybe<number>;
    memory: Maybe<number>;
    kernel: string;
    qemu: string;
    accelerator: string;
  };
  rows: Row[];
  /** Entries of `rows` that are no measurement at all. */
  unreadable: number;
}

export type Read = { report: Report } | { problem: string; details: string };

const VERSION = 1;

type Loose = Record<string, unknown>;
const isObject = (value: unknown): value is Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const object = (value: unknown): Loose => (isObject(value) ? value : {});
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): Maybe<number> =>
  typeof value === "number" && Number.isFinite(value) ? value : null;
const flag = (value: unknown): Maybe<boolean> => (typeof value === "boolean" ? value : null);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** A series over time, at the times that are known and rising (plots need them sorted). */
function overTime<K extends string>(
  from: Loose,
  keys: Record<K, string>,
): Maybe<{ tS: number[] } & Record<K, Maybe<number>[]>> {
  const times = list(from.t_s).map(number);
  const order = times
    .map((_, i) => i)
    .filter((i) => times[i] !== null)
    .sort((a, b) => times[a]! - times[b]!);
  if (order.length === 0) return null;
  const series: Record<string, Maybe<number>[]> = {};
  for (const [name, key] of Object.entries<string>(keys)) {
    const values = list(from[key]);
    series[name] = order.map((i) => number(values[i]));
  }
  return { tS: order.map((i) => times[i]!), ...series } as { tS: number[] } & Record<
    K,
    Maybe<number>[]
  >;
}

function interval(value: unknown): Maybe<Interval> {
  const from = object(value);
  const p50 = number(from.p50);
  return p50 === null ? null : { p05: number(from.p05), p50, p95: number(from.p95) };
}

const phases = (value: unknown): Phases => {
  const from = object(value);
  return { before: number(from.before), during: number(from.during), after: number(from.after) };
};

function round(value: unknown): Round[] {
  const from = object(value);
  const startedS = number(from.started_s);
  if (startedS === null) return [];
  return [
    {
      number: number(from.number),
      startedS,
      durationS: number(from.duration_s),
      sentBytes: number(from.sent_bytes),
      leftBytes: number(from.left_bytes),
    },
  ];
}

function cell(value: unknown): Cell {
  const from = object(value);
  const sweep: Record<string, string> = {};
  for (const [key, v] of Object.entries(object(from.sweep)))
    if (v !== null && v !== undefined) sweep[key] = String(v);
  const load = text(from.load);
  return {
    load: load || "no load named",
    loadKind: text(from.load_kind) || load.split(",")[0] || "no load named",
    technique: text(from.technique) || "no technique named",
    link: number(from.link_bytes_per_s),
    ram: number(from.ram_bytes),
    downtimeLimitMs: number(from.downtime_limit_ms),
    pings: flag(from.pings),
    law: text(from.law) || "none",
    intent: text(from.intent) || "none",
    relay: flag(from.relay) ?? false,
    sweep,
    repeat: number(from.repeat),
  };
}

function row(value: Loose, position: number): Row {
  const downtime = object(value.downtime_ms);
  const transferred = object(value.transferred_bytes);
  const guest = object(value.guest);
  const cpu = object(value.host_cpu_s);
  const network = object(value.network);
  const status = STATUSES.find((s) => s === value.status);
  const predicted = isObject(value.predicted) ? value.predicted : null;
  const predictedDowntime = object(predicted?.downtime_ms);
  return {
    id: number(value.id) ?? position + 1,
    cell: cell(value.cell),
    status: status ?? "broken",
    reason:
      text(value.reason) ||
      (status ? "" : `status "${String(value.status)}" is unknown to this page`),
    started: text(value.started),
    vmRunsOn: text(value.vm_runs_on),
    totalTimeS: number(value.total_time_s),
    downtimeMs: {
      qemu: number(downtime.qemu),
      events: number(downtime.events),
      probe: number(downtime.probe),
    },
    transferred: { qemu: number(transferred.qemu), wire: number(transferred.wire) },
    guest: { slowdown: number(guest.slowdown), longestGapMs: number(guest.longest_gap_ms) },
    hostCpuS: { source: number(cpu.source), destination: number(cpu.destination) },
    network: {
      tcpGapMs: number(network.tcp_gap_ms),
      udpLost: number(network.udp_lost),
      udpOutOfOrder: number(network.udp_out_of_order),
      httpP50Ms: phases(network.http_p50_ms),
      httpP99Ms: phases(network.http_p99_ms),
      httpFailed: phases(network.http_failed),
      trouble: text(network.trouble),
    },
    predicted: predicted && {
      totalTimeS: interval(predicted.total_time_s),
      downtimeMs: {
        qemu: interval(predictedDowntime.qemu),
        events: interval(predictedDowntime.events),
        probe: interval(predictedDowntime.probe),
      },
      transferred: interval(predicted.transferred_bytes),
    },
    rounds: list(value.rounds)
      .flatMap(round)
      .sort((a, b) => a.startedS - b.startedS),
    samples: overTime(object(value.samples), {
      sent: "sent_bytes_per_s",
      dirtied: "dirtied_bytes_per_s",
      remaining: "remaining_bytes",
      throttle: "throttle_percent",
    }),
    pings: overTime(object(value.pings), { answerMs: "answer_ms" }),
  };
}

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** json: the text of the page's data element; null: the page has none. */
export function read(json: string | null): Read {
  if (json === null || json.trim() === "") {
    return {
      problem: "This report has no data.",
      details: "The file is cut short, or was not written by `godwit bench report`. Make it anew.",
    };
  }
  if (json.trim().startsWith("__GODWIT_")) {
    return {
      problem: "This is the empty form of a report.",
      details: "`godwit bench report` fills it with what was measured.",
    };
  }
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (error) {
    return {
      problem: "This report's data cannot be read: the file is torn or was altered.",
      details:
        `${messageOf(error)} (${json.length} characters). ` +
        "Make it anew with `godwit bench report`.",
    };
  }
  if (!isObject(data) || data.version !== VERSION) {
    const version =
      isObject(data) && data.version !== undefined ? JSON.stringify(data.version) : "none";
    return {
      problem: "This report's data are of another version than its page.",
      details: `The page reads version ${VERSION}, the data say: ${version}. Make it anew with one \`godwit\`.`,
    };
  }
  if (!Array.isArray(data.rows)) {
    return {
      problem: "This report's data have no list of migrations.",
      details: "The key `rows` is missing. Make it anew with `godwit bench report`.",
    };
  }
  const suite = object(data.suite);
  const host = object(data.host);
  const rows = data.rows.filter(isObject);
  return {
    report: {
      title: text(data.title) || text(suite.name) || "Measured migrations",
      made: text(data.made),
      godwit: text(data.godwit),
      suite: { name: text(suite.name), about: text(suite.about), toml: text(suite.toml) },
      host: {
        cpu: text(host.cpu),
        cores: number(host.cores),
        memory: number(host.memory_bytes),
        kernel: text(host.kernel),
        qemu: text(host.qemu),
        accelerator: text(host.accelerator),
      },
      rows: rows.map(row),
      unreadable: data.rows.length - rows.length,
    },
  };
}
