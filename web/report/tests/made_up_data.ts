// MADE-UP data for tests and for looking at the page: no migration was measured for it. The figures follow
// a crude picture of pre-copy (rounds until what is left fits into the downtime limit), with a fixed seed,
// so that the plots look like real ones and every run makes the same.

const MiB = 2 ** 20;

/** mulberry32: a small generator with a fixed seed. */
export function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Json = Record<string, unknown>;
interface Round {
  number: number;
  started_s: number;
  duration_s: number;
  sent_bytes: number;
  left_bytes: number;
}

const LINKS = [5e7, 1e8];
const SETS_MIB = [4, 8, 16, 32, 64, 128];
const TECHNIQUES = [
  "precopy",
  "auto-converge",
  "xbzrle",
  "multifd-zstd",
  "postcopy",
  "hybrid",
  "stop-and-copy",
  "cold-compressed",
];
const RAM = 256 * MiB;
const LIMIT_MS = 300;

interface Course {
  status: string;
  total: number;
  gapAt: number;
  gapMs: number;
  sent: number;
  rounds: Round[];
  throttle: (t: number) => number | null;
  dirtyRate: number;
  left: (t: number) => number;
}

function course(
  technique: string,
  set: number,
  dirtyRate: number,
  link: number,
  rnd: () => number,
): Course {
  const rate = link * (0.95 + 0.04 * rnd()) * (technique === "multifd-zstd" ? 1.9 : 1);
  const cold = technique === "stop-and-copy" || technique === "cold-compressed";
  const image = 150 * MiB;
  const none = () => null;
  if (cold) {
    const total =
      (technique === "cold-compressed" ? image / 2.2 : image) / rate + 0.25 + 0.1 * rnd();
    return {
      status: "completed",
      total,
      gapAt: 0.05,
      gapMs: (total - 0.05) * 1000,
      sent: total * rate,
      rounds: [],
      throttle: none,
      dirtyRate: 0,
      left: (t) => Math.max(0, image - t * rate),
    };
  }
  if (technique === "postcopy" || technique === "hybrid") {
    const first = technique === "postcopy" ? 0.2 : image / rate;
    const rest = technique === "postcopy" ? image : Math.min(set, dirtyRate * first);
    const total = first + rest / rate + 0.1 * rnd();
    return {
      status: "completed",
      total,
      gapAt: first,
      gapMs: 40 + 35 * rnd(),
      sent: total * rate,
      rounds: [
        { number: 1, started_s: 0, duration_s: first, sent_bytes: first * rate, left_bytes: rest },
      ],
      throttle: none,
      dirtyRate,
      left: (t) => Math.max(0, image - t * rate * 0.9),
    };
  }
  const rounds: Round[] = [];
  let left = image;
  let t = 0;
  let held = 0;
  const holds: [number, number][] = [];
  const delta = technique === "xbzrle" ? 0.45 : 1;
  for (let n = 1; n <= 40 && t < 30; n++) {
    const duration = (n === 1 ? left : left * delta) / rate;
    const dirtied = Math.min(set, dirtyRate * (1 - held) * duration) * (0.97 + 0.06 * rnd());
    rounds.push({
      number: n,
      started_s: t,
      duration_s: duration,
      sent_bytes: duration * rate,
      left_bytes: dirtied,
    });
    t += duration;
    left = dirtied;
    if (left * delta <= rate * (LIMIT_MS / 1000)) break;
    if (technique === "auto-converge" && n >= 2)
      held = Math.min(0.99, held === 0 ? 0.2 : held + 0.1);
    holds.push([t, held]);
  }
  const converged = left * delta <= rate * (LIMIT_MS / 1000);
  const gapMs = converged ? 25 + (left * delta * 1000) / rate + 40 * rnd() : 0;
  const throttle =
    technique === "auto-converge"
      ? (at: number) => 100 * ([...holds].reverse().find(([from]) => from <= at)?.[1] ?? 0)
      : none;
  const leftAt = (at: number) => {
    const i = rounds.findIndex((r) => at < r.started_s + r.duration_s);
    if (i < 0) return Math.max(0, left - (at - t) * rate);
    const before = i === 0 ? image : rounds[i - 1]!.left_bytes;
    return before * (1 - (at - rounds[i]!.started_s) / rounds[i]!.duration_s);
  };
  return {
    status: converged ? "completed" : "did_not_converge",
    total: t + gapMs / 1000,
    gapAt: t,
    gapMs,
    sent: t * rate,
    rounds,
    throttle,
    dirtyRate: dirtyRate,
    left: leftAt,
  };
}

