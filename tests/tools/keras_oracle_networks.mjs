// Networks of Keras Applications, written down apart from src/zoo: each gives its input, the output of the layer
// called `wanted`, its logits, and the weights that the formula does not fill.

// A network in the making: layers by name, Keras's automatic names for those without one.
class Net {
  constructor(tfl, size, wanted) {
    this.tfl = tfl;
    this.wanted = wanted;
    this.counts = {};
    this.constants = new Map(); // weights by layer that the formula does not fill
    this.input = tfl.input({ shape: [size, size, 3], name: 'input_1' });
    this.x = this.input;
  }

  automatic(kind) {
    const n = this.counts[kind] = (this.counts[kind] ?? -1) + 1;
    return n === 0 ? kind : `${kind}_${n}`;
  }

  add(layer, x) {
    this.x = layer.apply(x ?? this.x);
    if (layer.name === this.wanted) {
      this.middle = this.x;
    }
    return this.x;
  }

  // Gives the layer that made `x` constants for weights.
  constant(x, weights) {
    this.constants.set(x.sourceLayer.name, weights);
    return x;
  }

  conv(x, filters, kernelSize, options = {}) {
    const { name = this.automatic('conv2d'), strides = 1, padding = 'same', useBias = false } = options;
    return this.add(this.tfl.layers.conv2d({ name, filters, kernelSize, strides, padding, useBias }), x);
  }

  depthwise(x, options) {
    return this.add(this.tfl.layers.depthwiseConv2d({ kernelSize: 3, useBias: false, ...options }), x);
  }

  separable(x, filters, name) {
    return this.add(this.tfl.layers.separableConv2d(
      { name, filters, kernelSize: 3, padding: 'same', useBias: false }), x);
  }

  bn(x, options = {}) {
    const { name = this.automatic('batch_normalization'), ...rest } = options;
    return this.add(this.tfl.layers.batchNormalization({ name, epsilon: 1e-3, ...rest }), x);
  }

  relu(x, name = this.automatic('activation')) {
    return this.add(this.tfl.layers.activation({ name, activation: 'relu' }), x);
  }

  relu6(x, name) {
    return this.add(this.tfl.layers.reLU({ name, maxValue: 6 }), x);
  }

  pad(x, name, [before, after]) {
    const padding = [[before, after], [before, after]];
    return this.add(this.tfl.layers.zeroPadding2d({ name, padding }), x);
  }

  maxPool(x, padding = 'valid', name = this.automatic('max_pooling2d')) {
    return this.add(this.tfl.layers.maxPooling2d({ name, poolSize: 3, strides: 2, padding }), x);
  }

  concat(parts, name = this.automatic('concatenate')) {
    return this.add(this.tfl.layers.concatenate({ name }), parts);
  }

  sum(parts, name = this.automatic('add')) {
    return this.add(this.tfl.layers.add({ name }), parts);
  }

  finish(x, classes, pool = 'avg_pool') {
    x = this.add(this.tfl.layers.globalAveragePooling2d({ name: pool }), x);
    x = this.add(this.tfl.layers.dense({ name: 'predictions', units: classes }), x);
    return [this.input, this.middle, x, this.constants];
  }
}

const channels = (x) => x.shape[3];
// What a 3x3 of stride 2 needs to give ceil(n / 2).
const halving = (x) => (x.shape[1] % 2 === 0 ? [0, 1] : [1, 1]);

