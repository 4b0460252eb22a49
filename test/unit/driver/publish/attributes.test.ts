import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { VolumeAttributes } from '../../../../src/driver/publish/attributes.ts';
import { parseVolumeAttributes } from '../../../../src/driver/publish/attributes.ts';

/** Two days. */
const bounds = { maxTokenExpirationMs: 48 * 3_600_000 };

type Context = Readonly<Record<string, string>>;

const valid: Context = {
  connectors: 'harbor, tools/github',
  'configuration.names': 'config, !ca.cert ,settings',
  'configuration.params': '{"config": {"user": "ci"}}',
  'token.expiration': '1h30m',
  'csi.storage.k8s.io/pod.name': 'pod',
};

function problemsOf(context: Context): readonly string[] {
  return parseVolumeAttributes(context, 'ci', bounds).problems;
}

/** The valid attributes with one change; undefined takes an attribute away. */
function changed(change: Readonly<Record<string, string | undefined>>): Context {
  return Object.fromEntries(
    Object.entries({ ...valid, ...change }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function attributesOf(context: Context): VolumeAttributes {
  const { attributes, problems } = parseVolumeAttributes(context, 'ci', bounds);
  assert.deepEqual(problems, []);
  return attributes;
}

describe('volume attributes', () => {
  it('are read in the order of their author', () => {
    assert.deepEqual(attributesOf(valid), {
      connectors: [
        { namespace: 'ci', name: 'harbor' },
        { namespace: 'tools', name: 'github' },
      ],
      includedConfigurations: ['config', 'settings'],
      excludedFiles: ['ca.cert'],
      configurationParams: '{"config":{"user":"ci"}}',
      tokenExpirationMs: 5_400_000,
    });
  });

  it('leave a missing pod namespace to the check of the pod information', () => {
    for (const context of [{ connectors: 'harbor' }, { 'connector.name': 'harbor' }]) {
      assert.deepEqual(parseVolumeAttributes(context, '', bounds).problems, []);
    }
  });

  it('count as absent where they are empty or white space', () => {
    const blank = {
      'connector.name': '',
      'connector.namespace': ' ',
      'configuration.names': '',
      'token.expiration': '\n',
    };
    assert.deepEqual(
      attributesOf({ connectors: 'harbor', ...blank, 'configuration.params': '\t' }),
      attributesOf({ connectors: 'harbor' }),
    );
    assert.deepEqual(
      attributesOf({ connectors: ' ', 'connector.name': 'harbor' }),
      attributesOf({ connectors: 'harbor' }),
    );
  });

  it('take 32 connectors and 32 KiB of params', () => {
    const names = Array.from({ length: 32 }, (_, index) => `c${index}`).join(',');
    const params = `{"a":{"b":"${'x'.repeat(32 * 1024 - 15)}"}}`;
    assert.equal(Buffer.byteLength(params), 32 * 1024 - 1);
    assert.deepEqual(problemsOf(changed({ connectors: names, 'configuration.params': `${params} ` })), []);
  });

  it('take 256 names of configurations, and 1,024 values of their params', () => {
    const names = Array.from({ length: 256 }, (_, index) => `c${index}`).join();
    const params = { c1: { user: Array(1022).fill('x') }, other: { user: Array(2000).fill('x') } };
    const context = changed({ 'configuration.names': names, 'configuration.params': JSON.stringify(params) });
    assert.equal(attributesOf(context).includedConfigurations.length, 256);
  });

  for (const [what, change, problem] of [
    ['a namespace that is none', { connectors: 'a.b/harbor' }, /item "a.b\/harbor": the namespace must be a DNS-1123/],
    ['an empty name', { connectors: 'ci/' }, /the name must not be empty/],
    ['three parts', { connectors: 'a/b/c' }, /item "a\/b\/c": the name must be/],
    ['an attribute named __proto__', { ['__proto__']: 'a' }, /unknown attribute "__proto__"/],
    [
      'names over 32 KiB',
      { 'configuration.names': 'a,'.repeat(32_768) + 'a' },
      /^attribute "configuration.names" is over 32 KiB$/,
    ],
    [
      'a lifetime that is a microsecond over the maximum',
      { 'token.expiration': '1µs48h' },
      /is too long: at most 48h \(--max-token-expiration/,
    ],
    [
      'connectors over 32 KiB, looked at before they are split',
      { connectors: ','.repeat(4 << 20) },
      /^attribute "connectors" is over 32 KiB$/,
    ],
    [
      '257 names',
      { 'configuration.names': Array.from({ length: 257 }, (_, index) => `c${index}`).join() },
      /^attribute "configuration.names" has over 256 items: use fewer$/,
    ],
    [
      'a param that is there twice',
      { 'configuration.params': '{"config":{"user":"a","user":"b"}}' },
      /^attribute "configuration.params" is not valid JSON: a key is there twice/,
    ],
    [
      'params that are nested deep',
      { 'configuration.params': `{"config":{"user":${'['.repeat(15_000)}${']'.repeat(15_000)}}}` },
      /^attribute "configuration.params" has over 1024 values for this volume: use fewer$/,
    ],
    [
      'thousands of params of no configuration, told in one problem',
      { 'configuration.params': JSON.stringify(Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [n, 0]))) },
      /^attribute "configuration.params": the value of "0", "1", .* and 2980 more must be an object/,
    ],
    [
      '1,025 values of params',
      { 'configuration.params': JSON.stringify({ config: { user: Array(1023).fill('x') } }) },
      /^attribute "configuration.params" has over 1024 values for this volume: use fewer$/,
    ],
  ] as const) {
    it(`are refused with ${what}`, () => {
      const problems = problemsOf(changed(change));
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0]!, problem);
    });
  }

  it('are not judged at a length that grows out of proportion, whatever is wrong with them', () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`x${index}`, '']));
    const params = Object.fromEntries(
      Object.keys(many)
        .slice(0, 5_000)
        .map((name) => [name, 0]),
    );
    for (const context of [
      { ...valid, ...many },
      { ...valid, 'configuration.names': ','.repeat(30_000) },
      { ...valid, 'configuration.names': '#,'.repeat(256) },
      { ...valid, 'configuration.params': JSON.stringify(params) },
    ]) {
      const problems = problemsOf(context);
      assert.ok(problems.length > 0 && problems.join('').length < 10_000, `${problems.length} problems`);
    }
    assert.match(problemsOf({ ...valid, ...many }).at(-1)!, /^and 49980 more problems$/);
  });

  it('never make the parser throw, and every problem is one line', () => {
    const names = fc.constantFrom(...Object.keys(valid), 'connector.name', 'connector.namespace', '__proto__', 'x');
    fc.assert(
      fc.property(fc.dictionary(names, fc.string({ unit: 'binary' })), fc.string(), (context, namespace) => {
        for (const problem of parseVolumeAttributes(context, namespace, bounds).problems)
          assert.doesNotMatch(problem, /[\r\n]/);
      }),
    );
  });

  it('give back the list that was written, whatever the white space', () => {
    const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
    const space = fc.constantFrom('', ' ', '\t', '  ');
    const item = fc.record({ namespace: label, name: label, before: space, after: space });
    const items = fc.uniqueArray(item, {
      minLength: 1,
      maxLength: 32,
      selector: (ref) => `${ref.namespace}/${ref.name}`,
    });
    fc.assert(
      fc.property(items, (refs) => {
        const list = refs.map((ref) => `${ref.before}${ref.namespace}/${ref.name}${ref.after}`).join(',');
        assert.deepEqual(
          attributesOf({ connectors: list }).connectors,
          refs.map(({ namespace, name }) => ({ namespace, name })),
        );
      }),
    );
  });
});
