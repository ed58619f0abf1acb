// Runs every NAME.onnx of a folder in ONNX Runtime: node onnx_runtime.mjs MODULES FOLDER.
// NAME.input holds float32 values and NAME.shape their shape as JSON; NAME.output gets the values of the model's first
// output, NAME.strangeness those of a second one of that name. One JSON line a model on stdout: its name and the shape of the output, or what went wrong.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, folder] = process.argv.slice(2);
const ort = createRequire(`${modules}/`)('onnxruntime-node');

async function run(name) {
  const session = await ort.InferenceSession.create(join(folder, `${name}.onnx`), { logSeverityLevel: 3 });
  const bytes = readFileSync(join(folder, `${name}.input`));
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const shape = JSON.parse(readFileSync(join(folder, `${name}.shape`), 'utf8'));
  const results = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', values, shape) });
  const output = results[session.outputNames[0]];
  const write = (kind, { data }) =>
    writeFileSync(join(folder, `${name}.${kind}`), Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  write('output', output);
  if (results.strangeness) write('strangeness', results.strangeness);
  await session.release();
  return output.dims;
}

for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.onnx')).sort()) {
  const name = file.slice(0, -'.onnx'.length);
  try {
    console.log(JSON.stringify({ name, shape: await run(name) }));
  } catch (error) {
    console.log(JSON.stringify({ name, error: String(error.message ?? error) }));
  }
}
