import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { needsHelm } from '../../support/deploy/helm.ts';
import { removeInstallation } from '../../support/deploy/installation.ts';
import { repository } from '../../support/deploy/manifests.ts';
import { tutorialSteps } from '../../support/docs/tutorial.ts';
import { InstalledPrograms } from '../../support/kubernetes/installed-programs.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';

const page = readFileSync(path.join(repository, 'docs/writing-a-connectorclass.md'), 'utf8');
const [tutorial = '', rest = ''] = page.split('\n## In the cluster\n');
const [, commands = ''] = /^```sh\n(.*?)^```$/ms.exec(rest) ?? [];

describe('the class of docs/writing-a-connectorclass.md in a cluster', function () {
  this.timeout(180_000);
  before(needsHelm);
  const plane = sharedControlPlane();
  let installed: InstalledPrograms | undefined;
  after(async () => {
    if (installed === undefined) return;
    await installed.shell('kubectl -n default delete secret/index-key rolebinding/connectors-proxy-credentials');
    await installed.stop();
    await removeInstallation(plane());
  });

  it('gets ready by the commands of the page, and its Connector too', async () => {
    installed = await InstalledPrograms.start(plane());
    mkdirSync(path.join(plane().folder, 'manifests'), { recursive: true });
    for (const step of tutorialSteps(tutorial)) {
      if (step.kind === 'file') writeFileSync(path.join(plane().folder, 'manifests', step.name), step.content);
    }
    const lines = commands.replaceAll('\\\n', '').trim().split('\n');
    assert.equal(lines.length, 5);
    for (const line of lines) await installed.shell(line);
    const shown = await installed.shell('kubectl get connectorclasses,connectors -o wide');
    assert.match(shown, /^connectorclass\S+my-index +True +Ready /m);
    assert.match(shown, /^connector\S+python +my-index +https:\/\/pypi.example\/simple +True +Ready /m);
  });
});
