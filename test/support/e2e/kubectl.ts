import assert from 'node:assert/strict';
import path from 'node:path';
import { crdsFolder, only, readManifests } from '../deploy/manifests.ts';
import type { FlowFixture } from './flow-fixture.ts';

const connectorsKind = path.join(crdsFolder, 'connectors.yaml');

/** Runs a command line of kubectl as an administrator of the fixture's cluster, and asserts that it succeeds. @returns what it prints. */
export async function kubectl(fixture: FlowFixture, command: string): Promise<string> {
  const file = path.join(fixture.work, 'admin.kubeconfig');
  fixture.api.writeKubeconfig(file, { name: 'admin' });
  const unbind = fixture.api.bind({ user: 'admin', rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] });
  try {
    const { status, stdout, output } = await fixture.run(['sh', '-ec', command], fixture.work, { KUBECONFIG: file });
    assert.equal(status, 0, `${command}: ${output}`);
    return stdout;
  } finally {
    unbind();
  }
}

/**
 * What `kubectl get connectors -o wide` shows of a Connector, by column. The API server of the tests makes no tables, so
 * kubectl makes this one of the columns that the kind declares.
 */
export async function columnsOf(fixture: FlowFixture, name: string): Promise<Readonly<Record<string, string>>> {
  const { versions } = only(readManifests(connectorsKind), 'CustomResourceDefinition')['spec'] as {
    readonly versions: readonly [{ readonly additionalPrinterColumns: readonly { name: string; jsonPath: string }[] }];
  };
  const columns = versions[0].additionalPrinterColumns;
  const values = columns.map(({ jsonPath }) => `{${jsonPath}}`).join('{"\\n"}');
  const printed = await kubectl(
    fixture,
    `kubectl -n ci get connector ${name} -o jsonpath='${values.replaceAll("'", '"')}'`,
  );
  const lines = printed.split('\n');
  assert.equal(lines.length, columns.length, printed);
  return Object.fromEntries(columns.map((column, at) => [column.name, lines[at] ?? '']));
}
