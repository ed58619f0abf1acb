// Does the arithmetic that the page shows give the numbers that the network computed? For tests.
import { explainGradient } from "./backward";
import { explainValue } from "./forward";
import type { Direction, Layer, Network } from "./network";

export interface Difference {
  layer: string;
  type: string;
  direction: Direction;
  channel: number;
  position: number;
  computed: number;
  stored: number;
}

export interface CheckResult {
  compared: number;
  untold: number; // not to be told from what the page keeps
  untoldTypes: Record<string, number>;
  differences: Difference[];
}

function largest(values: Float32Array): number {
  return values.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
}

// Some places of every layer: corners, the centre and a few between.
function places(layer: Layer, samples: number): [number, number][] {
  const result: [number, number][] = [];
  for (let i = 0; i < samples; ++i) {
    const channel = layer.units[(i * 7) % layer.units.length]!;
    result.push([channel, Math.floor((i * (layer.positions - 1)) / Math.max(1, samples - 1))]);
  }
  return result;
}

export function checkArithmetic(network: Network, samples: number, tolerance: number): CheckResult {
  const result: CheckResult = { compared: 0, untold: 0, untoldTypes: {}, differences: [] };
  for (const layer of network.layers) {
    for (const direction of ["values", "gradients"] as const) {
      const all = layer.arrays[direction];
      if (!all || layer.op === "Input" && direction === "values") continue;
      const size = largest(all);
      for (const [channel, position] of places(layer, samples)) {
        const explain = direction === "values" ? explainValue : explainGradient;
        const { computed, stored } = explain(network, layer, channel, position);
        if (computed === null || stored === undefined) {
          ++result.untold;
          const key = `${layer.op} ${direction}`;
          result.untoldTypes[key] = (result.untoldTypes[key] ?? 0) + 1;
          continue;
        }
        ++result.compared;
        if (!(Math.abs(computed - stored) <= tolerance * size)) {
          result.differences.push({ layer: layer.name, type: layer.type, direction, channel, position, computed, stored });
        }
      }
    }
  }
  return result;
}
