// How a value of a layer came about from the values of its inputs.
import { activationOf, curveOf } from "./activation";
import { type Cell, type Explanation, type Part, part, type Section, section, type Step } from "./explanation";
import { attended, bilinearTaps, gathered, scattered, windowOf } from "./geometry";
import { channelName, type Layer, type Network, valueAt } from "./network";
import { show } from "./numbers";
import { originOf } from "./origin";

interface Question {
  network: Network;
  layer: Layer;
  channel: number;
  position: number;
}

type Answer = Pick<Explanation, "formula"> & Partial<Explanation>;

function inputOf({ network, layer }: Question, which = 0): Layer {
  return network.layers[layer.inputs[which] ?? 0]!;
}

function notKept(source: Layer, channel: number): Section {
  return {
    ...section(source.index, source.name, []),
    sum: null,
    notes: [`Channel ${channel} of ${source.name} is not kept in this page.`],
  };
}

// One value of an input as a section of its own.
function single(source: Layer, channel: number, position: number, weight: number | null = null): Section {
  const value = valueAt(source, "values", channel, position);
  if (value === undefined) return notKept(source, channel);
  return section(source.index, source.name, [part(channel, [{ value, weight, position }])]);
}

function perUnit(question: Question, name: string): number | undefined {
  const place = question.layer.unitAt.get(question.channel);
  return place === undefined ? undefined : question.layer.arrays[name]?.[place];
}

function addBias(question: Question, sum: number | null, steps: Step[]): number | null {
  const bias = perUnit(question, "bias");
  if (bias === undefined || sum === null) return sum;
  steps.push({ label: "bias", text: `${show(sum)} + ${show(bias)}`, value: sum + bias });
  return sum + bias;
}

// Convolutions, transposed ones and dense layers.
function linear(question: Question): Answer {
  const { layer, channel, position } = question;
  const source = inputOf(question);
  const window = windowOf(layer);
  const unit = layer.unitAt.get(channel);
  const formula = `${layer.op === "Dense" ? "Σ input × weight" : "Σ window × kernel, over all input channels,"} + bias`;
  if (unit === undefined) {
    return { formula, notes: ["The arithmetic is kept for the strongest units only; this one is not among them."] };
  }
  const transposed = layer.op === "Conv2DTranspose";
  const positions =
    layer.op === "Dense" ? [position] : (transposed ? scattered : gathered)(source, layer, window, position);
  const kernel = layer.arrays.kernel!;
  const groups = (layer.config.groups as number | undefined) ?? 1;
  const group = Math.floor(channel / (layer.depth / groups));
  const parts: Part[] = [];
  source.units.forEach((input, i) => {
    if (Math.floor(input / (source.depth / groups)) !== group) return;
    const cells: Cell[] = positions.map((at, tap) => ({
      value: at < 0 ? 0 : (valueAt(source, "values", input, at) ?? 0),
      weight: kernel[(tap * source.units.length + i) * layer.units.length + unit]!,
      position: at,
    }));
    parts.push(part(input, cells));
  });
  const rest = layer.arrays.rest?.[unit * layer.positions + position];
  const left = source.depth / groups - parts.length;
  const one = section(source.index, source.name, parts, {
    rows: layer.op === "Dense" ? 1 : window.rows,
    columns: layer.op === "Dense" ? 1 : window.columns,
    ...(rest === undefined ? {} : { others: { label: `the other ${left} channels`, sum: rest } }),
  });
  const steps: Step[] = [];
  return { formula, sections: [one], steps, computed: addBias(question, one.sum, steps) };
}

