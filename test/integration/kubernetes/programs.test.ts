import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { needsHelm } from '../../support/deploy/helm.ts';
import type { Manifest } from '../../support/deploy/manifests.ts';
import { pageCommands } from '../../support/docs/first-build-page.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { rotationCommands } from '../../support/e2e/ca-rotation.ts';
import { serviceName } from '../../support/e2e/flow-fixture.ts';
import { hostNames, needsKnownPorts, otherAddress, ownAddress } from '../../support/e2e/host-names.ts';
import { runTask } from '../../support/e2e/programs.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { ControlPlane } from '../../support/kubernetes/control-plane.ts';
import { needsKubernetes } from '../../support/kubernetes/installed.ts';
import { InstalledPrograms, login } from '../../support/kubernetes/installed-programs.ts';
import { eventually } from '../../support/poll.ts';
import { connector, grant } from '../../support/proxy/manifests.ts';

const attributes = { connectors: 'registry', 'configuration.names': 'npmrc' };
/** Where each of the two replicas is at the port of their Service. */
const addresses = [ownAddress, otherAddress] as const;

/** The chart's objects, the built driver and two built proxies, each with the rights of its account and no others. */
describe('both programs with a real API server', function () {
  this.timeout(180_000);
  const work = mkdtempSync(path.join(tmpdir(), 'audit-'));
  let plane: ControlPlane;
  let installed: InstalledPrograms;
  let volume: TestVolume;
  /** The events while the API server started: it knows no roles then. */
  const outage = { from: 0, to: 0 };

  before(needs('kubectl', 'curl', 'openssl'));
  before(needsHelm);
  before(needsKubernetes);
  before(needsKnownPorts);
  before(async () => {
    plane = await ControlPlane.start();
    installed = await InstalledPrograms.start(plane, { addresses });
  });
  after(async () => {
    // Absent where the suite was skipped.
    await (installed as InstalledPrograms | undefined)?.stop();
    await (plane as ControlPlane | undefined)?.stop();
    rmSync(work, { recursive: true });
  });

  const file = (name: string): string => path.join(work, name);

  /** Programs of a pod whose Service leads to one of the replicas. */
  const through = (replica: number): readonly string[] =>
    hostNames(file(`hosts-${replica}`), { [addresses[replica] ?? '']: [serviceName], '127.0.0.1': ['localhost'] });

  /** What a pod gets from the tool, or the error. */
  async function get(replica = 0, trusted = 'ca.crt'): Promise<string> {
    const script = `curl -sS --cacert ${trusted} ${installed.content}`;
    return (await runTask(volume.target, script, {}, through(replica))).output;
  }

  /** The replicas that have written status since then. */
  function writers(since = 0): readonly number[] {
    const written = plane.audited.filter(({ objectRef }, at) => at >= since && objectRef?.subresource === 'status');
    const ids = written.map(({ user }) => user.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '');
    const known = installed.accounts.map(({ credentialId }) => credentialId);
    return [...new Set(ids.map((id) => known.indexOf(id)))];
  }

  const isReady = async (): Promise<void> => {
    // The one of docs/first-build.md.
    const commands = pageCommands.filter((command) => command.includes(' connector/'));
    assert.equal(commands.length, 1);
    for (const command of commands) await installed.shell(command.replace(/connector\/.*/, 'connector/registry'));
  };
  const follows = (where: string): Promise<void> =>
    eventually(`the volume has ${where}`, () => volume.read()['.npmrc']?.includes(`/${where}/"\n`) === true);

  it('write the statuses from one replica alone', async () => {
    await isReady();
    const managers = '{.metadata.managedFields[?(@.subresource=="status")].manager}';
    const shown = await installed.shell(
      `kubectl -n ci get connector registry --show-managed-fields -o jsonpath='${managers}'`,
    );
    assert.equal(shown, 'connectors-csi-proxy');
    assert.equal(writers().length, 1);
  });

  it('have kubectl show whether a Connector works', async () => {
    const shown = await installed.shell('kubectl -n ci get connectors -o wide');
    const [head = '', row = ''] = shown.split('\n');
    assert.match(head, /^NAME +CLASS +ADDRESS +READY +REASON +MESSAGE +PROXY +AGE *$/);
    assert.match(
      row,
      /^registry +npm +https:\S+ +True +Ready +http:\/\/\S+\/namespaces\/ci\/connectors\/registry +\S+ *$/,
    );
  });

  it("give a pod a volume with which it uses the tool's credential through each replica", async () => {
    volume = await installed.createPod('build-1', attributes);
    installed.kubelet.run(volume, attributes);
    await installed.kubelet.untilAllPublished();
    await follows('npm');
    for (const replica of addresses.keys()) assert.equal(await get(replica), 'the content');
    assert.ok(!Object.values(volume.read()).some((text) => text.includes(login.password)));
  });

  it('replace the CA by the commands of docs/proxy.md, and no program meets a certificate that it does not trust', async () => {
    const secret = "kubectl -n connectors-system get secret connectors-proxy-ca -o jsonpath='{.data.tls\\.crt}'";
    const certificates = (): string => volume.read()['ca.crt'] ?? '';
    const [held, signing] = [file('held.crt'), file('signing.crt')];
    const [prepare = '', ...steps] = rotationCommands();
    assert.equal(steps.length, 3);
    const before = certificates();
    await installed.shell(prepare);
    for (const step of steps) {
      // What a program has read that goes on running.
      writeFileSync(held, certificates());
      await installed.shell(step);
      const authority = await installed.shell(`${secret} | base64 -d`);
      await eventually('the volume has followed', () => certificates() === authority);
      writeFileSync(signing, `${authority.split('END CERTIFICATE-----')[0]}END CERTIFICATE-----\n`);
      for (const replica of addresses.keys()) {
        for (const trusted of [held, 'ca.crt']) assert.equal(await get(replica, trusted), 'the content', step);
        await eventually('the replica has followed', async () => (await get(replica, signing)) === 'the content');
      }
    }
    assert.equal(certificates().match(/BEGIN CERTIFICATE/g)?.length, 1);
    // The new key signs: who has the old certificate alone does not trust it.
    writeFileSync(held, before);
    assert.match(await get(0, held), /SSL certificate problem/);
  });

  it('follow an edit of the Connector', async () => {
    await installed.moveTo('/npm/other');
    await follows('other');
    await isReady();
  });

  it('leave a condition that another controller has applied to it, and own the others', async () => {
    const { apiVersion, kind, metadata } = installed.registry;
    const path = `${await plane.admin.pathOf(installed.registry)}/status?fieldManager=scanner`;
    const apply = async (...conditions: readonly object[]): Promise<void> => {
      const body = { apiVersion, kind, metadata, status: { conditions } };
      const { code, text } = await plane.admin.request({ method: 'PATCH', path, body, type: 'apply-patch+yaml' });
      assert.equal(code, 200, text);
    };
    /** The conditions of each field manager. */
    const owned = async (): Promise<object> => {
      const { managedFields } = ((await plane.admin.find(installed.registry)) as unknown as Managed).metadata;
      const ofStatus = managedFields.filter(({ subresource }) => subresource === 'status');
      return Object.fromEntries(
        ofStatus.map(({ manager, operation, fieldsV1 }) => [
          `${manager}, ${operation}`,
          // Such as `k:{"type":"Ready"}`.
          Object.keys(fieldsV1['f:status']?.['f:conditions'] ?? {}).flatMap(
            (key) => /"type":"(\w+)"/.exec(key)?.[1] ?? [],
          ),
        ]),
      );
    };
    await apply({ type: 'Scanned', status: 'True' });
    await installed.moveTo('/npm/scanned');
    await follows('scanned');
    await installed.isJudged();
    const types = ['AuthReady', 'CACertReady', 'ConnectorClassReady', 'LivenessReady', 'ProxyServiceReady', 'Ready'];
    const ofProxy = { 'connectors-csi-proxy, Update': [...types, 'SecretReady'] };
    assert.deepEqual(await owned(), { ...ofProxy, 'scanner, Apply': ['Scanned'] });
    await apply();
    assert.deepEqual(await owned(), ofProxy);
    assert.equal(await installed.condition('Scanned'), '');
    await installed.isJudged();
  });

  it('keep files and go on when the API server is away for a while', async () => {
    const before = volume.read();
    await plane.killApiServer();
    assert.deepEqual(volume.read(), before);
    outage.from = plane.audited.length;
    await plane.restartApiServer();
    assert.deepEqual(volume.read(), before);
    for (const replica of addresses.keys())
      await eventually('the pod gets an answer', async () => (await get(replica)) === 'the content');
    await installed.moveTo('/npm/third');
    await follows('third');
    outage.to = plane.audited.length;
    await installed.kubelet.untilAllPublishedAgain();
  });

  it('refuse a pod whose account has lost its RoleBinding', async () => {
    const [, binding] = grant('builder', ['registry']) as readonly Manifest[];
    await plane.admin.remove(binding!);
    for (const replica of addresses.keys())
      await eventually('requests are refused', async () => (await get(replica)).includes('403'));
    // One that starts has no decision of the last minute.
    await installed.driver.stop();
    await installed.startDriver();
    const [pod] = installed.kubelet.pods;
    const refusal = 'cannot use connector ci/registry: system:serviceaccount:ci:builder cannot get connector';
    await eventually(
      () => `the publish fails: ${pod?.events.at(-1)}`,
      () => {
        installed.kubelet.eventForAll();
        return pod?.events.at(-1)?.includes(refusal) === true;
      },
    );
    await follows('third');
    await installed.put(binding!);
    await installed.kubelet.untilAllPublishedAgain();
    for (const replica of addresses.keys())
      await eventually('requests are allowed', async () => (await get(replica)) === 'the content');
  });

  it('say of a new Connector whose class is mistyped that there is no such class', async () => {
    await installed.put(connector('mistyped', installed.content, { className: 'habor' }));
    const condition = '{.status.conditions[?(@.type=="ConnectorClassReady")]';
    const told = (): Promise<string> =>
      installed.shell(
        `kubectl -n ci get connector mistyped -o jsonpath='${condition}.status} ${condition}.reason} ${condition}.message}'`,
      );
    await eventually('it has a status', async () => (await told()).startsWith('False NotFound '));
    assert.match(await told(), /habor/);
    await installed.shell('kubectl -n ci wait --timeout=60s --for=condition=Ready=False connector/mistyped');
  });

  it('have the status written by the other replica when the first ends', async () => {
    const [leader = -1] = writers().slice(-1);
    await installed.proxies[leader]?.stop();
    const since = plane.audited.length;
    await installed.moveTo('/npm/fourth');
    await eventually('the status is written', () => writers(since).length > 0);
    assert.deepEqual(writers(since), [1 - leader]);
    await follows('fourth');
    await eventually('the pod gets an answer', async () => (await get(1 - leader)) === 'the content');
  });

  it('leave nothing of a pod that ends', async () => {
    await installed.kubelet.endAll();
    assert.deepEqual(installed.node.mounts(), []);
  });

  it('ask for nothing that the roles of the chart refuse', () => {
    const refused = plane.audited.filter(
      ({ responseStatus }, at) => responseStatus?.code === 403 && (at < outage.from || at >= outage.to),
    );
    assert.deepEqual(
      refused.map(({ user, verb, requestURI }) => `${user.username} ${verb} ${requestURI}`),
      [],
    );
  });
});

interface Managed {
  readonly metadata: {
    readonly managedFields: readonly {
      readonly manager: string;
      readonly operation: string;
      readonly subresource?: string;
      readonly fieldsV1: { readonly 'f:status'?: { readonly 'f:conditions'?: object } };
    }[];
  };
}
