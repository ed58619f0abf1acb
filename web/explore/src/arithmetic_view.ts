// An explanation as text and tables: the products, their sums, and what the network computed.
import { colourOf } from "./colour";
import { h } from "./dom";
import type { Cell, Explanation, Part, Section, Step } from "./explanation";
import { channelName, type Direction, type Layer, type Network, scaleOf } from "./network";
import { placeText, show, showCount, showShort } from "./numbers";
import { cellOf, frameBox, frameOf, kernelCanvas, mapCanvas, overlayCanvas } from "./picture";

const largestGrid = 81; // cells; larger windows are told by their strongest cells
const strongestCells = 8;
const longestTable = 64;
const sourceSize = 150;

export interface Context {
  network: Network;
  direction: Direction;
  followed: number | undefined; // the channel of the source whose products are shown
  follow: (channel: number) => void;
  open: (layer: number, channel: number) => void;
}

function tile(value: number, { ground, ink }: { ground: string; ink: string }, extra: string): HTMLElement {
  return h("span", { class: `tile ${extra}`, style: `background:${ground};color:${ink}`, title: show(value) }, showShort(value));
}

function grid(caption: string, columns: number, tiles: HTMLElement[]): HTMLElement {
  const cells = h("div", { class: "tiles", style: `--columns:${columns}` });
  cells.append(...tiles);
  return h("figure", { class: "grid" }, cells, h("figcaption", {}, caption));
}

function kernelScale(cells: Cell[]): number {
  return cells.reduce((size, cell) => Math.max(size, Math.abs(cell.weight ?? 0)), 0) || 1;
}

// The window, the kernel and their products side by side.
function productGrids(context: Context, source: Layer, one: Section, part: Part): HTMLElement {
  const scale = scaleOf(source, context.direction, part.channel);
  const tiles = (value: (cell: Cell) => number, size: number) =>
    part.cells.map((cell) => {
      const outside = cell.position < 0;
      const extra = cell.marked ? "marked" : outside ? "outside" : "";
      return tile(value(cell), colourOf(context.direction, value(cell), size), extra);
    });
  const product = (cell: Cell) => cell.value * (cell.weight ?? 1);
  const whole = h("div", { class: "products" });
  whole.append(grid(context.direction === "values" ? "window" : "gradients", one.columns, tiles((cell) => cell.value, scale)));
  if (part.cells.some((cell) => cell.weight !== null)) {
    const largest = kernelScale(part.cells);
    whole.append(
      h("span", { class: "sign" }, "×"),
      grid(one.weights ?? "kernel", one.columns, tiles((cell) => cell.weight ?? 1, largest)),
      h("span", { class: "sign" }, "="),
      grid("products", one.columns, tiles(product, scale * largest)),
    );
  }
  return whole;
}

// The largest products of a window too large to show.
function strongest(source: Layer, part: Part): HTMLElement {
  const product = (cell: Cell) => cell.value * (cell.weight ?? 1);
  const order = [...part.cells].sort((a, b) => Math.abs(product(b)) - Math.abs(product(a))).slice(0, strongestCells);
  const rows = order.map((cell) =>
    h("tr", {},
      h("th", { scope: "row" }, placeText(source, cell.position)),
      h("td", {}, cell.weight === null ? "" : `${show(cell.value)} × ${show(cell.weight)}`),
      h("td", { class: "number" }, show(product(cell))),
    ),
  );
  const left = part.cells.length - order.length;
  const rest = part.sum - order.reduce((sum, cell) => sum + product(cell), 0);
  rows.push(h("tr", {}, h("th", { scope: "row" }, `${showCount(left)} more`), h("td"), h("td", { class: "number" }, show(rest))));
  return h("table", { class: "terms" }, h("tbody", {}, ...rows));
}

function bar(sum: number, largest: number): HTMLElement {
  const share = largest > 0 ? Math.min(1, Math.abs(sum) / largest) * 50 : 0;
  const side = sum < 0 ? `right:50%;width:${share}%` : `left:50%;width:${share}%`;
  return h("td", { class: "bar", "aria-hidden": "true" }, h("span", { class: sum < 0 ? "minus" : "plus", style: side }));
}

function nameOf(context: Context, source: Layer, channel: number): string {
  return channelName(context.network, source, channel).replace(/^channel /, "");
}

// A line for every channel of the source, the chosen one marked.
function partTable(context: Context, source: Layer, one: Section, chosen: Part): HTMLElement {
  const sums = [...one.parts.map((part) => part.sum), one.others?.sum ?? 0];
  const largest = sums.reduce((size, sum) => Math.max(size, Math.abs(sum)), 0);
  const isVector = source.positions === 1;
  const kernels = one.parts.reduce((size, part) => Math.max(size, kernelScale(part.cells)), 0);
  const order = isVector ? [...one.parts].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)) : one.parts;
  const rows = order.slice(0, longestTable).map((part) => {
    const cell = part.cells[0];
    const text = part.cells.length === 1 && cell ? `${show(cell.value)}${cell.weight === null ? "" : ` × ${show(cell.weight)}`}` : "Σ window × kernel";
    const weights = part.cells.map((one) => one.weight ?? 0);
    const kernel = weights.length > 1 ? kernelCanvas(weights, one.columns, kernels) : null;
    const thumbnail = isVector ? null : mapCanvas(source, context.direction, part.channel, 24);
    const pick = h("button", { type: "button", class: "pick", "data-channel": part.channel, click: () => context.follow(part.channel) },
      thumbnail, kernel && h("span", { class: "sign" }, "×"), kernel, nameOf(context, source, part.channel));
    return h("tr", { class: part === chosen && one.parts.length > 1 ? "chosen" : "" },
      h("th", { scope: "row" }, pick),
      h("td", { class: "factors" }, text),
      h("td", { class: "number" }, show(part.sum)),
      bar(part.sum, largest),
    );
  });
  if (one.others) {
    rows.push(
      h("tr", { class: "others" },
        h("th", { scope: "row" }, one.others.label),
        h("td", { class: "factors" }, "together"),
        h("td", { class: "number" }, show(one.others.sum)),
        bar(one.others.sum, largest),
      ),
    );
  }
  const total = one.parts.length + (one.others ? 1 : 0) > 1;
  if (total && one.sum !== null) {
    rows.push(h("tr", { class: "total" }, h("th", { scope: "row" }, "sum"), h("td"), h("td", { class: "number" }, show(one.sum)), h("td")));
  }
  return h("table", { class: "terms" }, h("tbody", {}, ...rows));
}