function depthwise(question: Question): Answer {
  const { layer, channel, position } = question;
  const source = inputOf(question);
  const window = windowOf(layer);
  const input = Math.floor(channel / ((layer.config.depth_multiplier as number | undefined) ?? 1));
  const formula = "Σ window × kernel, of the same channel, + bias";
  const unit = layer.unitAt.get(channel);
  if (unit === undefined || !source.channelAt.has(input)) return { formula, sections: [notKept(source, input)] };
  const cells = gathered(source, layer, window, position).map((at, tap) => ({
    value: at < 0 ? 0 : valueAt(source, "values", input, at)!,
    weight: layer.arrays.kernel![tap * layer.units.length + unit]!,
    position: at,
  }));
  const one = section(source.index, source.name, [part(input, cells)], { rows: window.rows, columns: window.columns });
  const steps: Step[] = [];
  return { formula, sections: [one], steps, computed: addBias(question, one.sum, steps) };
}

function pooling(question: Question): Answer {
  const { layer, channel, position } = question;
  const source = inputOf(question);
  const window = windowOf(layer);
  const maximum = layer.op === "MaxPooling2D";
  const formula = maximum ? "the largest value in the window" : "the mean of the window";
  if (!source.channelAt.has(channel)) return { formula, sections: [notKept(source, channel)] };
  const positions = gathered(source, layer, window, position);
  const cells: Cell[] = positions.map((at) => ({
    value: at < 0 ? 0 : valueAt(source, "values", channel, at)!,
    weight: null,
    position: at,
  }));
  const inside = cells.filter((cell) => cell.position >= 0);
  const shape = { rows: window.rows, columns: window.columns };
  const one = section(source.index, source.name, [part(channel, cells)], shape);
  if (maximum) {
    const largest = inside.reduce((best, cell) => (cell.value > best.value ? cell : best), inside[0]!);
    largest.marked = true;
    one.parts[0]!.sum = one.sum = largest.value;
    return { formula, sections: [one], computed: largest.value };
  }
  const divisor = layer.config.count_padding ? cells.length : inside.length;
  const computed = one.sum! / divisor;
  const steps = [{ label: "mean", text: `${show(one.sum!)} / ${divisor}`, value: computed }];
  return { formula, sections: [one], steps, computed };
}

function globalPooling(question: Question): Answer {
  const { layer, channel } = question;
  const source = inputOf(question);
  const maximum = layer.op === "GlobalMaxPooling2D";
  const formula = maximum ? "the largest value of the channel's map" : "the mean of the channel's map";
  if (!source.channelAt.has(channel)) return { formula, sections: [notKept(source, channel)] };
  const cells = Array.from({ length: source.positions }, (_, at) => ({
    value: valueAt(source, "values", channel, at)!,
    weight: null,
    position: at,
  }));
  const one = section(source.index, source.name, [part(channel, cells)], { rows: source.height, columns: source.width });
  if (maximum) {
    const largest = cells.reduce((best, cell) => (cell.value > best.value ? cell : best)) as Cell;
    largest.marked = true;
    one.parts[0]!.sum = one.sum = largest.value;
    return { formula, sections: [one], computed: largest.value };
  }
  const computed = one.sum! / cells.length;
  const steps = [{ label: "mean", text: `${show(one.sum!)} / ${cells.length}`, value: computed }];
  return { formula, sections: [one], steps, computed };
}

function softmax(question: Question): Answer {
  const { network, layer, channel } = question;
  const source = inputOf(question);
  const formula = "e^(own score − largest score) / Σ e^(score − largest score)";
  if (source.channels.length < source.depth || source.positions > 1) {
    return { formula, notes: ["Softmax reads every channel; not all of them are kept here."] };
  }
  const scores = source.arrays.values!;
  const largest = scores.reduce((a, b) => Math.max(a, b));
  const powers = Array.from(scores, (score) => Math.exp(score - largest));
  const total = powers.reduce((a, b) => a + b, 0);
  const order = [...powers.keys()].sort((a, b) => powers[b]! - powers[a]!);
  const shown = order.slice(0, 10);
  if (!shown.includes(channel)) shown.push(channel);
  const steps: Step[] = [
    ...shown.map((c) => ({
      label: channelName(network, layer, c),
      text: `e^(${show(scores[c]!)} − ${show(largest)})`,
      value: powers[c]!,
    })),
    { label: "Σ", text: `sum over all ${scores.length}`, value: total },
    { label: "share", text: `${show(powers[channel]!)} / ${show(total)}`, value: powers[channel]! / total },
  ];
  return { formula, sections: [single(source, channel, 0)], steps, computed: powers[channel]! / total };
}

