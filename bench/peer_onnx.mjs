// headstart_runner's frozen job in ONNX Runtime: node peer_onnx.mjs MODULES --onnx FILE --size S --batch B --seconds T.
// Variants: "f32", "f32 sequential" (one intra-op thread pool without spinning).
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [modules, ...rest] = process.argv.slice(2);
const options = Object.fromEntries(rest.flatMap((word, i) => (i % 2 ? [] : [[word.slice(2), rest[i + 1]]])));
const ort = createRequire(`${modules}/`)('onnxruntime-node');
const dims = [Number(options.batch), 3, Number(options.size), Number(options.size)];
const images = new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b)).fill(0.5), dims);

const sessions = {};
async function session(variant) {
  sessions[variant] ??= await ort.InferenceSession.create(options.onnx, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: Number(options.threads ?? 0),
    executionMode: 'sequential',
  });
  return sessions[variant];
}

for await (const line of createInterface({ input: process.stdin })) {
  const running = await session(line.trim());
  const start = performance.now();
  let runs = 0;
  do {
    await running.run({ images });
    runs += 1;
  } while (performance.now() - start < 1000 * Number(options.seconds));
  console.log((performance.now() - start) / runs);
}
