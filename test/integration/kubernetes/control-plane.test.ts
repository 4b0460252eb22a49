import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { jsonMember } from '../../../src/shared/json.ts';
import { kubeconfigConfig } from '../../../src/shared/kube/kubeconfig.ts';
import { writeKubeconfig } from '../../support/kube-api/credential-files.ts';
import { testClient } from '../../support/kube-client/test-client.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';
import { eventually } from '../../support/poll.ts';

const source = path.join(import.meta.dirname, '../../support/kubernetes/child.ts');
/** Starts a child that runs until it is killed, and prints its id. */
const program = `
const { Child } = await import(${JSON.stringify(source)});
console.log(new Child(${JSON.stringify(tmpdir())}, 'sleep', ['infinity']).id);
setInterval(() => undefined, 60_000);
`;

describe('the control plane of the tests', () => {
  const plane = sharedControlPlane();
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name: 'x' } };

  it('has the objects of a restarted API server, and judges whom an administrator acts as', async () => {
    const { admin } = plane();
    await admin.apply([object]);
    await plane().restartApiServer();
    assert.equal((await admin.find(object))?.kind, 'ConfigMap');
    const asNobody = await admin.as({ user: 'nobody' }).request({ path: await admin.pathOf(object) });
    assert.equal(asNobody.code, 403, asNobody.text);
    await admin.remove(object);
    assert.equal(await admin.find(object), undefined);
  });

  it("identifies the programs' client by the certificate of a kubeconfig", async () => {
    const { authority, folder, url } = plane();
    const { certificate, key } = authority.issue({ commonName: 'jane', organizations: ['developers'] });
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const user = { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) };
    const file = path.join(folder, 'jane');
    writeKubeconfig(file, { server: url, ca: authority.certificate, user });
    const client = testClient(kubeconfigConfig(file, () => performance.now()));
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const type = { ...review, plural: 'selfsubjectreviews' };
    const { status } = await client.create({ type }, review, { signal: new AbortController().signal });
    const found = jsonMember(status, 'userInfo');
    const [username, groups] = ['username', 'groups'].map((key) => jsonMember(found, key));
    assert.deepEqual({ username, groups }, { username: 'jane', groups: ['developers', 'system:authenticated'] });
  });

  it('runs commands as an administrator', async () => {
    const { status, stdout } = await plane().run('kubectl auth can-i delete nodes');
    assert.deepEqual({ status, stdout }, { status: 0, stdout: 'yes\n' });
  });

  it('ends with the tests, even if these are killed', async () => {
    const tests = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [id] = (await once(createInterface(tests.stdout), 'line')) as [string];
    assert.ok(isRunning(id));
    tests.kill('SIGKILL');
    await eventually(`process ${id} ends`, () => !isRunning(id));
  });
});

/** One that has ended has no command line, also before it is waited for. */
function isRunning(id: string): boolean {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}
