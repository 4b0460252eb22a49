/**
 * What objects of many shapes take in V8's heap once parsed, beside what `ObjectSplitter` estimates before: `node --expose-gc
 * --import tsx test/bench/object-heap.ts`. A ratio under 1 is an object that costs more than it is counted for. Numbers
 * only, no pass or fail.
 */
import { parseJson } from '../../src/json.js';
import { ObjectSplitter } from '../../src/kube/object-splitter.js';
import type { RawObject } from '../../src/kube/object-splitter.js';

/** About as much as a Connector may hold, under 64 KiB. */
const jsonBytes = 60_000;
const copies = 10;
const maxObjectBytes = 1 << 22;
const keys = 'a b c d e f g h i j k l'.split(' ');

function list(elementBytes: number, element: (index: number) => string): string {
  return `[${Array.from({ length: Math.floor(jsonBytes / elementBytes) }, (_, index) => element(index)).join()}]`;
}

/** An object with some of the keys in an order by chance, the same in each run: few share their hidden class. */
function permuted(index: number, count: number, value: string): string {
  const left = [...keys];
  let chance = index;
  const members = Array.from({ length: count }, () => {
    chance = (Math.imul(chance, 1_664_525) + 1_013_904_223) >>> 0;
    const [key = ''] = left.splice((chance >>> 16) % left.length, 1);
    return `"${key}":${value}`;
  });
  return `{${members.join()}}`;
}

const shapes: Readonly<Record<string, () => string>> = {
  'empty objects': () => list(3, () => '{}'),
  'empty lists': () => list(3, () => '[]'),
  'nested lists': () => '['.repeat(900) + ']'.repeat(900),
  integers: () => list(2, () => '1'),
  floats: () => list(4, () => '1.5'),
  nulls: () => list(5, () => 'null'),
  'empty texts': () => list(3, () => '""'),
  'short texts': () => list(6, (index) => `"${100 + (index % 900)}"`),
  'texts beyond ASCII': () => list(6, () => '"語"'),
  'a long text': () => JSON.stringify('x'.repeat(jsonBytes)),
  'a long text beyond ASCII': () => JSON.stringify(`${'x'.repeat(jsonBytes)}語`),
  'objects of one known key': () => list(9, () => '{"a":{}}'),
  'objects of two known keys': () => list(22, (index) => `{"name":"a${index}","v":""}`),
  'keys of its own': () => `{${list(8, (index) => `"${index.toString(36)}":1`).slice(1, -1)}}`,
  'objects with a key of their own': () => list(10, (index) => `{"${index.toString(36)}":1}`),
  'the same around objects': () => list(12, (index) => `{"x${index.toString(36)}":{}}`),
  '3 of 12 keys in any order': () => list(23, (index) => permuted(index, 3, '{}')),
  '6 of 12 keys in any order': () => list(38, (index) => permuted(index, 6, '0')),
  '12 keys in any order': () => list(74, (index) => permuted(index, 12, '0')),
  'a usual spec': () =>
    list(
      95,
      (index) => `{"name":"param${index}","value":"https://x.example/${index}","labels":{"a":"b"},"list":[1,true]}`,
    ),
};

function sieved(spec: string): RawObject & { readonly bytes: Buffer } {
  const splitter = new ObjectSplitter('object', { maxObjectBytes, maxDocumentBytes: 2 * maxObjectBytes });
  const metadata = '{"name":"x","namespace":"y","resourceVersion":"5"}';
  splitter.write(
    Buffer.from(`{"type":"ADDED","object":{"apiVersion":"v1","metadata":${metadata},"spec":{"json":${spec}}}}`),
  );
  const [object] = splitter.finish()?.objects ?? [];
  if (object?.bytes === undefined) throw new Error('the splitter kept no object');
  return { ...object, bytes: object.bytes };
}

function heapBytesAtRest(collect: () => void): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** Of one copy, the mean of some that are all kept; what the parser itself keeps is warmed up before. */
function parsedBytes(text: string, collect: () => void): number {
  for (let count = 0; count < 3; count += 1) parseJson(text);
  const kept: unknown[] = [];
  const before = heapBytesAtRest(collect);
  for (let count = 0; count < copies; count += 1) kept.push(parseJson(text));
  return (heapBytesAtRest(collect) - before) / kept.length;
}

const { gc } = globalThis;
if (gc === undefined) throw new Error('needs node --expose-gc');
const collect = (): void => {
  gc({ execution: 'sync' });
};
console.log('shape'.padEnd(34), ...['JSON', 'heap', 'times', 'estimate', 'of heap'].map((title) => title.padStart(9)));
for (const [shape, spec] of Object.entries(shapes)) {
  const { bytes, sizeBytes, heapBytes } = sieved(spec());
  const takenBytes = parsedBytes(bytes.toString(), collect);
  const figures = [
    sizeBytes,
    Math.round(takenBytes),
    (takenBytes / sizeBytes).toFixed(1),
    heapBytes,
    (heapBytes / takenBytes).toFixed(2),
  ];
  console.log(shape.padEnd(34), ...figures.map((figure) => String(figure).padStart(9)));
}
