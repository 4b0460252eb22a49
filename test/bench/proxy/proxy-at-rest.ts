// What a proxy takes with Connectors that nobody uses, and when all have their status: `npm run build && unshare --mount --propagation private node --import
// tsx test/bench/proxy/proxy-at-rest.ts [--connectors 1,1000,5000] [--seconds 40] [FLAG of the proxy...]`. The built proxy against
// the test API server, in which every Connector has a Secret, a tool that answers, and a class with probes.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { driverBindings } from '../../support/access/driver-rules.js';
import { ProxyProcess } from '../../support/e2e/proxy-process.js';
import { KubeApi } from '../../support/kube-api/kube-api.js';
import type { KubeObject } from '../../support/kube-api/resources.js';
import { connector, connectorClass } from '../../support/proxy/manifests.js';
import { ToolServer, toolAuthority } from '../../support/proxy/tool-server.js';
import { proxyEnv } from './deployed-proxy.js';

const args = process.argv.slice(2);
const optionOf = (name: string, fallback: string): string => {
  const at = args.indexOf(name);
  return at === -1 ? fallback : (args.splice(at, 2)[1] ?? fallback);
};
const counts = optionOf('--connectors', '1,1000,5000').split(',').map(Number);
const seconds = Number(optionOf('--seconds', '40'));
const ref = { kind: 'Service', namespace: 'connectors-system', name: 'connectors-proxy-service' };
const namespaces = 50;
const cel = 'response.statusCode < 400';

function memoryMb(pid: number, field: string): string {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return ((Number(kib) * 1024) / 1e6).toFixed(0);
}

const encoded = (text: string): string => Buffer.from(text).toString('base64');

function put(api: KubeApi, tool: ToolServer, count: number): void {
  const type = 'kubernetes.io/basic-auth';
  const data = { username: encoded('robot'), password: encoded('any'), 'ca.crt': encoded(toolAuthority.certificate) };
  const probe = { http: { path: '/', response: { cel } } };
  api.put(connectorClass('any', { proxy: { ref }, livenessProbe: probe }) as KubeObject);
  for (let index = 0; index < count; index += 1) {
    // No namespace has so many of them that its share counts.
    const namespace = `team-${index % namespaces}`;
    if (index < namespaces) {
      const metadata = { namespace, name: 'login' };
      api.put({ apiVersion: 'v1', kind: 'Secret', metadata, type, data });
    }
    const options = { namespace, secret: 'login', caSecret: 'login' };
    api.put(connector(`tool-${index}`, tool.url('tool.test'), options) as KubeObject);
  }
}

for (const count of counts) {
  const directory = mkdtempSync(path.join(tmpdir(), 'proxy-at-rest-'));
  const api = await KubeApi.start();
  const tool = await ToolServer.start('https', (_request, response) => void response.end('{}'), ['tool.test']);
  for (const binding of driverBindings('proxy/rbac.yaml', { user: 'proxy' })) api.bind(binding);
  const kubeconfig = path.join(directory, 'kubeconfig');
  api.writeKubeconfig(kubeconfig, { name: 'proxy' });
  put(api, tool, count);
  const startMs = performance.now();
  const proxy = await ProxyProcess.start({
    directory,
    hosts: ['tool.test'],
    flags: ['--kubeconfig', kubeconfig, '--http-address', '127.0.0.1:39808', ...args],
    env: proxyEnv,
  });
  const isReady = async (): Promise<boolean> => (await fetch('http://127.0.0.1:39808/readyz')).ok;
  while (!(await isReady().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 20));
  const readyMs = performance.now() - startMs;
  const written = (): number =>
    api.list('connectors').filter((object) => JSON.stringify(object['status'] ?? {}).includes('"Ready"')).length;
  let writtenMs: number | undefined;
  for (const endMs = performance.now() + seconds * 1000; performance.now() < endMs;) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    if (writtenMs === undefined && written() === count) writtenMs = performance.now() - startMs;
  }
  const metrics = await (await fetch('http://127.0.0.1:39808/metrics')).text();
  const watched = Number(/^connectors_proxy_watched_bytes (\d+)/m.exec(metrics)?.[1]) / 2 ** 20;
  const refused = /^connectors_proxy_objects_refused (\d+)/m.exec(metrics)?.[1];
  const row = [
    count,
    `${readyMs.toFixed(0)} ms`,
    `rss ${memoryMb(proxy.pid, 'VmRSS')}`,
    `anon ${memoryMb(proxy.pid, 'RssAnon')}`,
  ];
  console.log(
    [
      ...row,
      `peak ${memoryMb(proxy.pid, 'VmHWM')}`,
      `watched ${watched.toFixed(1)} Mi`,
      `refused ${refused}`,
      `written ${written()}`,
      `all after ${writtenMs === undefined ? '-' : (writtenMs / 1000).toFixed(1)} s`,
    ].join('\t'),
  );
  await proxy.stop();
  await tool.stop();
  await api.stop();
  rmSync(directory, { recursive: true });
}
