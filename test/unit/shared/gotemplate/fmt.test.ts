import assert from 'node:assert/strict';
import { fromGoString, toGoString } from '../../../../src/shared/gotemplate/byte-string.ts';
import { formatFloat } from '../../../../src/shared/gotemplate/float-format.ts';
import { sprint, sprintln } from '../../../../src/shared/gotemplate/fmt/print.ts';
import { sprintf } from '../../../../src/shared/gotemplate/fmt/printf.ts';
import { Budget } from '../../../../src/shared/gotemplate/budget.ts';
import { defaultLimits, LimitReached } from '../../../../src/shared/gotemplate/limits.ts';
import {
  anyMap,
  anySlice,
  GoComplex,
  GoInt,
  GoMap,
  GoObject,
  GoSlice,
  type GoValue,
  int,
  int64,
  type ObjectType,
  stringSlice,
} from '../../../../src/shared/gotemplate/values.ts';

function context(): Budget {
  return new Budget(defaultLimits, { clock: () => 0 });
}

function format(text: string, ...operands: GoValue[]): string {
  return fromGoString(sprintf(context(), toGoString(text), operands));
}

const spoken: ObjectType<string> = { name: 'x.Spoken', kind: 'struct', methods: new Map(), text: (data) => data };

const pair: ObjectType<bigint> = {
  name: '*x.Pair',
  kind: 'ptr',
  methods: new Map(),
  fields: (data) => [
    ['a', int64(data)],
    ['b', null],
  ],
};

describe('printf', () => {
  for (const [text, operands, expected] of [
    ['%5d|%-5d|%05d|%+d|% d', [1, 2, 3, 4, 5].map(int), '    1|2    |00003|+4| 5'],
    ['%x %X %#x %o %#o %O %b %#b', Array<GoValue>(8).fill(int(255)), 'ff FF 0xff 377 0377 0o377 11111111 0b11111111'],
    ['%.3d|%6.3d|%-6.3d|%06.3d', Array<GoValue>(4).fill(int(-7)), '-007|  -007|-007  |  -007'],
    ['%c %q %U %#U', Array<GoValue>(4).fill(int(0x1f600)), "😀 '😀' U+1F600 U+1F600 '😀'"],
    ['%c %q %U', Array<GoValue>(3).fill(int(-1)), "\ufffd '\ufffd' U+FFFFFFFFFFFFFFFF"],
    ['%s|%5s|%-5s|%.1s|%q|%x|% X', Array<GoValue>(7).fill(toGoString('é!')), 'é!|   é!|é!   |é|"é!"|c3a921|C3 A9 21'],
    ['%q %+q %#q', Array<GoValue>(3).fill(toGoString('é"\x01')), '"é\\"\\x01" "\\u00e9\\"\\x01" "é\\"\\x01"'],
    ['%v %g %e %.2f %8.3f %G', [1e6, 1e-5, 1234.5, 2.675, -1.5, 1e21], '1e+06 1e-05 1.234500e+03 2.67   -1.500 1E+21'],
    ['%.0f %.0f %.0f', [0.5, 1.5, 2.5], '0 2 2'],
    ['%v %v %v %+v', [Infinity, -Infinity, NaN, NaN], '+Inf -Inf NaN NaN'],
    ['%v %05.1f', [new GoComplex(1, -2), new GoComplex(0, 1.25)], '(1-2i) (000.0+01.2i)'],
    ['%t %v %5t', [true, false, true], 'true false  true'],
    ['%d %s', ['x', int(1)], '%!d(string=x) %!s(int=1)'],
    ['%d', [], '%!d(MISSING)'],
    ['%', [], '%!(NOVERB)'],
    ['x', [int(1), null], 'x%!(EXTRA int=1, <nil>)'],
    ['%[2]d %[1]d %[3]d', [int(1), int(2)], '2 1 %!d(BADINDEX)'],
    ['%*d|%-*d|%.*f', [int(4), int(1), int(4), int(2), int(1), 2.55], '   1|2   |2.5'],
    ['%*d', ['x', int(1)], '%!(BADWIDTH)1'],
    ['%!', [int(1)], '%!!(int=1)'],
    ['%T %T %T', [null, stringSlice([]), new GoInt('uint8', 1n)], '<nil> []string uint8'],
    ['%w', [int(1)], '%!w(int=1)'],
    ['%v %s %d', [null, null, null], '<nil> %!s(<nil>) %!d(<nil>)'],
    ['%v|%q', [anySlice([int(1), 'a', null]), stringSlice(['a', 'b'])], '[1 a <nil>]|["a" "b"]'],
    [
      '%#v %#v %#v',
      [anySlice([int(1), null]), anyMap(new Map<string, GoValue>([['k', 'v']])), GoSlice.nil('string')],
      '[]interface {}{1, interface {}(nil)} map[string]interface {}{"k":"v"} []string(nil)',
    ],
    ['%s %x %d', [new GoObject(spoken, 'hi'), new GoObject(spoken, 'hi'), new GoObject(spoken, 'hi')], 'hi 6869 {}'],
    [
      '%v %+v %#v',
      Array<GoValue>(3).fill(new GoObject(pair, 1n)),
      '&{1 <nil>} &{a:1 b:<nil>} &x.Pair{a:1, b:interface {}(nil)}',
    ],
  ] as const) {
    it(`writes ${JSON.stringify(text)} as ${JSON.stringify(expected)}`, () => {
      assert.equal(format(text, ...operands), expected);
    });
  }

  it('sorts maps by bytes', () => {
    const entries = ['b', '_2', '_10', '\u{ffee}', '\u{1f389}'].map((key) => [toGoString(key), int(0)] as const);
    assert.equal(format('%v', anyMap(new Map<string, GoValue>(entries))), 'map[_10:0 _2:0 b:0 \u{ffee}:0 \u{1f389}:0]');
  });

  it('stops at a width that would take too much memory', () => {
    assert.throws(() => format('%9999999d%9999999d', int(1), int(1)), LimitReached);
    assert.throws(() => format('%.9999999d', int(1)), LimitReached);
    assert.throws(() => format('%.9999999f', 1.5), LimitReached);
  });

  it('stops at a value that contains itself', () => {
    const map = anyMap();
    map.entries.set('self', map);
    assert.throws(() => format('%v', map), LimitReached);
  });
});