function samples(c: Course, link: number, rnd: () => number): Json {
  const t_s: number[] = [],
    sent: number[] = [],
    dirtied: (number | null)[] = [],
    remaining: number[] = [],
    throttle: (number | null)[] = [];
  for (let t = 0.1; t < c.total; t += 0.1) {
    const held = (c.throttle(t) ?? 0) / 100;
    t_s.push(Math.round(t * 1000) / 1000);
    sent.push(Math.round((c.sent / c.total || link) * (0.94 + 0.08 * rnd())));
    dirtied.push(
      c.dirtyRate === 0 ? null : Math.round(c.dirtyRate * (1 - held) * (0.9 + 0.2 * rnd())),
    );
    remaining.push(Math.round(c.left(t)));
    throttle.push(c.throttle(t));
  }
  return {
    t_s,
    sent_bytes_per_s: sent,
    dirtied_bytes_per_s: dirtied,
    remaining_bytes: remaining,
    throttle_percent: throttle,
  };
}

/** Pings every 5 ms; in the gap the first ones are lost, the later ones are answered at its end, in a burst. */
function pings(c: Course, rnd: () => number): Json {
  const t_s: number[] = [],
    answer_ms: (number | null)[] = [];
  const end = c.gapAt + c.gapMs / 1000;
  for (let i = -100; i < (c.total + 0.5) * 200; i++) {
    const t = i / 200;
    t_s.push(t);
    const usual = 0.25 + 0.3 * rnd() ** 4 * 10;
    if (c.gapMs === 0 || t < c.gapAt || t > end) answer_ms.push(Math.round(usual * 100) / 100);
    else if (t < c.gapAt + (0.6 * c.gapMs) / 1000) answer_ms.push(null);
    else answer_ms.push(Math.round(((end - t) * 1000 + usual) * 100) / 100);
  }
  return { t_s, answer_ms };
}

const around = (value: number, share: number, rnd: () => number): Json => {
  const p50 = value * (1 + share * (rnd() + rnd() - 1));
  return { p05: p50 * (1 - 0.68 * share), p50, p95: p50 * (1 + 0.68 * share) };
};

function row(id: number, cell: Json, c: Course, withPings: boolean, rnd: () => number): Json {
  const link = cell.link_bytes_per_s as number;
  const technique = cell.technique as string;
  const done = c.status === "completed";
  const probe = c.gapMs + 60 + 60 * rnd();
  const qemu = technique === "postcopy" ? 2 + 3 * rnd() : Math.max(1, c.gapMs - 15 * rnd());
  const at = new Date(Date.UTC(2026, 10, 21, 12, 0, id * 11));
  return {
    id,
    cell: { ...cell, pings: withPings },
    status: c.status,
    reason: done ? "" : "no switchover within 30 s",
    started: at.toISOString(),
    vm_runs_on: done ? "destination" : "source",
    total_time_s: c.total,
    downtime_ms: done
      ? { qemu: Math.round(qemu), events: c.gapMs + 3 * rnd(), probe: withPings ? probe : null }
      : {},
    transferred_bytes: { qemu: Math.round(c.sent), wire: Math.round(c.sent * 1.035) },
    guest: {
      slowdown: 0.08 * rnd() + (technique === "auto-converge" ? 0.4 : 0),
      longest_gap_ms: 5 + 10 * rnd(),
    },
    host_cpu_s: { source: c.total * 0.6, destination: c.total * 0.2 },
    network: withPings
      ? {
          tcp_gap_ms: probe + 20,
          udp_lost: Math.round(probe / 10),
          udp_out_of_order: 0,
          http_failed: { before: 0, during: 2, after: 0 },
          http_p50_ms: { before: 1.1, during: 1.6, after: 1.1 },
          http_p99_ms: { before: 3, during: 40, after: 3.2 },
        }
      : null,
    ...(done
      ? {
          predicted: {
            total_time_s: around(c.total, 0.08, rnd),
            downtime_ms: {
              qemu: around(qemu, 0.2, rnd),
              events: around(c.gapMs, 0.2, rnd),
              probe: around(probe, 0.3, rnd),
            },
            transferred_bytes: around(c.sent, 0.06, rnd),
          },
        }
      : {}),
    rounds: c.rounds,
    samples: samples(c, link, rnd),
    ...(withPings ? { pings: pings(c, rnd) } : {}),
  };
}

