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
