// A table that sorts by any of its columns.

import { h } from "./dom";

export type Key = number | string | null;
export interface Column<T> {
  name: string;
  title?: string;
  /** Absent keys go last, whichever way it is sorted. */
  sort: (item: T) => Key;
  /** By default the key itself. */
  show?: (item: T) => string | Node;
  text?: boolean;
  /** A heading that this column and its neighbours with the same one stand under. */
  under?: string;
}

export function compare(a: Key, b: Key, descending: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const order =
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), "en", { numeric: true });
  return descending ? -order : order;
}

export interface Table<T> {
  element: HTMLElement;
  fill: (items: readonly T[]) => void;
  shown: () => readonly T[];
}

export function table<T>(
  caption: string,
  columns: readonly Column<T>[],
  options: { pick?: (item: T) => void; nothing?: string; sorted?: () => void } = {},
): Table<T> {
  let items: readonly T[] = [];
  let by = -1;
  let descending = false;

  const buttons = columns.map((column, i) =>
    h(
      "button",
      { type: "button", title: column.title ?? "", onclick: () => sortBy(i) },
      column.name,
    ),
  );
  const heads = columns.map((column, i) =>
    h("th", { scope: "col", class: column.text ? "text" : null }, buttons[i]),
  );
  const body = h("tbody");
  const hidden = h("caption", {}, caption);
  const groups = columns.some((c) => c.under) ? groupHeads(columns) : null;
  const element = h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, hidden, h("thead", {}, groups, h("tr", {}, ...heads)), body),
  );

  const order = (): readonly T[] => {
    const column = columns[by];
    return column
      ? [...items].sort((a, b) => compare(column.sort(a), column.sort(b), descending))
      : items;
  };
  const draw = () => {
    const { pick } = options;
    body.replaceChildren(
      ...order().map((item) =>
        h(
          "tr",
          pick ? { class: "pick", onclick: () => pick(item) } : {},
          ...columns.map((column, i) => {
            const shown = column.show ? column.show(item) : String(column.sort(item) ?? "–");
            const content =
              pick && i === 0 ? h("button", { type: "button", class: "link" }, shown) : shown;
            return h(
              i === 0 ? "th" : "td",
              { scope: i === 0 ? "row" : null, class: column.text ? "text" : null },
              content,
            );
          }),
        ),
      ),
    );
    if (items.length === 0)
      body.append(
        h(
          "tr",
          {},
          h(
            "td",
            { class: "text none", colspan: columns.length },
            options.nothing ?? "nothing to show",
          ),
        ),
      );
  };
  const sortBy = (i: number) => {
    descending = by === i ? !descending : false;
    by = i;
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[i]?.setAttribute("aria-sort", descending ? "descending" : "ascending");
    draw();
    options.sorted?.();
  };
  return {
    element,
    fill: (next) => {
      items = next;
      draw();
    },
    shown: order,
  };
}

function groupHeads<T>(columns: readonly Column<T>[]): HTMLElement {
  const cells: HTMLElement[] = [];
  for (let i = 0; i < columns.length; ) {
    const under = columns[i]!.under;
    let end = i + 1;
    while (end < columns.length && columns[end]!.under === under) end++;
    cells.push(
      under
        ? h("th", { scope: "colgroup", colspan: end - i, class: "over" }, under)
        : h("td", { colspan: end - i }),
    );
    i = end;
  }
  return h("tr", {}, ...cells);
}