describe('print', () => {
  it('puts spaces only between operands that are not strings', () => {
    assert.equal(
      sprint(context(), ['a', int(1), int(2), 'b', 'c', null, true]),
      'a1 2b c<nil> true'.replace(' c', 'c'),
    );
  });

  it('puts spaces everywhere with println', () => {
    assert.equal(sprintln(context(), ['a', 'b', GoMap.nil('string')]), 'a b map[]\n');
  });
});

describe('the form of floats', () => {
  for (const [value, verb, precision, expected] of [
    [0, 'e', -1, '0e+00'],
    [-0, 'f', 1, '-0.0'],
    [5e-324, 'g', -1, '5e-324'],
    [5e-324, 'f', 3, '0.000'],
    [1.7976931348623157e308, 'g', 3, '1.8e+308'],
    [123456789, 'g', -1, '1.23456789e+08'],
    [100000, 'g', -1, '100000'],
    [0.0001, 'g', -1, '0.0001'],
    [0.1, 'f', 25, '0.1000000000000000055511151'],
    [9.995, 'f', 2, '9.99'],
    [999.5, 'e', 2, '1.00e+03'],
    [1, 'b', -1, '4503599627370496p-52'],
    [1.5, 'x', -1, '0x1.8p+00'],
    [1.9999, 'x', 1, '0x1.0p+01'],
    [255.5, 'X', 2, '0X1.FFP+07'],
    [255.75, 'X', 2, '0X1.00P+08'],
  ] as const) {
    it(`writes ${value.toString()} with %${precision < 0 ? '' : `.${precision.toString()}`}${verb}`, () => {
      assert.equal(formatFloat(value, verb, precision), expected);
    });
  }
});
