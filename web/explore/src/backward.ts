// How the gradient of a value came about by the chain rule: every layer that reads the value sends back its own
// gradient times the slope of its output by that value; what several send is added.
import { activationOf, curveOf } from "./activation";
import { type Cell, type Explanation, type Part, part, type Section, section } from "./explanation";
import { attended, bilinearTaps, gathered, scattered, windowOf } from "./geometry";
import { keptHead, normalisationGroup } from "./forward";
import { type Layer, type Network, valueAt } from "./network";
import { show } from "./numbers";
import { destinationsOf } from "./origin";

// What `user` sends to channel and position of its input number `which`.
interface Question {
  network: Network;
  user: Layer;
  source: Layer;
  which: number;
  channel: number;
  position: number;
}

function untold(user: Layer, note: string): Section {
  return { ...section(user.index, user.name, []), sum: null, notes: [note] };
}

function notKept(user: Layer, channel: number): Section {
  return untold(user, `Channel ${channel} of ${user.name} is not kept in this page.`);
}

function gradientAt(user: Layer, channel: number, position: number): number | undefined {
  return valueAt(user, "gradients", channel, position);
}

function perUnit(layer: Layer, name: string, channel: number): number | undefined {
  const place = layer.unitAt.get(channel);
  return place === undefined ? undefined : layer.arrays[name]?.[place];
}

// The gradient of one value of the user times a slope.
function single(question: Question, slope: number | null, position = question.position, notes: string[] = []): Section {
  const { user, channel } = question;
  const value = gradientAt(user, channel, position);
  if (value === undefined) return notKept(user, channel);
  return section(user.index, user.name, [part(channel, [{ value, weight: slope, position }])], { notes });
}

function linear(question: Question): Section {
  const { user, source, channel, position } = question;
  const window = windowOf(user);
  const place = source.unitAt.get(channel);
  if (place === undefined) return untold(user, "The arithmetic is kept for the strongest units only.");
  const dense = user.op === "Dense";
  const transposed = user.op === "Conv2DTranspose";
  const positions = dense ? [position] : (transposed ? gathered : scattered)(user, source, window, position);
  const kernel = user.arrays.kernel!;
  const groups = (user.config.groups as number | undefined) ?? 1;
  const group = Math.floor(channel / (source.depth / groups));
  const parts: Part[] = [];
  user.units.forEach((output, o) => {
    if (Math.floor(output / (user.depth / groups)) !== group) return;
    const cells: Cell[] = positions.map((at, tap) => ({
      value: at < 0 ? 0 : (gradientAt(user, output, at) ?? 0),
      weight: kernel[(tap * source.units.length + place) * user.units.length + o]!,
      position: at,
    }));
    parts.push(part(output, cells));
  });
  const rest = user.arrays.gradient_rest?.[place * source.positions + position];
  const left = user.depth / groups - parts.length;
  return section(user.index, user.name, parts, {
    rows: dense ? 1 : window.rows,
    columns: dense ? 1 : window.columns,
    ...(rest === undefined ? {} : { others: { label: `the other ${left} channels`, sum: rest } }),
  });
}

function depthwise(question: Question): Section {
  const { user, source, channel, position } = question;
  const window = windowOf(user);
  const multiplier = (user.config.depth_multiplier as number | undefined) ?? 1;
  const parts: Part[] = [];
  for (let output = channel * multiplier; output < (channel + 1) * multiplier; ++output) {
    const unit = user.unitAt.get(output);
    if (unit === undefined) return notKept(user, output);
    const cells = scattered(user, source, window, position).map((at, tap) => ({
      value: at < 0 ? 0 : gradientAt(user, output, at)!,
      weight: user.arrays.kernel![tap * user.units.length + unit]!,
      position: at,
    }));
    parts.push(part(output, cells));
  }
  return section(user.index, user.name, parts, { rows: window.rows, columns: window.columns });
}

// The first of the largest values in the window of `at`, as the network took it.
function winner(question: Question, at: number): number {
  const { user, source, channel } = question;
  let best = -1;
  let largest = -Infinity;
  for (const from of gathered(source, user, windowOf(user), at)) {
    const value = from < 0 ? undefined : valueAt(source, "values", channel, from);
    if (value !== undefined && value > largest) {
      largest = value;
      best = from;
    }
  }
  return best;
}

function pooling(question: Question): Section {
  const { user, source, channel, position } = question;
  if (!user.channelAt.has(channel)) return notKept(user, channel);
  const window = windowOf(user);
  const maximum = user.op === "MaxPooling2D";
  const cells = scattered(user, source, window, position).map((at): Cell => {
    if (at < 0) return { value: 0, weight: 0, position: -1 };
    const value = gradientAt(user, channel, at)!;
    if (maximum) return { value, weight: winner(question, at) === position ? 1 : 0, position: at };
    const inside = gathered(source, user, window, at).filter((from) => from >= 0).length;
    return { value, weight: 1 / (user.config.count_padding ? window.rows * window.columns : inside), position: at };
  });
  const note = maximum
    ? "The gradient goes to the value that was the largest in its window (× 1), nothing to the others (× 0)."
    : "Every value of a window gets the same share of the gradient.";
  return section(user.index, user.name, [part(channel, cells)], {
    rows: window.rows,
    columns: window.columns,
    notes: [note],
  });
}

