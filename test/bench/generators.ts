// `node --import tsx --expose-gc test/bench/generators.ts`: cost and memory of generators of classes.
import { Generators } from '../../src/proxy/credentials/generator/generators.js';
import type { GeneratorUse } from '../../src/proxy/credentials/generator/generators.js';
import { Secret } from '../../src/shared/secret.js';

const rounds = 5000;
const generators = new Generators({ now: Date.now });
const request = { method: 'GET', host: 'tool.example', path: '/v2/team/app/manifests/latest', query: 'a=1' };
const data = new Map(['token', 'username', 'password', 'key'].map((key) => [key, new Secret('x'.repeat(40))]));
const useOf = (cel: string): GeneratorUse => ({
  generator: { source: 'bench', cel },
  secret: { ref: { namespace: 'ci', name: 'login' }, data },
  connector: 'ci/tool',
  host: 'tool.example',
});
const signature =
  '{"headers": {"X-Time": string(int(now)), "X-Signature": hex.encode(hmac.sha256(secret.key, request.method + request.path + string(int(now))))}}';

function mebibytes(): string {
  for (let times = 0; times < 3; times += 1) globalThis.gc?.();
  return (process.memoryUsage.rss() / 2 ** 20).toFixed(1);
}

async function timesOf(use: GeneratorUse): Promise<readonly number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    await generators.generate(use, request);
    times.push((performance.now() - startedAt) * 1000);
  }
  return times.sort((a, b) => a - b);
}

function shown(times: readonly number[]): string {
  const at = (part: number): string => (times[Math.floor(part * times.length)] ?? 0).toFixed(0);
  return `median ${at(0.5)} µs, 99 % ${at(0.99)} µs`;
}

console.log(`memory before: ${mebibytes()} MiB`);
const startedAt = performance.now();
await generators.generate(useOf(signature), request);
console.log(`first evaluation, with the load of CEL: ${(performance.now() - startedAt).toFixed(0)} ms`);
console.log(`memory after: ${mebibytes()} MiB`);
console.log(`a signature of each request: ${shown(await timesOf(useOf(signature)))}`);
console.log(`the Secret alone: ${shown(await timesOf(useOf('{"headers": {"X": "Bearer " + secret.token}}')))}`);
const before = process.cpuUsage();
for (let round = 0; round < rounds; round += 200) {
  await Promise.all(Array.from({ length: 200 }, () => generators.generate(useOf(signature), request)));
}
const { user, system } = process.cpuUsage(before);
console.log(`CPU time of an evaluation, 200 at once: ${((user + system) / rounds).toFixed(0)} µs`);
console.log(`memory in use: ${mebibytes()} MiB`);
