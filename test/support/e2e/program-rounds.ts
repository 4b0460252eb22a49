import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestVolume } from '../driver/test-volume.ts';
import type { FlowFixture } from './flow-fixture.ts';
import { writeImageLayout } from './image-layout.ts';
import { imagePolicy } from './tekton-step.ts';

/** Makes the repository `NAME.git` with one commit in the fixture's directory, for a server of that directory. */
export async function makeRepository(fixture: FlowFixture, name: string): Promise<void> {
  const script = `
    git init -q -b main ${name} && cd ${name}
    git -c user.name=a -c user.email=a@b commit -q --allow-empty -m first
    git clone -q --bare . ../${name}.git
    git -C ../${name}.git config http.receivepack true`;
  const { status, output } = await fixture.without(script);
  assert.equal(status, 0, output);
}

/** Makes a repository, clones it in a volume, commits and pushes. Asserts that the server has the commit. */
export async function cloneAndPush(fixture: FlowFixture, volume: TestVolume, url: string, name: string): Promise<void> {
  await makeRepository(fixture, name);
  const clone = path.join(fixture.work, `clone-of-${name}`);
  await fixture.task(
    volume,
    `export GIT_SSL_CAINFO=$PWD/ca.crt GIT_TERMINAL_PROMPT=0
     git clone -q ${url}/${name}.git ${clone} && cd ${clone}
     git -c user.name=a -c user.email=a@b commit -q --allow-empty -m second
     git push -q origin main`,
  );
  const { stdout } = await fixture.without(`git -C ${name}.git log --format=%s main`);
  assert.equal(stdout, 'second\nfirst\n');
}

/** Pushes an image to a registry in a volume, and pulls it again. Asserts that it is the same. */
export async function pushAndPull(fixture: FlowFixture, volume: TestVolume, image: string): Promise<void> {
  const layout = path.join(fixture.work, 'image');
  if (!existsSync(layout)) await writeImageLayout(layout, 100_000);
  const configOf = (where: string): string => `skopeo inspect --config --raw oci:${where}`;
  // The layers are compressed when they are pushed. The configuration has their digests before that.
  const pulled = await fixture.task(
    volume,
    `back=$(mktemp -d)
     ${skopeo(fixture, (certs) => `copy -q --dest-cert-dir ${certs} oci:${layout} docker://${image}`)}
     ${skopeo(fixture, (certs) => `copy -q --src-cert-dir ${certs} docker://${image} oci:$back`)}
     ${configOf('$back')}`,
  );
  assert.match(pulled, /diff_ids/);
  assert.equal(pulled, (await fixture.without(configOf(layout))).stdout);
}

/**
 * @returns a line that runs skopeo in a volume, with the directory of the volume's certificate. It looks for signatures
 * in a directory of its own: that of root cannot be read by an ordinary user, who is root in the namespace of the tests.
 */
export function skopeo({ work }: FlowFixture, words: (certs: string) => string): string {
  const policy = path.join(work, 'policy.json');
  writeFileSync(policy, imagePolicy);
  const signatures = path.join(work, 'registries.d');
  mkdirSync(signatures, { recursive: true });
  writeFileSync(
    path.join(signatures, 'default.yaml'),
    `default-docker: { lookaside: 'file://${path.join(work, 'signatures')}' }\n`,
  );
  const flags = `--policy ${policy} --registries.d ${signatures}`;
  return `mkdir -p ${work}/certs && cp ca.crt ${work}/certs/ && skopeo ${flags} ${words(`${work}/certs`)}`;
}
