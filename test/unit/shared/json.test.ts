import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parse as parseWithLibrary } from 'lossless-json';
import {
  isJsonObject,
  jsonMember,
  jsonMembers,
  jsonTexts,
  parseJson,
  stringifyJson,
} from '../../../src/shared/json.ts';
import type { JsonObject } from '../../../src/shared/json.ts';

const int64 = (text: string): bigint | number => {
  const value = /^-?\d+$/.test(text) ? BigInt(text) : undefined;
  return value !== undefined && BigInt.asIntN(64, value) === value ? value : finite(Number(text));
};

/** As Go has it: what a float64 cannot hold is an error. */
function finite<T>(value: T): T {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new SyntaxError('too large');
  return value;
}

type Outcome = { readonly value: unknown } | 'SyntaxError';

function outcome(parse: () => unknown): Outcome {
  try {
    return { value: parse() };
  } catch (error) {
    assert.ok(error instanceof SyntaxError, String(error));
    return 'SyntaxError';
  }
}

/** Text that is nearly JSON: values as written, with a piece of syntax put in or a character taken out somewhere. */
const nearlyJson = fc
  .tuple(
    fc.jsonValue({ stringUnit: 'binary' }),
    fc.constantFrom(
      '',
      '',
      '\t',
      ' ',
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '-',
      '0',
      '.',
      'e9',
      'null',
      '\n',
      '\u0001',
      '\\u00',
      '\u00a0',
    ),
    fc.nat(),
    fc.boolean(),
    fc.constantFrom(undefined, 1, '\t'),
  )
  .map(([value, inserted, place, isRemoving, indent]) => {
    const text = JSON.stringify(value, undefined, indent);
    const at = place % (text.length + 1);
    return text.slice(0, at) + inserted + text.slice(at + (isRemoving ? 1 : 0));
  });

describe('parseJson', () => {
  it('agrees with an independent lossless parser', () => {
    fc.assert(
      fc.property(nearlyJson, (text) => {
        const expected = outcome(() => parseWithLibrary(text, undefined, { parseNumber: int64 }));
        assert.deepEqual(
          outcome(() => parseJson(text)),
          expected,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps integers of 64 bits exact and makes every other number a float', () => {
    assert.deepEqual(parseJson('[0, -0, 9007199254740993, -9223372036854775808, 9223372036854775807]'), [
      0n,
      0n,
      9007199254740993n,
      -(2n ** 63n),
      2n ** 63n - 1n,
    ]);
    assert.deepEqual(parseJson('[9223372036854775808, 1.0, 1e2, -1.5E-1]'), [9223372036854775808, 1, 100, -0.15]);
  });

  it('takes __proto__ for an ordinary key', () => {
    const value = parseJson('{"__proto__": {"polluted": true}, "constructor": 1}');
    assert.deepEqual(Object.keys(value as object), ['__proto__', 'constructor']);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal(jsonMember(value, 'polluted'), undefined);
    assert.deepEqual(jsonMember(value, '__proto__'), { polluted: true });
  });

  it('takes a key that is repeated with the same value, and no other', () => {
    assert.deepEqual(parseJson('{"a": [1], "a": [1]}'), { a: [1n] });
    assert.throws(() => parseJson('{"a": 1, "a": 2}'), SyntaxError);
  });

  it('refuses what nests deeper than others who walk through the value can follow', () => {
    const nested = (depth: number, open: string, close: string): string =>
      `${open.repeat(depth)}1${close.repeat(depth)}`;
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
      ['[{"a":', '}]'],
    ] as const) {
      const levels = open.length === 6 ? 2 : 1;
      assert.ok(parseJson(nested(1000 / levels, open, close)));
      for (const depth of [1001, 10_000, 1_000_000]) {
        assert.throws(() => parseJson(nested(depth, open, close)), {
          name: 'SyntaxError',
          message: 'JSON nested too deep',
        });
      }
    }
  });

  it('takes brackets beside each other for no depth', () => {
    assert.equal((parseJson(`[${'[{}],'.repeat(5000)}[]]`) as readonly unknown[]).length, 5001);
  });

  it('refuses a number that no float holds', () => {
    for (const text of ['1e999', '-1e999', '9'.repeat(400), '9'.repeat(1_000_000)]) {
      assert.throws(() => parseJson(`{"a": ${text}}`), { name: 'SyntaxError', message: /^JSON is malformed at/ });
    }
    assert.equal(parseJson('9'.repeat(300)), 1e300);
    assert.equal(parseJson('1e-999'), 0);
  });

  it('never quotes the text', () => {
    for (const text of ['s3cret', '{"s3cret', '"s3cret\u0001"', '"s3cret\\x"', '{"a": s3cret}', '"ok" s3cret']) {
      assert.throws(
        () => parseJson(text),
        (error: Error) => error instanceof SyntaxError && !error.message.includes('s3cret'),
      );
    }
  });
});

describe('jsonMembers and jsonTexts', () => {
  it('give the texts of members and items, which parse to the same values', () => {
    const space = fc.constantFrom('', ' ', '\n\t');
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), space, (object, gap) => {
        const text = `${gap}${JSON.stringify(object, null, gap)}${gap}`;
        const members = [...jsonMembers(text)].map(([key, value]) => [key, parseJson(value)]);
        assert.deepEqual(members, Object.entries(parseJson(text) as JsonObject));
        const items = jsonTexts(`${gap}${JSON.stringify(Object.values(object), null, gap)}`);
        assert.deepEqual(
          items.map(parseJson),
          members.map(([, value]) => value),
        );
      }),
    );
  });

  it('refuse text that is no object or list', () => {
    for (const text of [
      '',
      '1',
      '"{}"',
      '[]',
      '{',
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      '{"a":1}x',
      '{"a":1,"a":1}',
      '{"a":[',
      '{"a":"',
    ])
      assert.throws(() => jsonMembers(text), SyntaxError, text);
    for (const text of ['', '1', '{}', '[', '[1,]', '[,1]', '[1]]', '["'])
      assert.throws(() => jsonTexts(text), SyntaxError, text);
  });

  it('do not parse what they skip', () => {
    assert.deepEqual(
      [...jsonMembers('{"a":[oops],"b":2}')],
      [
        ['a', '[oops]'],
        ['b', '2'],
      ],
    );
  });
});

describe('jsonMember', () => {
  it('reads own members of objects only', () => {
    assert.equal(jsonMember({ a: null }, 'a'), null);
    assert.equal(jsonMember({}, 'toString'), undefined);
    assert.equal(jsonMember(['a'], '0'), undefined);
    assert.equal(jsonMember(undefined, 'a'), undefined);
    assert.equal(isJsonObject(null), false);
  });
});

describe('stringifyJson', () => {
  it('writes what parseJson has read, with exact integers', () => {
    const text = '{"a":[1,-9223372036854775808,1.5,true,null,"\\"\\u0000é"],"__proto__":{},"":[]}';
    assert.equal(stringifyJson(parseJson(text)), text);
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        assert.equal(stringifyJson(value), JSON.stringify(value));
      }),
    );
  });

  it('leaves out undefined members', () =>
    assert.equal(stringifyJson({ a: undefined, b: [undefined] }), '{"b":[null]}'));
});