function activation(question: Question): Answer {
  const { layer, channel, position } = question;
  const config = activationOf(layer.config.activation);
  if (config.kind === "softmax") return softmax(question);
  const curve = curveOf(config);
  if (!curve) return { formula: config.kind };
  const one = single(inputOf(question), channel, position);
  const computed = one.sum === null ? null : curve.value(one.sum);
  const steps =
    one.sum === null ? [] : [{ label: config.kind, text: `x = ${show(one.sum)}`, value: curve.value(one.sum) }];
  return { formula: curve.formula, sections: [one], steps, computed };
}

interface Statistics {
  mean: number;
  variance: number;
  epsilon: number;
}

// (x - mean) / deviation, then the scale and shift that the layer has.
function standardise(question: Question, statistics: Statistics): Answer {
  const one = single(inputOf(question), question.channel, question.position);
  const formula = "(x − mean) / √(variance + ε) · gamma + beta";
  if (one.sum === null) return { formula, sections: [one] };
  const { mean, variance, epsilon } = statistics;
  const deviation = Math.sqrt(variance + epsilon);
  let value = (one.sum - mean) / deviation;
  const steps: Step[] = [
    { label: "deviation", text: `√(${show(variance)} + ${show(epsilon)})`, value: deviation },
    { label: "normalised", text: `(${show(one.sum)} − ${show(mean)}) / ${show(deviation)}`, value },
  ];
  const gamma = perUnit(question, "gamma");
  if (gamma !== undefined) {
    steps.push({ label: "times gamma", text: `${show(value)} × ${show(gamma)}`, value: value * gamma });
    value *= gamma;
  }
  const beta = perUnit(question, "beta");
  if (beta !== undefined) {
    steps.push({ label: "plus beta", text: `${show(value)} + ${show(beta)}`, value: value + beta });
    value += beta;
  }
  return { formula, sections: [one], steps, computed: value };
}

export function normalisationGroup(layer: Layer, channel: number): number {
  return Math.floor(channel / (layer.depth / (layer.config.groups as number)));
}

function normalisation(question: Question): Answer {
  const { layer, channel, position } = question;
  const epsilon = (layer.config.epsilon as number | undefined) ?? 0;
  if (layer.op === "BatchNormalization") {
    const mean = perUnit(question, "moving_mean");
    const variance = perUnit(question, "moving_variance");
    if (mean === undefined || variance === undefined) {
      return { formula: "(x − mean) / √(variance + ε) · gamma + beta", notes: ["Not kept for this channel."] };
    }
    return standardise(question, { mean, variance, epsilon });
  }
  const at = layer.op === "GroupNormalization" ? normalisationGroup(layer, channel) : position;
  const mean = layer.arrays.mean?.[at] ?? 0;
  return standardise(question, { mean, variance: layer.arrays.variance?.[at] ?? 0, epsilon });
}

// x * factor + shift with one of each for the channel.
function affine(question: Question, factor: number | undefined, shift: number | undefined, formula: string): Answer {
  const one = single(inputOf(question), question.channel, question.position, factor ?? null);
  if (one.sum === null || shift === undefined) return { formula, sections: [one], computed: one.sum };
  const computed = one.sum + shift;
  const steps = [{ label: "shift", text: `${show(one.sum)} + ${show(shift)}`, value: computed }];
  return { formula, sections: [one], steps, computed };
}

