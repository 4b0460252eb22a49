import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { parseServeConfig } from '../../../src/driver/config.ts';
import { driverLimits } from '../../../src/driver/limits.ts';
import { attributeNames, attributeTable } from '../../../src/driver/publish/attribute-table.ts';
import { parseVolumeAttributes } from '../../../src/driver/publish/attributes.ts';
import { admissionKinds } from '../../support/deploy/admission-objects.ts';
import type { AdmissionKind } from '../../support/deploy/admission-objects.ts';
import { acceptedBlocks, refusedBlocks } from '../../support/attributes/corpus.ts';
import type { RefusedBlock } from '../../support/attributes/corpus.ts';
import { verdict } from '../../support/deploy/admission-policy.ts';
import type { AdmissionRequest } from '../../support/deploy/admission-policy.ts';
import { chartFile, deployFolder, manifestFiles, optOutLabel, readManifests } from '../../support/deploy/manifests.ts';
import type { Manifest } from '../../support/deploy/manifests.ts';

type Block = Readonly<Record<string, string>>;

const objects = chartFile('policies/admission').filter(({ metadata }) => metadata.name === 'connectors-csi-volumes');
const [policy, binding] = objects;
assert.ok(policy !== undefined && binding !== undefined);
const maxVolumesPerPod = 16;

const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
ajv.addVocabulary(['patternErrorMessage', 'deprecationMessage']);
const schema = JSON.parse(readFileSync(path.join(deployFolder, 'schemas/manifest.json'), 'utf8')) as {
  readonly definitions: {
    readonly volumeAttributes: { readonly properties: Readonly<Record<string, { readonly maxLength: number }>> };
  };
};
const isManifestSchemaMet = ajv.compile({ $id: 'manifest', ...schema });
const isSchemaMet = ajv.compile({ $ref: 'manifest#/definitions/volumeAttributes' });

const volumeOf = (volumeAttributes: Block, csi: object = {}): object => ({
  name: 'connectors',
  csi: { driver: 'connectors-csi', readOnly: true, volumeAttributes, ...csi },
});

/** What authors are told; fails where an expression cannot be evaluated. */
function told(
  { group, resource }: AdmissionKind,
  object: object,
  more: Partial<AdmissionRequest> = {},
): readonly string[] {
  const request = {
    operation: 'CREATE',
    group,
    resource,
    namespace: 'ci',
    username: 'dev',
    extra: {},
    object,
  } as const;
  const { messages, errors } = verdict(policy!, { ...request, ...more });
  assert.deepEqual(errors, []);
  return messages;
}

function toldOf(kind: AdmissionKind, block: Block): readonly string[] {
  return kind.objects(volumeOf(block)).flatMap((object) => told(kind, object));
}

const pod = admissionKinds[0]!;
const judgedKinds = admissionKinds.filter(({ isJudged }) => isJudged);
const taskRun = judgedKinds.find(({ kind }) => kind === 'TaskRun')!;
const pipelineRun = judgedKinds.find(({ kind }) => kind === 'PipelineRun')!;

function problemsOf(block: Block): readonly string[] {
  return parseVolumeAttributes(block, 'ci', { maxTokenExpirationMs: 24 * 3_600_000 }).problems;
}

const parserRefuses = (block: Block): boolean => problemsOf(block).length > 0;

const holdsVariable = (block: Block): boolean => Object.values(block).some((value) => value.includes('$('));
/** Wrong whatever Tekton puts in: the other mistakes are none of the variable's. */
const isForTekton = ({ block, needsCluster }: RefusedBlock): boolean => !needsCluster && !holdsVariable(block);

