import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bindingsFor } from '../../../support/access/driver-rules.ts';
import { ProxyProcess } from '../../../support/e2e/proxy-process.ts';
import { KubeApi } from '../../../support/kube-api/kube-api.ts';
import type { KubeObject } from '../../../support/kube-api/resources.ts';
import { eventually } from '../../../support/poll.ts';
import type { Bystanding } from '../../../support/proxy/attacks/bystander.ts';
import { bystand, freePort } from '../../../support/proxy/attacks/processes.ts';
import { deployedEnv, deployedMemoryBytes } from '../../../support/proxy/deployed-env.ts';
import { connector, connectorClass, proxyService } from '../../../support/proxy/manifests.ts';
import { ToolServer } from '../../../support/proxy/tool-server.ts';
import { MemoryCgroup } from '../../../support/soak/memory-cgroup.ts';

const user = 'proxy';
const hosts = ['tool.example', 'connectors-proxy-service.connectors-system.svc.cluster.local'];
const uses = { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] };

/** 7 KB that take 324 KiB once they are parsed. */
const longRules = Array.from({ length: 48 }, (_each, at) => {
  const paths = Array.from({ length: 20 }, (_path, index) => `/${((at * 20 + index) % 1296).toString(36)}`);
  return `- allow: { paths: [${paths.join()}] }\n`;
}).join('');

describe('Connectors of one namespace, in a proxy as deployed', function () {
  this.timeout(600_000);
  let directory: string;
  let api: KubeApi;
  let tool: ToolServer;
  let proxy: ProxyProcess | undefined;
  let healthPort: number;
  let cgroup: MemoryCgroup | undefined;

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'objects-'));
    tool = await ToolServer.start('http');
    api = await KubeApi.start();
    for (const binding of bindingsFor('proxy', { user })) api.bind(binding);
    api.put(connectorClass('any', { proxy: { ref: proxyService } }) as KubeObject);
    api.put(connector('tool', tool.url()) as KubeObject);
    api.bind({ serviceAccount: 'ci/builder', namespace: 'ci', rules: [uses] });
  });

  afterEach(async () => {
    await proxy?.stop();
    await Promise.all([api.stop(), tool.stop()]);
    cgroup?.remove();
    rmSync(directory, { recursive: true });
  });

  async function start(): Promise<ProxyProcess> {
    healthPort = await freePort();
    const kubeconfig = path.join(directory, 'kubeconfig');
    api.writeKubeconfig(kubeconfig, { name: user });
    cgroup = MemoryCgroup.make(deployedMemoryBytes());
    proxy = await ProxyProcess.start({
      ...{ directory, hosts, env: deployedEnv() },
      flags: ['--kubeconfig', kubeconfig, '--http-address', `127.0.0.1:${healthPort}`],
      ...(cgroup === undefined ? {} : { entering: cgroup.entering }),
    });
    return proxy;
  }

  async function metric(name: string): Promise<number> {
    const text = await fetch(`http://127.0.0.1:${healthPort}/metrics`).then(
      (response) => response.text(),
      () => '',
    );
    return Number(new RegExp(`^connectors_proxy_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 'NaN');
  }

  function others(): Promise<Bystanding> {
    const account = { namespace: 'ci', name: 'builder', audiences: ['connectors-proxy'], expirationSeconds: 7200 };
    const { token } = api.identities.issueServiceAccount({ ...account, pod: { name: 'build-1', uid: 'build-1' } });
    const authorization = `Basic ${Buffer.from(`ci%2Ftool:${token}`).toString('base64')}`;
    return bystand({
      ...{ port: proxy?.port ?? 0, healthPort, authorization, url: tool.url() },
      ...{ address: '127.1.0.1', requests: 50, everyMs: 20 },
    });
  }

  async function assertServesOthers(): Promise<void> {
    const { served, failed, probes } = await others();
    assert.ok(proxy !== undefined && !proxy.hasEnded, proxy?.log);
    assert.deepEqual({ served, failed, missed: probes.missed }, { served: 50, failed: {}, missed: 0 });
    console.log(`      peak ${proxy.peakMib.toFixed(0)} MiB, ${await metric('object_memory_bytes')} bytes counted`);
  }

  it('with long rules are checked, and their parsed rules are not kept', async () => {
    const count = 1_300;
    for (let at = 0; at < count; at += 1) {
      api.put(connector(`c${at}`, tool.url(), { namespace: 'hostile', rules: { rules: longRules } }) as KubeObject);
    }
    await start();
    const isChecked = (at: number): boolean =>
      api.get('connectors', { namespace: 'hostile', name: `c${at}` })?.['status'] !== undefined;
    await eventually(
      'all are checked',
      () => proxy?.hasEnded === true || Array.from({ length: count }).every((_each, at) => isChecked(at)),
      300_000,
    );
    await assertServesOthers();
  });
});
