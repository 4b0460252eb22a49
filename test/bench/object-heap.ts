/**
 * What objects of many shapes take in V8's heap once parsed, next to the estimate of `heapBytes`: `node --expose-gc --import
 * tsx test/bench/object-heap.ts`. A ratio under 1 is an object that costs more than it is counted for. Numbers only, no pass
 * or fail.
 */
import { parseJson } from '../../src/shared/json.js';
import { heapBytes } from '../../src/shared/kube/object-heap.js';

/** About as much as a Connector may hold, under 64 KiB. */
const jsonBytes = 60_000;
const copies = 10;
const keys = 'a b c d e f g h i j k l'.split(' ');
/** Keys of one copy are in no other. */
let nextKey = 0;

function ownKey(): string {
  nextKey += 1;
  return nextKey.toString(36);
}

function list(elementBytes: number, element: (index: number) => string): string {
  return `[${Array.from({ length: Math.floor(jsonBytes / elementBytes) }, (_, index) => element(index)).join()}]`;
}

let chance = 1;

/** An object with some of the keys in an order by chance, the same in each run. */
function permuted(count: number, value: string): string {
  const left = [...keys];
  const members = Array.from({ length: count }, () => {
    chance = (Math.imul(chance, 1_664_525) + 1_013_904_223) >>> 0;
    const [key = ''] = left.splice((chance >>> 16) % left.length, 1);
    return `"${key}":${value}`;
  });
  return `{${members.join()}}`;
}

function withOwnKeys(count: number): string {
  return `{${Array.from({ length: count }, () => `"${ownKey()}":1`).join()}}`;
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
  'keys of its own': () => withOwnKeys(jsonBytes / 8),
  'objects with a key of their own': () => list(10, () => withOwnKeys(1)),
  'the same around objects': () => list(12, () => `{"${ownKey()}":{}}`),
  'objects with four keys of their own': () => list(31, () => withOwnKeys(4)),
  'nested objects with a key of their own': () =>
    list(96, () => Array.from({ length: 12 }).reduce((inner: string) => `{"${ownKey()}":${inner}}`, '1')),
  '3 of 12 keys in any order': () => list(23, () => permuted(3, '{}')),
  '6 of 12 keys in any order': () => list(38, () => permuted(6, '0')),
  '12 keys in any order': () => list(74, () => permuted(12, '0')),
  'a usual spec': () =>
    list(
      95,
      (index) => `{"name":"param${index}","value":"https://x.example/${index}","labels":{"a":"b"},"list":[1,true]}`,
    ),
};

function heapBytesAtRest(collect: () => void): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

const { gc } = globalThis;
if (gc === undefined) throw new Error('needs node --expose-gc');
const collect = (): void => {
  gc({ execution: 'sync' });
};
console.log('shape'.padEnd(40), ...['JSON', 'heap', 'times', 'estimate', 'of heap'].map((title) => title.padStart(9)));
for (const [shape, spec] of Object.entries(shapes)) {
  console.log(shape.padEnd(40), ...measured(spec).map((figure) => String(figure).padStart(9)));
}

function measured(spec: () => string): readonly (number | string)[] {
  // What the parser itself keeps is there before.
  parseJson(spec());
  const texts = Array.from({ length: copies }, () => Buffer.from(spec()));
  const sizeBytes = texts.reduce((sum, { length }) => sum + length, 0);
  const before = heapBytesAtRest(collect);
  const values = texts.map((text) => parseJson(text.toString()));
  const takenBytes = heapBytesAtRest(collect) - before;
  const estimate = values.reduce((sum: number, value) => sum + heapBytes(value), 0);
  const ratios = [takenBytes / sizeBytes, estimate / takenBytes].map((ratio) => ratio.toFixed(2));
  return [sizeBytes, takenBytes, ratios[0] ?? '', estimate, ratios[1] ?? ''];
}