describe('the policy of volumes', () => {
  it('is small enough to be applied', () => {
    // kubectl keeps what it applied in an annotation; all annotations together may have 256 KiB.
    for (const object of objects) assert.ok(JSON.stringify(object).length < 100_000, object.metadata.name);
  });

  it('is bound once, to warn, but for namespaces that opt out', () => {
    assert.deepEqual(binding['spec'], {
      policyName: policy.metadata.name,
      validationActions: ['Warn'],
      matchResources: {
        namespaceSelector: { matchExpressions: [{ key: optOutLabel, operator: 'NotIn', values: ['off'] }] },
      },
    });
  });

  it('has the attributes and bounds that the driver has by default', () => {
    const { 'max-token-expiration': maxMs } = parseServeConfig(['--node-name=x'], {});
    const { variables } = policy['spec'] as { variables: readonly { name: string; expression: string }[] };
    const expressionOf = (name: string): string => variables.find((variable) => variable.name === name)!.expression;
    assert.deepEqual(JSON.parse(expressionOf('known').replaceAll("'", '"')), attributeNames);
    assert.equal(expressionOf('maxExpiration'), `duration('${maxMs / 3_600_000}h')`);
    assert.equal(expressionOf('minExpiration'), `duration('${attributeTable['token.expiration'].minMs / 1000}s')`);
    assert.equal(expressionOf('maxVolumes'), String(maxVolumesPerPod));
    const { attributeBytes } = driverLimits.volume;
    assert.ok(expressionOf('tooLong').includes(`> ${attributeBytes})`));
    const { properties } = schema.definitions.volumeAttributes;
    assert.deepEqual(
      attributeNames.map((name) => properties[name]?.maxLength),
      attributeNames.map(() => attributeBytes),
    );
  });
});

describe('parser, policy and schema', () => {
  for (const { what, block } of acceptedBlocks) {
    it(`accept ${what}`, () => {
      assert.equal(parserRefuses(block), false);
      assert.deepEqual(toldOf(pod, block), []);
      assert.ok(isSchemaMet(block), ajv.errorsText(isSchemaMet.errors));
    });
  }

  for (const refused of refusedBlocks) {
    const { what, block, needsCluster = false, needsComparison = false } = refused;
    it(`${needsCluster ? 'leave to the driver' : 'refuse'} ${what}`, () => {
      assert.equal(parserRefuses(block), !needsCluster);
      const message = problemsOf(block).join('; ');
      for (const words of needsCluster ? [] : refused.says) assert.match(message, words);
      assert.ok(message.length < 2000, message);
      assert.equal(toldOf(pod, block).length > 0, !needsCluster, toldOf(pod, block).join('\n'));
      assert.equal(isSchemaMet(block), !isForTekton(refused) || needsComparison);
    });
  }

  it('were tried with at least a hundred blocks', () => assert.ok(acceptedBlocks.length + refusedBlocks.length >= 100));

  it('agree that what the parser accepts is right, whatever the block', () => {
    const right = fc.constantFrom('oci', 'a.b', 'tools/harbor', ' git', 'x-y\u00a0', 'a/b');
    const odd = fc.constantFrom('a-', 'A', '', ' ', '/', 'é', 'a'.repeat(64));
    const list = fc
      .array(fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: odd }), { minLength: 1, maxLength: 4 })
      .map((words) => words.join(','));
    const selector = fc.oneof(fc.constantFrom('x_y', '!ca.crt', '! .env', 'Settings'), odd);
    const selectors = fc.array(selector, { maxLength: 3 }).map((words) => words.join(','));
    const scalar = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
    );
    const value = fc.oneof(
      scalar,
      fc.array(scalar, { maxLength: 3 }),
      fc.dictionary(fc.string(), scalar, { maxKeys: 3 }),
      fc.jsonValue(),
    );
    const object = fc.dictionary(fc.string(), fc.dictionary(fc.string(), value, { maxKeys: 3 }), { maxKeys: 3 });
    const params = fc
      .tuple(object, fc.constantFrom(undefined, 1, '\t'))
      .map(([given, indent]) => JSON.stringify(given, undefined, indent));
    const amount = fc.oneof(fc.nat(30), fc.nat(2000), fc.constantFrom('1.5', '.5', '010', '+1', '-1')).map(String);
    const unit = fc.constantFrom('h', 'm', 'm', 's', 'ms', 'µs', 'd', '');
    const duration = fc.array(
      fc.tuple(amount, unit).map((parts) => parts.join('')),
      { minLength: 1, maxLength: 3 },
    );
    const block = fc.record(
      {
        connectors: list,
        'configuration.names': selectors,
        'configuration.params': fc.oneof(
          params,
          params.map((text) => text.replace(/[,}\]]/, '')),
        ),
        'token.expiration': duration.map((parts) => parts.join('')),
        'csi.storage.k8s.io/x': odd,
      },
      { requiredKeys: ['connectors'], noNullPrototype: true },
    );
    let accepted = 0;
    fc.assert(
      fc.property(block, (given) => {
        if (parserRefuses(given)) return;
        accepted += 1;
        assert.deepEqual(toldOf(pod, given), []);
        assert.ok(isSchemaMet(given), ajv.errorsText(isSchemaMet.errors));
      }),
      { numRuns: 600 },
    );
    assert.ok(accepted > 10, `${accepted} accepted`);
  });
});

