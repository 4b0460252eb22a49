import fc from 'fast-check';
import { oddPieces, oddValues } from './pieces.ts';

/** One change; places and lengths are parts of what is changed, in 1/65536. */
interface Mutation {
  readonly kind: 'truncate' | 'flip' | 'duplicate' | 'remove' | 'insert' | 'replace' | 'huge' | 'nest' | 'splice';
  readonly at: number;
  readonly length: number;
  readonly piece: Buffer;
  readonly times: number;
}

/** Longer ones are cut, so that a run of many cases is about their shapes. */
const maxBytes = 1 << 18;

const fraction = fc.nat(0xffff);
const pieces = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...oddPieces).map((piece) => Buffer.from(piece)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)) },
);
const small = ['truncate', 'flip', 'flip', 'duplicate', 'remove', 'insert', 'insert', 'replace', 'splice'] as const;

const mutations: fc.Arbitrary<Mutation> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constantFrom(...small),
      at: fraction,
      length: fraction.map((part) => part >> 3),
      piece: pieces,
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('huge' as const, 'nest' as const, 'duplicate' as const),
      at: fraction,
      length: fraction.map((part) => part >> 5),
      piece: pieces,
      times: fc.constantFrom(100, 1000, 3000),
    }),
  },
);

const nests: readonly (readonly [string, string])[] = [
  ['[', ']'],
  ['{"a":', '}'],
  ['\x12\x08', ''],
  ['(', ')'],
];

function applied(bytes: Buffer, { kind, at, length, piece, times }: Mutation, other: Buffer): Buffer {
  const start = Math.floor((at * bytes.length) / 0x10000);
  const end = Math.min(bytes.length, start + Math.ceil((length * bytes.length) / 0x10000));
  const [before, part, after] = [bytes.subarray(0, start), bytes.subarray(start, end), bytes.subarray(end)];
  switch (kind) {
    case 'truncate':
      return before;
    case 'flip': {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[start] = copy[start]! ^ (1 << (length & 7));
      return copy;
    }
    case 'duplicate':
      return Buffer.concat([before, ...Array.from({ length: times + 1 }, () => part), after]);
    case 'remove':
      return Buffer.concat([before, after]);
    case 'insert':
      return Buffer.concat([before, piece, part, after]);
    case 'replace':
      return Buffer.concat([before, piece, after]);
    case 'huge':
      return Buffer.concat([before, Buffer.alloc(piece.length * times, piece), part, after]);
    case 'nest': {
      const [open, close] = nests[length % nests.length]!;
      return Buffer.concat([before, Buffer.from(open.repeat(times)), part, Buffer.from(close.repeat(times)), after]);
    }
    case 'splice':
      return Buffer.concat([before, other.subarray(Math.floor((at * other.length) / 0x10000))]);
  }
}

/** A valid input with up to five changes, or with none. */
export function mutatedBytes(seeds: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc
    .record({
      seed: fc.constantFrom(...seeds),
      other: fc.constantFrom(...seeds),
      changes: fc.array(mutations, { maxLength: 5 }),
    })
    .map(({ seed, other, changes }) =>
      changes.reduce((bytes, change) => applied(bytes, change, other).subarray(0, maxBytes), seed),
    );
}

/** The same as a text, which has what UTF-8 cannot carry replaced, and a piece that may be an unpaired surrogate. */
export function mutatedText(seeds: readonly string[]): fc.Arbitrary<string> {
  return fc
    .record({
      bytes: mutatedBytes(seeds.map((seed) => Buffer.from(seed))),
      odd: fc.option(fc.constantFrom(...oddPieces), { freq: 8 }),
      at: fraction,
    })
    .map(({ bytes, odd, at }) => {
      const text = bytes.toString();
      const place = Math.floor((at * text.length) / 0x10000);
      return odd === null ? text : text.slice(0, place) + odd + text.slice(place);
    });
}

/** A JSON value in which up to three nodes are gone, repeated, or something else. */
export function mutatedTree(seeds: readonly unknown[]): fc.Arbitrary<unknown> {
  const change = fc.record({
    node: fraction,
    value: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...oddValues) },
      { weight: 2, arbitrary: fc.constantFrom(...oddPieces) },
      { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    ),
    key: fc.option(fc.constantFrom(...oddPieces), { freq: 3 }),
  });
  return fc
    .record({ seed: fc.constantFrom(...seeds), changes: fc.array(change, { maxLength: 3 }) })
    .map(({ seed, changes }) => {
      let tree = structuredClone(seed);
      for (const { node, value, key } of changes) tree = changedTree(tree, node, value, key);
      return tree;
    });
}

type Container = Record<string, unknown>;

/** @param key under which the value is added to the node's container; null: the node itself is replaced. */
function changedTree(tree: unknown, node: number, value: unknown, key: string | null): unknown {
  const places = placesIn(tree);
  if (places.length === 0) return structuredClone(value);
  const [container, name] = places[node % places.length]!;
  Object.defineProperty(container, key === null || Array.isArray(container) ? name : key, {
    value: structuredClone(value),
    enumerable: true,
    configurable: true,
    writable: true,
  });
  return tree;
}

function placesIn(tree: unknown): (readonly [Container, string])[] {
  if (typeof tree !== 'object' || tree === null) return [];
  const container = tree as Container;
  return Object.keys(container).flatMap((name) => [[container, name] as const, ...placesIn(container[name])]);
}
