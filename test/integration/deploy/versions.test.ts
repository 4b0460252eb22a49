import assert from 'node:assert/strict';
import path from 'node:path';
import { helms, needsHelm } from '../../support/deploy/helm.ts';
import { deployFolder, chartFolder } from '../../support/deploy/manifests.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { ControlPlane } from '../../support/kubernetes/control-plane.ts';
import { needsKubernetes } from '../../support/kubernetes/installed.ts';
import { started } from '../../support/started.ts';

const release = 'connectors-csi --namespace connectors-system';

describe('an API server of an older version', () => {
  before(needs('kubectl'));
  before(needsHelm);
  before(needsKubernetes);

  for (const version of ['1.33', '1.34', '1.35']) {
    it(`of ${version} takes the chart with its defaults and a proxy, and what is rendered for kubectl`, async () => {
      const plane = started(await ControlPlane.start({ flags: [`--emulated-version=${version}`] }));
      const run = async (command: string): Promise<void> => {
        const { status, stderr } = await plane.run(command);
        assert.deepEqual({ command, status, stderr }, { command, status: 0, stderr: '' });
      };
      const [oldest, newest] = [helms[0] ?? 'helm', helms.at(-1) ?? 'helm'];
      const set = '--set image.repository=r/connectors-csi --set proxy.enabled=true';
      await run(`${newest} install ${release.replace(' ', ` ${chartFolder} `)} --create-namespace ${set}`);
      await run(`${newest} uninstall ${release}`);
      // Takes what stayed.
      await run(`${oldest} install ${release.replace(' ', ` ${chartFolder} `)} --create-namespace ${set}`);
      const manifests = path.join(deployFolder, 'manifests');
      for (const name of ['crds', 'standalone', 'classes']) {
        const { status, stderr } = await plane.run(
          `kubectl apply --server-side --force-conflicts --validate=strict -f ${path.join(manifests, name)}.yaml`,
        );
        assert.equal(status, 0, stderr);
      }
    });
  }
});
