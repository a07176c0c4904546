// The head: what was measured, where, and how it ended.

import { countByStatus, settings } from "../cells";
import { STATUSES } from "../data";
import { h, note } from "../dom";
import { chip, type PageState, STATUS_NAMES } from "../page_state";
import { bytes, count, moment } from "../units";

export function head({ report }: PageState): HTMLElement {
  const { host, suite, rows } = report;
  const counts = countByStatus(rows);
  const facts: [string, string][] = [
    ["Suite", suite.name],
    [
      "Measured",
      [report.made && moment(report.made), report.godwit && `godwit ${report.godwit}`]
        .filter(Boolean)
        .join(", "),
    ],
    [
      "Processor",
      [
        host.cpu,
        host.cores === null ? "" : `${count(host.cores)} core${host.cores === 1 ? "" : "s"}`,
      ]
        .filter(Boolean)
        .join(", "),
    ],
    ["Memory", host.memory === null ? "" : bytes(host.memory)],
    ["Kernel", host.kernel],
    ["QEMU", [host.qemu, host.accelerator].filter(Boolean).join(", ")],
    ...settings(rows)
      .shared.filter((s) => rows[0] && s.of(rows[0].cell) !== "unknown")
      .map((s): [string, string] => [`${s.name}, all cells`, s.of(rows[0]!.cell)]),
  ];
  const unreadable = report.unreadable;
  return h(
    "header",
    { id: "head" },
    h("p", { class: "brand" }, "Godwit · measured live migrations"),
    h("h1", {}, report.title),
    suite.about && h("p", { class: "lead" }, suite.about),
    h(
      "ul",
      { class: "counts" },
      ...STATUSES.filter((s) => s !== "cancelled" || counts.has(s)).map((s) =>
        h(
          "li",
          { class: counts.get(s) ? s : "zero" },
          h("b", {}, String(counts.get(s) ?? 0)),
          h("span", {}, STATUS_NAMES[s]),
        ),
      ),
    ),
    unreadable > 0 &&
      h(
        "p",
        { class: "problem" },
        unreadable === 1
          ? "1 entry of the data could not be read and is left out."
          : `${unreadable} entries of the data could not be read and are left out.`,
      ),
    rows.length === 0 && note("There is no migration in this report."),
    rows.length > 0 &&
      !counts.has("completed") &&
      note("There is no completed migration in this report: times and bytes have nothing to show."),
    h(
      "dl",
      { class: "facts" },
      ...facts
        .filter(([, value]) => value)
        .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
    suite.toml &&
      h(
        "details",
        { class: "toml" },
        h("summary", {}, "The suite's file"),
        h("pre", { tabindex: 0 }, suite.toml),
      ),
    reasons(report.rows),
  );
}

/** Why migrations did not end as they should, most frequent first. */
function reasons(rows: PageState["report"]["rows"]): HTMLElement | null {
  const why = new Map<string, { status: (typeof STATUSES)[number]; reason: string; n: number }>();
  for (const { status, reason } of rows) {
    if (status === "completed" || status === "cancelled") continue;
    const key = `${status} ${reason}`;
    const entry = why.get(key) ?? { status, reason, n: 0 };
    entry.n++;
    why.set(key, entry);
  }
  if (why.size === 0) return null;
  return h(
    "details",
    { class: "reasons" },
    h("summary", {}, "Why migrations did not complete"),
    h(
      "ul",
      {},
      ...[...why.values()]
        .sort((a, b) => b.n - a.n)
        .map(({ status, reason, n }) =>
          h(
            "li",
            {},
            chip(status, `${n} ${STATUS_NAMES[status]}`),
            " ",
            reason || "no reason was kept",
          ),
        ),
    ),
  );
}
