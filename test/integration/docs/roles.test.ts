import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { applyAll, removeInstallation } from '../../support/deploy/installation.ts';
import { rendered, type Manifest } from '../../support/deploy/manifests.ts';
import { pageFiles } from '../../support/docs/first-build-page.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';
import { eventually } from '../../support/poll.ts';

const roles = ['admin', 'edit', 'view'];

/** What the table "Who does what" of docs/README.md says, tried with the files of docs/first-build.md. */
describe("a namespace's", () => {
  before(needs('kubectl'));
  const plane = sharedControlPlane();
  before(async () => {
    for (const [name, text] of pageFiles) writeFileSync(path.join(plane().folder, name), text);
    await applyAll(plane(), [
      ...rendered('crds'),
      ...rendered('standalone').filter(({ kind }) => kind === 'ClusterRole'),
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ci' } },
      ...roles.map((name): Manifest => ({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { namespace: 'ci', name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }],
      })),
    ]);
    // A controller adds the roles of the chart to those of Kubernetes.
    for (const user of roles) {
      await eventually(`${user} can list Connectors`, async () => {
        const { status } = await plane().run(`kubectl --as ${user} -n ci get connectors`);
        return status === 0;
      });
    }
  });
  after(() => removeInstallation(plane()));

  /** Has the user create the objects of the page. Returns what the user may not, without what is there already. */
  async function deniedTo(user: string): Promise<readonly string[]> {
    const { stderr } = await plane().run(`kubectl create --as ${user} -f connector.yaml -f builder.yaml`);
    const lines = stderr.split('\n').filter((line) => !/^$|\(AlreadyExists\)/.test(line));
    return lines.map((line) => /User "\w+" cannot create resource "(\w+)"/.exec(line)?.[1] ?? line);
  }

  it('admin can create all but the namespace', async () => {
    assert.deepEqual(await deniedTo('admin'), ['namespaces']);
  });

  it('edit can create no Role and no RoleBinding', async () => {
    assert.deepEqual(await deniedTo('edit'), ['namespaces', 'rolebindings', 'roles', 'rolebindings']);
  });

  it('view can list Connectors with their conditions, but not use them', async () => {
    assert.equal((await deniedTo('view')).length, 7);
    const listed = await plane().run('kubectl --as view -n ci get connectors -o wide');
    assert.match(listed.stdout, /^NAME .*REASON.*\nharbor /);
    const got = await plane().run('kubectl --as view -n ci get connector harbor || true');
    assert.match(got.stderr, /User "view" cannot get resource "connectors"/);
  });
});
