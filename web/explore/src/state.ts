// What the reader looks at, kept in the address so that a view can be linked to.
import type { Direction, Layer, Network } from "./network";

export interface State {
  layer: number;
  channel: number;
  position: number;
  direction: Direction;
}

// A channel whose arithmetic can be followed; among scores that of the class.
export function firstChannel(network: Network, layer: Layer): number {
  const inputs = layer.inputs.map((input) => network.layers[input]!);
  if (layer.index >= network.logits && layer.unitAt.has(network.classIndex)) return network.classIndex;
  const followed = layer.units.find((unit) => inputs.every((input) => input.channelAt.has(unit)));
  return followed ?? layer.units[0] ?? layer.channels[0] ?? 0;
}

export function middle(layer: Layer): number {
  return Math.floor(layer.height / 2) * layer.width + Math.floor(layer.width / 2);
}

export function readAddress(network: Network): State {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const layer =
    network.layers.find((one) => one.name === parameters.get("layer")) ??
    network.layers.find((one) => one.op === "Conv2D") ??
    network.layers[0]!;
  const number = (name: string, inside: (value: number) => boolean, otherwise: number) => {
    const text = parameters.get(name);
    const value = Number(text);
    return text !== null && Number.isInteger(value) && inside(value) ? value : otherwise;
  };
  return {
    layer: layer.index,
    channel: number("channel", (c) => layer.channelAt.has(c), firstChannel(network, layer)),
    position: number("position", (p) => p >= 0 && p < layer.positions, middle(layer)),
    direction: parameters.get("show") === "gradients" ? "gradients" : "values",
  };
}

export function writeAddress(network: Network, state: State): void {
  const parameters = new URLSearchParams({
    layer: network.layers[state.layer]!.name,
    channel: String(state.channel),
    position: String(state.position),
    show: state.direction,
  });
  history.replaceState(null, "", `#${parameters}`);
}