/** A suite of the size of a real one, with every technique, ending and plot. */
export function madeUpReport(seed = 3): Json {
  const rnd = random(seed);
  const rows: Json[] = [];
  const add = (
    load: string,
    kind: string,
    set: number,
    dirtyRate: number,
    technique: string,
    link: number,
    sweep: Json,
  ) => {
    for (let repeat = 1; repeat <= 3; repeat++) {
      const cell = {
        load,
        load_kind: kind,
        technique,
        link_bytes_per_s: link,
        ram_bytes: RAM,
        downtime_limit_ms: LIMIT_MS,
        sweep,
        repeat,
      };
      rows.push(
        row(
          rows.length + 1,
          cell,
          course(technique, set, dirtyRate * (0.95 + 0.1 * rnd()), link, rnd),
          true,
          rnd,
        ),
      );
    }
  };
  for (const link of LINKS)
    for (const set of SETS_MIB)
      for (const technique of TECHNIQUES.slice(0, 7))
        add(
          `memory-write,set=${set}MiB,rate=80MB/s`,
          "memory-write",
          set * MiB,
          8e7,
          technique,
          link,
          {
            set: `${set}MiB`,
          },
        );
  for (const load of ["idle", "cpu"])
    for (const technique of TECHNIQUES) add(load, load, MiB, 1e6, technique, LINKS[0]!, {});

  // what goes wrong
  const first = rows[0]!;
  const cell = first.cell as Json;
  rows.push({
    id: rows.length + 1,
    cell: { ...cell, load: "disk-read", load_kind: "disk-read", sweep: {} },
    status: "broken",
    reason: "the guest did not get ready within 20 s",
    started: "2026-11-21T14:00:00Z",
  });
  rows.push({
    ...first,
    id: rows.length + 1,
    cell: { ...cell, technique: "xbzrle", load: "disk-read", load_kind: "disk-read", sweep: {} },
    status: "failed",
    reason: "the destination died",
    total_time_s: null,
    downtime_ms: null,
    vm_runs_on: "source",
    predicted: null,
    samples: null,
    pings: null,
    rounds: [],
  });
  // measured without pings, without samples
  rows.push({
    ...first,
    id: rows.length + 1,
    cell: { ...cell, load: "idle", load_kind: "idle", sweep: {}, repeat: 4 },
    pings: null,
    network: null,
    downtime_ms: { qemu: 120 },
  });
  return {
    version: 1,
    title: "made-up-data",
    made: "2026-11-21T15:00:00Z",
    godwit: "0.0.0",
    suite: {
      name: "made-up-data",
      about: "Made-up data for tests: none of this was measured.",
      toml: 'name = "made-up-data"\n# <b>not</b> bold & not </script> either\nrepeats = 3\n',
    },
    host: {
      cpu: "A made-up processor",
      cores: 2,
      memory_bytes: 24 * 2 ** 30,
      kernel: "6.1.0",
      qemu: "10.0.2",
      accelerator: "tcg",
    },
    rows,
  };
}

/** As the C++ side writes it. */
export const fill = (template: string, data: unknown): string =>
  template.replace("__GODWIT_DATA__", () =>
    (typeof data === "string" ? data : JSON.stringify(data)).replaceAll("<", "\\u003c"),
  );
