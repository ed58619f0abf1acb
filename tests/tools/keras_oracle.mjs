#!/usr/bin/env node
// Writes tests/data/keras/*.json: what TensorFlow.js, a Keras implementation of its own, computes for layers and
// networks whose parameters and images the C++ tests build again.
//
// In a folder of its own: npm install @tensorflow/tfjs-core @tensorflow/tfjs-layers @tensorflow/tfjs-backend-cpu,
// then node .../tests/tools/keras_oracle.mjs --out .../tests/data/keras. Its CPU backend sums in double precision
// and stores float.
//
// Parameters and images come from the formula of make_golden.py (tests/support/formula.h) under the layers'
// names. The networks are written down here a second time, from the papers' tables and Keras's names.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import keras_layers from './keras_oracle_layers.mjs';
import * as networks from './keras_oracle_networks.mjs';

const require = createRequire(path.join(process.cwd(), 'package.json'));
const tf = require('@tensorflow/tfjs-core');
const tfl = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');

const SAMPLES = 8;

function fnv1a(text) {
  let hash = 2166136261;
  for (const byte of Buffer.from(text)) {
    hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  }
  return hash;
}

function unit(key, i) {
  let x = (Math.imul(i, 0x9E3779B9) + key) >>> 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7FEB352D);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846CA68B);
  x ^= x >>> 16;
  return 2 * (x >>> 8) / 2 ** 24 - 1;
}

function filled(name, shape, offset, scale) {
  const key = fnv1a(name);
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; ++i) {
    values[i] = offset + scale * unit(key, i);
  }
  return tf.tensor(values, shape);
}

const RANGES = {
  bias: [0, 0.1], beta: [0, 0.1], moving_mean: [0, 0.1], mean: [0, 0.1], gamma: [1, 0.2],
  moving_variance: [1, 0.3], variance: [1, 0.3],
};

// `kind` is Keras's; a depthwise layer's only kernel is called "kernel" in the formula.
function parameter(layer, kind, shape, name = kind) {
  if (name.endsWith('kernel')) {
    const extents = kind === 'depthwise_kernel' ? shape.slice(0, 2) : shape.slice(0, -1);
    const fan_in = extents.reduce((a, b) => a * b, 1);
    return filled(`${layer}/${name}`, shape, 0, Math.sqrt(6 / fan_in));
  }
  return filled(`${layer}/${name}`, shape, ...RANGES[name]);
}

// The name and the range of a weight in the formula: TensorFlow.js lacks layers that others stand in for.
function formula_kind(layer, kind) {
  if (layer.name.endsWith('_layer_scale')) {
    return 'gamma';
  }
  if (layer.name === 'normalization') {
    return kind.replace('moving_', '');
  }
  return layer.getClassName() === 'DepthwiseConv2D' && kind === 'depthwise_kernel' ? 'kernel' : kind;
}

function fill(model, constants = new Map()) {
  for (const layer of model.layers) {
    if (layer.weights.length > 0) {
      layer.setWeights(layer.weights.map((weight) => {
        const kind = weight.originalName.split('/').pop();
        const given = constants.get(layer.name);
        return given ? tf.tensor(given[kind], weight.shape)
          : parameter(layer.name, kind, weight.shape, formula_kind(layer, kind));
      }));
    }
  }
}

const images = (shape) => filled('images', shape, 0, 1);
const rounded = (values) => Array.from(values, (value) => Number(value.toPrecision(8)));

function digest(tensor) {
  const values = tensor.dataSync();
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  const stride = Math.max(1, Math.floor(values.length / SAMPLES));
  const samples = [];
  for (let i = 0; i < SAMPLES && i * stride < values.length; ++i) {
    samples.push(values[i * stride]);
  }
  return { sum, norm: Math.sqrt(squares), values: rounded(samples) };
}

function layer_case({ name, shape, build, config, compute, activation }) {
  const input = images([2, ...shape]);
  const result = { name, shape };
  let output;
  if (build) {
    const model = build(tfl, shape);
    fill(model);
    result.config = config ?? model.toJSON(null, false);
    output = model.predict(input);
  } else {
    output = compute(tf, input, (kind, extents, ours) => parameter('layer', kind, extents, ours));
    if (config) {
      result.config = config;
    } else {
      result.activation = activation;
    }
  }
  result.output = rounded(output.dataSync());
  return result;
}

// `scale` of the images: 1, or 128 for the networks that scale bytes themselves.
function network_case(name, size, layer, scale = 1) {
  const classes = 10;
  const batch = 2;
  const [inputs, middle, logits, constants] = networks[name](tfl, size, classes, layer);
  const model = tfl.model({ inputs, outputs: [middle, logits] });
  fill(model, constants);
  const predict = (factor) => model.predict(tf.mul(images([batch, size, size, 3]), factor));
  const [output, result] = predict(scale);
  const values = result.dataSync();
  // Of the network itself: how far the logits move when the images are off by a few roundings.
  const moved = predict(scale * (1 + 3e-7))[1].dataSync();
  const sensitivity = Math.max(...values.map((value, i) => Math.abs(value - moved[i])));
  const spread = Math.max(...Array.from({ length: classes }, (_, i) => Math.abs(values[i] - values[classes + i])));
  if (spread < 1e-3 * Math.max(...values.map(Math.abs))) {
    throw new Error(`${name}: the images give the same logits`);
  }
  console.log(`${name} ${size}: logits up to ${Math.max(...values.map(Math.abs))}, images differ by ${spread}, ` +
    `sensitivity ${sensitivity}`);
  const given = [...constants.keys()].reduce((sum, key) => sum + model.getLayer(key).countParams(), 0);
  return { network: name, size, classes, batch, scale, layer, parameters: model.countParams() - given,
    output: digest(output), logits: rounded(values), sensitivity };
}

function write(file, cases) {
  fs.writeFileSync(file, `{"cases": [\n${cases.map((c) => JSON.stringify(c)).join(',\n')}\n]}\n`);
}

const out = process.argv[process.argv.indexOf('--out') + 1];
await tf.setBackend('cpu');
write(path.join(out, 'layers.json'), keras_layers.map((c) => tf.tidy(() => layer_case(c))));
if (!process.argv.includes('--layers')) {
  const wanted = [['mobilenet_v2', 64, 'block_6_project_BN'], ['mobilenet_v2', 75, 'block_6_project_BN'],
    ['resnet50', 64, 'conv3_block4_out'], ['densenet121', 64, 'pool3_pool'], ['inception_v3', 75, 'mixed3'],
    ['xception', 71, 'block4_pool'], ['efficientnet_b0', 64, 'block4a_se_excite', 128],
    ['efficientnet_v2_b0', 64, 'block6b_add', 128], ['convnext_tiny', 64, 'convnext_tiny_stage_2_block_0_gelu', 128],
    ['nasnet_mobile', 64, 'reduction_concat_reduce_4'], ['inception_v2', 64, 'inception_4a_output'],
    ['inception_v4', 75, 'features.10']];
  write(path.join(out, 'networks.json'), wanted.map((c) => tf.tidy(() => network_case(...c))));
}
