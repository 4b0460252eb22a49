import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { inClusterConfig } from '../../../src/shared/kube/load-cluster-config.ts';
import { DoctorFixture } from '../../support/doctor/doctor-fixture.ts';
import { driverAccount } from '../../support/driver/driver-account.ts';
import { rulesFor } from '../../support/access/driver-rules.ts';
import { connector, connectorClass, flagsConfigMap } from '../../support/driver/manifests.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

describe('doctor in a cluster', () => {
  let fixture: DoctorFixture;
  beforeEach(async () => void (fixture = started(await DoctorFixture.start())));

  /** The lines of these checks that are not ok; others, such as the driver's readiness, follow from the same cause. */
  const problemsOf = async (
    check: string,
    ...args: Parameters<DoctorFixture['problems']>
  ): Promise<readonly string[]> =>
    (await fixture.problems(...args)).filter(
      (line) => line.startsWith(`fail ${check}: `) || line.startsWith(`warn ${check}: `),
    );

  const fields: readonly [Readonly<Record<string, unknown>>, RegExp][] = [
    [{ podInfoOnMount: false }, /^fail csidriver: podInfoOnMount: .*: set spec\.podInfoOnMount: true$/],
    [{ podInfoOnMount: undefined }, /^fail csidriver: podInfoOnMount: /],
    [{ attachRequired: true }, /^fail csidriver: attachRequired: .*: delete the object and apply it with spec\.attach/],
    [{ volumeLifecycleModes: ['Persistent'] }, /^fail csidriver: volumeLifecycleModes: .*\[Ephemeral\]$/],
    [{ requiresRepublish: false }, /^fail csidriver: requiresRepublish: .*: set spec\.requiresRepublish: true$/],
    [
      { tokenRequests: [{ audience: 'vault' }] },
      /^fail csidriver: tokenRequests: none for audience "connectors-proxy"/,
    ],
    [{ tokenRequests: undefined }, /^fail csidriver: tokenRequests: /],
    [{ fsGroupPolicy: 'File' }, /^warn csidriver: fsGroupPolicy: .*: set spec\.fsGroupPolicy: None$/],
  ];
  for (const [change, expected] of fields) {
    it(`finds ${inspect(change)} in the CSIDriver object`, async () => {
      fixture.cluster.putCsiDriver(change);
      const problems = await problemsOf('csidriver');
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0]!, expected);
    });
  }

  it('only warns of missing token requests where the driver mints tokens', async () => {
    fixture.cluster.grantDriver('token-minting');
    fixture.cluster.putCsiDriver({ tokenRequests: [] });
    assert.match((await problemsOf('csidriver', ['--allow-token-minting']))[0]!, /^warn csidriver: tokenRequests: /);
  });

  describe('asks the proxies of connectors', () => {
    it('and fails for one that is not there, once however many connectors lead to it', async () => {
      const proxyUrl = 'http://127.0.0.1:1/namespaces/ci/connectors/x';
      for (const name of ['first', 'second']) fixture.cluster.put(connector(name, { proxyUrl }));
      assert.deepEqual(await problemsOf('proxies'), [
        'fail proxies: http://127.0.0.1:1 cannot be reached from this node: ' +
          'connect ECONNREFUSED 127.0.0.1:1: does the proxy run, has its Service endpoints, and does a NetworkPolicy stand between?',
      ]);
    });

    it('and says what answers there as no proxy does', async () => {
      const tool = await ToolServer.start('http');
      tool.server.on('connect', (_request, socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\n'));
      fixture.cluster.put(connector('web', { proxyUrl: tool.url('127.0.0.1') }));
      const silent = createServer((socket) => void socket.end('220 mail\r\n')).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      fixture.cluster.put(
        connectorClass('mail', { proxyUrl: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` }),
      );
      const problems = (await problemsOf('proxies')).toSorted().reverse();
      silent.close();
      await tool.stop();
      assert.match(problems[0] ?? '', /^warn proxies: \S+ answers 404 where a proxy asks for a token/);
      assert.match(problems[1] ?? '', /^fail proxies: \S+ cannot be reached from this node: Parse Error/);
    });
  });

  it('fails without a CSIDriver object', async () => {
    fixture.cluster.api.delete('csidrivers', { name: 'connectors-csi' });
    const [problem] = await problemsOf('csidriver');
    assert.match(problem!, /^fail csidriver: CSIDriver "connectors-csi" does not exist: apply the manifests/);
  });

  // A real API server tells of each right by itself in another test.
  describe('names the rights that an option of the chart gives', () => {
    /** Asks as an account that has the roles without options. */
    const problemsOfBase = async (flags: readonly string[] = []): Promise<readonly string[]> => {
      const account = { namespace: driverAccount.namespace, name: 'lesser' };
      const rules = rulesFor('driver');
      fixture.cluster.api.bind({ serviceAccount: `${account.namespace}/${account.name}`, rules });
      const folder = `${fixture.cluster.node.root}/lesser`;
      const { host, port } = fixture.cluster.api.writeInClusterFiles(folder, account);
      return problemsOf('rbac', flags, {
        cluster: () => inClusterConfig({ host, port, folder }, () => performance.now()),
      });
    };
    // By it, the chart's policies recognize the driver.
    const cannot = (what: string, value: string): string =>
      `fail rbac: the driver's service account cannot ${what}: apply the chart with ${value}=true`;

    it('of approval, where both flags are on', async () => {
      assert.deepEqual(await problemsOfBase(), []);
      const flags = { 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' };
      fixture.cluster.put(flagsConfigMap(flags));
      assert.deepEqual(await problemsOfBase(), [
        ...['list', 'watch', 'create'].map((verb) =>
          cannot(`${verb} accessrequests.connectors.alauda.io`, 'approval.enabled'),
        ),
        cannot('identify drivers.connectors.alauda.io', 'approval.enabled'),
      ]);
    });

    it('of token minting, where that is on', async () => {
      assert.deepEqual(await problemsOfBase(['--allow-token-minting']), [
        cannot('create serviceaccounts/token', 'driver.tokenMinting'),
        cannot('identify drivers.connectors.alauda.io', 'driver.tokenMinting'),
      ]);
    });
  });

  it('reads the feature flags, and fails for a value that is none', async () => {
    fixture.cluster.put(flagsConfigMap({ 'enable-multi-connector': 'yes' }));
    assert.match(
      (await problemsOf('feature-flags'))[0]!,
      /^fail feature-flags: .*enable-multi-connector.*must be "true" or "false"/,
    );
  });

  it('fails for an API server that is away, and for no way to it', async () => {
    await fixture.cluster.api.goOffline();
    assert.match(
      (await problemsOf('api-server'))[0]!,
      /^fail api-server: https:\/\/127\.0\.0\.1:\d+ cannot be reached: /,
    );
    // Once, although message and cause both say it.
    assert.equal((await problemsOf('csidriver'))[0]!.split('ECONNREFUSED').length, 2);
    const outside = () => inClusterConfig({ host: '', port: '', folder: '/none' }, () => 0);
    const [problem] = await problemsOf('api-server', [], { cluster: outside });
    assert.match(problem!, /^fail api-server: not in a cluster.*--kubeconfig/);
  });

  for (const [skewMs, expected] of [
    [-60_000, /^warn clock: this node is (59|60) s behind the API server: .*NTP$/],
    [60_000, /^warn clock: this node is (60|61) s ahead of the API server: /],
    [-600_000, /^fail clock: this node is (599|600) s behind the API server: /],
    [600_000, /^fail clock: this node is 60\d s ahead of the API server: /],
  ] as const) {
    it(`compares the clocks: ${skewMs / 1000} s`, async () => {
      const problems = await problemsOf('clock', [], { clock: { now: () => Date.now() + skewMs } });
      assert.match(problems[0] ?? '', expected);
    });
  }
});
