// The page behind `godwit bench report`: reads the data in the file and furnishes the rooms.

import "uplot/dist/uPlot.min.css";
import "./style.css";
import { read } from "./data";
import { h } from "./dom";
import { refit, watchTheRoom } from "./frame";
import { clients } from "./rooms/clients";
import { cold } from "./rooms/cold";
import { distributions, predictions } from "./rooms/distributions";
import { head } from "./rooms/head";
import { overview, typical } from "./rooms/overview";
import { sweeps } from "./rooms/sweeps";
import { timeline } from "./rooms/timeline";
import { share } from "./shared";
import { repeats } from "./cells";
import { completed } from "./metrics";
import type { Report, Row } from "./data";

const page = document.getElementById("page")!;

const ROOMS: [string, string][] = [
  ["overview", "All cells"], ["timeline", "Time line"], ["sweeps", "Sweeps"], ["cold", "Live against cold"],
  ["clients", "What a client sees"], ["cdf", "Distributions"], ["errors", "Prediction errors"],
];

function say(problem: string, details: string): void {
  page.replaceChildren(h("main", { class: "trouble", role: "alert" }, h("h1", {}, problem), h("p", {}, details)));
}

function furnish(report: Report): void {
  document.title = `${report.title} – Godwit`;
  const shared = share(report);
  const all = overview(shared);
  const time = timeline(shared, all.order);
  page.replaceChildren(
    head(shared),
    h("nav", { "aria-label": "Rooms" }, ...ROOMS.map(([id, name]) => h("a", { href: `#${id}` }, name))),
    h("main", {}, all.element, time.element, sweeps(shared), cold(shared), clients(shared), distributions(shared), predictions(shared)),
    h("footer", {}, `Made by godwit ${report.godwit}. Everything is in this file; it asks nothing of any network.`));
  const first = firstShown(report.rows);
  if (first) time.show(first);
  shared.open = (row) => {
    time.show(row);
    time.element.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  };
  queueMicrotask(refit); // the scroll bar that has come takes room
}

/** The time line starts with a migration that has one: the longest record that completed. */
function firstShown(rows: readonly Row[]): Row | undefined {
  const cells = repeats(rows).map(typical);
  const size = (row: Row) => (completed(row) ? 1e9 : 0) + row.rounds.length * 1e3 + (row.samples?.tS.length ?? 0);
  return cells.reduce<Row | undefined>((best, row) => (!best || size(row) > size(best) ? row : best), undefined);
}

function start(): void {
  try {
    const found = read(document.getElementById("godwit-data")?.textContent ?? null);
    if ("problem" in found) say(found.problem, found.details);
    else {
      watchTheRoom();
      furnish(found.report);
    }
  } catch (error) {
    say("This page could not show its data.", `${error instanceof Error ? error.message : String(error)}. This is a fault of Godwit's report; the data are in the file all the same.`);
    throw error;
  }
}

start();
