import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { imageCorpus } from '../../../support/deploy/image-corpus.ts';
import { api, namespace, usePolicies } from '../../../support/deploy/installed-policies.ts';
import { chartFile, only, type Manifest } from '../../../support/deploy/manifests.ts';
import { eventually } from '../../../support/poll.ts';
import { annotated, type Annotations } from '../../../support/rules/rule-sets.ts';

const prefix = `connectors.local/namespaces/${namespace}/connectors/registry/`;
const image = 'registry.example.com/app:1';
const rewritten = `${prefix}app:1`;

interface Container {
  readonly name: string;
  readonly image: string;
}
interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly ephemeralContainers?: readonly Container[];
}

function connectorAt(address: string, name = 'registry'): Manifest {
  const metadata = { namespace, name };
  return { apiVersion: api, kind: 'Connector', metadata, spec: { connectorClassName: 'oci', address } };
}

function podWith(spec: PodSpec, annotations: Annotations = { 'image-connector': 'registry' }): Manifest {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name: 'tried', ...annotated(annotations) }, spec };
}

describe('the policy for images of connectors', () => {
  const policies = usePolicies(['image-connector']);

  /** The pod that the API server would create. */
  async function created(pod: Manifest): Promise<PodSpec> {
    const { code, text } = await policies.plane.admin.create(pod, 'dryRun=All');
    assert.equal(code, 201, text);
    return (JSON.parse(text) as { readonly spec: PodSpec }).spec;
  }
  const imagesOf = (containers: readonly Container[] = []): readonly string[] => containers.map((one) => one.image);
  async function imagesAfter(images: readonly string[]): Promise<readonly string[]> {
    return imagesOf(
      (await created(podWith({ containers: images.map((one, at) => ({ name: `c${at}`, image: one })) }))).containers,
    );
  }
  /** The policy reads Connectors from a watch. */
  async function moveTo(address: string, images: readonly string[], expected: readonly string[]): Promise<void> {
    await policies.plane.admin.apply([connectorAt(address)]);
    let found: readonly string[] = [];
    await eventually(
      () => `images of ${address}: ${found.join()}`,
      async () => {
        found = await imagesAfter(images);
        return isDeepStrictEqual(found, expected);
      },
    );
  }

  // With Fail, a cluster without the CRDs would create no pod at all. The policy protects nothing.
  it('ignores failures', () => {
    const { spec } = only(chartFile('policies/image-connector'), 'MutatingAdmissionPolicy');
    assert.equal((spec as { readonly failurePolicy: string }).failurePolicy, 'Ignore');
  });

  it('permits pods where there are no Connectors, and leaves them alone', async () => {
    assert.deepEqual(await imagesAfter([image]), [image]);
  });

  const segment = fc.stringMatching(/^[a-z0-9]{1,3}([.:_-][a-z0-9]{1,3})?$/);
  const host = fc.constantFrom('registry.example.com', 'docker.io', 'localhost', 'a:5000', 'index.docker.io:443');
  const anyImage = fc
    .tuple(fc.option(host), fc.array(segment, { minLength: 1, maxLength: 3 }))
    .map(([of, segments]) => [...(of === null ? [] : [of]), ...segments].join('/'));

  for (const [address, images] of Object.entries(imageCorpus)) {
    it(`rewrites names of images of ${address}, and no others, and nothing the second time`, async () => {
      const expected = Object.entries(images).map(([one, rest]) => (rest === undefined ? one : `${prefix}${rest}`));
      await moveTo(address, Object.keys(images), expected);
      const given = [...Object.keys(images), ...fc.sample(anyImage, 30)];
      const once = await imagesAfter(given);
      assert.deepEqual(await imagesAfter(once), once);
      for (const [at, one] of once.entries()) {
        const last = given[at]?.split('/').at(-1) ?? '';
        assert.ok(one === given[at] || (one.startsWith(prefix) && one.endsWith(last)), `${given[at]}: ${one}`);
      }
    });
  }

  it('changes all lists of containers of a new pod', async () => {
    await moveTo('https://registry.example.com', [image], [rewritten]);
    const initContainers = [image, 'other.example/app:1', image].map((one, at) => ({ name: `i${at}`, image: one }));
    const containers = [{ name: 'app', image }];
    const found = await created(podWith({ initContainers, containers }));
    assert.deepEqual(imagesOf(found.initContainers), [rewritten, 'other.example/app:1', rewritten]);
    assert.deepEqual(imagesOf(found.containers), [rewritten]);
  });

  it('changes ephemeral containers that are added, and nothing else of a pod that exists', async () => {
    const { admin } = policies.plane;
    const made = podWith({ containers: [{ name: 'app', image }] });
    const pod = { ...made, metadata: { ...made.metadata, name: 'running' } };
    const place = await admin.pathOf(pod);
    const send = async (method: string, subresource: string, change?: (spec: PodSpec) => PodSpec): Promise<PodSpec> => {
      const now = JSON.parse((await admin.request({ path: place })).text) as Manifest;
      const body = change && { ...now, spec: change(now['spec'] as PodSpec) };
      const { code, text } = await admin.request({ method, path: `${place}${subresource}`, body });
      assert.equal(code, 200, text);
      return (JSON.parse(text) as { readonly spec: PodSpec }).spec;
    };
    const add =
      (name: string) =>
      (spec: PodSpec): PodSpec => ({
        ...spec,
        ephemeralContainers: [...(spec.ephemeralContainers ?? []), { name, image }],
      });
    // The pod and its first ephemeral container have the name that the Connector has later.
    await moveTo('https://elsewhere.example.com', [image], [image]);
    assert.equal((await admin.create(pod)).code, 201);
    await send('PUT', '/ephemeralcontainers', add('earlier'));
    await moveTo('https://registry.example.com', [image], [rewritten]);
    const changed = await send('PUT', '/ephemeralcontainers', add('debug'));
    assert.deepEqual(imagesOf(changed.ephemeralContainers), [image, rewritten]);
    assert.deepEqual(imagesOf(changed.containers), [image]);
    const newer = image.replace(':1', ':2');
    const updated = await send('PUT', '', (spec) => ({
      ...spec,
      containers: spec.containers.map((one) => ({ ...one, image: newer })),
    }));
    assert.deepEqual(imagesOf(updated.containers), [newer]);
    await admin.request({ method: 'DELETE', path: `${place}?gracePeriodSeconds=0` });
  });

  it('leaves pods alone that have no annotation, or one that names another Connector', async () => {
    await moveTo('https://registry.example.com', [image], [rewritten]);
    const spec = { containers: [{ name: 'app', image }] };
    for (const annotations of [{}, { other: 'registry' }, { 'image-connector': 'other' }] as const) {
      assert.deepEqual(imagesOf((await created(podWith(spec, annotations))).containers), [image]);
    }
  });
});
