// Layers that only move numbers: where each one comes from, and where it goes.
import { offsetOf } from "./geometry";
import type { Layer, Network } from "./network";

export interface Place {
  input: number; // which of the layer's inputs
  channel: number;
  position: number;
}

function shifted(from: Layer, to: Layer, position: number, down: number, right: number): number | undefined {
  const y = Math.floor(position / from.width) + down;
  const x = (position % from.width) + right;
  return y >= 0 && y < to.height && x >= 0 && x < to.width ? y * to.width + x : undefined;
}

// Nothing: the number does not come from the input (padding). "computed": the layer does more than move.
export function originOf(network: Network, layer: Layer, channel: number, position: number): Place | undefined | "computed" {
  const input = network.layers[layer.inputs[0] ?? 0]!;
  const config = layer.config as Record<string, number>;
  switch (layer.op) {
    case "Dropout":
      return { input: 0, channel, position };
    case "Flatten":
    case "Reshape": {
      const flat = position * layer.depth + channel;
      return { input: 0, channel: flat % input.depth, position: Math.floor(flat / input.depth) };
    }
    case "ZeroPadding2D":
    case "Cropping2D": {
      const sign = layer.op === "ZeroPadding2D" ? -1 : 1;
      const [top, left] = offsetOf(layer);
      const from = shifted(layer, input, position, sign * top, sign * left);
      const source = channel - (config.channels_before ?? 0);
      const inside = from !== undefined && source >= 0 && source < input.depth;
      return inside ? { input: 0, channel: source, position: from } : undefined;
    }
    case "ChannelShuffle": {
      const groups = config.groups ?? 1;
      const width = input.depth / groups;
      return { input: 0, channel: (channel % groups) * width + Math.floor(channel / groups), position };
    }
    case "ChannelSlice":
      return { input: 0, channel: channel + (config.begin ?? 0), position };
    case "Concatenate": {
      let first = 0;
      for (let i = 0; i < layer.inputs.length; ++i) {
        const depth = network.layers[layer.inputs[i]!]!.depth;
        if (channel < first + depth) return { input: i, channel: channel - first, position };
        first += depth;
      }
      return undefined;
    }
    case "UpSampling2D": {
      if (config.interpolation as unknown !== "nearest") return "computed";
      const [rows, columns] = layer.config.size as [number, number];
      const y = Math.floor(Math.floor(position / layer.width) / rows);
      const x = Math.floor((position % layer.width) / columns);
      return { input: 0, channel, position: y * input.width + x };
    }
    default:
      return "computed";
  }
}

// The places of a moving layer's output that hold a number of its input number `which`.
export function destinationsOf(
  network: Network,
  layer: Layer,
  which: number,
  channel: number,
  position: number,
): { channel: number; position: number }[] {
  const input = network.layers[layer.inputs[which] ?? 0]!;
  const config = layer.config as Record<string, number>;
  switch (layer.op) {
    case "Dropout":
      return [{ channel, position }];
    case "Flatten":
    case "Reshape": {
      const flat = position * input.depth + channel;
      return [{ channel: flat % layer.depth, position: Math.floor(flat / layer.depth) }];
    }
    case "ZeroPadding2D":
    case "Cropping2D": {
      const sign = layer.op === "ZeroPadding2D" ? 1 : -1;
      const [top, left] = offsetOf(layer);
      const to = shifted(input, layer, position, sign * top, sign * left);
      return to === undefined ? [] : [{ channel: channel + (config.channels_before ?? 0), position: to }];
    }
    case "ChannelShuffle": {
      const groups = config.groups ?? 1;
      const width = input.depth / groups;
      return [{ channel: (channel % width) * groups + Math.floor(channel / width), position }];
    }
    case "ChannelSlice": {
      const to = channel - (config.begin ?? 0);
      return to >= 0 && to < layer.depth ? [{ channel: to, position }] : [];
    }
    case "Concatenate": {
      let first = 0;
      for (let i = 0; i < which; ++i) first += network.layers[layer.inputs[i]!]!.depth;
      return [{ channel: channel + first, position }];
    }
    case "UpSampling2D": {
      const [rows, columns] = layer.config.size as [number, number];
      const y = Math.floor(position / input.width) * rows;
      const x = (position % input.width) * columns;
      return Array.from({ length: rows * columns }, (_, i) => ({
        channel,
        position: (y + Math.floor(i / columns)) * layer.width + x + (i % columns),
      }));
    }
    default:
      return [];
  }
}