export function mobilenet_v2(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  let x = net.conv(undefined, 32, 3, { name: 'Conv1', strides: 2 });
  x = net.relu6(net.bn(x, { name: 'bn_Conv1' }), 'Conv1_relu');
  const table = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2],
    [6, 320, 1, 1]];
  let number = 0;
  for (const [expansion, filters, repeats, first_stride] of table) {
    for (let i = 0; i < repeats; ++i, ++number) {
      const prefix = number === 0 ? 'expanded_conv_' : `block_${number}_`;
      const stride = i === 0 ? first_stride : 1;
      const shortcut = x;
      if (expansion > 1) {
        x = net.conv(x, expansion * channels(x), 1, { name: `${prefix}expand` });
        x = net.relu6(net.bn(x, { name: `${prefix}expand_BN` }), `${prefix}expand_relu`);
      }
      if (stride === 2) {
        x = net.pad(x, `${prefix}pad`, halving(x));
      }
      x = net.depthwise(x, { name: `${prefix}depthwise`, strides: stride, padding: stride === 2 ? 'valid' : 'same' });
      x = net.relu6(net.bn(x, { name: `${prefix}depthwise_BN` }), `${prefix}depthwise_relu`);
      x = net.bn(net.conv(x, filters, 1, { name: `${prefix}project` }), { name: `${prefix}project_BN` });
      if (stride === 1 && channels(shortcut) === filters) {
        x = net.sum([shortcut, x], `${prefix}add`);
      }
    }
  }
  x = net.bn(net.conv(x, 1280, 1, { name: 'Conv_1', padding: 'valid' }), { name: 'Conv_1_bn' });
  return net.finish(net.relu6(x, 'out_relu'), classes, 'global_average_pooling2d');
}

const OLD_EPSILON = 1.001e-5; // Keras's ResNets and DenseNets

export function resnet50(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  const bn = (x, name) => net.bn(x, { name, epsilon: OLD_EPSILON });
  const conv = (x, filters, kernel, options) => net.conv(x, filters, kernel, { useBias: true, ...options });
  let x = net.pad(undefined, 'conv1_pad', [3, 3]);
  x = conv(x, 64, 7, { name: 'conv1_conv', strides: 2, padding: 'valid' });
  x = net.relu(bn(x, 'conv1_bn'), 'conv1_relu');
  x = net.maxPool(net.pad(x, 'pool1_pad', [1, 1]), 'valid', 'pool1_pool');
  [3, 4, 6, 3].forEach((blocks, stage) => {
    for (let block = 1; block <= blocks; ++block) {
      const name = `conv${stage + 2}_block${block}`;
      const filters = 64 << stage;
      const strides = block === 1 && stage > 0 ? 2 : 1;
      const shortcut = block > 1 ? x
        : bn(conv(x, 4 * filters, 1, { name: `${name}_0_conv`, strides, padding: 'valid' }), `${name}_0_bn`);
      x = conv(x, filters, 1, { name: `${name}_1_conv`, strides, padding: 'valid' });
      x = net.relu(bn(x, `${name}_1_bn`), `${name}_1_relu`);
      x = net.relu(bn(conv(x, filters, 3, { name: `${name}_2_conv` }), `${name}_2_bn`), `${name}_2_relu`);
      x = bn(conv(x, 4 * filters, 1, { name: `${name}_3_conv`, padding: 'valid' }), `${name}_3_bn`);
      x = net.relu(net.sum([shortcut, x], `${name}_add`), `${name}_out`);
    }
  });
  return net.finish(x, classes);
}

export function densenet121(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  const bn = (x, name) => net.bn(x, { name, epsilon: OLD_EPSILON });
  let x = net.pad(undefined, 'zero_padding2d', [3, 3]);
  x = net.conv(x, 64, 7, { name: 'conv1/conv', strides: 2, padding: 'valid' });
  x = net.relu(bn(x, 'conv1/bn'), 'conv1/relu');
  x = net.maxPool(net.pad(x, 'zero_padding2d_1', [1, 1]), 'valid', 'pool1');
  [6, 12, 24, 16].forEach((layers, index) => {
    const stage = index + 2;
    for (let layer = 1; layer <= layers; ++layer) {
      const name = `conv${stage}_block${layer}`;
      let y = net.relu(bn(x, `${name}_0_bn`), `${name}_0_relu`);
      y = net.conv(y, 128, 1, { name: `${name}_1_conv` });
      y = net.relu(bn(y, `${name}_1_bn`), `${name}_1_relu`);
      y = net.conv(y, 32, 3, { name: `${name}_2_conv` });
      x = net.concat([x, y], `${name}_concat`);
    }
    if (stage < 5) {
      x = net.relu(bn(x, `pool${stage}_bn`), `pool${stage}_relu`);
      x = net.conv(x, channels(x) / 2, 1, { name: `pool${stage}_conv` });
      x = net.add(tfl.layers.averagePooling2d({ name: `pool${stage}_pool`, poolSize: 2, strides: 2 }), x);
    }
  });
  return net.finish(net.relu(bn(x, 'bn'), 'relu'), classes);
}

