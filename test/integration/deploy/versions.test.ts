import assert from 'node:assert/strict';
import path from 'node:path';
import { helms, needsHelm, renderChart, type Values } from '../../support/deploy/helm.ts';
import { applyAll } from '../../support/deploy/installation.ts';
import { deployFolder, chartFolder, only } from '../../support/deploy/manifests.ts';
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

  // The field is behind a gate until then.
  it('of 1.37 takes the CSIDriver without which its scheduler would place pods on nodes without the driver', async () => {
    const plane = started(await ControlPlane.start({ flags: ['--feature-gates=VolumeLimitScaling=true'] }));
    const preventsScheduling = async (values: object): Promise<unknown> => {
      const objects = await renderChart({ namespace: { create: true }, ...values }, { kubeVersion: '1.37' });
      await applyAll(plane, objects);
      const found = await plane.admin.find(only(objects, 'CSIDriver'));
      assert.ok(found);
      return (found['spec'] as Values)['preventPodSchedulingIfMissing'];
    };
    assert.equal(await preventsScheduling({}), true);
    assert.equal(await preventsScheduling({ driver: { preventPodScheduling: true } }), true);
    assert.notEqual(await preventsScheduling({ driver: { preventPodScheduling: false } }), true);
  });
});
