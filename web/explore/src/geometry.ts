// Which positions of its input a layer with a window looks at, and the way back.
import type { Layer } from "./network";

export interface Window {
  rows: number;
  columns: number;
  stride: [number, number];
  dilation: [number, number];
  padding: [number, number];
}

type Pair = [number, number];

export function windowOf(layer: Layer): Window {
  const config = layer.config as { kernel?: Pair; pool?: Pair; strides?: Pair; dilation?: Pair };
  const [rows, columns] = config.kernel ?? config.pool ?? [1, 1];
  return {
    rows,
    columns,
    stride: config.strides ?? [1, 1],
    dilation: config.dilation ?? [1, 1],
    padding: layer.padding,
  };
}

// For every place of the window the position in `source`, or -1 outside of it. `target` is looked at as the
// result of a convolution over `source`.
export function gathered(source: Layer, target: Layer, window: Window, position: number): number[] {
  const y = Math.floor(position / target.width);
  const x = position % target.width;
  const positions: number[] = [];
  for (let row = 0; row < window.rows; ++row) {
    for (let column = 0; column < window.columns; ++column) {
      const sy = y * window.stride[0] + row * window.dilation[0] - window.padding[0];
      const sx = x * window.stride[1] + column * window.dilation[1] - window.padding[1];
      const inside = sy >= 0 && sy < source.height && sx >= 0 && sx < source.width;
      positions.push(inside ? sy * source.width + sx : -1);
    }
  }
  return positions;
}

// The other way: for every place of the window the position in `source` that looks through it at `position` of
// `target`, or -1.
export function scattered(source: Layer, target: Layer, window: Window, position: number): number[] {
  const y = Math.floor(position / target.width);
  const x = position % target.width;
  const positions: number[] = [];
  const along = (at: number, place: number, axis: 0 | 1, extent: number): number => {
    const moved = at + window.padding[axis] - place * window.dilation[axis];
    const source = moved / window.stride[axis];
    return moved >= 0 && Number.isInteger(source) && source < extent ? source : -1;
  };
  for (let row = 0; row < window.rows; ++row) {
    for (let column = 0; column < window.columns; ++column) {
      const sy = along(y, row, 0, source.height);
      const sx = along(x, column, 1, source.width);
      positions.push(sy >= 0 && sx >= 0 ? sy * source.width + sx : -1);
    }
  }
  return positions;
}

// Rows and columns of the padding that a layer adds or takes away: [top, left].
export function offsetOf(layer: Layer): Pair {
  const config = layer.config as { top?: number; left?: number };
  return [config.top ?? 0, config.left ?? 0];
}

// What one output coordinate of a bilinear enlargement reads, with its weights.
export function bilinearTaps(extent: number, factor: number, output: number): { at: number; weight: number }[] {
  const position = Math.max(0, (output + 0.5) / factor - 0.5);
  const low = Math.floor(position);
  const weight = position - low;
  return [
    { at: low, weight: 1 - weight },
    { at: Math.min(low + 1, extent - 1), weight },
  ];
}

// A pixel that an attention within windows may look at. Apart: only the rolling made it a neighbour.
export interface Neighbour {
  at: number;
  apart: boolean;
}

// The pixels of the window around `position`, row by row. The image was rolled up and left before it was cut.
export function windowAround(layer: Layer, position: number): Neighbour[] {
  const side = layer.config.window as number;
  const shift = layer.config.shift as Pair;
  const along = (own: number, extent: number, by: number) => {
    const rolled = (own - by + extent) % extent;
    const first = rolled - (rolled % side);
    const came = (at: number) => at >= extent - by;
    return Array.from({ length: side }, (_, i) => ({
      at: (first + i + by) % extent,
      apart: came(first + i) !== came(rolled),
    }));
  };
  const columns = along(position % layer.width, layer.width, shift[1]);
  return along(Math.floor(position / layer.width), layer.height, shift[0]).flatMap((row) =>
    columns.map((column) => ({ at: row.at * layer.width + column.at, apart: row.apart || column.apart })),
  );
}

// What an attention takes its sum over, and the shape that it stands in.
export function attended(layer: Layer, position: number): { rows: number; columns: number; neighbours: Neighbour[] } {
  if (layer.op === "WindowAttention") {
    const side = layer.config.window as number;
    return { rows: side, columns: side, neighbours: windowAround(layer, position) };
  }
  const neighbours = Array.from({ length: layer.positions }, (_, at) => ({ at, apart: false }));
  return { rows: layer.positions, columns: 1, neighbours };
}
