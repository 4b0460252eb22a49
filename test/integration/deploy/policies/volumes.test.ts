import assert from 'node:assert/strict';
import path from 'node:path';
import fc from 'fast-check';
import { acceptedBlocks, refusedBlocks } from '../../../support/attributes/corpus.ts';
import { anyBlock, isForTekton, parserRefuses } from '../../../support/attributes/blocks.ts';
import { admissionKinds, volumeOf, type AdmissionKind } from '../../../support/deploy/admission-objects.ts';
import { looseDefinition } from '../../../support/deploy/foreign-kinds.ts';
import { applyAll } from '../../../support/deploy/installation.ts';
import { namespace, optedOut, podOf, usePolicies } from '../../../support/deploy/installed-policies.ts';
import { chartFile, deployFolder, manifestFiles, only, readManifests } from '../../../support/deploy/manifests.ts';
import type { Manifest } from '../../../support/deploy/manifests.ts';
import type { ControlPlane } from '../../../support/kubernetes/control-plane.ts';
import { eventually } from '../../../support/poll.ts';

type Block = Readonly<Record<string, string>>;

const judgedKinds = admissionKinds.filter(({ isJudged }) => isJudged);
const kindOf = (name: string): AdmissionKind => judgedKinds.find(({ kind }) => kind === name)!;
const [pod, taskRun, pipelineRun] = [kindOf('Pod'), kindOf('TaskRun'), kindOf('PipelineRun')];
const maxVolumes = 16;
const many = (count: number, block: Block = { connectors: 'oci' }): readonly object[] =>
  Array.from({ length: count }, (_, at) => volumeOf(block, {}, `v${at}`));
const tooMany =
  '17 volumes of connectors-csi, more than the 16 that a pod can have: name several connectors in one volume';
const allowed =
  'allowed in volumeAttributes are connectors, connector.name, connector.namespace, configuration.names, configuration.params, token.expiration';

/** The object as an API server takes it. */
function manifestOf({ kind, group }: AdmissionKind, { spec = {} }: { readonly spec?: object }): Manifest {
  if (kind === 'Pod') return { ...podOf([]), spec: { ...(podOf([])['spec'] as object), ...spec } };
  return { apiVersion: `${group}/v1`, kind, metadata: { namespace, name: 'tried' }, spec };
}

/** The message with its list of attributes, whose order is Go's of a map, in order. */
const inOrder = (message: string): string =>
  message.replace(/"[^"]*"(?:, "[^"]*")+/, (names) => names.split(', ').sort().join(', '));