function preprocessing(question: Question): Answer {
  const mean = perUnit(question, "channel_mean") ?? 0;
  const deviation = Math.max(Math.sqrt(perUnit(question, "channel_variance") ?? 1), 1e-7);
  const one = single(inputOf(question), question.channel, question.position);
  if (one.sum === null) return { formula: "(x − mean) / deviation", sections: [one] };
  const computed = (one.sum - mean) / deviation;
  const text = `(${show(one.sum)} − ${show(mean)}) / ${show(deviation)}`;
  const steps = [{ label: "normalised", text, value: computed }];
  return { formula: "(x − mean) / deviation", sections: [one], steps, computed };
}

function responseNorm(question: Question): Answer {
  const { layer, channel, position } = question;
  const formula = "x / (k + α/size · Σ squares of the channels around)^β";
  const one = single(inputOf(question), channel, position);
  const unit = layer.unitAt.get(channel);
  const denominator = unit === undefined ? undefined : layer.arrays.denominator?.[unit * layer.positions + position];
  if (one.sum === null || denominator === undefined) return { formula, sections: [one] };
  const beta = layer.config.beta as number;
  const computed = one.sum / denominator ** beta;
  const text = `${show(one.sum)} / ${show(denominator)}^${show(beta)}`;
  return { formula, sections: [one], steps: [{ label: "normalised", text, value: computed }], computed };
}

function addition(question: Question): Answer {
  const sections = question.layer.inputs.map((_, i) => single(inputOf(question, i), question.channel, question.position));
  const sums = sections.map((one) => one.sum);
  const computed = sums.some((sum) => sum === null) ? null : sums.reduce<number>((a, b) => a + b!, 0);
  const steps =
    computed === null ? [] : [{ label: "sum", text: sums.map((sum) => show(sum!)).join(" + "), value: computed }];
  return { formula: "the sum of the inputs, value by value", sections, steps, computed };
}

function multiplication(question: Question): Answer {
  const [first, second] = [inputOf(question, 0), inputOf(question, 1)];
  const a = single(first, question.channel, question.position);
  const b = single(second, question.channel, second.positions === 1 ? 0 : question.position);
  const computed = a.sum === null || b.sum === null ? null : a.sum * b.sum;
  const steps = computed === null ? [] : [{ label: "product", text: `${show(a.sum!)} × ${show(b.sum!)}`, value: computed }];
  return { formula: "the product of the inputs, value by value", sections: [a, b], steps, computed };
}

export function keptHead(layer: Layer, channel: number): { head: number; weights: Float32Array | undefined } {
  const head = Math.floor(channel / (layer.depth / (layer.config.heads as number)));
  const kept = layer.arrays.attention_head?.[0] === head;
  return { head, weights: kept ? layer.arrays.attention : undefined };
}

function attention(question: Question): Answer {
  const { layer, channel, position } = question;
  const source = inputOf(question);
  const windowed = layer.op === "WindowAttention";
  const { head, weights } = keptHead(layer, channel);
  const over = windowed ? "the window's pixels" : "tokens";
  const formula = `Σ over ${over} of attention × value, head ${head + 1} of ${layer.config.heads}`;
  const input = 2 * layer.depth + channel;
  if (!weights) return { formula, notes: [`The weights of head ${head + 1} are not kept in this page.`] };
  if (!source.channelAt.has(input)) return { formula, sections: [notKept(source, input)] };
  const { rows, columns, neighbours } = attended(layer, position);
  const cells = neighbours.map(({ at, apart }, i) => ({
    value: valueAt(source, "values", input, at)!,
    weight: weights[position * neighbours.length + i]!,
    position: apart ? -1 : at,
  }));
  const one = section(source.index, source.name, [part(input, cells)], { rows, columns, weights: "attention" });
  const note = windowed
    ? "The weights are the row of this pixel in softmax(queries · keys / √depth + the trained number for the distance)."
    : "The weights are the row of this token in softmax(queries · keys / √depth): how much it attends to each token.";
  const apart = neighbours.some((one) => one.apart)
    ? ["This window was rolled around the image's edge: pixels from the other side get no weight."]
    : [];
  return { formula, sections: [one], computed: one.sum, notes: [note, ...apart] };
}