export function inception_v3(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  const unit = (x, filters, kernel, strides = 1, padding = 'same') =>
    net.relu(net.bn(net.conv(x, filters, kernel, { strides, padding }), { scale: false }));
  const chain = (x, units) => units.reduce((y, u) => unit(y, ...u), x);
  const pooled = (x, filters) => {
    const name = net.automatic('average_pooling2d');
    const y = net.add(tfl.layers.averagePooling2d({ name, poolSize: 3, strides: 1, padding: 'same' }), x);
    return unit(y, filters, 1);
  };
  let x = chain(net.input, [[32, 3, 2, 'valid'], [32, 3, 1, 'valid'], [64, 3]]);
  x = net.maxPool(x);
  x = chain(x, [[80, 1, 1, 'valid'], [192, 3, 1, 'valid']]);
  x = net.maxPool(x);
  [32, 64, 64].forEach((filters, i) => {
    x = net.concat([unit(x, 64, 1), chain(x, [[48, 1], [64, 5]]), chain(x, [[64, 1], [96, 3], [96, 3]]),
      pooled(x, filters)], `mixed${i}`);
  });
  x = net.concat([unit(x, 384, 3, 2, 'valid'), chain(x, [[64, 1], [96, 3], [96, 3, 2, 'valid']]), net.maxPool(x)],
    'mixed3');
  [128, 160, 160, 192].forEach((n, i) => {
    x = net.concat([unit(x, 192, 1), chain(x, [[n, 1], [n, [1, 7]], [192, [7, 1]]]),
      chain(x, [[n, 1], [n, [7, 1]], [n, [1, 7]], [n, [7, 1]], [192, [1, 7]]]), pooled(x, 192)], `mixed${i + 4}`);
  });
  x = net.concat([chain(x, [[192, 1], [320, 3, 2, 'valid']]),
    chain(x, [[192, 1], [192, [1, 7]], [192, [7, 1]], [192, 3, 2, 'valid']]), net.maxPool(x)], 'mixed8');
  for (const i of [0, 1]) {
    const a = unit(x, 320, 1);
    let b = unit(x, 384, 1);
    b = net.concat([unit(b, 384, [1, 3]), unit(b, 384, [3, 1])], `mixed9_${i}`);
    let c = chain(x, [[448, 1], [384, 3]]);
    c = net.concat([unit(c, 384, [1, 3]), unit(c, 384, [3, 1])]);
    x = net.concat([a, b, c, pooled(x, 192)], `mixed${9 + i}`);
  }
  return net.finish(x, classes);
}

export function xception(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  const separable = (x, filters, name) => net.bn(net.separable(x, filters, name), { name: `${name}_bn` });
  let x = net.conv(undefined, 32, 3, { name: 'block1_conv1', strides: 2, padding: 'valid' });
  x = net.relu(net.bn(x, { name: 'block1_conv1_bn' }), 'block1_conv1_act');
  x = net.conv(x, 64, 3, { name: 'block1_conv2', padding: 'valid' });
  x = net.relu(net.bn(x, { name: 'block1_conv2_bn' }), 'block1_conv2_act');
  const halve = (block, first, second) => {
    const residual = net.bn(net.conv(x, second, 1, { strides: 2 }));
    if (block !== 2) {
      x = net.relu(x, `block${block}_sepconv1_act`);
    }
    x = separable(x, first, `block${block}_sepconv1`);
    x = separable(net.relu(x, `block${block}_sepconv2_act`), second, `block${block}_sepconv2`);
    x = net.sum([net.maxPool(x, 'same', `block${block}_pool`), residual]);
  };
  halve(2, 128, 128);
  halve(3, 256, 256);
  halve(4, 728, 728);
  for (let block = 5; block <= 12; ++block) {
    const residual = x;
    for (let i = 1; i <= 3; ++i) {
      const name = `block${block}_sepconv${i}`;
      x = separable(net.relu(x, `${name}_act`), 728, name);
    }
    x = net.sum([x, residual]);
  }
  halve(13, 728, 1024);
  x = net.relu(separable(x, 1536, 'block14_sepconv1'), 'block14_sepconv1_act');
  x = net.relu(separable(x, 2048, 'block14_sepconv2'), 'block14_sepconv2_act');
  return net.finish(x, classes);
}

