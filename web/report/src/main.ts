// The page behind `godwit bench report`: reads the data in the file and renders the sections.

import "uplot/dist/uPlot.min.css";
import "./style.css";
import { repeats } from "./cells";
import type { Report, Row } from "./data";
import { messageOf, read } from "./data";
import { h } from "./dom";
import { refit, watchWindow } from "./frame";
import { completed } from "./metrics";
import { newPageState } from "./page_state";
import { clients } from "./sections/clients";
import { cold } from "./sections/cold";
import { distributions, predictions } from "./sections/distributions";
import { head } from "./sections/head";
import { overview, typical } from "./sections/overview";
import { sweeps } from "./sections/sweeps";
import { timeline } from "./sections/timeline";

const page = document.getElementById("page")!;

const SECTIONS: [string, string][] = [
  ["overview", "All cells"],
  ["timeline", "Time line"],
  ["sweeps", "Sweeps"],
  ["cold", "Live against cold"],
  ["clients", "What a client sees"],
  ["cdf", "Distributions"],
  ["errors", "Prediction errors"],
];

function say(problem: string, details: string): void {
  page.replaceChildren(
    h("main", { class: "trouble", role: "alert" }, h("h1", {}, problem), h("p", {}, details)),
  );
}

function render(report: Report): void {
  document.title = `${report.title} – Godwit`;
  const state = newPageState(report);
  const all = overview(state);
  const time = timeline(state, all.order);
  page.replaceChildren(
    head(state),
    h(
      "nav",
      { "aria-label": "Sections" },
      ...SECTIONS.map(([id, name]) => h("a", { href: `#${id}` }, name)),
    ),
    h(
      "main",
      {},
      all.element,
      time.element,
      sweeps(state),
      cold(state),
      clients(state),
      distributions(state),
      predictions(state),
    ),
    h(
      "footer",
      {},
      `Made by godwit ${report.godwit}. Everything is in this file; it asks nothing of any network.`,
    ),
  );
  const first = firstShown(report.rows);
  if (first) time.show(first);
  state.open = (row) => {
    time.show(row);
    time.element.scrollIntoView({
      behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
    });
  };
  queueMicrotask(refit); // the scroll bar that has come takes room
}

/** The time line starts with a migration that has one: the longest record that completed. */
function firstShown(rows: readonly Row[]): Row | undefined {
  const cells = repeats(rows).map(typical);
  const size = (row: Row) =>
    (completed(row) ? 1e9 : 0) + row.rounds.length * 1e3 + (row.samples?.tS.length ?? 0);
  return cells.reduce<Row | undefined>(
    (best, row) => (!best || size(row) > size(best) ? row : best),
    undefined,
  );
}

function start(): void {
  try {
    const found = read(document.getElementById("godwit-data")?.textContent ?? null);
    if ("problem" in found) say(found.problem, found.details);
    else {
      watchWindow();
      render(found.report);
    }
  } catch (error) {
    say(
      "This page could not show its data.",
      `${messageOf(error)}. This is a fault of Godwit's report; the data are in the file all the same.`,
    );
    throw error;
  }
}

start();
