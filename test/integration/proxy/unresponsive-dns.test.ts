import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { bindingsFor } from '../../support/access/driver-rules.ts';
import { needsKnownPorts, ownAddress } from '../../support/e2e/host-names.ts';
import { ProxyProcess } from '../../support/e2e/proxy-process.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import type { KubeObject } from '../../support/kube-api/resources.ts';
import { eventually } from '../../support/poll.ts';
import { connector, connectorClass } from '../../support/proxy/manifests.ts';
import { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { UnresponsiveDnsServer } from '../../support/proxy/unresponsive-dns-server.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const user = 'proxy';
const { client: ofClients, connector: ofConnectors, namespaceShare } = proxyLimits.lookups;
/** So many namespaces can take all turns. */
const hostile = Array.from({ length: 1 / namespaceShare }, (_each, at) => `hostile-${at}`);
/** Of each of them: more than can be looked up at once. */
const silentCount = proxyLimits.lookups.threads / 2;
/** Each a name that the proxy has not looked up before. */
const toolHosts = Array.from({ length: 5 }, (_each, at) => `tool-${at}.example`);
const uses = { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] };

describe('the built proxy, with names whose server is silent', function () {
  this.timeout(120_000);
  before(needsKnownPorts);
  let directory: string;
  let api: KubeApi;
  let names: UnresponsiveDnsServer;
  let tool: ToolServer;
  let proxy: ProxyProcess;

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'silent-names-'));
    names = await UnresponsiveDnsServer.start(ownAddress);
    tool = await ToolServer.start('http');
    api = await KubeApi.start();
    for (const binding of bindingsFor('proxy', { user })) api.bind(binding);
    api.put(connectorClass() as KubeObject);
    for (const [at, host] of toolHosts.entries()) api.put(connector(`tool-${at}`, tool.url(host)) as KubeObject);
    api.put(connector('at-address', tool.url('127.0.0.1')) as KubeObject);
    for (const namespace of ['ci', ...hostile]) {
      api.bind({ serviceAccount: `${namespace}/builder`, namespace, rules: [uses] });
    }
    for (const namespace of hostile) {
      for (const at of Array.from({ length: silentCount }).keys()) {
        api.put(connector(`silent-${at}`, `http://${at}.${namespace}.example`, { namespace }) as KubeObject);
      }
    }
    proxy = await ProxyProcess.start({
      directory,
      // Its own Service, so that the server hears of clients' and Connectors' names alone.
      hosts: [...toolHosts, 'connectors-proxy-service.connectors-system.svc.cluster.local'],
      nameServer: ownAddress,
      flags: ['--kubeconfig', kubeconfig(), '--write-status=false'],
    });
  });
  afterEach(async () => {
    // An orderly end waits for the threads that look up names.
    proxy.signal('SIGKILL');
    await proxy.stop();
    await Promise.all([api.stop(), tool.stop(), names.stop()]);
    rmSync(directory, { recursive: true });
  });

  /** Of an API server that has a name. */
  function kubeconfig(): string {
    const file = path.join(directory, 'kubeconfig');
    api.writeKubeconfig(file, { name: user });
    writeFileSync(file, readFileSync(file, 'utf8').replace('https://127.0.0.1', 'https://localhost'));
    return file;
  }

  /** In a pod of the namespace, with an address of its own as every pod has. */
  function clientIn(namespace: string): ProxyClient {
    const pod = { name: 'build-1', uid: `pod-of-${namespace}` };
    const account = { namespace, name: 'builder', audiences: ['connectors-proxy'], expirationSeconds: 7200, pod };
    const named = namespace === 'ci' ? 'ci/at-address' : `${namespace}/silent-0`;
    const address = `127.0.1.${hostile.indexOf(namespace) + 2}`;
    return new ProxyClient(proxy.port, named, api.identities.issueServiceAccount(account).token, '', address);
  }

  /** Nobody waits for what becomes of these. */
  function floodConnectorsOf(namespace: string): void {
    const client = clientIn(namespace);
    for (const at of Array.from({ length: silentCount }).keys()) {
      client.reverse(`/namespaces/${namespace}/connectors/silent-${at}/`).catch(() => undefined);
    }
  }

  function floodTunnelsOf(namespace: string): void {
    const client = clientIn(namespace);
    for (const at of Array.from({ length: silentCount }).keys()) {
      client.connect(`${at}.tunnel.${namespace}.example:443`).catch(() => undefined);
    }
  }

  const areAsked = (count: number): Promise<void> =>
    eventually(`${count} names are asked for`, () => names.asked.size === count, 20_000);

  it('lets those of one namespace, of its Connectors, hold up no Connector of another', async () => {
    const client = clientIn('ci');
    floodConnectorsOf('hostile-0');
    await areAsked(ofConnectors.inFlight * namespaceShare);
    for (const at of toolHosts.keys()) {
      assert.equal((await client.reverse(`/namespaces/ci/connectors/tool-${at}/`)).status, 200);
    }
  });

  it("lets those of one namespace's pods hold up no tunnel of another's", async () => {
    const client = clientIn('ci');
    floodTunnelsOf('hostile-0');
    await areAsked(ofClients.inFlight * namespaceShare);
    for (const host of toolHosts) {
      const { head, socket } = await client.connect(`${host}:${tool.port}`);
      assert.match(head, /^HTTP\/1\.1 200 /);
      socket.destroy();
    }
  });

  it('uses known addresses while four namespaces have all turns', async () => {
    const client = clientIn('ci');
    const [host] = toolHosts;
    const tunnel = async (): Promise<string> => {
      const { head, socket } = await client.connect(`${host}:${tool.port}`);
      socket.destroy();
      return head.slice(0, 12);
    };
    assert.equal(await tunnel(), 'HTTP/1.1 200');
    for (const namespace of hostile) floodTunnelsOf(namespace);
    await areAsked(ofClients.inFlight);
    const heads = new Set<string>();
    const untilMs = performance.now() + proxyLimits.lookups.ttlMs;
    while (performance.now() < untilMs) heads.add(await tunnel());
    for (let at = 0; at < 3; at += 1) heads.add(await tunnel());
    assert.deepEqual([...heads], ['HTTP/1.1 200']);
  });

  it('finds the API server although every turn of others is taken', async () => {
    for (const namespace of hostile) {
      floodConnectorsOf(namespace);
      floodTunnelsOf(namespace);
    }
    await areAsked(ofClients.inFlight + ofConnectors.inFlight);
    api.closeConnections();
    const { status } = await clientIn('ci').reverse('/namespaces/ci/connectors/at-address/');
    assert.equal(status, 200);
  });
});