// Keras's Normalization is a batch normalization without gamma and beta.
function swish(net, x, name) {
  return net.add(net.tfl.layers.activation({ name, activation: 'swish' }), x);
}

function excite(net, x, prefix, reduced) {
  const filters = channels(x);
  let gate = net.add(net.tfl.layers.globalAveragePooling2d({ name: `${prefix}se_squeeze` }), x);
  gate = net.add(net.tfl.layers.reshape({ name: `${prefix}se_reshape`, targetShape: [1, 1, filters] }), gate);
  const conv = (name, n, activation) =>
    net.add(net.tfl.layers.conv2d({ name, filters: n, kernelSize: 1, activation }), gate);
  gate = conv(`${prefix}se_reduce`, reduced, 'swish');
  gate = conv(`${prefix}se_expand`, filters, 'sigmoid');
  return net.add(net.tfl.layers.multiply({ name: `${prefix}se_excite` }), [x, gate]);
}

const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];

function standardize(net, x, name) {
  return net.add(net.tfl.layers.batchNormalization({ name, epsilon: 0, scale: false, center: false }), x);
}

function rescale(net, x, name, scale) {
  return net.add(net.tfl.layers.rescaling({ name, scale }), x);
}

export function efficientnet_b0(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  let x = standardize(net, rescale(net, net.input, 'rescaling', 1 / 255), 'normalization');
  x = net.constant(standardize(net, x, 'rescaling_1'), { moving_mean: [0, 0, 0], moving_variance: DEVIATION });
  const unit = (y, conv, bn) => swish(net, net.bn(conv(y), { name: `${bn}bn` }), `${bn}activation`);
  x = net.pad(x, 'stem_conv_pad', halving(x));
  x = unit(x, (y) => net.conv(y, 32, 3, { name: 'stem_conv', strides: 2, padding: 'valid' }), 'stem_');
  const table = [[1, 3, 1, 16, 1], [6, 3, 2, 24, 2], [6, 5, 2, 40, 2], [6, 3, 2, 80, 3], [6, 5, 1, 112, 3],
    [6, 5, 2, 192, 4], [6, 3, 1, 320, 1]];
  table.forEach(([expansion, kernel, first_stride, filters, repeats], stage) => {
    for (let i = 0; i < repeats; ++i) {
      const prefix = `block${stage + 1}${'abcd'[i]}_`;
      const strides = i === 0 ? first_stride : 1;
      const shortcut = x;
      if (expansion > 1) {
        const expanded = expansion * channels(x);
        x = unit(x, (y) => net.conv(y, expanded, 1, { name: `${prefix}expand_conv` }), `${prefix}expand_`);
      }
      if (strides === 2) {
        const before = Math.floor(kernel / 2);
        x = net.pad(x, `${prefix}dwconv_pad`, [x.shape[1] % 2 === 0 ? before - 1 : before, before]);
      }
      const padding = strides === 2 ? 'valid' : 'same';
      x = unit(x, (y) => net.depthwise(y, { name: `${prefix}dwconv`, kernelSize: kernel, strides, padding }), prefix);
      x = excite(net, x, prefix, Math.floor(channels(shortcut) / 4));
      x = net.bn(net.conv(x, filters, 1, { name: `${prefix}project_conv` }), { name: `${prefix}project_bn` });
      if (strides === 1 && channels(shortcut) === filters) {
        x = net.sum([x, shortcut], `${prefix}add`);
      }
    }
  });
  x = unit(x, (y) => net.conv(y, 1280, 1, { name: 'top_conv' }), 'top_');
  return net.finish(x, classes);
}

