// The network of the page: what the program embedded, and access to single numbers of it.

export type Direction = "values" | "gradients";

interface RawLayer {
  name: string;
  op: string;
  inputs: number[];
  trainable: boolean;
  config: Record<string, unknown>;
  type: string;
  shape: number[];
  parameters: number;
  padding: [number, number] | null;
  channels: number[] | null;
  units: number[] | null;
  arrays: Record<string, [number, number]>;
}

interface RawNetwork {
  title: string;
  photo: { name: string; width: number; height: number; uri: string };
  classes: string[];
  probabilities: number[];
  temperature: number;
  class_index: number;
  logits: number;
  output: number;
  nodes: RawLayer[];
  values: number;
}

export interface Layer {
  index: number;
  name: string;
  op: string;
  type: string;
  inputs: number[];
  users: number[];
  config: Record<string, unknown>;
  shape: number[];
  height: number; // of (H, W, C); T of (T, C); 1 of (C)
  width: number;
  depth: number;
  positions: number;
  parameters: number;
  trainable: boolean;
  padding: [number, number];
  channels: number[]; // whose values are here
  units: number[]; // whose arithmetic can be followed
  channelAt: Map<number, number>; // place of a channel among `channels`
  unitAt: Map<number, number>;
  arrays: Record<string, Float32Array>;
  scale: Record<Direction, number>; // the value that is drawn in the full colour
}

export interface Network {
  title: string;
  photo: RawNetwork["photo"];
  classes: string[];
  probabilities: number[];
  temperature: number;
  classIndex: number;
  logits: number;
  output: number;
  layers: Layer[];
}

function count(all: number[] | null, depth: number): number[] {
  return all ?? Array.from({ length: depth }, (_, i) => i);
}

// The magnitude that one value in 200 exceeds.
function colourScale(values: Float32Array | undefined): number {
  if (!values || values.length === 0) return 1;
  const step = Math.max(1, Math.floor(values.length / 4000));
  const sizes: number[] = [];
  for (let i = 0; i < values.length; i += step) {
    const size = Math.abs(values[i]!);
    if (Number.isFinite(size)) sizes.push(size);
  }
  sizes.sort((a, b) => a - b);
  const high = sizes[Math.floor(0.995 * (sizes.length - 1))] ?? 0;
  return high > 0 ? high : (sizes[sizes.length - 1] ?? 0) || 1;
}

// Of a vector the largest magnitude: a few values stand out of it by right.
function layerScale(values: Float32Array | undefined, positions: number): number {
  if (positions > 1 || !values) return colourScale(values);
  return values.reduce((size, value) => (Number.isFinite(value) ? Math.max(size, Math.abs(value)) : size), 0) || 1;
}

function toLayer(raw: RawLayer, index: number, values: Float32Array): Layer {
  const shape = raw.shape;
  const depth = shape[shape.length - 1] ?? 1;
  const height = shape.length > 1 ? shape[0]! : 1;
  const width = shape.length > 2 ? shape[1]! : 1;
  const channels = count(raw.channels, depth);
  const units = count(raw.units, depth);
  const arrays: Record<string, Float32Array> = {};
  for (const [name, [offset, size]] of Object.entries(raw.arrays)) {
    arrays[name] = values.subarray(offset, offset + size);
  }
  return {
    index,
    name: raw.name,
    op: raw.op,
    type: raw.type,
    inputs: raw.inputs,
    users: [],
    config: raw.config,
    shape,
    height,
    width,
    depth,
    positions: height * width,
    parameters: raw.parameters,
    trainable: raw.trainable,
    padding: raw.padding ?? [0, 0],
    channels,
    units,
    channelAt: new Map(channels.map((c, i) => [c, i])),
    unitAt: new Map(units.map((c, i) => [c, i])),
    arrays,
    scale: { values: layerScale(arrays.values, height * width), gradients: layerScale(arrays.gradients, height * width) },
  };
}

// Three planes of bytes: the upper 24 bits of every float.
function joinPlanes(planes: Uint8Array, size: number): Float32Array {
  const bits = new Uint32Array(size);
  for (let i = 0; i < size; ++i) {
    bits[i] = (planes[i]! << 24) | (planes[size + i]! << 16) | (planes[2 * size + i]! << 8);
  }
  return new Float32Array(bits.buffer);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; ++i) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function textOf(id: string): string {
  return document.getElementById(id)?.textContent ?? "";
}

export async function readNetwork(): Promise<Network> {
  const raw = JSON.parse(textOf("network")) as RawNetwork;
  const values = joinPlanes(await inflate(fromBase64(textOf("values"))), raw.values);
  document.getElementById("values")?.remove(); // its text is many megabytes
  const layers = raw.nodes.map((node, index) => toLayer(node, index, values));
  for (const layer of layers) {
    for (const input of new Set(layer.inputs)) layers[input]!.users.push(layer.index);
  }
  return {
    title: raw.title,
    photo: raw.photo,
    classes: raw.classes,
    probabilities: raw.probabilities,
    temperature: raw.temperature,
    classIndex: raw.class_index,
    logits: raw.logits,
    output: raw.output,
    layers,
  };
}

// The map of a channel, or nothing when it is not kept.
export function mapOf(layer: Layer, direction: Direction, channel: number): Float32Array | undefined {
  const place = layer.channelAt.get(channel);
  const all = layer.arrays[direction];
  if (place === undefined || !all) return undefined;
  return all.subarray(place * layer.positions, (place + 1) * layer.positions);
}

// The value of a map that is drawn in the full colour: its own, but of a map that is nearly empty a share of its layer's.
const leastShare = 0.05;
const mapScales = new WeakMap<Layer, Map<string, number>>();
export function scaleOf(layer: Layer, direction: Direction, channel: number): number {
  if (layer.positions === 1) return layer.scale[direction];
  const known = mapScales.get(layer) ?? new Map<string, number>();
  mapScales.set(layer, known);
  const key = `${direction} ${channel}`;
  let scale = known.get(key);
  if (scale === undefined) {
    scale = Math.max(colourScale(mapOf(layer, direction, channel)), leastShare * layer.scale[direction]);
    known.set(key, scale);
  }
  return scale;
}

export function valueAt(layer: Layer, direction: Direction, channel: number, position: number): number | undefined {
  return mapOf(layer, direction, channel)?.[position];
}

export function hasGradients(network: Network): boolean {
  return network.layers.some((layer) => layer.arrays.gradients);
}

// "tabby", where a vector has one entry for every class; else "channel 3".
export function channelName(network: Network, layer: Layer, channel: number): string {
  const isScore = layer.index >= network.logits && layer.positions === 1;
  const names = network.classes;
  if (isScore && layer.depth === names.length) return names[channel] ?? String(channel);
  if (isScore && layer.depth === 1 && names.length === 2) return names[1]!;
  return `channel ${channel}`;
}

export function shapeText(layer: Layer): string {
  return layer.shape.join(" × ");
}
