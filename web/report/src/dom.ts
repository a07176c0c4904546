// Elements in one call, and the few controls that several sections use.

type Child = Node | string | null | false | undefined;
type Properties = Record<
  string,
  string | number | boolean | ((event: Event) => void) | null | undefined
>;

/** h("p", { class: "note", onclick: f }, "text", child). Text is never read as HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, String(value));
  }
  element.append(
    ...children.filter((c): c is Node | string => c !== null && c !== false && c !== undefined),
  );
  return element;
}

export interface Option {
  value: string;
  name: string;
  title?: string;
}

let fields = 0;

/** A row of radio buttons. */
export function choice(
  label: string,
  options: readonly Option[],
  value: string,
  changed: (value: string) => void,
): HTMLElement {
  const group = `choice-${++fields}`;
  return h(
    "fieldset",
    { class: "choice" },
    h("legend", {}, label),
    h(
      "div",
      { class: "options" },
      ...options.map((o) =>
        h(
          "label",
          { title: o.title },
          h("input", {
            type: "radio",
            name: group,
            value: o.value,
            checked: o.value === value,
            onchange: () => changed(o.value),
          }),
          h("span", {}, o.name),
        ),
      ),
    ),
  );
}

export function dropdown(
  label: string,
  options: readonly Option[],
  value: string,
  changed: (value: string) => void,
): HTMLElement {
  const select = h(
    "select",
    { "aria-label": label, onchange: () => changed(select.value) },
    ...options.map((o) => h("option", { value: o.value, selected: o.value === value }, o.name)),
  );
  return h("label", { class: "dropdown" }, h("span", {}, label), select);
}

/** A section of the page, with its heading. */
export function section(
  id: string,
  title: string,
  about: string,
  ...children: Child[]
): HTMLElement {
  return h(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, title),
    h("p", { class: "about" }, about),
    ...children,
  );
}

export const note = (text: string): HTMLElement => h("p", { class: "note" }, text);

/** The numbers behind a plot, folded. */
export const behind = (what: string, table: HTMLElement): HTMLElement =>
  h("details", { class: "behind" }, h("summary", {}, what), table);