describe('the admission policies', () => {
  for (const kind of judgedKinds) {
    const places = kind.objects(volumeOf({ connectors: 'oci' })).length;
    it(`judge a ${kind.kind} by the corpus, in each of its ${places} places`, () => {
      for (const { block } of acceptedBlocks) assert.deepEqual(toldOf(kind, block), []);
      for (const refused of refusedBlocks) {
        const isToTell = kind.isOfTekton ? isForTekton(refused) : !refused.needsCluster;
        const isTold = kind.objects(volumeOf(refused.block)).map((object) => told(kind, object).length > 0);
        assert.deepEqual(isTold, isTold.fill(isToTell), `${kind.kind}: ${refused.what}`);
      }
    });

    it(`tell of a ${kind.kind} whose volume may be written`, () => {
      for (const csi of [{ readOnly: false }, { readOnly: undefined }]) {
        const volume = JSON.parse(JSON.stringify(volumeOf({ connectors: 'oci' }, csi))) as object;
        for (const object of kind.objects(volume)) {
          assert.match(told(kind, object).join('\n'), /^[a-z, ]*connectors.*: csi\.readOnly must be true$/);
        }
      }
    });

    it(`say nothing of a ${kind.kind} without volumes, and of other drivers'`, () => {
      const others = [{ emptyDir: {} }, { csi: { driver: 'secrets-store.csi.k8s.io' } }];
      for (const other of others) {
        for (const object of kind.objects({ name: 'x', ...other })) {
          assert.deepEqual(told(kind, object), []);
        }
      }
    });
  }

  it('say nothing of objects in which nothing is set', () => {
    for (const kind of judgedKinds) assert.deepEqual(told(kind, { spec: {} }), []);
  });

  it('name volume and attribute, all mistakes at once', () => {
    assert.deepEqual(
      toldOf(pod, { connector: 'oci', 'configuration-names': 'x', secret: '', 'token.expiration': '1s' }),
      [
        'volume connectors, unknown attribute "connector", "configuration-names", "secret": allowed in volumeAttributes are connectors, connector.name, connector.namespace, configuration.names, configuration.params, token.expiration',
        'volume connectors: attribute "connectors" is missing: name at least one connector, as NAME or NAMESPACE/NAME',
        'volume connectors: attribute "token.expiration" is too short: the API server\'s minimum is 10m',
      ],
    );
  });

  it('name the attributes that are too long, and the limit', () => {
    const long = 'a'.repeat(65_537);
    assert.deepEqual(toldOf(pod, { connectors: long, 'configuration.names': long, 'token.expiration': '1h' }), [
      'volume connectors, too long attribute "connectors", "configuration.names": at most 32 KiB',
    ]);
  });

  for (const [expression, limit] of [
    ["duration('24h')", '24h'],
    ["duration('90m')", '90m'],
  ] as const) {
    it(`name the longest lifetime, which is ${limit} with ${expression}`, () => {
      const text = JSON.stringify(policy).replace("duration('24h')", expression);
      const object = { spec: { volumes: [volumeOf({ connectors: 'oci', 'token.expiration': '48h' })] } };
      const request = { operation: 'CREATE', group: '', resource: 'pods', username: 'dev', extra: {}, object } as const;
      assert.deepEqual(verdict(JSON.parse(text) as Manifest, request).messages, [
        `volume connectors: attribute "token.expiration" is too long: at most ${limit} (--max-token-expiration of the driver)`,
      ]);
    });
  }

  it('tell a name with a line break in few words', () => {
    assert.deepEqual(toldOf(pod, { connectors: 'oci', 'a\nb': '' }), [
      'allowed in volumeAttributes are connectors, connector.name, connector.namespace, configuration.names, configuration.params, token.expiration',
    ]);
  });

  it('compare connectors in the namespace of the pods', () => {
    for (const kind of [pod, taskRun]) {
      assert.ok(toldOf(kind, { connectors: 'oci,ci/oci' }).length > 0);
      assert.equal(toldOf(kind, { connectors: 'oci,tools/oci' }).length, 0);
    }
  });

  it('wait for Tekton to fill in variables, and judge the rest', () => {
    const block = { connectors: '$(params.connectors)', 'token.expiration': '1s', wrong: '' };
    const [object = {}] = taskRun.objects(volumeOf(block));
    assert.equal(told(taskRun, object).length, 2);
    assert.equal(toldOf(taskRun, { connectors: '$(params.a)', 'connector.name': '$(params.b)' }).length, 0);
    assert.match(toldOf(pod, { connectors: '$(params.connectors)' }).join(), /attribute "connectors" must be/);
  });

  it('say that a pod has too many volumes, and look at none of them then', () => {
    const many = Array.from({ length: maxVolumesPerPod + 1 }, (_, at) => ({ ...volumeOf({}), name: `v${at}` }));
    const limit = 'more than the 16 that a pod can have: name several connectors in one volume';
    assert.deepEqual(told(pod, { spec: { volumes: many } }), [`17 volumes of connectors-csi, ${limit}`]);
    assert.deepEqual(told(taskRun, { spec: { taskSpec: { volumes: many } } }), [
      `17 volumes of connectors-csi, ${limit}`,
    ]);
    assert.equal(told(pod, { spec: { volumes: many.slice(1) } }).length, 1, 'connectors are missing in 16 volumes');
  });

  it('judge no volumes of an object for several pods that has more of them than one pod can have', () => {
    const each = Array.from({ length: maxVolumesPerPod + 1 }, (_, at) => ({ ...volumeOf({}), name: `v${at}` }));
    assert.deepEqual(told(pipelineRun, { spec: { workspaces: each } }), []);
    assert.equal(told(pipelineRun, { spec: { workspaces: each.slice(1) } }).length, 1);
  });

  it('let be changed, scaled and removed what was there before them', () => {
    const volume = volumeOf({ connectors: 'oci,,git' });
    for (const kind of judgedKinds.filter(({ kind }) => kind !== 'Pod')) {
      const [object = {}] = kind.objects(volume);
      const [other = {}] = kind.objects(volumeOf({ connectors: 'oci' }));
      const scaled = { ...object, metadata: { name: 'x', labels: { a: 'b' } } };
      assert.deepEqual(told(kind, scaled, { operation: 'UPDATE', oldObject: object }), []);
      assert.equal(told(kind, object, { operation: 'UPDATE', oldObject: other }).length, 1, kind.kind);
      assert.deepEqual(told(kind, other, { operation: 'UPDATE', oldObject: object }), []);
    }
  });

  it('have nothing to say of the examples', () => {
    for (const file of manifestFiles(path.join(deployFolder, 'examples'))) {
      for (const manifest of readManifests(file)) {
        for (const kind of judgedKinds.filter(({ kind }) => kind === manifest.kind)) {
          assert.deepEqual(told(kind, manifest), [], file);
        }
        assert.ok(isManifestSchemaMet(manifest), `${file}: ${ajv.errorsText(isManifestSchemaMet.errors)}`);
      }
    }
  });
});

describe('the schema of manifests', () => {
  for (const kind of admissionKinds) {
    it(`judges the volumes of a ${kind.kind} as the schema of their attributes does`, () => {
      for (const csi of [{ readOnly: false }, { readOnly: undefined }]) {
        const volume = JSON.parse(JSON.stringify(volumeOf({ connectors: 'oci' }, csi))) as object;
        for (const object of kind.objects(volume)) assert.equal(isManifestSchemaMet(object), false);
      }
      const other = { name: 'x', csi: { driver: 'secrets-store.csi.k8s.io' } };
      for (const object of kind.objects(other)) assert.ok(isManifestSchemaMet(object));
      for (const { block } of [...acceptedBlocks, ...refusedBlocks]) {
        for (const object of kind.objects(volumeOf(block))) {
          assert.equal(isManifestSchemaMet(object), isSchemaMet(block), JSON.stringify(object));
        }
      }
    });
  }
});