export function efficientnet_v2_b0(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  let x = rescale(net, net.input, 'rescaling', 1 / 255);
  x = net.constant(standardize(net, x, 'normalization'),
    { moving_mean: MEAN, moving_variance: DEVIATION.map((d) => d * d) });
  const conv = (y, filters, kernel, name, strides = 1) => net.conv(y, filters, kernel, { name: `${name}conv`, strides });
  const normalized = (y, name) => net.bn(y, { name: `${name}bn` });
  const activated = (y, name) => swish(net, normalized(y, name), `${name}activation`);
  x = activated(conv(x, 32, 3, 'stem_', 2), 'stem_');
  const table = [[true, 1, 1, 16, 1], [true, 4, 2, 32, 2], [true, 4, 2, 48, 2], [false, 4, 2, 96, 3],
    [false, 6, 1, 112, 5], [false, 6, 2, 192, 8]];
  table.forEach(([fused, expansion, first_stride, filters, repeats], stage) => {
    for (let i = 0; i < repeats; ++i) {
      const prefix = `block${stage + 1}${'abcdefgh'[i]}_`;
      const strides = i === 0 ? first_stride : 1;
      const shortcut = x;
      const expanded = expansion * channels(x);
      if (fused && expansion === 1) {
        x = activated(conv(x, filters, 3, `${prefix}project_`, strides), `${prefix}project_`);
      } else {
        x = activated(conv(x, expanded, fused ? 3 : 1, `${prefix}expand_`, fused ? strides : 1), `${prefix}expand_`);
        if (!fused) {
          x = activated(net.depthwise(x, { name: `${prefix}dwconv2`, strides, padding: 'same' }), prefix);
          x = excite(net, x, prefix, Math.floor(channels(shortcut) / 4));
        }
        x = normalized(conv(x, filters, 1, `${prefix}project_`), `${prefix}project_`);
      }
      if (strides === 1 && channels(shortcut) === filters) {
        x = net.sum([x, shortcut], `${prefix}add`);
      }
    }
  });
  return net.finish(activated(conv(x, 1280, 1, 'top_'), 'top_'), classes);
}

// A grouped convolution of one channel a group is a depthwise one, and the layer scale another of 1x1: their kernels
// hold the same numbers in the same order.
export function convnext_tiny(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  const norm = (x, name) => net.add(tfl.layers.layerNormalization({ name, epsilon: 1e-6 }), x);
  let x = net.constant(standardize(net, net.input, 'convnext_tiny_prestem_normalization'), {
    moving_mean: MEAN.map((m) => 255 * m), moving_variance: DEVIATION.map((d) => (255 * d) ** 2),
  });
  const patch = (y, filters, side, name) =>
    net.conv(y, filters, side, { name, strides: side, padding: 'valid', useBias: true });
  [[96, 3], [192, 3], [384, 9], [768, 3]].forEach(([filters, blocks], stage) => {
    if (stage === 0) {
      const scope = 'convnext_tiny_stem/convnext_tiny_stem';
      x = norm(patch(x, filters, 4, `${scope}_conv`), `${scope}_layernorm`);
    } else {
      const scope = `convnext_tiny_downsampling_block_${stage - 1}/convnext_tiny_downsampling`;
      x = patch(norm(x, `${scope}_layernorm_${stage - 1}`), filters, 2, `${scope}_conv_${stage - 1}`);
    }
    for (let block = 0; block < blocks; ++block) {
      const name = `convnext_tiny_stage_${stage}_block_${block}`;
      let y = net.depthwise(x, { name: `${name}_depthwise_conv`, kernelSize: 7, padding: 'same', useBias: true });
      y = norm(y, `${name}_layernorm`);
      y = net.add(tfl.layers.dense({ name: `${name}_pointwise_conv_1`, units: 4 * filters }), y);
      y = net.add(tfl.layers.activation({ name: `${name}_gelu`, activation: 'gelu' }), y);
      y = net.add(tfl.layers.dense({ name: `${name}_pointwise_conv_2`, units: filters }), y);
      y = net.depthwise(y, { name: `${name}_layer_scale`, kernelSize: 1 });
      x = net.sum([x, y]);
    }
  });
  x = norm(net.add(tfl.layers.globalAveragePooling2d({ name: 'convnext_tiny_head_gap' }), x),
    'convnext_tiny_head_layernorm');
  x = net.add(tfl.layers.dense({ name: 'convnext_tiny_head_dense', units: classes }), x);
  return [net.input, net.middle, x, net.constants];
}

