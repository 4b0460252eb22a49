import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { ManifestFile } from '../../../../src/shared/connectors/manifest-file.ts';
import { parseManifestFile } from '../../../../src/shared/connectors/manifest-file.ts';
import { CodedError } from '../../../../src/shared/errors.ts';
import type { JsonValue } from '../../../../src/shared/json.ts';

const head = 'apiVersion: connectors.alauda.io/v1alpha1\nkind: Connector\nmetadata: { namespace: ci, name: harbor }\n';

function parse(text: string): ManifestFile {
  return parseManifestFile(text, 'connectors-system');
}

/** What a value written in YAML becomes. */
function valueOf(yaml: string): JsonValue | undefined {
  const connector = parse(`${head}spec: { connectorClassName: oci, value: ${yaml} }\n`).connectors.get('ci/harbor');
  assert.ok(connector !== undefined && !(connector instanceof CodedError));
  return (connector.object['spec'] as Readonly<Record<string, JsonValue>> | undefined)?.['value'];
}

describe('a manifest file', () => {
  it('holds connectors, classes and flags among other things', () => {
    const { connectors, classes, flags } = parse(
      [
        `${head}spec: { connectorClassName: oci }`,
        'apiVersion: connectors.alauda.io/v1alpha1\nkind: ConnectorClass\nmetadata: { name: oci }',
        'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: connectors-config }\ndata: { enable-multi-connector: "false" }',
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: x }',
        'apiVersion: other.example/v1\nkind: Connector\nmetadata: { name: x }',
        '# nothing',
        'just text',
      ].join('\n---\n'),
    );
    assert.deepEqual([...connectors.keys()], ['ci/harbor']);
    assert.deepEqual([...classes.keys()], ['oci']);
    assert.ok(flags !== undefined && !(flags instanceof CodedError));
    assert.equal(flags.multiConnector, false);
  });

  it('may be empty, a List, or JSON', () => {
    assert.deepEqual(parse(''), { name: '', objects: [], connectors: new Map(), classes: new Map(), flags: undefined });
    const item = (name: string): object => ({
      apiVersion: 'connectors.alauda.io/v1alpha1',
      kind: 'Connector',
      metadata: { namespace: 'ci', name },
      spec: { connectorClassName: 'oci' },
    });
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item('a'), item('b'), 'text'] });
    assert.deepEqual([...parse(list).connectors.keys()], ['ci/a', 'ci/b']);
  });

  it('has flags in the driver’s namespace only', () => {
    const flagsIn = (namespace: string): ManifestFile['flags'] =>
      parse(`apiVersion: v1\nkind: ConfigMap\nmetadata: { name: connectors-config, namespace: ${namespace} }`).flags;
    assert.notEqual(flagsIn('connectors-system'), undefined);
    assert.equal(flagsIn('ci'), undefined);
  });

  for (const [yaml, value] of [
    ['1', 1n],
    ['1.0', 1n],
    ['-0.0', 0n],
    ['1.5', 1.5],
    ['1e2', 100n],
    ['1e300', 1e300],
    ['9007199254740993', 9007199254740993n],
    ['9223372036854775808', 9223372036854775808],
    ['0x10', 16n],
    ['"1"', '1'],
    ['yes', 'yes'],
    ['true', true],
    ['~', null],
    ['2020-01-01', '2020-01-01'],
    ['[1, [a]]', [1n, ['a']]],
  ] as const) {
    it(`reads ${yaml} as the API server would hold it`, () => assert.deepEqual(valueOf(yaml), value));
  }

  it('takes __proto__ for an ordinary key', () => {
    const value = valueOf('{ __proto__: { polluted: true } }');
    assert.deepEqual(Object.keys(value as object), ['__proto__']);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
  });

  for (const [what, text, message] of [
    ['with a syntax error, with its line', 'a: 1\nb: [', /at line 2/],
    ['with a key twice', 'a: 1\na: 2', /at line 2, column 1 \(DUPLICATE_KEY\)/],
    ['when it nests too deep', `---\n${'{"a":{'.repeat(5000)}${'}'.repeat(9000)}`, /^not read: it nests deeper/],
    ['with an alias within its own anchor', '&a [*a]', /an alias without its anchor or within it/],
    ['with an alias to nothing', 'a: *b', /alias/i],
  ] as const) {
    it(`is refused ${what}`, () => assert.throws(() => parse(text), { code: 'FAILED_PRECONDITION', message }));
  }

  for (const [what, text] of [
    ['a syntax error', 'password: hunter2\n  hunter2: ['],
    ['an alias to nothing', 'password: *hunter2'],
    ['a mapping for a key', '{ hunter2: x }: y'],
    ['text where none may be', '"password"\nhunter2'],
  ] as const) {
    it(`with ${what} is quoted nowhere, since it may be a Secret`, async () => {
      const warnings: string[] = [];
      const keep = ({ message }: Error): void => void warnings.push(message);
      process.on('warning', keep);
      try {
        parse(text);
      } catch (error) {
        assert.doesNotMatch(inspect(error), /hunter2/);
      }
      await turn();
      process.off('warning', keep);
      assert.deepEqual(warnings, []);
    });
  }

  it('has an error in the place of each malformed object, and the others as they are', () => {
    const good = `${head}spec: { connectorClassName: oci }`.replace('harbor', 'good');
    const config =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: connectors-config }\ndata: { enable-multi-connector: maybe }';
    const file = parse([`${head}spec: {}`, good, config].join('\n---\n'));
    assert.ok(!(file.connectors.get('ci/good') instanceof CodedError));
    assert.deepEqual(
      [file.connectors.get('ci/harbor'), file.flags].map((each) => each instanceof CodedError && each.message),
      [
        'connector ci/harbor: spec.connectorClassName must be set',
        'configmap connectors-config: data.enable-multi-connector must be "true" or "false"',
      ],
    );
  });

  it('is refused when its aliases multiply', () => {
    const levels = Array.from(
      { length: 12 },
      (_, n) =>
        `l${n}: &l${n} [${Array(9)
          .fill(n === 0 ? 'x' : `*l${n - 1}`)
          .join(', ')}]`,
    );
    assert.throws(() => parse(levels.join('\n')), { code: 'FAILED_PRECONDITION', message: /alias/i });
  });
});
