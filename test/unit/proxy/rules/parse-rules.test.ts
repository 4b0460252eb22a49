import assert from 'node:assert/strict';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { parseRules, RulesError, ruleMethods } from '../../../../src/proxy/rules/parse-rules.ts';
import { brokenRules, validRules } from '../../../support/rules/rules-corpus.ts';

describe('rules in an annotation', () => {
  it('are a list of allow and deny with methods, paths or both', () => {
    const text = `
# Tokens first.
- deny:  { paths: ["/api/v4/personal_access_tokens/**", /x] }
- allow:
    methods: [GET, HEAD]
- deny: { methods: [DELETE], paths: [/**] }
`;
    const rules = parseRules(text).map(({ effect, methods, paths, line }) => ({
      ...{ effect, line, paths: paths?.length },
      methods: methods && [...methods],
    }));
    assert.deepEqual(rules, [
      { effect: 'deny', line: 3, paths: 2, methods: undefined },
      { effect: 'allow', line: 4, paths: undefined, methods: ['GET', 'HEAD'] },
      { effect: 'deny', line: 6, paths: 1, methods: ['DELETE'] },
    ]);
  });

  for (const text of validRules) {
    it(`are read: ${JSON.stringify(text)}`, () => assert.ok(parseRules(text).length > 0));
  }

  for (const [text, problem] of brokenRules) {
    it(`are broken, with the position: ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseRules(text),
        (error) => {
          assert.ok(error instanceof RulesError, String(error));
          assert.match(error.message, problem);
          assert.doesNotMatch(error.message, /\n/);
          return true;
        },
      );
    });
  }

  it('have limits', () => {
    const { characters, segments } = proxyLimits.rules;
    const rule = '- deny: {paths: [/x]}\n';
    const listOf = (length: number, path: string): string =>
      `- deny: {paths: [${Array.from({ length }, () => path).join(', ')}]}\n`;
    assert.equal(parseRules(rule.repeat(100)).length, 100);
    assert.equal(parseRules(listOf(100, '/x')).length, 1);
    assert.throws(() => parseRules(listOf(20, '/a/b/c').repeat(segments / 60 + 1)), /more than 1000 segments/);
    assert.throws(() => parseRules(`${rule}#${'x'.repeat(characters)}`), /has more than 16384 characters/);
    assert.throws(() => parseRules('- !a\n'.repeat(2000)), /more than 4000 YAML tokens/);
    assert.throws(() => parseRules('['.repeat(characters)), /nests deeper than 64 levels/);
  });

  it('can name every method of HTTP that a rule has a use for', () => {
    assert.equal(parseRules(`- allow: {methods: [${ruleMethods.join(', ')}]}`)[0]?.methods?.size, ruleMethods.length);
  });
});
