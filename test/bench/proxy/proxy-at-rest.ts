// Memory of the proxy with unused Connectors, the time until all of them have a status, and memory after a burst of clients:
// `npm run build && unshare --mount --propagation private node --import tsx test/bench/proxy/proxy-at-rest.ts
// [--connectors 1,1000,5000] [--seconds 40] [--clients 200] [--bytes 3000] [--large 6] [--unready] [FLAG of the proxy...]`. The
// built proxy runs against the test API server, in a cgroup of the deployed size. --bytes is the size of each Connector without
// its status, --large the number of further ones of 1.4 MiB in one namespace. Every Connector has a Secret, a tool that responds, and a class with probes. With --unready no Secret
// exists, and requests for Secrets and CPU time are printed for each fifth of the time.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bindingsFor } from '../../support/access/driver-rules.js';
import { ProxyProcess } from '../../support/e2e/proxy-process.js';
import { KubeApi } from '../../support/kube-api/kube-api.js';
import type { KubeObject } from '../../support/kube-api/resources.js';
import { connector, connectorClass } from '../../support/proxy/manifests.js';
import { ToolServer, toolAuthority } from '../../support/proxy/tool-server.js';
import { deployedEnv, deployedMemoryBytes } from '../../support/proxy/deployed-env.js';
import { MemoryCgroup } from '../../support/soak/memory-cgroup.js';
import { authorityIn } from './deployed-proxy.js';
import { agentOf, get, open } from './tunnel-client.js';

const args = process.argv.slice(2);
const optionOf = (name: string, fallback: string): string => {
  const at = args.indexOf(name);
  return at === -1 ? fallback : (args.splice(at, 2)[1] ?? fallback);
};
const counts = optionOf('--connectors', '1,1000,5000').split(',').map(Number);
const isUnready = args.includes('--unready') && args.splice(args.indexOf('--unready'), 1).length > 0;
const seconds = Number(optionOf('--seconds', '40'));
const clients = Number(optionOf('--clients', '0'));
const bytes = Number(optionOf('--bytes', '0'));
const large = Number(optionOf('--large', '0'));
const requestsEach = 50;
/** Within this time after a burst the proxy returns memory to the kernel. */
const restMs = 20_000;
const ref = { kind: 'Service', namespace: 'connectors-system', name: 'connectors-proxy-service' };
const namespaces = 50;
const cel = 'response.statusCode < 400';

function memoryMb(pid: number, field: string): string {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return ((Number(kib) * 1024) / 1e6).toFixed(0);
}

/** User and system time, at the kernel's usual hundred ticks a second. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const encoded = (text: string): string => Buffer.from(text).toString('base64');

/** A Connector of the wanted size: what is missing is params as authors write them. */
function sized(made: object, size: number): KubeObject {
  const param = (at: number): object => ({
    name: `option-${at}`,
    value: `https://${'mirror.'.repeat(6)}example/${at}`,
  });
  const object = made as KubeObject & { readonly spec: object };
  const missing = size - JSON.stringify(object).length;
  const params = Array.from({ length: missing / JSON.stringify(param(10)).length }, (_, at) => param(at));
  return params.length === 0 ? object : { ...object, spec: { ...object.spec, params } };
}