export function nasnet_mobile(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  const bn = (x, name) => net.bn(x, { name });
  const pool = (kind, x, name, options) => net.add(tfl.layers[kind]({ name, poolSize: 3, ...options }), x);
  const average = (x, name) => pool('averagePooling2d', x, name, { strides: 1, padding: 'same' });
  const separable = (x, filters, kernelSize, id, strides = 1) => {
    for (const half of [1, 2]) {
      const name = `separable_conv_${half}`;
      x = net.relu(x);
      const halves = half === 1 && strides === 2;
      if (halves) {
        const after = (kernelSize - 1) / 2;
        x = net.pad(x, `${name}_pad_${id}`, [x.shape[1] % 2 === 0 ? after - 1 : after, after]);
      }
      x = net.add(tfl.layers.separableConv2d({ name: `${name}_${id}`, filters, kernelSize, useBias: false,
        strides: halves ? 2 : 1, padding: halves ? 'valid' : 'same' }), x);
      x = bn(x, `${name}_bn_${id}`);
    }
    return x;
  };
  const adjust = (p, x, filters, id) => {
    if (p === null) {
      return x;
    }
    if (p.shape[1] !== x.shape[1]) {
      p = net.relu(p, `adjust_relu_1_${id}`);
      const half = (y, n) => {
        y = net.add(tfl.layers.averagePooling2d({ name: `adjust_avg_pool_${n}_${id}`, poolSize: 1, strides: 2 }), y);
        return net.conv(y, filters / 2, 1, { name: `adjust_conv_${n}_${id}` });
      };
      const first = half(p, 1);
      let moved = net.pad(p, net.automatic('zero_padding2d'), [0, 1]);
      moved = net.add(tfl.layers.cropping2D({ name: net.automatic('cropping2d'), cropping: [[1, 0], [1, 0]] }), moved);
      return bn(net.concat([first, half(moved, 2)]), `adjust_bn_${id}`);
    }
    if (channels(p) !== filters) {
      p = net.conv(net.relu(p), filters, 1, { name: `adjust_conv_projection_${id}` });
      return bn(p, `adjust_bn_${id}`);
    }
    return p;
  };
  const squeeze = (x, filters, kind, id) =>
    bn(net.conv(net.relu(x), filters, 1, { name: `${kind}_conv_1_${id}` }), `${kind}_bn_1_${id}`);
  const normal = ([x, before], filters, id) => {
    const p = adjust(before, x, filters, id);
    const h = squeeze(x, filters, 'normal', id);
    const branch = (y, kernel, place) => separable(y, filters, kernel, `normal_${place}_${id}`);
    const sum = (a, b, n) => net.sum([a, b], `normal_add_${n}_${id}`);
    const x1 = sum(branch(h, 5, 'left1'), branch(p, 3, 'right1'), 1);
    const x2 = sum(branch(p, 5, 'left2'), branch(p, 3, 'right2'), 2);
    const x3 = sum(average(h, `normal_left3_${id}`), p, 3);
    const x4 = sum(average(p, `normal_left4_${id}`), average(p, `normal_right4_${id}`), 4);
    const x5 = sum(branch(h, 3, 'left5'), h, 5);
    return [net.concat([p, x1, x2, x3, x4, x5], `normal_concat_${id}`), x];
  };
  const reduction = ([x, before], filters, id) => {
    const p = adjust(before, x, filters, id);
    const h = squeeze(x, filters, 'reduction', id);
    const padded = net.pad(h, `reduction_pad_1_${id}`, halving(h));
    const branch = (y, kernel, place) => separable(y, filters, kernel, `reduction_${place}_${id}`, 2);
    const pooled = (kind, place) => pool(kind, padded, `reduction_${place}_${id}`, { strides: 2 });
    const x1 = net.sum([branch(h, 5, 'left1'), branch(p, 7, 'right1')], `reduction_add_1_${id}`);
    const x2 = net.sum([pooled('maxPooling2d', 'left2'), branch(p, 7, 'right2')], `reduction_add_2_${id}`);
    const x3 = net.sum([pooled('averagePooling2d', 'left3'), branch(p, 5, 'right3')], `reduction_add3_${id}`);
    const x4 = net.sum([x2, average(x1, `reduction_left4_${id}`)]);
    const x5 = net.sum([separable(x1, filters, 3, `reduction_left4_${id}`), pooled('maxPooling2d', 'right5')],
      `reduction_add4_${id}`);
    return [net.concat([x2, x3, x4, x5], `reduction_concat_${id}`), x];
  };
  const stem = net.conv(undefined, 32, 3, { name: 'stem_conv1', strides: 2, padding: 'valid' });
  let state = reduction([bn(stem, 'stem_bn1'), null], 11, 'stem_1');
  state = reduction(state, 22, 'stem_2');
  for (const [first, filters] of [[0, 44], [5, 88], [9, 176]]) {
    if (first > 0) {
      state = reduction(state, filters, `reduce_${first - 1}`);
    }
    for (let i = 0; i < 4; ++i) {
      state = normal(state, filters, `${first + i}`);
    }
  }
  return net.finish(net.relu(state[0]), classes, 'global_average_pooling2d');
}

