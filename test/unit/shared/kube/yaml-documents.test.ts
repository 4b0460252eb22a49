import assert from 'node:assert/strict';
import { YamlError, parseYaml, parseYamlNodes } from '../../../../src/shared/kube/yaml-documents.ts';
import { limits } from '../../../../src/shared/limits/defaults.ts';
import { processorTimeMs } from '../../../support/processor-time.ts';

const { characters, depth } = limits.yaml;

function refusal(text: string, maxTokens?: number): string {
  try {
    parseYamlNodes(text, maxTokens);
  } catch (error) {
    assert.ok(error instanceof YamlError);
    return error.message;
  }
  assert.fail('it was read');
}

describe('a YAML text', () => {
  it('is each of its documents', () => {
    assert.deepEqual(parseYaml('a: [1, {b: c}]\n--- # two\n- x\n- |\n  {{ y }}\n'), [
      { a: [1n, { b: 'c' }] },
      ['x', '{{ y }}\n'],
    ]);
  });

  it('is read up to the bounds', () => {
    const long = 'x'.repeat(characters - 3);
    assert.deepEqual(parseYaml(`a: ${long}`), [{ a: long }]);
    const levels = depth - 4;
    let value: unknown = parseYaml(`${'['.repeat(levels)}${']'.repeat(levels)}`)[0];
    for (let level = 1; level < levels; level += 1) value = (value as unknown[])[0];
    assert.deepEqual(value, []);
  });

  for (const [what, text] of [
    ['flow maps', '{a: '],
    ['flow lists', '['],
    ['flow maps as keys', '{'],
    ['lists in lines', '- '],
    ['keys in lines', '? '],
    ['values in lines', ': '],
  ] as const) {
    it(`is refused by its first levels when ${what} go on and on`, () => {
      // The library would take seconds, or end for want of a stack.
      const message = refusal(`# one\n# two\n${text.repeat(Math.floor(characters / text.length) - 12)}`);
      assert.equal(message, `not read: it nests deeper than ${depth} levels at line 3`);
    });
  }

  it('is refused when it is long', () => {
    const message = `not read: it has more than ${characters} characters`;
    assert.equal(refusal(' '.repeat(characters + 1)), message);
  });

  for (const text of ['- x\n', 'x: y\n', '---\n', '} ', '# x\n']) {
    it(`is refused when it has more of ${JSON.stringify(text)} than its reader takes`, () => {
      assert.equal(refusal(text.repeat(101), 100), 'not read: it has more than 100 YAML tokens');
    });
  }

  it('may hold one key but once in each of its maps', () => {
    assert.equal(refusal('a: {b: 1}\nc: {b: 1, "b": 2}'), 'not YAML at line 2, column 11 (DUPLICATE_KEY)');
  });

  it('takes no stack trace for each of its mistakes, and leaves their depth as it was', () => {
    const text = `"${'\\z'.repeat(8_000)}"`;
    const leastMs = (): number =>
      Math.min(
        ...Array.from({ length: 5 }, () => {
          const startMs = processorTimeMs();
          refusal(text);
          return processorTimeMs() - startMs;
        }),
      );
    const { stackTraceLimit } = Error;
    const usualMs = leastMs();
    assert.equal(Error.stackTraceLimit, stackTraceLimit);
    Error.stackTraceLimit = 0;
    const withoutMs = leastMs();
    Error.stackTraceLimit = stackTraceLimit;
    // Traces take twenty times as long as the rest.
    assert.ok(usualMs < 5 * withoutMs, `${usualMs} ms, and ${withoutMs} ms without traces`);
  });
});
