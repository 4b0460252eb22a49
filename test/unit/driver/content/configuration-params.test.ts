import assert from 'node:assert/strict';
import { resolveParams } from '../../../../src/driver/content/configuration-params.js';
import type { JsonObject } from '../../../../src/json.js';
import { parseJson } from '../../../../src/json.js';
import type { ConfigurationParam } from '../../../../src/connectors/model.js';
import { configurationOf } from '../../../support/domain.js';

function resolve(params: readonly ConfigurationParam[], given: string): JsonObject {
  const owner = { className: 'oci', configuration: configurationOf('registry', {}, params) };
  return resolveParams([owner], { registry: parseJson(given) })[0] ?? {};
}

const text: ConfigurationParam = { name: 'text', type: 'string' };

describe('params of a configuration', () => {
  it('are the given values and the defaults of the others', () => {
    const params: ConfigurationParam[] = [
      text,
      { name: 'list', type: 'array', default: ['a'] },
      { name: 'map', type: 'object', default: { a: 'b' } },
      { name: 'empty', type: 'string', default: '' },
    ];
    assert.deepEqual(resolve(params, '{"text": "x", "map": {"c": "d"}}'), {
      text: 'x',
      list: ['a'],
      map: { c: 'd' },
      empty: '',
    });
  });

  it('of configurations that are not rendered are not looked at', () => {
    const owner = { className: 'oci', configuration: configurationOf('registry', {}) };
    assert.deepEqual(resolveParams([owner], { other: { any: [1] } }), [{}]);
  });

  it('may be called __proto__', () => {
    const values = resolve([{ name: '__proto__', type: 'string' }], '{"__proto__": "x"}');
    assert.deepEqual(Object.entries(values), [['__proto__', 'x']]);
  });

  for (const [what, param, given, problem] of [
    ['a required one that is missing', text, '{}', ': param "text" is required and must be a string'],
    ['a number for a string', text, '{"text": 1}', ', param "text" must be a string'],
    ['null', text, '{"text": null}', ', param "text" must be a string'],
    ['a string for a list', { name: 'p', type: 'array' }, '{"p": "a"}', ', param "p" must be a list of strings'],
    ['a list of numbers', { name: 'p', type: 'array' }, '{"p": ["a", 1]}', ', param "p" must be a list of strings'],
    ['a list for an object', { name: 'p', type: 'object' }, '{"p": []}', ', param "p" must be an object of strings'],
    ['an object of lists', { name: 'p', type: 'object' }, '{"p": {"a": []}}', ', param "p" must be an object of'],
    [
      'a value off the enumeration',
      { ...text, enum: ['a', 'b'] },
      '{"text": "c"}',
      ', param "text" must be one of "a", "b"',
    ],
    ['one that is not declared', { ...text, default: '' }, '{"txt": ""}', ' has no param "txt"; declared are: text'],
  ] as const) {
    it(`refuse ${what}`, () => {
      assert.throws(
        () => resolve([param], given),
        (error: Error & { code?: string }) =>
          error.code === 'INVALID_ARGUMENT' &&
          error.message.startsWith(`attribute "configuration.params": configuration registry${problem}`),
      );
    });
  }

  it('take a value of the enumeration, however its members are ordered', () => {
    const param: ConfigurationParam = { name: 'p', type: 'object', enum: [{ a: '1', b: '2' }] };
    assert.deepEqual(resolve([param], '{"p": {"b": "2", "a": "1"}}'), { p: { b: '2', a: '1' } });
  });

  it('take a list whose elements are all of the enumeration', () => {
    const param: ConfigurationParam = { name: 'p', type: 'array', enum: ['a', 'b'], default: ['a'] };
    assert.deepEqual(resolve([param], '{"p": ["b", "a"]}'), { p: ['b', 'a'] });
    assert.deepEqual(resolve([{ ...param, enum: [['a', 'b'], ['a']] }], '{"p": ["a", "b"]}'), { p: ['a', 'b'] });
    assert.throws(() => resolve([param], '{"p": ["a", "c"]}'), { message: /param "p" must be one of "a", "b"$/ });
  });

  it('report the problems of all configurations at once, each once', () => {
    const configuration = configurationOf('buildkitd', {}, [text]);
    const owners = [
      { className: 'oci', configuration },
      { className: 'git', configuration: configurationOf('gitconfig', {}, [text]) },
      { className: 'other', configuration },
    ];
    const missing = (name: string): string =>
      `attribute "configuration.params": configuration ${name}: param "text" is required and must be a string`;
    assert.throws(() => resolveParams(owners, {}), {
      code: 'INVALID_ARGUMENT',
      message: `${missing('buildkitd')}; ${missing('gitconfig')}`,
    });
  });

  it('report all problems at once', () => {
    assert.throws(() => resolve([text, { name: 'list', type: 'array' }], '{"list": 1, "x": 2}'), {
      message: /has no param "x".*; .*"text" is required.*; .*"list" must be a list/,
    });
  });

  it('name those that are not declared together, and what is declared once', () => {
    assert.throws(() => resolve([{ ...text, default: '' }], '{"x": "", "y": ""}'), {
      message: /: configuration registry has no param "x", "y"; declared are: text$/,
    });
  });

  it('take a time and a message that grow as what is written, not as its product with what is declared', () => {
    const names = Array.from({ length: 8000 }, (_, index) => `p${index}`);
    const startMs = performance.now();
    const choice: ConfigurationParam = { name: 'p', type: 'array', enum: names };
    const chosen = JSON.stringify({ p: names.map(() => 'p7999') });
    assert.equal((resolve([choice], chosen)['p'] as readonly string[]).length, names.length);
    const declared = names.map((name): ConfigurationParam => ({ ...text, name, default: '' }));
    const given = JSON.stringify(Object.fromEntries(names.map((name) => [`not-${name}`, ''])));
    assert.throws(
      () => resolve(declared, given),
      ({ message }: Error) => message.length < 300_000,
    );
    assert.ok(performance.now() - startMs < 3000);
  });

  it('are not looked at for ever in a class that has a configuration any number of times', () => {
    const startMs = performance.now();
    const owner = { className: 'oci', configuration: configurationOf('registry', {}) };
    const owners = Array.from({ length: 20_000 }, () => owner);
    const given = { registry: Object.fromEntries(Array.from({ length: 8000 }, (_, index) => [`p${index}`, ''])) };
    assert.throws(() => resolveParams(owners, given), { code: 'INVALID_ARGUMENT' });
    assert.ok(performance.now() - startMs < 3000);
  });

  it('say that nothing is declared', () => {
    assert.throws(() => resolve([], '{"x": ""}'), { message: /has no param "x"; declared are: none$/ });
  });

  it('blame the class for a default that breaks its own rules', () => {
    assert.throws(() => resolve([{ name: 'p', type: 'array', default: 'a' }], '{}'), {
      code: 'FAILED_PRECONDITION',
      message: 'connectorclass oci, configuration registry: the default of param "p" must be a list of strings',
    });
  });
});