function globalPooling(question: Question): Section {
  const { user, source, channel, position } = question;
  if (user.op === "GlobalAveragePooling2D") return single(question, 1 / source.positions, 0);
  let best = 0;
  for (let at = 1; at < source.positions; ++at) {
    if (valueAt(source, "values", channel, at)! > valueAt(source, "values", channel, best)!) best = at;
  }
  return single(question, best === position ? 1 : 0, 0);
}

function softmax(question: Question): Section {
  const { user, channel, position } = question;
  const values = user.arrays.values;
  const gradients = user.arrays.gradients;
  if (user.positions > 1 || user.channels.length < user.depth || !values || !gradients) {
    return untold(user, "Softmax mixes all channels; not all of them are kept here.");
  }
  const mean = values.reduce((sum, share, c) => sum + share * gradients[c]!, 0);
  const value = gradientAt(user, channel, position)! - mean;
  const cells = [{ value, weight: values[channel]!, position }];
  return section(user.index, user.name, [part(channel, cells)], {
    notes: [`(gradient − Σ share × gradient = ${show(mean)}) × own share`],
  });
}

function activation(question: Question): Section {
  const { user, source, channel, position } = question;
  const config = activationOf(user.config.activation);
  if (config.kind === "softmax") return softmax(question);
  const curve = curveOf(config);
  const x = valueAt(source, "values", channel, position);
  if (!curve || x === undefined) return untold(user, "This page does not know the slope.");
  return single(question, curve.slope(x), position, [`slope of ${config.kind} at x = ${show(x)}: ${curve.slopeFormula}`]);
}

// The input moves the mean and the variance of all that is normalised with it, too.
function ownStatistics(question: Question): Section {
  const { user, source, channel, position } = question;
  const at = user.op === "GroupNormalization" ? normalisationGroup(user, channel) : position;
  const [mean, product] = [user.arrays.gradient_mean?.[at], user.arrays.gradient_product?.[at]];
  const x = valueAt(source, "values", channel, position);
  const gradient = gradientAt(user, channel, position);
  if (mean === undefined || product === undefined || x === undefined || gradient === undefined) {
    return notKept(user, channel);
  }
  const deviation = Math.sqrt(user.arrays.variance![at]! + (user.config.epsilon as number));
  const normalised = (x - user.arrays.mean![at]!) / deviation;
  const scaled = gradient * (perUnit(user, "gamma", channel) ?? 1);
  const cells = [{ value: scaled - mean - normalised * product, weight: 1 / deviation, position }];
  return section(user.index, user.name, [part(channel, cells)], {
    notes: [
      `gradient · gamma = ${show(scaled)}, less its mean over what is normalised together, ${show(mean)}, less the ` +
        `normalised value ${show(normalised)} times the mean of their product, ${show(product)}; then / deviation`,
    ],
  });
}

function batchNorm(question: Question): Section {
  const { user, channel, position } = question;
  const variance = perUnit(user, "moving_variance", channel);
  if (variance === undefined) return notKept(user, channel);
  const gamma = perUnit(user, "gamma", channel) ?? 1;
  const deviation = Math.sqrt(variance + (user.config.epsilon as number));
  const note = `slope: gamma / √(variance + ε) = ${show(gamma)} / ${show(deviation)}`;
  return single(question, gamma / deviation, position, [note]);
}

function multiplication(question: Question): Section {
  const { network, user, source, which, channel, position } = question;
  const other = network.layers[user.inputs[1 - which]!]!;
  if (source.positions === 1 && user.positions > 1) {
    if (!user.channelAt.has(channel) || !other.channelAt.has(channel)) return notKept(user, channel);
    const cells = Array.from({ length: user.positions }, (_, at) => ({
      value: gradientAt(user, channel, at)!,
      weight: valueAt(other, "values", channel, at)!,
      position: at,
    }));
    return section(user.index, user.name, [part(channel, cells)], { rows: user.height, columns: user.width });
  }
  const factor = valueAt(other, "values", channel, other.positions === 1 ? 0 : position);
  if (factor === undefined) return notKept(other, channel);
  return single(question, factor, position, [`slope: the value of ${other.name}`]);
}