function put(api: KubeApi, tool: ToolServer, count: number): void {
  const type = 'kubernetes.io/basic-auth';
  const data = { username: encoded('robot'), password: encoded('any'), 'ca.crt': encoded(toolAuthority.certificate) };
  const probe = { http: { path: '/', response: { cel } } };
  api.put(connectorClass('any', { proxy: { ref }, livenessProbe: probe }) as KubeObject);
  for (let index = 0; index < count; index += 1) {
    // No namespace has so many of them that its share counts.
    const namespace = `team-${index % namespaces}`;
    if (index < namespaces && !isUnready) {
      const metadata = { namespace, name: 'login' };
      api.put({ apiVersion: 'v1', kind: 'Secret', metadata, type, data });
    }
    const options = { namespace, secret: 'login', caSecret: 'login' };
    api.put(sized(connector(`tool-${index}`, tool.url('tool.test'), options), bytes));
  }
  for (let index = 0; index < large; index += 1) {
    const made = connector(`large-${index}`, tool.url('tool.test'), { namespace: 'team-7' }) as KubeObject;
    const junk = Array.from({ length: (1.4 * 2 ** 20) / 3 }, () => ({}));
    api.put({ ...made, spec: { ...(made['spec'] as object), junk } });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Clients with a connection each, which send requests at the same time through one Connector. */
async function burst(api: KubeApi, proxy: ProxyProcess, port: number): Promise<void> {
  const [namespace, name] = ['team-0', 'builder'];
  const rule = { verbs: ['get'], apiGroups: ['connectors.alauda.io'], resources: ['connectors'] };
  api.bind({ serviceAccount: `${namespace}/${name}`, namespace, rules: [rule] });
  const pod = { name: 'build-1', uid: 'b1c6dd2b-6a3a-4b7a-9d27-0d6e2e3b3c12' };
  const identity = { namespace, name, audiences: ['connectors-proxy'], expirationSeconds: 7200, pod };
  const { token } = api.identities.issueServiceAccount(identity);
  const way = {
    ...{ name: 'proxy', host: 'tool.test', port, authority: await authorityIn(api) },
    proxy: { port: proxy.port, login: `${namespace}%2Ftool-0:${token}` },
  };
  await Promise.all(
    Array.from({ length: clients }, async () => {
      const socket = await open(way);
      const agent = agentOf(socket);
      for (let request = 0; request < requestsEach; request += 1) await get(way, agent, '/');
      socket.destroy();
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, restMs));
}

for (const count of counts) {
  const directory = mkdtempSync(path.join(tmpdir(), 'proxy-at-rest-'));
  const api = await KubeApi.start();
  const tool = await ToolServer.start('https', (_request, response) => void response.end('{}'), ['tool.test']);
  for (const binding of bindingsFor('proxy', { user: 'proxy' })) api.bind(binding);
  const kubeconfig = path.join(directory, 'kubeconfig');
  api.writeKubeconfig(kubeconfig, { name: 'proxy' });
  put(api, tool, count);
  const healthPort = await freePort();
  const health = `http://127.0.0.1:${healthPort}`;
  const container = MemoryCgroup.make(deployedMemoryBytes());
  const startMs = performance.now();
  const proxy = await ProxyProcess.start({
    directory,
    hosts: ['tool.test'],
    flags: ['--kubeconfig', kubeconfig, '--http-address', `127.0.0.1:${healthPort}`, ...args],
    env: deployedEnv(),
    entering: container?.entering ?? [],
  });
  const isReady = async (): Promise<boolean> => (await fetch(`${health}/readyz`)).ok;
  while (!(await isReady().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 20));
  const readyMs = performance.now() - startMs;
  const readyCpu = cpuSeconds(proxy.pid);
  const written = (): number =>
    api
      .list('connectors')
      .filter(({ status = {} }) => (status as { readonly conditions?: readonly unknown[] }).conditions !== undefined)
      .length;
  let writtenMs: number | undefined;
  const reads = (): number => api.count({ verb: 'get', resource: 'secrets' });
  const cpu = (): number => cpuSeconds(proxy.pid);
  let sample = { reads: reads(), cpu: cpu(), ms: performance.now() };
  const sampleMs = (seconds * 1000) / 5;
  for (const endMs = performance.now() + seconds * 1000; performance.now() < endMs;) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    if (writtenMs === undefined && written() === count) writtenMs = performance.now() - startMs;
    const now = performance.now();
    if (isUnready && now - sample.ms >= sampleMs) {
      const passed = (now - sample.ms) / 1000;
      const perSecond = ((reads() - sample.reads) / passed).toFixed(1);
      const used = (((cpu() - sample.cpu) / passed) * 1000).toFixed(0);
      console.log(
        `after ${((now - startMs) / 1000).toFixed(0)} s\t${perSecond} Secrets read a second\t${used} ms of CPU a second`,
      );
      sample = { reads: reads(), cpu: cpu(), ms: now };
    }
  }
  const metrics = await (await fetch(`${health}/metrics`)).text();
  const watched = Number(/^connectors_proxy_object_memory_bytes (\d+)/m.exec(metrics)?.[1]) / 2 ** 20;
  const refused = /^connectors_proxy_rejected_objects (\d+)/m.exec(metrics)?.[1];
  const row = [
    count,
    `ready after ${readyMs.toFixed(0)} ms, ${readyCpu.toFixed(1)} s of CPU`,
    `rss ${memoryMb(proxy.pid, 'VmRSS')}`,
    `anon ${memoryMb(proxy.pid, 'RssAnon')}`,
  ];
  console.log(
    [
      ...row,
      `peak ${memoryMb(proxy.pid, 'VmHWM')}`,
      `cgroup at most ${((container?.peakBytes ?? 0) / 1e6).toFixed(0)}`,
      `JSON ${(api.list('connectors').reduce((sum, object) => sum + JSON.stringify(object).length, 0) / 1e6).toFixed(1)} MB`,
      `watched ${watched.toFixed(1)} Mi`,
      `refused ${refused}`,
      `written ${written()}`,
      `all after ${writtenMs === undefined ? '-' : (writtenMs / 1000).toFixed(1)} s`,
    ].join('\t'),
  );
  if (clients > 0) {
    await burst(api, proxy, Number(new URL(tool.url('tool.test')).port));
    const after = ['VmRSS', 'RssAnon', 'VmHWM'].map((field) => `${field} ${memoryMb(proxy.pid, field)}`);
    console.log(`after a burst of ${clients} clients\t${after.join('\t')}`);
  }
  await proxy.stop();
  container?.remove();
  await tool.stop();
  await api.stop();
  rmSync(directory, { recursive: true });
}
