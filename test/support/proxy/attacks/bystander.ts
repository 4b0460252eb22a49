// A process of its own that uses a proxy as a pod of another namespace does, and probes it as the kubelet does:
// `node bystander.ts`. It gets its plan as a line of JSON, and prints a Bystanding.
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export interface BystandPlan {
  readonly port: number;
  readonly authorization: string;
  readonly address: string;
  readonly url: string;
  readonly requests: number;
  /** Requests start at this interval, whatever becomes of earlier ones. */
  readonly everyMs: number;
  /** Where `/healthz` is. */
  readonly healthPort: number;
}

export interface Bystanding {
  readonly served: number;
  /** The others, by status or reason. */
  readonly failed: Readonly<Record<string, number>>;
  readonly probes: { readonly answered: number; readonly missed: number; readonly slowestMs: number };
  readonly p50: number;
  readonly p99: number;
}

/** Only what hangs takes so long. */
const deadlineMs = 60_000;

const plan = JSON.parse(await text(process.stdin)) as BystandPlan;

function get(options: http.RequestOptions, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', agent: false, ...options, signal: AbortSignal.timeout(timeoutMs) });
    request.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    request.once('response', (response) => {
      response.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      const { statusCode } = response;
      if (statusCode === 200) response.resume().once('end', () => resolve('200'));
      else
        void text(response).then(
          (line) => resolve(`${statusCode} ${line.slice(0, 200)}`),
          () => resolve(`${statusCode}`),
        );
    });
  });
}

const tookMs: number[] = [];
const failed: Record<string, number> = {};
const probes = { answered: 0, missed: 0, slowestMs: 0 };

async function use(): Promise<void> {
  const { port, address: localAddress, url: path, authorization } = plan;
  const startMs = performance.now();
  const headers = { host: new URL(path).host, 'proxy-authorization': authorization };
  const status = await get({ port, localAddress, path, headers }, deadlineMs);
  tookMs.push(performance.now() - startMs);
  if (status !== '200') failed[status] = (failed[status] ?? 0) + 1;
}

async function probe(): Promise<void> {
  const startMs = performance.now();
  const status = await get({ port: plan.healthPort, path: '/healthz' }, deadlineMs);
  probes.slowestMs = Math.max(probes.slowestMs, Math.round(performance.now() - startMs));
  probes[status === '200' ? 'answered' : 'missed'] += 1;
}

const started: Promise<void>[] = [];
for (let at = 0; at < plan.requests; at += 1) {
  started.push(use());
  if (at % 20 === 0) started.push(probe());
  await sleep(plan.everyMs);
}
await Promise.all(started);
tookMs.sort((one, other) => one - other);
const at = (part: number): number => Math.round(tookMs[Math.floor(tookMs.length * part)] ?? 0);
const served = plan.requests - Object.values(failed).reduce((sum, count) => sum + count, 0);
const result: Bystanding = { served, failed, probes, p50: at(0.5), p99: at(0.99) };
process.stdout.write(JSON.stringify(result));
