/**
 * Connectors on a real API server: how long until each has its status, until another replica is ready, and what the
 * leader and the other programs take. Needs root, Helm and the programs of `test/support/kubernetes`.
 *
 *   npm run bench:connectors -- [COUNT] [BYTES]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { otherAddress, ownAddress } from '../support/e2e/host-names.ts';
import { ControlPlane } from '../support/kubernetes/control-plane.ts';
import { InstalledPrograms, login } from '../support/kubernetes/installed-programs.ts';
import { memoryOf } from '../support/process-state.ts';
import { secret } from '../support/proxy/manifests.ts';
import { toolAuthority } from '../support/proxy/tool-server.ts';

const [count = 10_000, bytes = 3_000] = process.argv.slice(2).map(Number);
/** A namespace has a share of the memory for objects. */
const namespaces = Array.from({ length: 100 }, (_, at) => `team-${at}`);
const writers = 16;
/** Between two looks at the leader's metrics: a list of all Connectors takes the API server from the proxy. */
const lookMs = 1_000;
/** Of `/proc/PID/stat`. */
const ticksPerSecond = 100;

const plane = await ControlPlane.start();
const values = { proxy: { enabled: true, credentialNamespaces: ['*'] } };
const installed = await InstalledPrograms.start(plane, { values, addresses: [ownAddress] });
const leader = installed.proxies[0]!;

/** CPU seconds so far of the programs that this process has started, and of itself, by name. */
function cpuSeconds(): Map<string, number> {
  const found = new Map([['bench', process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6]]);
  for (const pid of readdirSync('/proc').map(Number).filter(Boolean)) {
    const [, name = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(statOf(pid)) ?? [];
    const fields = rest.split(' ');
    const program = pid === leader.pid ? 'leader' : name;
    const seconds = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    if (Number(fields[1]) === process.pid) found.set(program, (found.get(program) ?? 0) + seconds);
  }
  return found;
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It has ended since.
    return '';
  }
}

async function timed(what: string, work: () => Promise<unknown>, pid = leader.pid): Promise<void> {
  const before = cpuSeconds();
  const startMs = performance.now();
  await work();
  const took = ((performance.now() - startMs) / 1000).toFixed(1);
  const { nowBytes, peakBytes } = memoryOf(pid);
  const [now, peak] = [nowBytes, peakBytes].map((value) => Math.round(value / 2 ** 20));
  const cpu = [...cpuSeconds()]
    .map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)] as const)
    .filter(([, seconds]) => seconds > 0.1)
    .map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`);
  console.log(
    `| ${what} | ${took} s | ${now} MiB, at most ${peak} | ${cpu.join(', ')} | ${loadavg()[0]!.toFixed(1)} |`,
  );
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

async function untilAreReady(wanted: number): Promise<void> {
  for (;;) {
    const text = await (await fetch(`http://${ownAddress}:9808/metrics`)).text();
    const ready = Number(/^connectors_proxy_connectors\{ready="True"\} (\d+)$/m.exec(text)?.[1]);
    if (ready === wanted) return;
    console.error(`${ready} are ready`);
    await sleep(lookMs);
  }
}

try {
  console.log('| what | time | memory of the replica | CPU seconds | load |\n| --- | --- | --- | --- | --- |');
  await forEach(namespaces, async (namespace) => {
    await installed.put(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      secret('login', 'kubernetes.io/basic-auth', login, { namespace }),
      secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }, { namespace }),
    );
  });
  await timed('the first status', () => untilAreReady(1));
  await timed(`create ${count} Connectors of ${bytes} bytes`, () => forEach([...Array(count).keys()], create));
  await timed('then, until all are ready', () => untilAreReady(count + 1));
  const health = `${otherAddress}:9808`;
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
