import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { patches } from '../../support/deploy/admission-policy.ts';
import type { AdmissionRequest } from '../../support/deploy/admission-policy.ts';
import { imageCorpus } from '../../support/deploy/image-corpus.ts';
import { chartFile } from '../../support/deploy/manifests.ts';

const objects = chartFile('policies/image-connector');
const [policy, binding] = objects;
assert.ok(policy !== undefined && binding !== undefined);

const prefix = 'connectors.local/namespaces/ci/connectors/registry/';
const annotations = { 'connectors.alauda.io/image-connector': 'registry' };

interface Container {
  readonly name: string;
  readonly image?: string;
}
interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly ephemeralContainers?: readonly Container[];
}

function connectorAt(address: string, name = 'registry'): object {
  return { metadata: { name, namespace: 'ci' }, spec: { address } };
}

/** What the policy changes, as `PATH IMAGE`. */
function changes(spec: PodSpec, params: object, request: Partial<AdmissionRequest> = {}): readonly string[] {
  const found = patches(policy!, {
    ...{ operation: 'CREATE', group: '', resource: 'pods', namespace: 'ci', username: 'dev', extra: {} },
    object: { metadata: { name: 'pod', annotations }, spec },
    ...request,
    params,
  });
  for (const { op } of found) assert.equal(op, 'replace');
  return found.map(({ path: place, value }) => `${place} ${String(value)}`);
}

/** The image that a pod has in the end. */
function imageAfter(image: string, address: string): string {
  const [change] = changes({ containers: [{ name: 'app', image }] }, connectorAt(address));
  return change?.replace('/spec/containers/0/image ', '') ?? image;
}

describe('the policy for images of connectors', () => {
  it('has patterns that RE2 takes', () => {
    const patterns = [...JSON.stringify(policy).matchAll(/matches\(r'([^']*)'/g)].map(([, pattern = '']) => pattern);
    assert.equal(patterns.length, 2);
    for (const pattern of patterns) RE2JS.compile(JSON.parse(`"${pattern}"`) as string);
  });

  // With Fail, a cluster without the CRDs would create no pod at all. The policy protects nothing.
  it('ignores failures', () => {
    assert.equal((policy['spec'] as { readonly failurePolicy: string }).failurePolicy, 'Ignore');
  });

  it('is bound to all Connectors of the namespace of the pod, and permits pods where there are none', () => {
    assert.deepEqual(binding['spec'], {
      policyName: policy.metadata.name,
      paramRef: { selector: {}, parameterNotFoundAction: 'Allow' },
    });
  });

  for (const [address, images] of Object.entries(imageCorpus)) {
    it(`rewrites names of images of ${address}, and no others`, () => {
      for (const [image, rest] of Object.entries(images)) {
        assert.equal(imageAfter(image, address), rest === undefined ? image : `${prefix}${rest}`, image);
      }
    });
  }

  it('changes all lists of containers of a new pod', () => {
    const image = 'registry.example.com/app:1';
    const spec = {
      initContainers: [
        { name: 'one', image },
        { name: 'two', image: 'other.example/app:1' },
        { name: 'three', image },
      ],
      containers: [{ name: 'without' }, { name: 'app', image }],
    };
    assert.deepEqual(changes(spec, connectorAt('https://registry.example.com')), [
      `/spec/containers/1/image ${prefix}app:1`,
      `/spec/initContainers/0/image ${prefix}app:1`,
      `/spec/initContainers/2/image ${prefix}app:1`,
    ]);
  });

  it('changes ephemeral containers that are added, and nothing else of a pod that exists', () => {
    const image = 'registry.example.com/app:1';
    const old = { containers: [{ name: 'app', image }], ephemeralContainers: [{ name: 'earlier', image }] };
    const spec = { ...old, ephemeralContainers: [...old.ephemeralContainers, { name: 'debug', image }] };
    const params = connectorAt('https://registry.example.com');
    const update = { operation: 'UPDATE', resource: 'pods/ephemeralcontainers' } as const;
    const oldObject = { metadata: { name: 'pod', annotations }, spec: old };
    assert.deepEqual(changes(spec, params, { ...update, oldObject }), [
      `/spec/ephemeralContainers/1/image ${prefix}app:1`,
    ]);
    const without = { containers: old.containers };
    const first = { ...oldObject, spec: without };
    assert.equal(changes(spec, params, { ...update, oldObject: first }).length, 2);
    assert.deepEqual(changes(without, params, { ...update, oldObject }), []);
    assert.deepEqual(changes(spec, params, { operation: 'UPDATE', resource: 'pods', oldObject }), []);
  });

  it('leaves pods alone that have no annotation, or one that names another Connector', () => {
    const spec = { containers: [{ name: 'app', image: 'registry.example.com/app:1' }] };
    const params = connectorAt('https://registry.example.com', 'other');
    assert.deepEqual(changes(spec, params), []);
    for (const metadata of [{ name: 'pod' }, { name: 'pod', annotations: { other: 'registry' } }]) {
      const object = { metadata, spec };
      assert.deepEqual(changes(spec, connectorAt('https://registry.example.com'), { object }), []);
    }
  });

  it('changes nothing the second time, whatever the image and the address are', () => {
    const segment = fc.stringMatching(/^[a-z0-9]{1,3}([.:_-][a-z0-9]{1,3})?$/);
    const host = fc.constantFrom('registry.example.com', 'docker.io', 'localhost', 'a:5000', 'index.docker.io:443');
    const image = fc.tuple(fc.option(host), fc.array(segment, { minLength: 1, maxLength: 3 }));
    fc.assert(
      fc.property(image, host, fc.constantFrom('http', 'https'), ([of, segments], at, scheme) => {
        const name = [...(of === null ? [] : [of]), ...segments].join('/');
        const address = `${scheme}://${at}`;
        const once = imageAfter(name, address);
        assert.equal(imageAfter(once, address), once);
        assert.ok(once === name || (once.startsWith(prefix) && once.endsWith(segments.at(-1)!)));
      }),
      { numRuns: 300 },
    );
  });
});
