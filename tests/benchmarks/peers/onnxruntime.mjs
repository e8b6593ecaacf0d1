// ONNX Runtime's side of `octet bench --inference`: forward passes of one ONNX file on random
// pictures. Lines over stdin and stdout:  `steps K` -> the seconds K batches took;  `quit` -> the
// growth of its peak memory in bytes.
//   node onnxruntime.mjs --modules FOLDER --file FILE.onnx --batch N --threads N ...
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const options = {};
for (let i = 2; i + 1 < process.argv.length; i += 2)
  options[process.argv[i].replace(/^--/, '')] = process.argv[i + 1];

function memory(field) {
  const line = readFileSync('/proc/self/status', 'ascii').split('\n').find((l) => l.startsWith(field));
  return line ? 1024 * Number(line.split(/\s+/)[1]) : 0;
}

function memoryBaseline() {
  try {
    writeFileSync('/proc/self/clear_refs', '5');  // the peak begins again at what is held now
  } catch {
    return memory('VmHWM:');
  }
  return memory('VmRSS:');
}

const ort = createRequire(options.modules + '/')('onnxruntime-node');
const baseline = memoryBaseline();
const session = await ort.InferenceSession.create(options.file, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: Number(options.threads),
  interOpNumThreads: 1,
});
const [, channels, height, width] = options.shape.split('x').map(Number);
const batch = Number(options.batch);
const values = Float32Array.from({ length: batch * channels * height * width }, (_, i) => (i * 7919) % 256);
const feeds = { pixels: new ort.Tensor('float32', values, [batch, channels, height, width]) };

for await (const line of createInterface({ input: process.stdin })) {
  const words = line.trim().split(/\s+/);
  if (words[0] === 'quit') {
    console.log(Math.max(0, memory('VmHWM:') - baseline));
    break;
  }
  if (words[0] !== 'steps' || !(Number(words[1]) > 0)) {
    console.error(`expected 'steps K' or 'quit', got '${line}'`);
    process.exit(1);
  }
  const begin = process.hrtime.bigint();
  for (let i = 0; i < Number(words[1]); i++) await session.run(feeds);
  console.log((Number(process.hrtime.bigint() - begin) * 1e-9).toFixed(9));
}
process.exit(0);
