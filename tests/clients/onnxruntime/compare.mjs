// Runs an ONNX file of `octet export --sample N` in ONNX Runtime and compares labels, scores and,
// where the file lists them (--edges), the codes of every edge with Octet's own.
//   node compare.mjs FILE.onnx [threads] [batch]
// Prints one line of JSON at the end. Exit code 1: more than 1 label in 1000 differs, more than 1 code
// in 1000 or one by more than 1, or without codes a score by more than 1e-4 of the largest. (Runtimes
// may multiply and round in another order, which moves a code that lies on a tie.)
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';

const [file, threads = '1', batchText = '50'] = process.argv.slice(2);
if (!file) {
  console.error('usage: node compare.mjs FILE.onnx [threads] [batch]');
  process.exit(2);
}
const folder = file + '.sample';
const sample = JSON.parse(readFileSync(join(folder, 'sample.json'), 'utf8'));
const raw = (name) => readFileSync(join(folder, name));
const typed = (Type, name) => new Type(new Uint8Array(raw(name)).buffer);
const pictures = raw('pictures.u8');
const labels = typed(Int32Array, 'labels.i32');
const scores = typed(Float32Array, 'scores.f32');
const [height, width, channels] = sample.image;
const classes = sample.classes;
const batch = Number(batchText);

const session = await ort.InferenceSession.create(file, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
});

// N x H x W x C bytes -> N x C x H x W float32
function pixels(first, count) {
  const size = height * width, out = new Float32Array(count * channels * size);
  let at = 0;
  for (let n = first; n < first + count; n++)
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < size; p++) out[at++] = pictures[(n * size + p) * channels + c];
  return new ort.Tensor('float32', out, [count, channels, height, width]);
}

// The first of the largest.
function answer(values, n) {
  let best = 0;
  for (let k = 1; k < classes; k++)
    if (values[n * classes + k] > values[n * classes + best]) best = k;
  return best;
}

const listed = sample.edges.filter((edge) => session.outputNames.includes(edge.name));
const edges = listed.map((edge) => ({
  ...edge, codes: raw(`edges/${edge.name}.u8`), compared: 0, differing: 0, largest: 0,
}));

// codes: N x C x H x W (or N x C) of ONNX Runtime, those of `edge` N x H x W x C
function compareCodes(edge, codes, first, count) {
  const [h, w, c] = edge.shape, size = h * w;
  for (let n = 0; n < count; n++)
    for (let k = 0; k < c; k++)
      for (let p = 0; p < size; p++) {
        const theirs = codes[(n * c + k) * size + p];
        const ours = edge.codes[((first + n) * size + p) * c + k];
        edge.compared++;
        if (theirs !== ours) edge.differing++;
        edge.largest = Math.max(edge.largest, Math.abs(theirs - ours));
      }
}

let wrong = 0, differ = 0, largest = 0, size = 0, milliseconds = 0;
const wanted = ['scores', ...edges.map((edge) => edge.name)];
for (let first = 0; first < sample.images; first += batch) {
  const count = Math.min(batch, sample.images - first);
  const feeds = { pixels: pixels(first, count) };
  if (first === 0) await session.run(feeds, ['scores']); // warms up
  const begin = performance.now();
  const result = await session.run(feeds, first < sample.edge_images ? wanted : ['scores']);
  milliseconds += performance.now() - begin;
  const got = result.scores.data;
  for (let n = 0; n < count; n++) {
    const theirs = answer(got, n), ours = answer(scores.subarray(first * classes), n);
    if (theirs !== ours) differ++;
    if (theirs !== labels[first + n]) wrong++;
    for (let k = 0; k < classes; k++) {
      const expected = scores[(first + n) * classes + k];
      largest = Math.max(largest, Math.abs(got[n * classes + k] - expected));
      size = Math.max(size, Math.abs(expected));
    }
  }
  for (const edge of edges)
    compareCodes(edge, result[edge.name]?.data, first,
                 Math.max(0, Math.min(count, sample.edge_images - first)));
}

for (const edge of edges)
  console.log(`edge ${edge.name.padEnd(12)} ${edge.compared} codes compared, ` +
              `${edge.differing} differ, by at most ${edge.largest}`);
const report = {
  file, images: sample.images, threads: Number(threads), batch,
  test_error: wrong / sample.images,
  labels_that_differ: differ,
  largest_score: size,
  largest_score_difference: largest,
  codes_compared: edges.reduce((sum, edge) => sum + edge.compared, 0),
  codes_that_differ: edges.reduce((sum, edge) => sum + edge.differing, 0),
  largest_code_difference: edges.reduce((most, edge) => Math.max(most, edge.largest), 0),
  images_per_second: Math.round(sample.images / milliseconds * 1000),
};
console.log(JSON.stringify(report));
const same = edges.length > 0 ? report.codes_that_differ <= report.codes_compared / 1000 &&
                                report.largest_code_difference <= 1
                              : sample.edges.length > 0 || largest <= 1e-4 * size;
process.exit(same && differ <= sample.images / 1000 ? 0 : 1);