describe('the policies of volumes', () => {
  const policies = usePolicies(
    ['admission', 'volume-limit'],
    podOf([volumeOf({ connectors: 'a,,b' })]),
    podOf(many(17)),
  );
  const told = (kind: AdmissionKind, object: object): Promise<readonly string[]> =>
    policies.create(manifestOf(kind, object));
  /** Of an object for each place where a volume may stand. */
  const toldOf = async (kind: AdmissionKind, volume: object): Promise<readonly (readonly string[])[]> => {
    const all = [];
    for (const object of kind.objects(volume)) all.push(await told(kind, object));
    return all;
  };
  const toldOfPod = async (block: Block): Promise<readonly string[]> =>
    (await toldOf(pod, volumeOf(block))).flat().map(inOrder);

  const definitions = ['TaskRun', 'PipelineRun'].map((kind) => looseDefinition('tekton.dev/v1', kind));
  after(async () => {
    // Absent where the suite was skipped.
    const plane = policies.plane as ControlPlane | undefined;
    for (const definition of definitions) await plane?.admin.remove(definition);
  });

  before(async () => {
    await applyAll(policies.plane, definitions);
    const object = manifestOf(pipelineRun, { spec: {} });
    await eventually('Tekton is served', () =>
      policies.create(object).then(
        () => true,
        () => false,
      ),
    );
    const wrong = manifestOf(taskRun, taskRun.objects(volumeOf({ connectors: 'a,,b' }))[0]!);
    await eventually('Tekton is judged', async () => (await policies.create(wrong)).length > 0);
  });

  for (const kind of judgedKinds) {
    const places = kind.objects({}).length;
    it(`judge a ${kind.kind} by the corpus, in each of its ${places} places`, async () => {
      for (const { what, block } of acceptedBlocks) {
        assert.deepEqual((await toldOf(kind, volumeOf(block))).flat(), [], what);
      }
      for (const refused of refusedBlocks) {
        const isToTell = kind.isOfTekton ? isForTekton(refused) : refused.needsCluster !== true;
        const isTold = (await toldOf(kind, volumeOf(refused.block))).map(({ length }) => length > 0);
        assert.deepEqual(
          isTold,
          isTold.map(() => isToTell),
          `${kind.kind}: ${refused.what}`,
        );
      }
    });

    it(`tell of a ${kind.kind} whose volume may be written`, async () => {
      for (const readOnly of [false, undefined]) {
        for (const messages of await toldOf(kind, volumeOf({ connectors: 'oci' }, { readOnly }))) {
          assert.match(messages.join('\n'), /^[a-z, ]*connectors.*: csi\.readOnly must be true$/);
        }
      }
    });

    it(`say nothing of a ${kind.kind} without volumes, and of other drivers'`, async () => {
      for (const other of [{ emptyDir: {} }, { csi: { driver: 'secrets-store.csi.k8s.io' } }]) {
        assert.deepEqual((await toldOf(kind, { name: 'x', ...other })).flat(), []);
      }
      assert.deepEqual(await told(kind, { spec: {} }), []);
    });
  }

  it('say nothing of what the parser accepts, whatever the attributes', async () => {
    const accepted = fc.sample(anyBlock, 600).filter((block) => !parserRefuses(block));
    assert.ok(accepted.length > 10, String(accepted.length));
    for (let first = 0; first < accepted.length; first += maxVolumes) {
      const volumes = accepted.slice(first, first + maxVolumes).map((block, at) => volumeOf(block, {}, `v${at}`));
      assert.deepEqual(await policies.create(podOf(volumes)), [], JSON.stringify(volumes));
    }
  });

  it('name volume and attribute, all mistakes at once', async () => {
    assert.deepEqual(
      await toldOfPod({ connector: 'oci', 'configuration-names': 'x', secret: '', 'token.expiration': '1s' }),
      [
        `volume connectors, unknown attribute "configuration-names", "connector", "secret": ${allowed}`,
        'volume connectors: attribute "connectors" is missing: name at least one connector, as NAME or NAMESPACE/NAME',
        'volume connectors: attribute "token.expiration" is too short: the API server\'s minimum is 10m',
      ],
    );
  });

  it('name the attributes that are too long, and the limit', async () => {
    const long = 'a'.repeat(65_537);
    assert.deepEqual(await toldOfPod({ connectors: long, 'configuration.names': long, 'token.expiration': '1h' }), [
      'volume connectors, too long attribute "configuration.names", "connectors": at most 32 KiB',
    ]);
  });

  it('tell a name with a line break in few words', async () => {
    assert.deepEqual(await toldOfPod({ connectors: 'oci', 'a\nb': '' }), [allowed]);
  });

  it('compare connectors in the namespace of the pods', async () => {
    for (const kind of [pod, taskRun]) {
      assert.ok((await toldOf(kind, volumeOf({ connectors: 'oci,ci/oci' }))).every(({ length }) => length > 0));
      assert.deepEqual((await toldOf(kind, volumeOf({ connectors: 'oci,tools/oci' }))).flat(), []);
    }
  });

  it('wait for Tekton to fill in variables, and judge the rest', async () => {
    const block = { connectors: '$(params.connectors)', 'token.expiration': '1s', wrong: '' };
    assert.equal((await toldOf(taskRun, volumeOf(block)))[0]?.length, 2);
    const variables = { connectors: '$(params.a)', 'connector.name': '$(params.b)' };
    assert.deepEqual((await toldOf(taskRun, volumeOf(variables))).flat(), []);
    assert.match((await toldOfPod({ connectors: '$(params.connectors)' })).join(), /attribute "connectors" must be/);
  });

  it('deny a pod with more volumes than the driver mounts, and look at none of them then', async () => {
    // The limit denies, the other policy warns.
    const messages = await told(pod, { spec: { volumes: many(17) } });
    assert.deepEqual([messages.length, ...new Set(messages)], [2, tooMany]);
    assert.deepEqual(await told(taskRun, { spec: { taskSpec: { volumes: many(17) } } }), [tooMany]);
    assert.deepEqual(await told(pod, { spec: { volumes: many(16) } }), []);
    const missing = await told(pod, { spec: { volumes: many(16, {}) } });
    assert.equal(missing.length, 1, 'connectors are missing in 16 volumes');
  });

  it('judge no volumes of an object for several pods that has more of them than one pod can have', async () => {
    assert.deepEqual(await told(pipelineRun, { spec: { workspaces: many(17, {}) } }), []);
    assert.equal((await told(pipelineRun, { spec: { workspaces: many(16, {}) } })).length, 1);
  });

  it('deny a volume with over 16 attributes, of the driver alone', async () => {
    const attributes = (count: number): Block =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`a${at}`, '']));
    const denied = 'a volume of connectors-csi has over 16 volumeAttributes: the driver reads 6';
    const isDenied = async (volume: object): Promise<boolean> =>
      (await policies.create(podOf([volume]))).some((message) => message.startsWith(denied));
    assert.equal(await isDenied(volumeOf(attributes(16))), false);
    assert.equal(await isDenied(volumeOf(attributes(2_000), { driver: 'other.example' })), false);
    assert.equal(await isDenied(volumeOf(attributes(17))), true);
  });

  it('let be changed, scaled and removed what was there before them', async () => {
    for (const kind of [taskRun, pipelineRun]) {
      const [wrong, right] = [{ connectors: 'oci,,git' }, { connectors: 'oci' }].map((block) =>
        manifestOf(kind, kind.objects(volumeOf(block))[0]!),
      );
      assert.ok(wrong !== undefined && right !== undefined);
      const scaled = { ...wrong, metadata: { ...wrong.metadata, labels: { a: 'b' } } };
      assert.deepEqual(await policies.change(wrong, scaled), []);
      assert.equal((await policies.change(right, wrong)).length, 1, kind.kind);
      assert.deepEqual(await policies.change(wrong, right), []);
    }
  });

  it('only warn, but for namespaces that opt out', async () => {
    const wrong = podOf([volumeOf({ connectors: 'a,,b' })]);
    const { code, warnings } = await policies.plane.admin.create(wrong, 'dryRun=All');
    assert.deepEqual([code, warnings.length], [201, 1]);
    const metadata = { ...wrong.metadata, namespace: optedOut };
    await eventually('pods can be created', async () => {
      const answer = await policies.plane.admin.create({ ...wrong, metadata }, 'dryRun=All');
      assert.deepEqual(answer.warnings, []);
      return answer.code === 201;
    });
  });

  it('have nothing to say of the examples', async () => {
    const kinds = judgedKinds.map(({ kind }) => kind);
    const examples = manifestFiles(path.join(deployFolder, 'examples'))
      .flatMap(readManifests)
      .filter(({ kind }) => kinds.includes(kind));
    assert.ok(examples.length > 2, String(examples.length));
    for (const example of examples) {
      const metadata = { ...example.metadata, namespace, name: 'tried' };
      const spec = { ...(example['spec'] as object), serviceAccountName: 'default' };
      assert.deepEqual(await policies.create({ ...example, metadata, spec }), [], JSON.stringify(example.metadata));
    }
  });

  // The last one, as it changes a policy.
  for (const [expression, limit] of [
    ["duration('24h')", '24h'],
    ["duration('90m')", '90m'],
  ] as const) {
    it(`name the longest lifetime, which is ${limit} with ${expression}`, async () => {
      const policy = only(chartFile('policies/admission'), 'ValidatingAdmissionPolicy', 'connectors-csi-volumes');
      const changed = JSON.stringify(policy).replace("duration('24h')", expression);
      await policies.plane.admin.apply([JSON.parse(changed) as Manifest]);
      const expected = `volume connectors: attribute "token.expiration" is too long: at most ${limit} (--max-token-expiration of the driver)`;
      let found: readonly string[] = [];
      await eventually(
        () => found.join(),
        async () => {
          found = await toldOfPod({ connectors: 'oci', 'token.expiration': '48h' });
          return found.length === 1 && found[0] === expected;
        },
      );
    });
  }
});
