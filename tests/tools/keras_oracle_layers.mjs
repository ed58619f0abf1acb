// Keras's layers one by one. `build` gives a TensorFlow.js model, whose own config is stored; where its layers lack
// what Keras has, `compute` says it in TensorFlow's operations and `config` is what Keras writes.

const chain = (...layers) => (tfl, shape) =>
  tfl.sequential({ name: 'model', layers: layers.map((make, i) => make(tfl.layers, i === 0 ? { inputShape: shape } : {})) });

const layer = (kind, options) => (layers, extra) => layers[kind]({ name: 'layer', ...options, ...extra });
const one = (name, shape, kind, options = {}) => ({ name, shape, build: chain(layer(kind, options)) });

const conv = (name, shape, options) =>
  one(`conv_${name}`, shape, 'conv2d', { filters: 3, kernelSize: 3, padding: 'same', ...options });
const depthwise = (name, shape, options) =>
  one(`depthwise_${name}`, shape, 'depthwiseConv2d', { kernelSize: 3, padding: 'same', ...options });
const separable = (name, shape, options) =>
  one(`separable_${name}`, shape, 'separableConv2d', { filters: 4, kernelSize: 3, padding: 'same', ...options });
const activation = (name) => one(`activation_${name}`, [4, 4, 3], 'activation', { activation: name });

const convolutions = [
  conv('same', [5, 6, 2], {}),
  conv('same_stride2_even', [6, 6, 2], { strides: 2 }),
  conv('same_stride2_odd', [7, 5, 2], { strides: 2 }),
  conv('same_stride2_5x5', [6, 7, 2], { kernelSize: 5, strides: 2 }),
  conv('same_stride3', [8, 7, 2], { strides: 3 }),
  conv('same_even_kernel', [5, 5, 2], { kernelSize: 2 }),
  conv('same_even_kernel_stride2', [6, 7, 2], { kernelSize: 4, strides: 2 }),
  conv('same_1x1_stride2', [6, 5, 2], { kernelSize: 1, strides: 2 }),
  conv('same_1x7', [5, 8, 2], { kernelSize: [1, 7] }),
  conv('valid', [6, 7, 2], { padding: 'valid' }),
  conv('valid_stride2', [6, 7, 2], { padding: 'valid', strides: 2 }),
  conv('same_dilation2', [7, 6, 2], { dilationRate: 2 }),
  conv('valid_dilation2', [8, 7, 2], { dilationRate: 2, padding: 'valid' }),
  conv('relu', [5, 5, 2], { activation: 'relu' }),
  conv('without_bias', [5, 5, 2], { useBias: false }),
  depthwise('same', [5, 6, 3], {}),
  depthwise('same_stride2_even', [6, 6, 3], { strides: 2 }),
  depthwise('same_stride2_odd', [7, 7, 3], { strides: 2 }),
  depthwise('same_stride2_5x5', [6, 6, 3], { kernelSize: 5, strides: 2 }),
  depthwise('multiplier2', [5, 5, 3], { depthMultiplier: 2 }),
  depthwise('valid_multiplier3_relu6', [5, 6, 2], { depthMultiplier: 3, padding: 'valid', activation: 'relu6' }),
  separable('same', [5, 6, 3], {}),
  separable('same_stride2_even', [6, 6, 3], { strides: 2 }),
  separable('valid_without_bias_relu', [6, 5, 3], { padding: 'valid', useBias: false, activation: 'relu' }),
];

const pooling = [];
for (const [kind, name] of [['averagePooling2d', 'average'], ['maxPooling2d', 'max']]) {
  const pool = (suffix, shape, options) => pooling.push(one(`${name}_pooling_${suffix}`, shape, kind, options));
  pool('valid', [6, 7, 2], { poolSize: 2 });
  pool('valid_3x3_stride2', [7, 6, 2], { poolSize: 3, strides: 2 });
  pool('same_stride1', [5, 6, 2], { poolSize: 3, strides: 1, padding: 'same' });
  pool('same_stride2_even', [6, 6, 2], { poolSize: 3, strides: 2, padding: 'same' });
  pool('same_stride2_odd', [7, 5, 2], { poolSize: 3, strides: 2, padding: 'same' });
  pool('same_2x2_odd', [5, 5, 2], { poolSize: 2, padding: 'same' });
}
pooling.push(one('global_average_pooling', [5, 6, 3], 'globalAveragePooling2d'));
pooling.push(one('global_max_pooling', [5, 6, 3], 'globalMaxPooling2d'));