// The two Inceptions that come from PyTorch, at sizes whose halves are even, where ceil mode is Keras's `same`.
function torch_finish(net, x, classes) {
  x = net.add(net.tfl.layers.globalAveragePooling2d({ name: 'global_pool' }), x);
  x = net.add(net.tfl.layers.dense({ name: 'last_linear', units: classes }), x);
  return [net.input, net.middle, x, net.constants];
}

export function inception_v2(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  const unit = (x, filters, kernel, prefix, name, strides = 1) => {
    const around = (kernel - 1) / 2;
    x = around > 0 ? net.pad(x, `pad_${prefix}${name}`, [around, around]) : x;
    x = net.conv(x, filters, kernel, { name: `${prefix}${name}`, strides, padding: 'valid', useBias: true });
    return net.relu(net.bn(x, { name: `${prefix}${name}_bn`, epsilon: 1e-5 }), `${prefix}relu_${name}`);
  };
  let x = unit(net.input, 64, 7, 'conv1_', '7x7_s2', 2);
  x = net.maxPool(x, 'same', 'pool1');
  x = unit(unit(x, 64, 1, 'conv2_', '3x3_reduce'), 192, 3, 'conv2_', '3x3');
  x = net.maxPool(x, 'same', 'pool2');
  const table = [['3a', 64, 64, 64, 64, 96, 32], ['3b', 64, 64, 96, 64, 96, 64], ['3c', 0, 128, 160, 64, 96, 0],
    ['4a', 224, 64, 96, 96, 128, 128], ['4b', 192, 96, 128, 96, 128, 128], ['4c', 160, 128, 160, 128, 160, 128],
    ['4d', 96, 128, 192, 160, 192, 128], ['4e', 0, 128, 192, 192, 256, 0], ['5a', 352, 192, 320, 160, 224, 128],
    ['5b', 352, 192, 320, 192, 224, 128]];
  for (const [id, one, reduce, three, double_reduce, double, projection] of table) {
    const prefix = `inception_${id}_`;
    const strides = one === 0 ? 2 : 1;
    const parts = one === 0 ? [] : [unit(x, one, 1, prefix, '1x1')];
    parts.push(unit(unit(x, reduce, 1, prefix, '3x3_reduce'), three, 3, prefix, '3x3', strides));
    let y = unit(unit(x, double_reduce, 1, prefix, 'double_3x3_reduce'), double, 3, prefix, 'double_3x3_1');
    parts.push(unit(y, double, 3, prefix, 'double_3x3_2', strides));
    if (one === 0) {
      y = net.maxPool(x, 'same', `${prefix}pool`);
    } else if (id === '5b') {
      y = net.add(tfl.layers.maxPooling2d({ name: `${prefix}pool`, poolSize: 3, strides: 1, padding: 'same' }), x);
    } else {
      y = net.pad(x, `${prefix}pool_pad`, [1, 1]);
      y = net.add(tfl.layers.averagePooling2d({ name: `${prefix}pool`, poolSize: 3, strides: 1 }), y);
    }
    parts.push(projection === 0 ? y : unit(y, projection, 1, prefix, 'pool_proj'));
    x = net.concat(parts, `${prefix}output`);
  }
  return torch_finish(net, x, classes);
}

