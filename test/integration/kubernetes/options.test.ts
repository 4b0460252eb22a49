import assert from 'node:assert/strict';
import { driverPermissions } from '../../../src/cli/doctor/doctor.ts';
import { parseServeConfig } from '../../../src/driver/config.ts';
import { parseProxyConfig } from '../../../src/proxy/config.ts';
import { examineProxy } from '../../../src/proxy/doctor/proxy-doctor.ts';
import type { FeatureFlags } from '../../../src/shared/connectors/model.ts';
import type { CheckResult } from '../../../src/shared/doctor/check-result.ts';
import { checkPermissions } from '../../../src/shared/doctor/permissions.ts';
import { kubeconfigConfig } from '../../../src/shared/kube/kubeconfig.ts';
import { needsHelm, renderChart } from '../../support/deploy/helm.ts';
import { removeInstallation } from '../../support/deploy/installation.ts';
import type { Manifest } from '../../support/deploy/manifests.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { needsKnownPorts, ownAddress } from '../../support/e2e/host-names.ts';
import { writeKubeconfig } from '../../support/kube-api/credential-files.ts';
import { testClient } from '../../support/kube-client/test-client.ts';
import { ApiClient } from '../../support/kubernetes/api-client.ts';
import { needs, type AuditEvent } from '../../support/kubernetes/audit-log.ts';
import { InstalledPrograms } from '../../support/kubernetes/installed-programs.ts';
import { expandRights, type Right } from '../../support/kubernetes/rights.ts';
import { sharedControlPlane } from '../../support/kubernetes/shared-control-plane.ts';
import { eventually } from '../../support/poll.ts';
import { connector, flags, grant, secret } from '../../support/proxy/manifests.ts';

const api = 'connectors.alauda.io/v1alpha1';
const attributes = { connectors: 'registry' };
const values = {
  driver: { tokenMinting: true },
  approval: { enabled: true },
  proxy: { enabled: true, credentialNamespaces: ['ci'], identities: [{ namespace: 'ci' }] },
  imagePulls: { enabled: true },
};
const health = `${ownAddress}:9809`;
const driverFlags = ['--allow-token-minting', '--http-address', health];
const proxyFlags = ['--publish-ca-config-map'];
const approvalOn = flags({
  'enable-connector-proxy-permissions': 'true',
  'enable-connectors-approval': 'true',
});

interface Claims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly 'kubernetes.io': { readonly pod: { readonly uid: string } };
}
const claimsOf = (token = ''): Claims =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Claims;

