import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CodedError } from '../../errors.js';
import type { DemoVolume } from './demo-kubelet.js';
import type { DemoProxy } from './demo-proxy.js';
import type { DemoRegistry } from './demo-registry.js';
import { registryCredential } from './demo-registry.js';
import type { DemoSteps } from './demo-steps.js';
import type { DemoTokens } from './demo-tokens.js';
import type { ClientResponse } from './volume-client.js';
import { VolumeClient } from './volume-client.js';
import { filesOf } from './volume-text.js';

export interface RegistryScenario {
  readonly steps: DemoSteps;
  readonly volume: DemoVolume;
  readonly tokens: DemoTokens;
  readonly registry: DemoRegistry;
  readonly proxy: DemoProxy;
}

const neededFiles = ['https.proxy', 'ca.crt'];
const repository = '/v2/team/app';
const layer = 'what only those with the password may read';

/** Shows the requests that succeed with the volume, and fail without it. */
export async function pullAndPush({ steps, volume, tokens, registry, proxy }: RegistryScenario): Promise<void> {
  const { targetPath, pod } = volume;
  const missing = neededFiles.filter((name) => !existsSync(path.join(targetPath, name)));
  if (missing.length > 0) {
    steps.say(`no program can use the proxy: the volume has no ${missing.join(' and no ')}\n\n`);
    return;
  }
  const client = new VolumeClient(targetPath);
  const digest = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
  const pulled = `${registry.url}${repository}/blobs/${digest}`;

  await steps.play(
    'a program with nothing but the files of the volume pushes a layer, and pulls it',
    () => pushAndPull(client, registry.url, digest),
    (answers) =>
      [`as curl does with --proxy "$(cat https.proxy)" --cacert ca.crt`, ...answers.map(textOf), `"${layer}"`].join(
        '\n',
      ),
  );
  await steps.play(
    'the same without the volume',
    async () => expect(407, await client.get(pulled, null)),
    (answer) => `${textOf(answer)}\n${answer.body}`,
  );
  const stranger = tokens.token({ ...pod, serviceAccountName: 'stranger' });
  await steps.play(
    'the same with the token of another account',
    async () => expect(403, await client.get(pulled, stranger)),
    (answer) => `${textOf(answer)}\n${answer.body}`,
  );
  await steps.play(
    'what the registry saw: the password, which is in no answer, no file of the volume and no log of the proxy',
    () => ensureUnseen([client.received, proxy.log, ...contentsIn(targetPath)]),
    () => registry.log.join('\n'),
  );
}

async function pushAndPull(client: VolumeClient, registry: string, digest: string): Promise<readonly ClientResponse[]> {
  const begun = expect(202, await client.send('POST', `${registry}${repository}/blobs/uploads/`));
  const uploadUrl = new URL(begun.location ?? '', registry);
  uploadUrl.searchParams.set('digest', digest);
  const pushed = expect(201, await client.send('PUT', uploadUrl.href, layer));
  const pulled = expect(200, await client.send('GET', `${registry}${repository}/blobs/${digest}`));
  if (pulled.body !== layer) throw new CodedError('INTERNAL', 'what was pulled is not what was pushed');
  return [begun, pushed, pulled];
}

/** Ensures that a response has the status. @throws {CodedError} INTERNAL for another one. */
function expect(status: number, answer: ClientResponse): ClientResponse {
  if (answer.status === status) return answer;
  throw new CodedError('INTERNAL', `expected ${status}, and got ${textOf(answer)} ${answer.body}`);
}

function textOf({ method, url, status }: ClientResponse): string {
  return `${method} ${new URL(url).pathname}: ${status}`;
}

function contentsIn(directory: string): readonly string[] {
  return filesOf(directory).map((name) => readFileSync(path.join(directory, name), 'utf8'));
}

/**
 * Ensures that the password is not disclosed. @throws {CodedError} INTERNAL if a text contains it, plain or
 * Base64-encoded as in HTTP.
 */
function ensureUnseen(texts: readonly string[]): void {
  const { username, password } = registryCredential;
  const forms = [password, Buffer.from(`${username}:${password}`).toString('base64')];
  if (texts.some((text) => forms.some((form) => text.includes(form)))) {
    throw new CodedError('INTERNAL', 'the password is where it must not be');
  }
}
