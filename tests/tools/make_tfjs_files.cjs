#!/usr/bin/env node
// Makes tests/data/weights/teachable: a small model as Teachable Machine exports it, written by TensorFlow.js, with
// one input and what the model gives for it. Needs the npm package @tensorflow/tfjs in $NODE_PATH. Run from the
// repository's root.
const fs = require('fs');
const path = require('path');
const tf = require('@tensorflow/tfjs');

const folder = 'tests/data/weights/teachable';
const normal = seed => tf.initializers.randomNormal({stddev: 0.3, seed});

// A base of layers that are called as MobileNetV2's, with its kinds of layers.
function base() {
  const input = tf.input({shape: [8, 8, 3], name: 'input_1'});
  const norm = (x, name) => tf.layers.batchNormalization({name, epsilon: 1e-3, movingMeanInitializer: normal(name.length),
    movingVarianceInitializer: tf.initializers.randomUniform({minval: 0.5, maxval: 1.5, seed: 3}),
    gammaInitializer: tf.initializers.randomUniform({minval: 0.5, maxval: 1.5, seed: 5})}).apply(x);
  let x = tf.layers.zeroPadding2d({padding: [[0, 1], [0, 1]], name: 'Conv1_pad'}).apply(input);
  x = tf.layers.conv2d({filters: 4, kernelSize: 3, strides: 2, padding: 'valid', useBias: false, name: 'Conv1',
    kernelInitializer: normal(1)}).apply(x);
  x = norm(x, 'bn_Conv1');
  const first = tf.layers.reLU({maxValue: 6, name: 'Conv1_relu'}).apply(x);
  x = tf.layers.depthwiseConv2d({kernelSize: 3, padding: 'same', useBias: false, name: 'expanded_conv_depthwise',
    depthwiseInitializer: normal(2)}).apply(first);
  x = norm(x, 'expanded_conv_depthwise_BN');
  x = tf.layers.conv2d({filters: 4, kernelSize: 1, useBias: false, name: 'expanded_conv_project', kernelInitializer: normal(4)})
    .apply(x);
  x = tf.layers.add({name: 'block_1_add'}).apply([first, x]);
  return tf.model({inputs: input, outputs: x, name: 'model1'});
}

async function main() {
  const features = tf.sequential({name: 'sequential_1', layers: [base(), tf.layers.globalAveragePooling2d({name: 'pool'})]});
  const head = tf.sequential({name: 'sequential_3', layers: [
    tf.layers.dense({units: 5, activation: 'relu', inputShape: [4], name: 'dense_Dense1', kernelInitializer: normal(6)}),
    tf.layers.dense({units: 3, activation: 'softmax', useBias: false, name: 'dense_Dense2', kernelInitializer: normal(7)})]});
  const model = tf.sequential({name: 'sequential_4', layers: [features, head]});
  const values = Array.from({length: 2 * 8 * 8 * 3}, (_, i) => Math.sin(i) * 2);
  const output = Array.from(model.predict(tf.tensor(values, [2, 8, 8, 3])).dataSync());
  fs.mkdirSync(folder, {recursive: true});
  await model.save(tf.io.withSaveHandler(async artifacts => {
    const data = artifacts.weightData instanceof ArrayBuffer ? artifacts.weightData : artifacts.weightData[0];
    fs.writeFileSync(path.join(folder, 'weights.bin'), Buffer.from(data));
    fs.writeFileSync(path.join(folder, 'model.json'), JSON.stringify({modelTopology: artifacts.modelTopology,
      weightsManifest: [{paths: ['weights.bin'], weights: artifacts.weightSpecs}]}));
    return {modelArtifactsInfo: {dateSaved: new Date(0), modelTopologyType: 'JSON'}};
  }));
  fs.writeFileSync(path.join(folder, 'metadata.json'), JSON.stringify({packageName: '@teachablemachine/image',
    labels: ['cat', 'dog', 'nobody'], imageSize: 8}));
  // The input is sin(i) * 2.
  fs.writeFileSync(path.join(folder, 'output.json'), JSON.stringify(output));
}
main();