const normalizations = [
  one('batch_normalization', [4, 5, 3], 'batchNormalization'),
  one('batch_normalization_large_epsilon', [4, 5, 3], 'batchNormalization', { epsilon: 0.5 }),
  one('batch_normalization_without_scale', [4, 5, 3], 'batchNormalization', { scale: false }),
  one('batch_normalization_without_center', [4, 5, 3], 'batchNormalization', { center: false }),
  one('batch_normalization_flat', [7], 'batchNormalization'),
  one('layer_normalization', [4, 5, 6], 'layerNormalization'),
  one('layer_normalization_large_epsilon', [9], 'layerNormalization', { epsilon: 0.5 }),
];

const activations = [
  ...['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'tanh', 'softmax', 'swish', 'gelu'].map(activation),
  one('relu_layer_max6', [4, 4, 3], 'reLU', { maxValue: 6 }),
  one('leaky_relu', [4, 4, 3], 'leakyReLU', { alpha: 0.2 }),
  one('elu_layer', [4, 4, 3], 'elu'),
  one('softmax_layer', [7], 'softmax'),
  one('dense', [7], 'dense', { units: 5 }),
  one('dense_swish', [7], 'dense', { units: 5, activation: 'swish', useBias: false }),
  // TensorFlow.js has Keras 2's hard sigmoid, 0.2 x + 0.5; MobileNetV3 and Keras 3 mean this one.
  {
    name: 'hard_sigmoid', shape: [4, 4, 3], activation: 'hard_sigmoid',
    compute: (tf, x) => tf.div(tf.relu6(tf.add(x, 3)), 6),
  },
  {
    name: 'hard_swish', shape: [4, 4, 3], activation: 'hard_swish',
    compute: (tf, x) => tf.mul(x, tf.div(tf.relu6(tf.add(x, 3)), 6)),
  },
];

// Activations see only small values without a layer in front that spreads them.
const spread = activations.filter((c) => c.name.startsWith('activation_')).map((c) => ({
  name: `${c.name}_spread`,
  shape: [5],
  build: chain(layer('rescaling', { name: 'spread', scale: 12, offset: 0.5 }),
    layer('activation', { activation: c.name.slice('activation_'.length) })),
}));

const rearranging = [
  one('zero_padding', [3, 4, 2], 'zeroPadding2d', { padding: [[0, 1], [2, 3]] }),
  one('cropping', [6, 7, 2], 'cropping2D', { cropping: [[1, 0], [2, 3]] }),
  one('upsampling_nearest', [3, 2, 2], 'upSampling2d', { size: [2, 3] }),
  one('rescaling', [3, 3, 3], 'rescaling', { scale: 0.5, offset: -1 }),
  { name: 'flatten_dense', shape: [3, 4, 2],
    build: chain(layer('flatten', { name: 'flatten' }), layer('dense', { units: 4 })) },
  { name: 'reshape', shape: [24],
    build: chain(layer('reshape', { name: 'reshape', targetShape: [3, 4, 2] }), layer('conv2d', { filters: 2, kernelSize: 3 })) },
];

// Two branches joined.
const branches = (name, join) => ({
  name,
  shape: [4, 5, 3],
  build: (tfl, shape) => {
    const input = tfl.input({ shape, name: 'input' });
    const a = tfl.layers.conv2d({ name: 'a', filters: 3, kernelSize: 1 }).apply(input);
    return tfl.model({ inputs: input, outputs: join(tfl.layers, input, a), name: 'model' });
  },
});
const joins = [
  branches('add', (layers, x, a) => layers.add({ name: 'join' }).apply([x, a])),
  branches('multiply', (layers, x, a) => layers.multiply({ name: 'join' }).apply([x, a])),
  branches('concatenate', (layers, x, a) => layers.concatenate({ name: 'join' }).apply([a, x])),
  branches('squeeze_excite', (layers, x, a) => {
    let gate = layers.globalAveragePooling2d({ name: 'squeeze' }).apply(a);
    gate = layers.reshape({ name: 'reshape', targetShape: [1, 1, 3] }).apply(gate);
    gate = layers.conv2d({ name: 'gate', filters: 3, kernelSize: 1, activation: 'sigmoid' }).apply(gate);
    return layers.multiply({ name: 'join' }).apply([x, gate]);
  }),
];

const written = (class_name, shape, config) => ({
  class_name: 'Sequential',
  config: { name: 'model', layers: [{ class_name, config: { name: 'layer', batch_input_shape: [null, ...shape], ...config } }] },
});
const said_in_operations = [
  // Its layer forgets the dilation.
  {
    name: 'depthwise_dilation2', shape: [7, 7, 2],
    config: written('DepthwiseConv2D', [7, 7, 2],
      { kernel_size: [3, 3], padding: 'same', dilation_rate: [2, 2], use_bias: false }),
    compute: (tf, x, parameter) =>
      tf.depthwiseConv2d(x, parameter('depthwise_kernel', [3, 3, 2, 1], 'kernel'), 1, 'same', 'NHWC', 2),
  },
  // Its config forgets the multiplier.
  {
    name: 'separable_multiplier2', shape: [5, 5, 2],
    build: separable('', [5, 5, 2], { depthMultiplier: 2 }).build,
    config: written('SeparableConv2D', [5, 5, 2],
      { filters: 4, kernel_size: [3, 3], padding: 'same', depth_multiplier: 2 }),
  },
  {
    name: 'upsampling_bilinear', shape: [3, 4, 2],
    config: written('UpSampling2D', [3, 4, 2], { size: [2, 3], interpolation: 'bilinear' }),
    compute: (tf, x) => tf.image.resizeBilinear(x, [6, 12], false, true),
  },
  {
    name: 'rescaling_by_channel', shape: [3, 3, 3],
    config: written('Rescaling', [3, 3, 3], { scale: [0.5, 2, -1], offset: [0.25, 0, 1] }),
    compute: (tf, x) => tf.add(tf.mul(x, [0.5, 2, -1]), [0.25, 0, 1]),
  },
  {
    name: 'normalization', shape: [3, 3, 3],
    config: written('Normalization', [3, 3, 3], { axis: [-1], mean: null, variance: null }),
    compute: (tf, x, parameter) =>
      tf.div(tf.sub(x, parameter('mean', [3])), tf.sqrt(parameter('variance', [3]))),
  },
  {
    name: 'normalization_with_constants', shape: [3, 3, 3],
    config: written('Normalization', [3, 3, 3], { axis: 3, mean: [0.1, 0.2, 0.3], variance: [0.25, 4, 1] }),
    compute: (tf, x) => tf.div(tf.sub(x, [0.1, 0.2, 0.3]), [0.5, 2, 1]),
  },
  {
    name: 'conv_groups', shape: [4, 5, 4],
    config: written('Conv2D', [4, 5, 4], { filters: 4, kernel_size: [1, 1], groups: 2, use_bias: true }),
    compute: (tf, x, parameter) => {
      const halves = tf.split(x, 2, 3);
      const kernel = tf.split(parameter('kernel', [1, 1, 2, 4]), 2, 3);
      return tf.add(tf.concat(halves.map((half, i) => tf.conv2d(half, kernel[i], 1, 'valid')), 3),
        parameter('bias', [4]));
    },
  },
];

export default [...convolutions, ...pooling, ...normalizations, ...activations, ...spread, ...rearranging, ...joins,
  ...said_in_operations];
