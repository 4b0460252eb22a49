/**
 * Connectors on a real API server: how long until each has its status, until another replica is ready, and what the
 * leader takes. Needs root, Helm and the programs of `test/support/kubernetes`.
 *
 *   npm run bench:connectors -- [COUNT] [BYTES]
 */
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Manifest } from '../support/deploy/manifests.ts';
import { ownAddress } from '../support/e2e/host-names.ts';
import { ControlPlane } from '../support/kubernetes/control-plane.ts';
import { InstalledPrograms, login } from '../support/kubernetes/installed-programs.ts';
import { memoryOf } from '../support/process-state.ts';
import { secret } from '../support/proxy/manifests.ts';
import { toolAuthority } from '../support/proxy/tool-server.ts';

const [count = 10_000, bytes = 3_000] = process.argv.slice(2).map(Number);
/** A namespace has a share of the memory for objects. */
const namespaces = Array.from({ length: 100 }, (_, at) => `team-${at}`);
const writers = 16;
/** Between two looks at all Connectors, which take the API server from the proxy. */
const lookMs = 5_000;
const collection = '/apis/connectors.alauda.io/v1alpha1/connectors';

const plane = await ControlPlane.start();
const values = { proxy: { enabled: true, credentialNamespaces: ['*'] } };
const installed = await InstalledPrograms.start(plane, { values });
const leader = installed.proxies[0]!;

async function timed(what: string, work: () => Promise<unknown>, pid = leader.pid): Promise<void> {
  const startMs = performance.now();
  await work();
  const took = ((performance.now() - startMs) / 1000).toFixed(1);
  const { nowBytes, peakBytes } = memoryOf(pid);
  const [now, peak] = [nowBytes, peakBytes].map((value) => Math.round(value / 2 ** 20));
  console.log(`| ${what} | ${took} s | ${now} MiB, at most ${peak} | ${loadavg()[0]!.toFixed(1)} |`);
}

/** Runs some at a time. */
async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: writers }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

async function create(number: number): Promise<void> {
  const namespace = namespaces[number % namespaces.length]!;
  const metadata = { namespace, name: `registry-${number}`, annotations: { padding: '' } };
  const object = { ...installed.registry, metadata };
  metadata.annotations.padding = 'x'.repeat(bytes - JSON.stringify(object).length);
  const { code, text } = await plane.admin.create(object);
  if (code !== 201) throw new Error(text);
}

/** How many Connectors have no condition `Ready`, or are not ready. */
async function unready(): Promise<number> {
  let found = 0;
  for (let after: string | undefined = ''; after !== undefined;) {
    const { text } = await plane.admin.request({ path: `${collection}?limit=1000&continue=${after}` });
    const { items, metadata } = JSON.parse(text) as {
      readonly metadata: { readonly continue?: string };
      readonly items: readonly Manifest[];
    };
    found += items.filter(({ status }) => !JSON.stringify(status ?? {}).includes('"True","type":"Ready"')).length;
    after = metadata.continue === '' ? undefined : metadata.continue;
  }
  return found;
}

async function untilAllReady(): Promise<void> {
  for (let left = await unready(); left > 0; left = await unready()) {
    console.error(`${left} are not ready`);
    await sleep(lookMs);
  }
}

try {
  console.log('| what | time | memory of the replica | load |\n| --- | --- | --- | --- |');
  await forEach(namespaces, async (namespace) => {
    await installed.put(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      secret('login', 'kubernetes.io/basic-auth', login, { namespace }),
      secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }, { namespace }),
    );
  });
  await timed('the first status', untilAllReady);
  await timed(`create ${count} Connectors of ${bytes} bytes`, () => forEach([...Array(count).keys()], create));
  await timed('then, until all are ready', untilAllReady);
  const health = `${ownAddress}:9808`;
  const replica = await installed.startReplica(['--http-address', health]);
  await timed(
    'another replica, from listening to ready',
    async () => {
      while (!(await fetch(`http://${health}/readyz`)).ok) await sleep(20);
    },
    replica.pid,
  );
} finally {
  await installed.stop();
  await plane.stop();
}