function tokens(question: Question): Answer {
  const { layer, channel, position } = question;
  if (layer.op === "ClassToken") {
    if (position > 0) {
      const one = single(inputOf(question), channel, position - 1);
      return { formula: "the input's tokens, after a trained first one", sections: [one], computed: one.sum };
    }
    const token = perUnit(question, "class_token");
    return { formula: "the trained class token", computed: token ?? null };
  }
  const unit = layer.unitAt.get(channel);
  const embedding = unit === undefined ? undefined : layer.arrays.position_embedding?.[unit * layer.positions + position];
  return affine(question, undefined, embedding, "x + the trained embedding of the position");
}

function bilinear(question: Question): Answer {
  const { layer, channel, position } = question;
  const source = inputOf(question);
  const formula = "between the four nearest values";
  if (!source.channelAt.has(channel)) return { formula, sections: [notKept(source, channel)] };
  const [rows, columns] = layer.config.size as [number, number];
  const cells: Cell[] = [];
  for (const row of bilinearTaps(source.height, rows, Math.floor(position / layer.width))) {
    for (const column of bilinearTaps(source.width, columns, position % layer.width)) {
      const at = row.at * source.width + column.at;
      cells.push({ value: valueAt(source, "values", channel, at)!, weight: row.weight * column.weight, position: at });
    }
  }
  const one = section(source.index, source.name, [part(channel, cells)], { rows: 2, columns: 2 });
  return { formula, sections: [one], computed: one.sum };
}

function moved(question: Question): Answer {
  const { network, layer, channel, position } = question;
  const formula = layer.op === "Dropout" ? "passed on: dropout rests outside of training" : "a value of the input, moved";
  const origin = originOf(network, layer, channel, position);
  if (origin === undefined) return { formula: "padding", computed: 0 };
  if (origin === "computed") return bilinear(question);
  const one = single(inputOf(question, origin.input), origin.channel, origin.position);
  return { formula, sections: [one], computed: one.sum };
}

function answer(question: Question): Answer {
  const { layer } = question;
  switch (layer.op) {
    case "Input":
      return { formula: "the photo's pixel after preprocessing" };
    case "Conv2D":
    case "Conv2DTranspose":
    case "Dense":
      return linear(question);
    case "DepthwiseConv2D":
      return depthwise(question);
    case "MaxPooling2D":
    case "AveragePooling2D":
      return pooling(question);
    case "GlobalAveragePooling2D":
    case "GlobalMaxPooling2D":
      return globalPooling(question);
    case "Activation":
      return activation(question);
    case "BatchNormalization":
    case "LayerNormalization":
    case "GroupNormalization":
      return normalisation(question);
    case "LocalResponseNormalization":
      return responseNorm(question);
    case "Scale":
      return affine(question, perUnit(question, "gamma"), undefined, "x · gamma");
    case "Rescaling":
      return affine(question, perUnit(question, "scale"), perUnit(question, "offset"), "x · scale + offset");
    case "Normalization":
      return preprocessing(question);
    case "Add":
      return addition(question);
    case "Multiply":
      return multiplication(question);
    case "SelfAttention":
    case "WindowAttention":
      return attention(question);
    case "ClassToken":
    case "PositionEmbedding":
      return tokens(question);
    case "Dropout":
    case "Flatten":
    case "Reshape":
    case "ZeroPadding2D":
    case "Cropping2D":
    case "ChannelShuffle":
    case "ChannelSlice":
    case "Concatenate":
    case "UpSampling2D":
      return moved(question);
    default:
      return { formula: layer.type, notes: ["This page knows the layer's values, but not its arithmetic."] };
  }
}

export function explainValue(network: Network, layer: Layer, channel: number, position: number): Explanation {
  return {
    sections: [],
    steps: [],
    computed: null,
    notes: [],
    ...answer({ network, layer, channel, position }),
    stored: valueAt(layer, "values", channel, position),
  };
}