/** The options of the chart that give the driver more rights, each confined by a policy. */
describe('the options of the chart with a real API server', function () {
  this.timeout(180_000);
  before(needsHelm);
  before(needsKnownPorts);
  const plane = sharedControlPlane();
  let installed: InstalledPrograms;
  let volume: TestVolume;

  before(async () => {
    const namespace = 'connectors-system';
    // Of an earlier CA.
    const caConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: 'connectors-proxy-ca' } };
    await plane().admin.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, caConfigMap]);
    const flags = { driverFlags, proxyFlags };
    installed = await InstalledPrograms.start(plane(), { ...flags, values, addresses: [ownAddress] });
  });
  after(async () => {
    // Absent where the suite was skipped.
    await (installed as InstalledPrograms | undefined)?.stop();
    await removeInstallation(plane());
  });

  const run = async (name: string, more: Readonly<Record<string, string>> = {}): Promise<TestVolume> => {
    const made = await installed.createPod(name, { ...attributes, ...more });
    installed.kubelet.run(made, { ...attributes, ...more });
    return made;
  };

  describe('doctor', () => {
    /** Lines that are not ok. */
    async function problems(...args: readonly string[]): Promise<readonly string[]> {
      const { stdout, stderr } = await installed.doctor(args);
      assert.equal(stderr, '');
      return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('ok '));
    }

    it('finds nothing wrong with the driver, nor with the proxy', async () => {
      await installed.isJudged();
      const common = ['--node-name', 'node-1', ...installed.node.flags, ...installed.driverFlags];
      assert.deepEqual(await problems(...common), []);
      const ofProxy = ['--http-address', `${ownAddress}:9808`, '--kubeconfig', installed.accounts[0]?.file ?? ''];
      assert.deepEqual(await problems('--proxy', ...ofProxy, ...proxyFlags), []);
    });
  });

  it('mints tokens of the lifetime that volumes name, which the proxy accepts', async () => {
    volume = await run('minted', { 'token.expiration': '24h' });
    await installed.kubelet.untilAllPublished();
    const token = volume.read()['context.token'];
    const { aud, exp, iat, 'kubernetes.io': bound } = claimsOf(token);
    assert.notEqual(token, volume.token);
    assert.deepEqual([aud, exp - iat, bound.pod.uid], [['connectors-proxy'], 86_400, volume.pod.uid]);
    assert.equal(await installed.get(volume), '200 the content');
  });

  it('let the token of the driver have none for the API server', async () => {
    const { url, authority } = plane();
    const token =
      kubeconfigConfig(installed.file('driver'), () => performance.now())
        .token?.current()
        .expose() ?? '';
    const asDriver = new ApiClient({ url, ca: authority.certificate, token });
    const request = {
      method: 'POST',
      path: '/api/v1/namespaces/ci/serviceaccounts/builder/token',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } },
    };
    const { code, text } = await asDriver.request(request);
    assert.equal(code, 422, text);
    assert.match(text, /for the Connectors proxy's audience only/);
  });

  describe('approval', () => {
    before(() => installed.put(approvalOn));
    after(() => plane().admin.remove(approvalOn as Manifest));

    const requestOf = async ({ pod }: TestVolume): Promise<Manifest> => {
      let found: Manifest | undefined;
      await eventually('the driver requests it', async () => {
        const requests = await plane().admin.list(api, 'AccessRequest');
        found = requests.find(({ spec }) => JSON.stringify(spec).includes(`"uid":"${pod.uid}"`));
        return found !== undefined;
      });
      return found!;
    };
    /** As a controller decides. */
    const decide = async (request: Manifest, type: string, status: string, reason: string): Promise<void> => {
      const path = `${await plane().admin.pathOf(request)}/status`;
      const condition = { type, status, reason, message: 'by the tests' };
      const body = { status: { conditions: [{ ...condition, lastTransitionTime: new Date().toISOString() }] } };
      const { code, text } = await plane().admin.request({ method: 'PATCH', path, body, type: 'merge-patch+json' });
      assert.equal(code, 200, text);
    };
    const permit = ({ pod }: TestVolume): readonly object[] =>
      grant('builder', ['registry'], {
        ...{ verbs: ['*'], name: pod.name, resources: [`connectors/proxy/v1/pod/ci/${pod.name}`] },
      });

    it('mounts a volume once the request for its pod is granted, and the proxy serves it from then on', async () => {
      const asked = await run('approved');
      const request = await requestOf(asked);
      assert.ok(!asked.isMounted());
      await installed.put(...permit(asked));
      await decide(request, 'Ready', 'True', 'Approved');
      await eventually('the volume is mounted', () => asked.isMounted());
      await eventually('the proxy serves it', async () => (await installed.get(asked)) === '200 the content');
      // Of the same account, before there was approval: refused, also where the driver has not taken out its token yet.
      assert.match(await installed.get(volume), /^40[37] /);
    });

    it('mounts the reason alone where the request is rejected', async () => {
      const asked = await run('rejected');
      await decide(await requestOf(asked), 'AccessCheckReady', 'False', 'Rejected');
      await eventually('the volume is mounted', () => asked.isMounted());
      assert.deepEqual(Object.keys(asked.read()), ['.error.json']);
    });
  });

  describe('doctor names the right that is missing', () => {
    const driverConfig = parseServeConfig(['--node-name=node-1', ...driverFlags], {});
    const proxyConfig = parseProxyConfig(proxyFlags, {});
    const { signal } = new AbortController();

    function examine(program: 'driver' | 'proxy', kubeconfig: string): Promise<readonly CheckResult[]> {
      const cluster = kubeconfigConfig(kubeconfig, () => performance.now());
      if (program === 'proxy')
        return examineProxy({ config: proxyConfig, cluster: () => cluster, clock: { now: Date.now }, signal });
      const permissionsWith = (enabled: FeatureFlags): ReturnType<typeof driverPermissions> =>
        driverPermissions(driverConfig, enabled);
      return checkPermissions(program, testClient(cluster), 'connectors-system', permissionsWith, signal);
    }

    async function missing(program: 'driver' | 'proxy', kubeconfig: string): Promise<readonly string[]> {
      const results = await examine(program, kubeconfig);
      return results
        .filter(({ level, check }) => level !== 'ok' && check === 'rbac')
        .map(({ level, check, text }) => `${level} ${check}: ${text}`);
    }

    for (const program of ['driver', 'proxy'] as const) {
      it(`of the ${program}, each by itself`, async () => {
        await installed.put(approvalOn);
        const rights = expandRights(
          await renderChart(values),
          `connectors-${program === 'driver' ? 'csi' : 'proxy'}`,
          'own',
        );
        assert.ok(rights.length > 12, String(rights.length));
        for (const [index, lost] of rights.entries()) {
          const name = `lesser-${program}-${index}`;
          await installed.put(...lesserAccount(name, rights, lost));
          const token = await installed.requestToken(`connectors-system/${name}`, { expirationSeconds: 3600 });
          const file = installed.file(name);
          writeKubeconfig(file, { server: plane().url, ca: plane().authority.certificate, user: { token } });
          const { verb, group, resource } = lost;
          const what = `cannot ${verb} ${resource}${group === '' ? '' : `.${group}`}`;
          let found: readonly string[] = [];
          // The authorizer learns of the roles a moment later. Two options can need the same right.
          await eventually(
            () => `${JSON.stringify(lost)}: ${found.join('\n')}`,
            async () => {
              found = await missing(program, file);
              const isAboutIt = (line: string): boolean =>
                line.startsWith(`fail rbac: the ${program}'s service account ${what}`);
              return found.length > 0 && found.every(isAboutIt);
            },
            20_000,
          );
          assert.match(found[0] ?? '', /: apply the (?:roles of deploy\/manifests\/|chart with )/);
        }
      });
    }
  });

  describe('the roles of the chart', () => {
    before(async () => {
      await installed.put(
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'ci', name: 'deployer' } },
        secret('identity', 'connectors.alauda.io/service-account-token', {
          ...{ serviceAccount: 'deployer', audience: 'vault' },
        }),
        connector('vault', installed.content, { className: 'npm', secret: 'identity', caSecret: 'tool-ca' }),
      );
    });

    for (const account of ['connectors-csi', 'connectors-proxy']) {
      it(`give ${account} each right that it uses, and no others`, async () => {
        const rights = expandRights(await renderChart(values), account, 'all');
        assert.ok(rights.length > 12, String(rights.length));
        if (account === 'connectors-csi')
          for (const { resource } of rights) assert.doesNotMatch(resource, /secrets|\*/);
        const requests = (): readonly AuditEvent[] =>
          plane().audited.filter(({ user }) => user.username === `system:serviceaccount:connectors-system:${account}`);
        let unused: readonly Right[] = [];
        await eventually(
          () => `all are used: ${JSON.stringify(unused)}`,
          () => {
            const events = requests();
            // Policies look these up.
            unused = rights.filter(({ verb }) => verb !== 'identify');
            unused = unused.filter((right) => !events.some((event) => needs(event, right)));
            return unused.length === 0;
          },
          20_000,
        );
        const denied = requests().filter(({ responseStatus }) => responseStatus?.code === 403);
        assert.deepEqual(
          denied.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
          [],
        );
      });
    }
  });
});

/** An account with all rights but one. */
function lesserAccount(name: string, rights: readonly Right[], lost: Right): readonly object[] {
  const namespace = 'connectors-system';
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const subjects = [{ kind: 'ServiceAccount', namespace, name }];
  const kept = rights.filter((right) => right !== lost);
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } },
    ...[undefined, ...new Set(rights.flatMap((right) => right.namespace ?? []))].flatMap((place) => {
      const kind = place === undefined ? 'ClusterRole' : 'Role';
      const metadata = { name, ...(place === undefined ? {} : { namespace: place }) };
      const rules = kept
        .filter((right) => right.namespace === place)
        .map(({ verb, group, resource, names }) => ({
          ...{ verbs: [verb], apiGroups: [group], resources: [resource] },
          ...(names === undefined ? {} : { resourceNames: names }),
        }));
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind, name };
      return [
        { apiVersion, kind, metadata, rules },
        { apiVersion, kind: `${kind}Binding`, metadata, roleRef, subjects },
      ];
    }),
  ];
}