function attention(question: Question): Section {
  const { user, channel, position } = question;
  const output = channel - 2 * user.depth;
  if (output < 0) return untold(user, "What goes to queries and keys passes softmax and is not listed.");
  const { head, weights } = keptHead(user, output);
  if (!weights) return untold(user, `The weights of head ${head + 1} are not kept in this page.`);
  if (!user.channelAt.has(output)) return notKept(user, output);
  const { rows, columns, neighbours } = attended(user, position);
  const own = neighbours.findIndex(({ at }) => at === position);
  const cells = neighbours.map(({ at, apart }) => ({
    value: gradientAt(user, output, at)!,
    weight: weights[at * neighbours.length + own]!,
    position: apart ? -1 : at,
  }));
  return section(user.index, user.name, [part(output, cells)], { rows, columns, weights: "attention" });
}

function bilinear(question: Question): Section {
  const { user, source, channel, position } = question;
  if (!user.channelAt.has(channel)) return notKept(user, channel);
  const [rows, columns] = user.config.size as [number, number];
  const y = Math.floor(position / source.width);
  const x = position % source.width;
  const share = (extent: number, factor: number, output: number, at: number) =>
    bilinearTaps(extent, factor, output).reduce((sum, tap) => sum + (tap.at === at ? tap.weight : 0), 0);
  const cells: Cell[] = [];
  for (let at = 0; at < user.positions; ++at) {
    const down = share(source.height, rows, Math.floor(at / user.width), y);
    const right = down > 0 ? share(source.width, columns, at % user.width, x) : 0;
    if (right > 0) cells.push({ value: gradientAt(user, channel, at)!, weight: down * right, position: at });
  }
  return section(user.index, user.name, [part(channel, cells)], { columns: cells.length });
}

function moved(question: Question): Section {
  const { network, user, which, channel, position } = question;
  if (user.op === "UpSampling2D" && user.config.interpolation !== "nearest") return bilinear(question);
  const cells: Cell[] = [];
  let to = channel;
  for (const place of destinationsOf(network, user, which, channel, position)) {
    const value = gradientAt(user, place.channel, place.position);
    if (value === undefined) return notKept(user, place.channel);
    to = place.channel;
    cells.push({ value, weight: null, position: place.position });
  }
  const notes = cells.length === 0 ? ["This value is cut off here: nothing comes back."] : [];
  return section(user.index, user.name, cells.length === 0 ? [] : [part(to, cells)], { columns: cells.length, notes });
}

function answer(question: Question): Section {
  const { user, channel, position } = question;
  switch (user.op) {
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
      return batchNorm(question);
    case "LayerNormalization":
    case "GroupNormalization":
      return ownStatistics(question);
    case "Scale":
      return single(question, perUnit(user, "gamma", channel) ?? null);
    case "Rescaling":
      return single(question, perUnit(user, "scale", channel) ?? null);
    case "Normalization":
      return single(question, 1 / Math.max(Math.sqrt(perUnit(user, "channel_variance", channel) ?? 1), 1e-7));
    case "Add":
    case "PositionEmbedding":
      return single(question, null);
    case "ClassToken":
      return single(question, null, position + 1);
    case "Multiply":
      return multiplication(question);
    case "SelfAttention":
    case "WindowAttention":
      return attention(question);
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
      return untold(user, `What ${user.type} sends back is part of the gradient, but not listed.`);
  }
}

function beginning(network: Network, layer: Layer, channel: number): Explanation["notes"] {
  if (layer.positions > 1) return [`The gradients are those of the mean of channel ${network.classIndex}: they begin here.`];
  const name = network.classes[network.classIndex] ?? String(network.classIndex);
  const own = layer.depth === 1 || channel === network.classIndex;
  return [`The gradients are those of the logit of “${name}”: they begin here, with ${own ? "its own slope" : "0 for other classes"}.`];
}

export function explainGradient(network: Network, layer: Layer, channel: number, position: number): Explanation {
  const stored = valueAt(layer, "gradients", channel, position);
  const formula = "Σ over the layers that read this value: their gradient × their slope";
  if (layer.index === network.logits) {
    return { formula: "∂ logit / ∂ logit", sections: [], steps: [], computed: stored ?? null, stored, notes: beginning(network, layer, channel) };
  }
  const sections: Section[] = [];
  for (const index of layer.users) {
    const user = network.layers[index]!;
    if (!user.arrays.gradients) continue;
    user.inputs.forEach((input, which) => {
      if (input === layer.index) sections.push(answer({ network, user, source: layer, which, channel, position }));
    });
  }
  const sums = sections.map((one) => one.sum);
  const computed = sums.length === 0 || sums.some((sum) => sum === null) ? null : sums.reduce<number>((a, b) => a + b!, 0);
  const steps =
    sections.length > 1 && computed !== null
      ? [{ label: "sum", text: sums.map((sum) => show(sum!)).join(" + "), value: computed }]
      : [];
  return { formula, sections, steps, computed, stored, notes: [] };
}
