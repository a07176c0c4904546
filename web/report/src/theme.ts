// Colours, which style.css defines for light, dark and paper, and how a technique looks everywhere.

export type Colour = "ink" | "faint" | "grid" | "paper" | "alarm" | "gap" | `series-${number}`;

export const colour = (name: Colour): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export const COLOURS = 9;
const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "ring", "tip"] as const;
export type Shape = (typeof SHAPES)[number];

/** Colour and shape both tell techniques apart; from the tenth on the colours come again with other shapes. */
export const seriesColour = (i: number): string => colour(`series-${i % COLOURS}`);
export const seriesShape = (i: number): Shape =>
  SHAPES[(i + Math.floor(i / COLOURS)) % SHAPES.length]!;
export const seriesDash = (i: number): number[] => (i < COLOURS ? [] : [6, 4]);

/** The outline of a shape of radius r around the origin's (x, y). */
export function outline(shape: Shape, x: number, y: number, r: number): Path2D {
  const path = new Path2D();
  const polygon = (...points: [number, number][]) => {
    // the first lineTo of an empty path is a moveTo
    for (const [dx, dy] of points) path.lineTo(x + dx * r, y + dy * r);
    path.closePath();
  };
  switch (shape) {
    case "circle":
      path.arc(x, y, r, 0, 2 * Math.PI);
      break;
    case "ring":
      path.arc(x, y, r, 0, 2 * Math.PI);
      path.moveTo(x + r * 0.45, y);
      path.arc(x, y, r * 0.45, 0, 2 * Math.PI, true);
      break;
    case "square":
      polygon([-0.88, -0.88], [0.88, -0.88], [0.88, 0.88], [-0.88, 0.88]);
      break;
    case "triangle":
      polygon([0, -1.15], [1.05, 0.8], [-1.05, 0.8]);
      break;
    case "tip":
      polygon([0, 1.15], [1.05, -0.8], [-1.05, -0.8]);
      break;
    case "diamond":
      polygon([0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]);
      break;
    case "cross": {
      const [a, b] = [0.38, 1.1];
      polygon(
        [-a, -b],
        [a, -b],
        [a, -a],
        [b, -a],
        [b, a],
        [a, a],
        [a, b],
        [-a, b],
        [-a, a],
        [-b, a],
        [-b, -a],
        [-a, -a],
      );
    }
  }
  return path;
}

const svg = "http://www.w3.org/2000/svg";

/** A technique's sign for legends and tables. */
export function sign(i: number): SVGSVGElement {
  const element = document.createElementNS(svg, "svg");
  element.setAttribute("viewBox", "-8 -8 16 16");
  element.setAttribute("class", "sign");
  element.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg, "path");
  path.setAttribute("d", svgOutline[seriesShape(i)]);
  path.setAttribute("style", `fill:var(--series-${i % COLOURS})`);
  element.append(path);
  return element;
}

const svgOutline: Record<Shape, string> = {
  circle: "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0Z",
  ring: "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0ZM-2.2 0A2.2 2.2 0 1 1 2.2 0A2.2 2.2 0 1 1-2.2 0Z",
  square: "M-4.4-4.4H4.4V4.4H-4.4Z",
  triangle: "M0-5.7L5.2 4H-5.2Z",
  tip: "M0 5.7L5.2-4H-5.2Z",
  diamond: "M0-6.2L6.2 0L0 6.2L-6.2 0Z",
  cross: "M-1.9-5.5H1.9V-1.9H5.5V1.9H1.9V5.5H-1.9V1.9H-5.5V-1.9H-1.9Z",
};
