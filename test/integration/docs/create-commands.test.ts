import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { applyAll, removeInstallation } from '../../support/deploy/installation.ts';
import { parseManifests, rendered, repository, type Manifest } from '../../support/deploy/manifests.ts';
import { pages } from '../../support/docs/pages.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { CertificateAuthority } from '../../support/tls/certificate-authority.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';

/** The objects of Kubernetes and of this project in the blocks of a page; other tests apply those of Tekton. */
function objectsIn(page: string): readonly Manifest[] {
  const text = readFileSync(path.join(repository, page), 'utf8');
  return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)]
    .flatMap(([, block = '']) => (/^kind: /m.test(block) ? parseManifests(block, page) : []))
    .filter(({ apiVersion }) => !apiVersion.startsWith('tekton.dev/'));
}

/** The commands of a page that create an object, each with what its block has set before. */
function createCommands(page: string): readonly string[] {
  const text = readFileSync(path.join(repository, page), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => {
    const lines = block.replaceAll(/\\\n\s*/g, '').split('\n');
    const variables = lines.filter((line) => /^\w+=\S+$/.test(line));
    return lines
      .filter((line) => /^kubectl .*\bcreate /.test(line) && !line.includes('|'))
      .map((line) => [...variables, `${line.replace('NAMESPACE', 'ci')} --dry-run=server`].join('; '));
  });
}

const namespaceOf = (name: string): Manifest => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

describe('the commands and blocks of the pages that create an object', () => {
  before(needs('kubectl'));
  const plane = sharedControlPlane();
  before(async () => {
    const { certificate, key } = new CertificateAuthority().issue({ commonName: 'client', hosts: [] });
    const files = { 'client.crt': certificate, 'client.key': key, 'app.pem': key, 'key.json': '{}', FILE: 'key' };
    for (const [name, content] of Object.entries(files)) writeFileSync(path.join(plane().folder, name), content);
    await applyAll(plane(), [
      ...rendered('crds').filter(({ kind }) => kind === 'CustomResourceDefinition'),
      ...['agents', 'ci', 'connectors-system', 'team'].map(namespaceOf),
    ]);
  });
  after(() => removeInstallation(plane()));

  let count = 0;
  for (const page of pages) {
    const commands = createCommands(page);
    if (commands.length === 0) continue;
    count += commands.length;
    it(`succeed, in ${page}`, async () => {
      for (const command of commands) {
        const { status, stderr } = await plane().run(command);
        assert.deepEqual({ command, status, stderr }, { command, status: 0, stderr: '' });
      }
    });
  }

  it('are found at all', () => assert.ok(count >= 15, String(count)));

  for (const page of pages) {
    const objects = objectsIn(page);
    if (objects.length === 0) continue;
    it(`have no unknown field, in the blocks of ${page}`, async () => {
      const file = path.join(plane().folder, 'objects.yaml');
      for (const object of objects) {
        writeFileSync(file, JSON.stringify(object));
        const { status, stderr } = await plane().run(
          `kubectl apply --server-side --force-conflicts --dry-run=server --validate=strict -f ${file}`,
        );
        assert.deepEqual({ object, status, stderr }, { object, status: 0, stderr: '' });
      }
    });
  }
});
