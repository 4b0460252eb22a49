import assert from 'node:assert/strict';
import type { ApiAnswer } from '../kubernetes/api-client.ts';
import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { sharedControlPlane } from '../kubernetes/shared-control-plane.ts';
import { eventually } from '../poll.ts';
import { applyAll, removeInstallation } from './installation.ts';
import { chartFile, crdsFolder, manifestFiles, optOutLabel, readManifests, type Manifest } from './manifests.ts';

/** Of the objects that are tried. */
export const namespace = 'ci';
/** One that policies leave out. */
export const optedOut = 'tools';
export const api = 'connectors.alauda.io/v1alpha1';

interface Status {
  readonly observedGeneration?: number;
  readonly typeChecking?: { readonly expressionWarnings?: readonly unknown[] };
}

/** Policies of the chart in a real API server. */
interface InstalledPolicies {
  readonly plane: ControlPlane;
  /** Tries to create an object. @returns what its author is told. */
  create(object: Manifest): Promise<readonly string[]>;
  /** Creates an object, tries to replace it, and removes it. @returns what the author of the change is told. */
  change(before: Manifest, after: Manifest): Promise<readonly string[]>;
}

/** Warnings and denials of policies, without the names of these. @throws where an expression fails. */
export function told({ code, text, warnings }: ApiAnswer): readonly string[] {
  const denial = code === 422 ? [(JSON.parse(text) as { readonly message: string }).message] : [];
  assert.ok(code < 300 || code === 422, text);
  const all = [...denial, ...warnings];
  for (const message of all) assert.doesNotMatch(message, /resulted in error|failed to evaluate|exceeds budget/);
  return all.map((message) =>
    message.replace(/^.*Validation failed for .* with binding '.*?': |^.* denied request: /, ''),
  );
}

/**
 * Installs policies of the chart, and the definitions of Connectors, for a suite. Expressions must not fail, so they fail
 * requests here.
 * @param names files of the chart without `policies/`.
 * @param wrong objects of which some policy must say something before the suite begins.
 */
export function usePolicies(names: readonly string[], ...wrong: readonly Manifest[]): InstalledPolicies {
  const plane = sharedControlPlane();
  const objects = names.flatMap((name) => chartFile(`policies/${name}`)).map(failing);
  const installed: InstalledPolicies = {
    get plane() {
      return plane();
    },
    create: async (object) => told(await plane().admin.create(object, 'dryRun=All')),
    async change(before, after) {
      const { admin } = plane();
      const { code, text } = await admin.create(before);
      assert.equal(code, 201, text);
      const { resourceVersion } = (JSON.parse(text) as { readonly metadata: Record<string, string> }).metadata;
      const metadata = { ...after.metadata, resourceVersion } as Manifest['metadata'];
      const answer = await admin.update({ ...after, metadata }, 'dryRun=All');
      await admin.remove(before);
      return told(answer);
    },
  };

  before(async () => {
    const labels = { [optOutLabel]: 'off' };
    await applyAll(plane(), [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: optedOut, labels } },
      ...manifestFiles(crdsFolder).flatMap(readManifests),
      ...objects,
    ]);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name: 'x' },
      spec: { containers: [container] },
    };
    await eventually('pods can be created', async () => (await plane().admin.create(pod, 'dryRun=All')).code === 201);
    for (const object of wrong) {
      await eventually('the policies are in force', async () => (await installed.create(object)).length > 0);
    }
  });
  after(() => removeInstallation(plane()));

  it('have expressions of the right types', async () => {
    const policies = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    for (const policy of policies) {
      let status: Status = {};
      await eventually(`${policy.metadata.name} is checked`, async () => {
        const found = await plane().admin.find(policy);
        assert.ok(found);
        status = found['status'] ?? {};
        return status.observedGeneration === (found.metadata as { readonly generation?: number }).generation;
      });
      assert.deepEqual(status.typeChecking?.expressionWarnings ?? [], [], policy.metadata.name);
    }
  });
  return installed;
}

const container = { name: 'app', image: 'registry.example.com/app:1' };

export function podOf(volumes: readonly object[], metadata: object = {}): Manifest {
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name: 'tried', ...metadata } },
    spec: { containers: [container], volumes },
  };
}

/** A policy whose errors are not ignored. */
function failing(object: Manifest): Manifest {
  const spec = object['spec'] as { readonly failurePolicy?: string } | undefined;
  return spec?.failurePolicy === undefined ? object : { ...object, spec: { ...spec, failurePolicy: 'Fail' } };
}