// The followed channel of a source with the window that was read.
function sourceFigure(context: Context, source: Layer, part: Part): HTMLElement | null {
  if (source.positions === 1) return null;
  const box = h("span", { class: "window" });
  const frame = frameOf(source);
  frameBox(box, frame, part.cells.filter((cell) => cell.position >= 0).map((cell) => cellOf(frame, cell.position)));
  const picture = h("div", { class: "picture" }, mapCanvas(source, context.direction, part.channel, sourceSize), box);
  return h("figure", { class: "source" }, picture, h("figcaption", {}, `channel ${part.channel}`));
}

// Weights that lie over the whole source: attention, and what a product has spread over a map.
function weightFigure(source: Layer, part: Part): HTMLElement | null {
  const weights = part.cells.map((cell) => cell.weight ?? 0);
  if (weights.length <= largestGrid || weights.length !== source.positions || weights.every((weight) => weight === 0)) return null;
  return h("figure", { class: "source" }, h("div", { class: "picture" }, overlayCanvas(source, weights)), h("figcaption", {}, "weights"));
}

// A window too large for numbers, and its kernel, as pictures.
function windowFigures(context: Context, source: Layer, one: Section, part: Part): HTMLElement[] {
  if (part.cells.length <= largestGrid || part.cells.length === source.positions) return [];
  const figure = (caption: string, values: number[], scale: number) =>
    h("figure", { class: "source" }, h("div", { class: "picture" }, kernelCanvas(values, one.columns, scale)), h("figcaption", {}, caption));
  const window = figure("window", part.cells.map((cell) => cell.value), scaleOf(source, context.direction, part.channel));
  const weighted = part.cells.some((cell) => cell.weight !== null);
  return weighted ? [window, figure("kernel", part.cells.map((cell) => cell.weight ?? 1), kernelScale(part.cells))] : [window];
}

function sectionView(context: Context, one: Section): HTMLElement {
  const source = context.network.layers[one.source]!;
  const chosen = one.parts.find((part) => part.channel === context.followed) ?? one.parts[0];
  const element = h("div", { class: "section" });
  const jump = h("button", { type: "button", class: "link", click: () => context.open(source.index, chosen?.channel ?? -1) }, source.name);
  element.append(h("h4", {}, context.direction === "values" ? "from " : "back from ", jump));
  if (chosen) {
    const windowed = chosen.cells.length > 1;
    const products = !windowed ? null : chosen.cells.length <= largestGrid ? productGrids(context, source, one, chosen) : strongest(source, chosen);
    element.append(h("div", { class: "from" }, sourceFigure(context, source, chosen), weightFigure(source, chosen), ...windowFigures(context, source, one, chosen), products));
    const listed = one.parts.length > 1 || one.others || !windowed;
    if (listed) element.append(partTable(context, source, one, chosen));
  }
  for (const note of one.notes) element.append(h("p", { class: "note" }, note));
  return element;
}

function stepTable(steps: Step[]): HTMLElement {
  const rows = steps.map((step) =>
    h("tr", {},
      h("th", { scope: "row" }, step.label),
      h("td", { class: "factors" }, step.text),
      h("td", { class: "number" }, show(step.value)),
      h("td"),
    ),
  );
  return h("table", { class: "terms" }, h("tbody", {}, ...rows));
}

// Values are kept with 24 bits, and sums are taken in another order than the network's.
function agree(explanation: Explanation, scale: number): boolean {
  const { computed, stored } = explanation;
  return computed !== null && stored !== undefined && Math.abs(computed - stored) <= 1e-3 * Math.max(scale, Math.abs(stored));
}

function resultLine(context: Context, layer: Layer, explanation: Explanation): HTMLElement {
  const what = context.direction === "values" ? "value" : "gradient";
  const line = h("p", { class: "result" });
  if (explanation.computed !== null) line.append(h("span", {}, "= ", h("b", {}, show(explanation.computed))));
  line.append(h("span", {}, `the network's ${what}: `, h("b", { "data-stored": String(explanation.stored) }, show(explanation.stored))));
  if (agree(explanation, layer.scale[context.direction])) line.append(h("span", { class: "agrees" }, "✓ agrees"));
  return line;
}

export function arithmeticView(context: Context, layer: Layer, explanation: Explanation): HTMLElement {
  const element = h("div", { class: `arithmetic ${context.direction}` });
  element.append(h("p", { class: "formula" }, explanation.formula));
  element.append(resultLine(context, layer, explanation));
  element.append(...explanation.sections.map((one) => sectionView(context, one)));
  if (explanation.steps.length > 0) element.append(h("div", { class: "section" }, h("h4", {}, "then"), stepTable(explanation.steps)));
  for (const note of explanation.notes) element.append(h("p", { class: "note" }, note));
  return element;
}
