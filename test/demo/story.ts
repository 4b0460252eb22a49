import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { KubeletClient } from '../support/driver/kubelet-client.ts';
import type { TestVolume } from '../support/driver/test-volume.ts';
import type { ProxyProcess } from '../support/e2e/proxy-process.ts';
import type { ProcessFixture } from '../support/proxy/process-fixture.ts';
import { registryCredential } from './registry.ts';
import type { Registry } from './registry.ts';
import { VolumeClient } from './volume-client.ts';
import type { ClientResponse } from './volume-client.ts';
import { contentsOf, environmentOf, filesOf, shortPath, shorten, treeOf } from './volume-text.ts';

interface StoryParts {
  readonly kubelet: KubeletClient;
  readonly volume: TestVolume;
  readonly cluster: ProcessFixture;
  readonly registry: Registry;
  readonly proxy: ProxyProcess;
}

/** Prints a line, numbered if it begins a step. Lines for `--verbose` are printed only with it. */
export interface Output {
  step(text: string): void;
  line(text: string): void;
  verbose(text: string): void;
}

/** Attributes that the pod's author wrote. */
export const attributes = { connectors: 'harbor,github', 'configuration.names': 'registry-config,gitconfig' };

const blobs = '/v2/team/app/blobs';
const layer = 'what only those with the password may read';
const digest = `sha256:${createHash('sha256').update(layer).digest('hex')}`;

/**
 * Plays the life of a volume: the kubelet mounts it, a program uses it, requests without its token fail, the token is
 * rotated, the kubelet unmounts it. @throws {Error} if any of it has another result.
 */
export async function playVolume(parts: StoryParts, out: Output): Promise<void> {
  const { kubelet, volume, cluster, registry, proxy } = parts;
  const { target: targetPath, pod } = volume;
  out.verbose(`NodeGetCapabilities: ${(await kubelet.nodeCapabilities()).join(', ')}`);

  const publish = async (): Promise<void> =>
    kubelet.publishVolume(volume, { attributes, token: tokenOf(cluster, volume) });
  const mountMs = await duration(publish);
  const files = filesOf(targetPath);
  out.step(`the kubelet mounts the volume: ${files.length} files in ${mountMs}, in memory`);
  out.line(files.join('  '));
  out.verbose(`${treeOf(targetPath)}\n${contentsOf(targetPath)}`);
  out.step('a task runs `. ./activate`, and its programs use the proxy');
  out.line(environmentOf(targetPath, 'https_proxy'));
  out.verbose(environmentOf(targetPath));

  const client = new VolumeClient(targetPath);
  const pulled = `${registry.url}${blobs}/${digest}`;
  out.step('with the files of the volume, without a password');
  for (const answer of await pushAndPull(client, registry.url)) out.line(`✔ ${textOf(answer)}`);
  out.step('without the files, and with the token of another service account');
  const stranger = cluster.token({ account: 'stranger', namespace: pod.namespace, pod: pod.name });
  for (const [token, status] of [
    [null, 407],
    [stranger, 403],
  ] as const) {
    const answer = expect(status, await client.get(pulled, token));
    out.line(`✘ ${textOf(answer)} ${firstSentence(answer.body)}`);
    out.verbose(answer.body);
  }
  ensureUnseen([client.received, proxy.log, ...files.map((name) => readFileSync(path.join(targetPath, name), 'utf8'))]);
  out.step('the registry saw the password, which is in no file, response or log');
  for (const line of registry.log) out.line(line);

  out.step(await rotated(parts));
  const statistics = await kubelet.statistics({ volume_id: volume.volumeId, volume_path: targetPath });
  out.verbose(`NodeGetVolumeStats: ${JSON.stringify(statistics)}`);
  await kubelet.unpublishVolume(volume);
  if (existsSync(targetPath) || readFileSync('/proc/self/mountinfo', 'utf8').includes(targetPath)) {
    throw new Error(`${targetPath} is still mounted`);
  }
  out.step('the pod ends, and the kubelet unmounts the volume: nothing is left');
}

/** Renews the token of the volume. @returns the step in words. */
async function rotated({ kubelet, volume, cluster }: StoryParts): Promise<string> {
  const state = (): readonly [inode: number, token: string] => [
    statSync(volume.target).ino,
    readFileSync(path.join(volume.target, 'context.token'), 'utf8'),
  ];
  const before = state();
  const request = volume.publishRequest({ attributes, token: tokenOf(cluster, volume) });
  const rewriteMs = await duration(() => kubelet.publish(request));
  const after = state();
  if (after[0] !== before[0] || after[1] === before[1]) throw new Error('the token was not rewritten in place');
  const unchangedMs = await duration(() => kubelet.publish(request));
  return (
    `the kubelet renews the token: ${shorten(before[1])} -> ${shorten(after[1])} in the same mount (${rewriteMs}); ` +
    `nothing changed: nothing is written (${unchangedMs})`
  );
}

async function duration(work: () => Promise<void>): Promise<string> {
  const startMs = performance.now();
  await work();
  return `${(performance.now() - startMs).toFixed(1)} ms`;
}

function tokenOf(cluster: ProcessFixture, { pod }: TestVolume): string {
  return cluster.token({ account: pod.serviceAccountName, namespace: pod.namespace, pod: pod.name });
}

async function pushAndPull(client: VolumeClient, registry: string): Promise<readonly ClientResponse[]> {
  const begun = expect(202, await client.send('POST', `${registry}${blobs}/uploads/`));
  const uploadUrl = new URL(begun.location ?? '', registry);
  uploadUrl.searchParams.set('digest', digest);
  const pushed = expect(201, await client.send('PUT', uploadUrl.href, layer));
  const pulled = expect(200, await client.send('GET', `${registry}${blobs}/${digest}`));
  if (pulled.body !== layer) throw new Error('the pulled layer differs from the pushed one');
  return [begun, pushed, pulled];
}

function expect(status: number, answer: ClientResponse): ClientResponse {
  if (answer.status === status) return answer;
  throw new Error(`expected ${status}, but got ${textOf(answer)} ${answer.body}`);
}

function textOf({ method, url, status }: ClientResponse): string {
  return `${method.padEnd(4)} ${shortPath(new URL(url).pathname)} ${status}`;
}

function firstSentence(body: string): string {
  return body.trim().split(/[:;] /, 2).join(': ');
}

/** Ensures that no text contains the password, plain or in Base64 as in HTTP. */
function ensureUnseen(texts: readonly string[]): void {
  const { username, password } = registryCredential;
  const forms = [password, Buffer.from(`${username}:${password}`).toString('base64')];
  if (texts.some((text) => forms.some((form) => text.includes(form)))) throw new Error('the password was disclosed');
}