export function inception_v4(tfl, size, classes, wanted) {
  const net = new Net(tfl, size, wanted);
  const unit = (x, name, filters, kernel, padding = 'same', strides = 1) => {
    x = net.conv(x, filters, kernel, { name: `${name}.conv`, strides, padding });
    return net.relu(net.bn(x, { name: `${name}.bn` }), name);
  };
  const chain = (x, name, units) => units.reduce((y, u, i) => unit(y, `${name}.${i}`, ...u), x);
  const halve = (x, name) => net.maxPool(x, 'valid', name);
  const pooled = (x, name, filters) => {
    const pool = tfl.layers.averagePooling2d({ name: `${name}.0`, poolSize: 3, strides: 1, padding: 'same' });
    return unit(net.add(pool, x), `${name}.1`, filters, 1);
  };
  const R = [1, 7];
  const C = [7, 1];
  let x = unit(net.input, 'features.0', 32, 3, 'valid', 2);
  x = unit(unit(x, 'features.1', 32, 3, 'valid'), 'features.2', 64, 3);
  x = net.concat([halve(x, 'features.3.maxpool'), unit(x, 'features.3.conv', 96, 3, 'valid', 2)], 'features.3');
  x = net.concat([chain(x, 'features.4.branch0', [[64, 1], [96, 3, 'valid']]),
    chain(x, 'features.4.branch1', [[64, 1], [64, R], [64, C], [96, 3, 'valid']])], 'features.4');
  x = net.concat([unit(x, 'features.5.conv', 192, 3, 'valid', 2), halve(x, 'features.5.maxpool')], 'features.5');
  let number = 6;
  for (let i = 0; i < 4; ++i, ++number) {
    const f = `features.${number}.branch`;
    x = net.concat([unit(x, `${f}0`, 96, 1), chain(x, `${f}1`, [[64, 1], [96, 3]]),
      chain(x, `${f}2`, [[64, 1], [96, 3], [96, 3]]), pooled(x, `${f}3`, 96)], `features.${number}`);
  }
  let f = `features.${number}.branch`;
  x = net.concat([unit(x, `${f}0`, 384, 3, 'valid', 2), chain(x, `${f}1`, [[192, 1], [224, 3], [256, 3, 'valid', 2]]),
    halve(x, `${f}2`)], `features.${number++}`);
  for (let i = 0; i < 7; ++i, ++number) {
    f = `features.${number}.branch`;
    x = net.concat([unit(x, `${f}0`, 384, 1), chain(x, `${f}1`, [[192, 1], [224, R], [256, C]]),
      chain(x, `${f}2`, [[192, 1], [192, C], [224, R], [224, C], [256, R]]), pooled(x, `${f}3`, 128)],
    `features.${number}`);
  }
  f = `features.${number}.branch`;
  x = net.concat([chain(x, `${f}0`, [[192, 1], [192, 3, 'valid', 2]]),
    chain(x, `${f}1`, [[256, 1], [256, R], [320, C], [320, 3, 'valid', 2]]), halve(x, `${f}2`)],
  `features.${number++}`);
  for (let i = 0; i < 3; ++i, ++number) {
    f = `features.${number}.branch`;
    const a = unit(x, `${f}0`, 256, 1);
    const b = unit(x, `${f}1_0`, 384, 1);
    const c = unit(unit(unit(x, `${f}2_0`, 384, 1), `${f}2_1`, 448, [3, 1]), `${f}2_2`, 512, [1, 3]);
    const fork = (y, name) => [unit(y, `${name}a`, 256, [1, 3]), unit(y, `${name}b`, 256, [3, 1])];
    x = net.concat([a, ...fork(b, `${f}1_1`), ...fork(c, `${f}2_3`), pooled(x, `${f}3`, 256)], `features.${number}`);
  }
  return torch_finish(net, x, classes);
}
