// Feature maps as pictures: where each position of a layer is drawn, and the drawing.
import { pixelOf } from "./colour";
import { h } from "./dom";
import { type Direction, type Layer, mapOf, scaleOf } from "./network";

export interface Frame {
  columns: number;
  rows: number;
  first: number; // cells left free before the second position: a class token has a row of its own
}

// Tokens stand as the patches of the photo that they began as.
export function frameOf(layer: Layer): Frame {
  if (layer.shape.length !== 2) return { columns: layer.width, rows: layer.height, first: 0 };
  const side = Math.round(Math.sqrt(layer.height - 1));
  if (side > 1 && side * side + 1 === layer.height) return { columns: side, rows: side + 1, first: side - 1 };
  const columns = Math.ceil(Math.sqrt(layer.height));
  return { columns, rows: Math.ceil(layer.height / columns), first: 0 };
}

export function cellOf(frame: Frame, position: number): number {
  return position === 0 ? 0 : position + frame.first;
}

export function positionOf(layer: Layer, frame: Frame, cell: number): number | undefined {
  const position = cell === 0 ? 0 : cell - frame.first;
  return position > 0 || cell === 0 ? (position < layer.positions ? position : undefined) : undefined;
}

// A vector stands as a block of cells, a channel each.
export function vectorFrame(layer: Layer): Frame {
  const columns = layer.channels.length <= 64 ? Math.min(16, layer.channels.length) : Math.ceil(Math.sqrt(layer.channels.length * 3));
  return { columns, rows: Math.ceil(layer.channels.length / columns), first: 0 };
}

function paint(
  canvas: HTMLCanvasElement,
  frame: Frame,
  values: ArrayLike<number>,
  direction: Direction,
  scale: number,
): void {
  canvas.width = frame.columns;
  canvas.height = frame.rows;
  const image = new ImageData(frame.columns, frame.rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < values.length; ++i) pixels[cellOf(frame, i)] = pixelOf(direction, values[i]!, scale);
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}

function sharpness(frame: Frame, size: number): string {
  return Math.max(frame.columns, frame.rows) <= size ? "sharp" : "smooth";
}

// `size`: of the longer side on the screen, to choose how pixels are scaled.
export function mapCanvas(layer: Layer, direction: Direction, channel: number, size: number): HTMLCanvasElement {
  const frame = frameOf(layer);
  const canvas = h("canvas", { class: `map ${sharpness(frame, size)}` });
  const values = mapOf(layer, direction, channel);
  if (values) paint(canvas, frame, values, direction, scaleOf(layer, direction, channel));
  else canvas.classList.add("missing");
  canvas.style.aspectRatio = `${frame.columns} / ${frame.rows}`;
  return canvas;
}

export function vectorCanvas(layer: Layer, direction: Direction): HTMLCanvasElement {
  const frame = vectorFrame(layer);
  const canvas = h("canvas", { class: "map sharp" });
  paint(canvas, frame, layer.arrays[direction] ?? [], direction, layer.scale[direction]);
  canvas.style.aspectRatio = `${frame.columns} / ${frame.rows}`;
  return canvas;
}

// Up to `count` maps side by side in one canvas: cheap to have hundreds of.
export function stripCanvas(layer: Layer, direction: Direction, count: number, side: number): HTMLCanvasElement {
  const canvas = h("canvas", { class: "strip", "aria-hidden": "true" });
  const gap = 4;
  const density = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = (count * side + (count - 1) * gap) * density;
  canvas.height = side * density;
  const context = canvas.getContext("2d")!;
  context.scale(density, density);
  const one = document.createElement("canvas");
  const draw = (x: number, width: number, source: HTMLCanvasElement) => {
    const fit = Math.min(width / source.width, side / source.height);
    const [w, t] = [source.width * fit, source.height * fit];
    context.imageSmoothingEnabled = fit < 1;
    context.drawImage(source, x + (width - w) / 2, (side - t) / 2, w, t);
  };
  if (layer.positions === 1) {
    const values = layer.arrays[direction] ?? [];
    const columns = Math.max(8, Math.ceil(Math.sqrt(values.length * 3)));
    const frame = { columns, rows: Math.ceil(values.length / columns), first: 0 };
    paint(one, frame, values, direction, layer.scale[direction]);
    draw(0, count * side + (count - 1) * gap, one);
    return canvas;
  }
  const frame = frameOf(layer);
  layer.channels.slice(0, count).forEach((channel, i) => {
    const values = mapOf(layer, direction, channel);
    if (!values) return;
    paint(one, frame, values, direction, scaleOf(layer, direction, channel));
    draw(i * (side + gap), side, one);
  });
  return canvas;
}

// Lays a box over the cells of a picture, in per cent of its size.
export function frameBox(element: HTMLElement, frame: Frame, cells: number[]): void {
  if (cells.length === 0) {
    element.hidden = true;
    return;
  }
  const columns = cells.map((cell) => cell % frame.columns);
  const rows = cells.map((cell) => Math.floor(cell / frame.columns));
  const [left, right] = [Math.min(...columns), Math.max(...columns) + 1];
  const [top, bottom] = [Math.min(...rows), Math.max(...rows) + 1];
  element.hidden = false;
  element.style.left = `${(100 * left) / frame.columns}%`;
  element.style.width = `${(100 * (right - left)) / frame.columns}%`;
  element.style.top = `${(100 * top) / frame.rows}%`;
  element.style.height = `${(100 * (bottom - top)) / frame.rows}%`;
}

// Numbers of one's own over the positions of a layer.
export function overlayCanvas(layer: Layer, values: number[]): HTMLCanvasElement {
  const canvas = h("canvas", { class: "map sharp" });
  const frame = frameOf(layer);
  paint(canvas, frame, values, "values", values.reduce((size, value) => Math.max(size, Math.abs(value)), 0) || 1);
  canvas.style.aspectRatio = `${frame.columns} / ${frame.rows}`;
  return canvas;
}

// A kernel as a little picture.
export function kernelCanvas(weights: number[], columns: number, scale: number): HTMLCanvasElement {
  const canvas = h("canvas", { class: "kernel" });
  const frame = { columns, rows: Math.ceil(weights.length / columns), first: 0 };
  paint(canvas, frame, weights, "values", scale);
  canvas.style.aspectRatio = `${frame.columns} / ${frame.rows}`;
  return canvas;
}
