import assert from 'node:assert/strict';
import { RE2JS } from 're2js';
import { patternSize } from '../../../../src/proxy/cel/work.ts';

describe('The size of a pattern', () => {
  const patterns = [
    'abc',
    '^[0-9a-f]{64}$',
    'a{3}',
    'a{0,1000}',
    '.{7,}',
    '(abc){10}',
    '(?:abc){10}',
    '((a{10}){10}){10}',
    '(a|b|cd)*{5}',
    '(abc)*?x{5}',
    '(?P<name>a{5}){5}',
    '(?i)[^\\pL\\pN]{500}',
    '[(]{100}(ab[)]){100}',
    '[]a(]{100}x',
    '[^])]{100}(ab){50}',
    '[[:alpha:](]{100}(ab){50}',
    '(abcdef\\Q(\\E){100}',
    '(abcdef\\Q)))\\E){100}',
    '(abcdef\\(){100}',
    '(abcdef\\)){100}',
    '(\\p{Greek}\\x{41}){100}',
    '(?:a?b*c+){100}',
    '(a{0,10}|b{0,10}){50}',
    '\\{1000}',
    'a{,5}',
    '(é|日本){200}',
    '(((((((x)))))){50}){20}',
    '\\x{41}{9}\\pL{9}\\x{',
    `(abc\\x{${'0'.repeat(50)}41}){100}`,
    '(?:^$\\b\\B){200}',
    '(a|b){0,500}[xyz]',
    'a{2}{3}b',
  ];
  for (const pattern of patterns) {
    it(`is at least half of its instructions: ${pattern.slice(0, 40)}`, () => {
      let instructions = 0;
      try {
        instructions = RE2JS.compile(pattern).programSize();
      } catch (error) {
        // What cannot be compiled takes no memory.
        assert.match(String(error), /invalid/);
      }
      const size = patternSize(pattern);
      assert.ok(2 * size + 3 >= instructions, `${size} of ${instructions}`);
    });
  }

  it('is small for a usual one, so that it leaves work for the search', () => {
    for (const [pattern, most] of [
      ['^[0-9a-f]{64}$', 80],
      ['(?i)is[ -]up', 15],
      ['[A-Za-z0-9_-]{20,40}', 60],
    ] as const)
      assert.ok(patternSize(pattern) <= most, `${pattern}: ${patternSize(pattern)}`);
  });

  it('is a number for all that cannot be compiled', () => {
    for (const pattern of [
      `{${'9'.repeat(400)}}`,
      `a{${'9'.repeat(400)}}`,
      ')){5}',
      '((((',
      '[',
      '\\',
      '\\Q',
      '{}{1}{1,2',
    ]) {
      assert.ok(Number.isFinite(patternSize(pattern)), pattern);
    }
  });
});
