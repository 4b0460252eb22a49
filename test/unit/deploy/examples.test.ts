import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { deployFolder, manifestFiles, readManifests, type Manifest } from '../../support/deploy/manifests.ts';

const examples = path.join(deployFolder, 'examples');
const files = manifestFiles(examples);
const relative = (file: string): string => path.relative(examples, file);

/** A workload together with the objects that its example ships: those of its folder, or of its file at the top. */
interface Workload {
  readonly object: Manifest;
  readonly companions: readonly Manifest[];
  readonly account: string;
  readonly volumes: readonly Readonly<Record<string, unknown>>[];
}

/** Everything below `value`, itself included. */
function* descend(value: unknown): Generator<Readonly<Record<string, unknown>>> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Readonly<Record<string, unknown>>;
  for (const child of Object.values(value)) yield* descend(child);
}

function workloads(): Workload[] {
  return files.flatMap((file) => {
    const beside = path.dirname(file) === examples ? [file] : manifestFiles(path.dirname(file));
    return readManifests(file)
      .filter(({ kind }) => ['Pod', 'Job', 'TaskRun'].includes(kind))
      .map((object) => {
        const nodes = [...descend(object)];
        return {
          object,
          companions: beside.flatMap(readManifests),
          account: nodes.map((node) => node['serviceAccountName']).find((name) => typeof name === 'string')!,
          volumes: nodes.filter((node) => node['driver'] === 'connectors-csi'),
        };
      });
  });
}

/** Whether the companions let the account `get` that connector, and by name. */
function mayGet({ companions, account, object }: Workload, namespace: string, connector: string): boolean {
  const bindings = companions.filter(
    ({ kind, metadata }) => kind === 'RoleBinding' && metadata.namespace === namespace,
  );
  return bindings.some((binding) => {
    const { roleRef, subjects } = binding as unknown as {
      roleRef: { name: string };
      subjects: readonly { namespace: string; name: string }[];
    };
    const role = companions.find(
      ({ kind, metadata }) => kind === 'Role' && metadata.namespace === namespace && metadata.name === roleRef.name,
    );
    const rules = (role?.['rules'] ?? []) as readonly {
      resources: string[];
      resourceNames?: string[];
      verbs: string[];
    }[];
    return (
      subjects.some((subject) => subject.namespace === object.metadata.namespace && subject.name === account) &&
      rules.some(
        (rule) =>
          rule.resources.includes('connectors') &&
          rule.verbs.includes('get') &&
          rule.resourceNames?.includes(connector),
      )
    );
  });
}

const known = ['connectors', 'configuration.names', 'configuration.params', 'token.expiration'];

describe('deploy/examples', () => {
  it('has files', () => assert.ok(files.length >= 7, String(files.length)));

  for (const file of files) {
    it(`${relative(file)} names public registries only and holds no token`, () => {
      const text = readFileSync(file, 'utf8');
      for (const [, image] of text.matchAll(/^\s*(?:image|default): +['"]?([^\s'"]+:[^\s'"]+)/gm)) {
        assert.doesNotMatch(image!, /^(?!quay\.io\/)[^/]*[.:][^/]*\//, `${image!} starts with a private host`);
      }
      assert.doesNotMatch(text, /eyJ[A-Za-z0-9_-]{8}|PRIVATE KEY|password: \S|gh[pousr]_[A-Za-z0-9]{20}/);
    });
  }

  const found = workloads();
  it('has a Pod, a Job and TaskRuns', () => {
    assert.deepEqual([...new Set(found.map(({ object }) => object.kind))].sort(), ['Job', 'Pod', 'TaskRun']);
  });

  for (const workload of found) {
    const name = `${workload.object.kind} ${workload.object.metadata.name ?? workload.object.metadata.generateName ?? ''}`;

    it(`${name} mounts its connectors as the driver demands`, () => {
      assert.equal(workload.volumes.length, 1);
      const [volume] = workload.volumes;
      assert.equal(volume!['readOnly'], true);
      const attributes = volume!['volumeAttributes'] as Record<string, string>;
      for (const attribute of Object.keys(attributes)) assert.ok(known.includes(attribute), attribute);
      if (attributes['configuration.params']) assert.ok(JSON.parse(attributes['configuration.params']));
    });

    it(`${name} comes with the access that its account needs`, () => {
      const attributes = workload.volumes[0]!['volumeAttributes'] as { connectors: string };
      for (const item of attributes.connectors.split(',')) {
        const [namespace, connector] = item.includes('/')
          ? item.split('/')
          : [workload.object.metadata.namespace, item];
        assert.ok(
          mayGet(workload, namespace!, connector),
          `${workload.account} may not get ${namespace!}/${connector}`,
        );
        assert.ok(!mayGet(workload, namespace!, 'other'));
      }
    });
  }
});
