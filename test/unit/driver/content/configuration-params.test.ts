import assert from 'node:assert/strict';
import { resolveParams } from '../../../../src/driver/content/configuration-params.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { parseJson } from '../../../../src/shared/json.ts';
import type { ConfigurationParam } from '../../../../src/shared/connectors/model.ts';
import { classOf, configurationOf } from '../../../support/domain.ts';
import { processorTimeMs } from '../../../support/processor-time.ts';

const group = {
  connectorClass: classOf('oci', { object: { spec: { params: [{ name: 'useAsMirror' }, { name: 'text' }] } } }),
  connectors: [],
};

function resolve(params: readonly ConfigurationParam[], given: string): JsonObject {
  const owner = { group, configuration: configurationOf('registry', {}, params) };
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
    const owner = { group, configuration: configurationOf('registry', {}) };
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
      { group, configuration },
      { group, configuration: configurationOf('gitconfig', {}, [text]) },
      { group, configuration },
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

  it('name those that belong to the Connector', () => {
    assert.throws(() => resolve([{ ...text, default: '' }], '{"x": "", "useAsMirror": "true"}'), {
      message:
        /has no param "x", "useAsMirror"; declared are: text; set "useAsMirror" in spec\.params of the Connector$/,
    });
  });

  it('take a time and a message that grow as what is written, not as its product with what is declared', () => {
    const names = Array.from({ length: 8000 }, (_, index) => `p${index}`);
    const startMs = processorTimeMs();
    const choice: ConfigurationParam = { name: 'p', type: 'array', enum: names };
    const chosen = JSON.stringify({ p: names.map(() => 'p7999') });
    assert.equal((resolve([choice], chosen)['p'] as readonly string[]).length, names.length);
    const declared = names.map((name): ConfigurationParam => ({ ...text, name, default: '' }));
    const given = JSON.stringify(Object.fromEntries(names.map((name) => [`not-${name}`, ''])));
    assert.throws(
      () => resolve(declared, given),
      ({ message }: Error) => message.length < 300_000,
    );
    assert.ok(processorTimeMs() - startMs < 3000);
  });

  describe('that declares none', () => {
    it('are what is given: strings, lists of strings and objects of strings', () => {
      const given = '{"a": "x", "b": ["x", "y"], "c": {"d": "x"}, "e": [], "__proto__": "x"}';
      assert.deepEqual(Object.entries(resolve([], given)), Object.entries(parseJson(given)!));
    });

    for (const value of ['1', 'true', 'null', '[1]', '["a", []]', '{"a": {}}', '{"a": null}']) {
      it(`are not ${value}`, () => {
        assert.throws(() => resolve([], `{"x": ${value}}`), {
          code: 'INVALID_ARGUMENT',
          message: /: configuration registry, param "x" must be a string, a list of strings or an object of strings$/,
        });
      });
    }
  });

  describe('that are objects with properties', () => {
    const map: ConfigurationParam = {
      name: 'map',
      type: 'object',
      properties: new Map([
        ['user', {}],
        ['kind', { default: 'http', enum: ['http', 'ssh'] }],
      ]),
    };

    it('have the defaults of the properties that are not given', () => {
      assert.deepEqual(resolve([map], '{"map": {"user": "x"}}'), { map: { user: 'x', kind: 'http' } });
      const whole = { ...map, default: { user: 'me' } };
      assert.deepEqual(resolve([whole], '{}'), { map: { user: 'me', kind: 'http' } });
      assert.deepEqual(resolve([whole], '{"map": {"kind": "ssh"}}'), { map: { user: 'me', kind: 'ssh' } });
    });

    it('need no default when each of the properties has one', () => {
      const properties = new Map([['kind', { default: 'http' }]]);
      assert.deepEqual(resolve([{ ...map, properties }], '{}'), { map: { kind: 'http' } });
    });

    for (const [what, given, message] of [
      ['none at all', '{}', /: param "map" is required and must be an object of strings$/],
      ['one missing', '{"map": {}}', /, param "map" needs the property "user", a string$/],
      ['one of another type', '{"map": {"user": 1}}', /, param "map" must be an object of strings$/],
      [
        'one that is not declared',
        '{"map": {"user": "", "usr": ""}}',
        /has no property "usr"; declared are: user, kind$/,
      ],
      [
        'one off its enumeration',
        '{"map": {"user": "", "kind": "x"}}',
        /property "kind" must be one of "http", "ssh"$/,
      ],
    ] as const) {
      it(`are refused with ${what}`, () => {
        assert.throws(() => resolve([map], given), { code: 'INVALID_ARGUMENT', message });
      });
    }

    it('blame the class for a default that lacks one', () => {
      assert.throws(() => resolve([{ ...map, default: { kind: 'ssh' } }], '{}'), {
        code: 'FAILED_PRECONDITION',
        message: /the default of param "map" needs the property "user", a string$/,
      });
    });
  });

  it('that still hold a variable are named with it, where they are wrong', () => {
    const choice: ConfigurationParam = { ...text, enum: ['a'] };
    assert.throws(() => resolve([choice], '{"text": "$(params.x)"}'), {
      message: /must be one of "a"; attribute "configuration\.params" still holds "\$\(params\.x\)": Tekton/,
    });
    assert.deepEqual(resolve([text], '{"text": "$(x)"}'), { text: '$(x)' });
  });

  it('blame the class for a default that breaks its own rules', () => {
    assert.throws(() => resolve([{ name: 'p', type: 'array', default: 'a' }], '{}'), {
      code: 'FAILED_PRECONDITION',
      message: 'connectorclass oci, configuration registry: the default of param "p" must be a list of strings',
    });
  });
});
