// Live against cold: bars, grouped by load. Plain elements: they fit any width and any paper.

import { isCold, techniquesOf } from "../cells";
import type { Row } from "../data";
import { choice, h, note, section } from "../dom";
import { PLOTTED } from "../metrics";
import {
  metricOf,
  metricOptions,
  type PageState,
  spreadName,
  spreadText,
  summaryOf,
  techniqueName,
} from "../page_state";
import { groupBy } from "../stats";
import { COLOURS } from "../theme";
import { rate } from "../units";

const SHOWN = 4; // groups; more are folded

/** Groups of rows (load and link) in which both live and cold migrations occur. */
export function liveAndCold(rows: readonly Row[]): Map<string, Row[]> {
  const links = new Set(rows.map((row) => row.cell.link)).size > 1;
  const groups = groupBy(rows, ({ cell }) =>
    links ? `${cell.load}, link ${rate(cell.link)}` : cell.load,
  );
  for (const [name, group] of groups) {
    const cold = group.filter((row) => isCold(row.cell.technique)).length;
    if (cold === 0 || cold === group.length) groups.delete(name);
  }
  return groups;
}

export function cold(state: PageState): HTMLElement {
  const about =
    "A cold migration stops the guest, copies it and starts it again: the shortest way for the " +
    "bytes, the longest outage. Bars are medians of completed migrations, the thin line is their spread.";
  const groups = liveAndCold(state.report.rows);
  if (groups.size === 0)
    return section(
      "cold",
      "Live against cold",
      about,
      note("No load was migrated both live and cold."),
    );
  let metric = PLOTTED[0]!;
  let open = false;
  const bars = h("div", { class: "bars", "data-plot": "cold" });
  const fill = () => {
    const most = Math.max(
      ...[...groups.values()].flatMap((rows) =>
        techniquesOf(rows).map(
          (t) =>
            summaryOf(
              rows.filter((r) => r.cell.technique === t),
              metric,
              state,
            )?.high ?? 0,
        ),
      ),
    );
    const width = (value: number) => `${most > 0 ? (100 * value) / most : 0}%`;
    const drawn = [...groups].map(([name, rows]) =>
      h(
        "div",
        { class: "group" },
        h("h3", {}, name),
        h(
          "ul",
          {},
          ...techniquesOf(rows).map((technique) => {
            const own = rows.filter((row) => row.cell.technique === technique);
            const s = summaryOf(own, metric, state);
            const stuck = own.filter((row) => row.status === "did_not_converge").length;
            const series = state.techniques.indexOf(technique) % COLOURS;
            return h(
              "li",
              {},
              techniqueName(state, technique),
              h(
                "span",
                { class: "track" },
                s &&
                  h("span", {
                    class: `bar${isCold(technique) ? " cold" : ""}`,
                    style: `width:${width(s.median)};--own:var(--series-${series})`,
                  }),
                s &&
                  s.high > s.low &&
                  h("span", {
                    class: "whisker",
                    style: `left:${width(s.low)};width:${width(s.high - s.low)}`,
                  }),
              ),
              h(
                "span",
                { class: "value" },
                s ? h("b", {}, metric.format(s.median)) : stuck ? "" : "not measured",
                " ",
                s && h("small", {}, spreadText(s, metric)),
                stuck > 0 &&
                  h(
                    "span",
                    { class: "chip did_not_converge" },
                    `${stuck} of ${own.length} did not converge`,
                  ),
              ),
            );
          }),
        ),
      ),
    );
    const rest = drawn.splice(SHOWN);
    bars.replaceChildren(
      ...drawn,
      rest.length > 0
        ? h(
            "details",
            { open },
            h(
              "summary",
              {
                onclick: () => {
                  open = !open;
                },
              },
              `${rest.length} more loads`,
            ),
            ...rest,
          )
        : "",
      note(`The thin line: ${spreadName(state)}. Hatched bars are cold.`),
    );
  };
  state.onSpread(fill);
  fill();
  return section(
    "cold",
    "Live against cold",
    about,
    h(
      "div",
      { class: "controls" },
      choice("What", metricOptions(PLOTTED), metric.key, (v) => {
        metric = metricOf(PLOTTED, v);
        fill();
      }),
    ),
    bars,
  );
}
