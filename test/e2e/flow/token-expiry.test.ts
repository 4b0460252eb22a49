import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { writeImageLayout } from '../../support/e2e/image-layout.ts';
import { issuingHosts, startIssuingRegistries } from '../../support/e2e/issuing-registries.ts';
import type { IssuingRegistry } from '../../support/e2e/issuing-registries.ts';
import { skopeo } from '../../support/e2e/program-rounds.ts';
import { containersEnvironment, needsRootForContainers, ownLimits } from '../../support/e2e/programs.ts';
import { eventually } from '../../support/poll.ts';

/** Life of the tokens that the build begins with. */
const lifeMs = 10_000;
/** Added to waits for times that the proxy measures. */
const marginMs = 500;
/** Images of each registry, by the part of the build that pulls them. */
const parts = ['first', 'second', 'third'] as const;
const programs = ['buildah', 'skopeo', 'netavark', 'docker-registry', 'busybox'];

/**
 * One build, by real buildah, with images of a registry of each issuer. Its RUN steps last until the tokens so far are no
 * longer valid. What the build does afterwards needs other ones.
 */
describe('an image build whose tokens expire', function () {
  this.timeout(300_000);
  let registries: readonly IssuingRegistry[];
  let volume: TestVolume;
  before(needsRootForContainers);
  const use = useFlowFixture({ hosts: issuingHosts }, programs, async (fixture) => {
    registries = await startIssuingRegistries(fixture);
    const names = registries.map(({ connector }) => connector);
    fixture.allow(names);
    volume = await fixture.volume({ attributes: { connectors: names.join(',') } });
  });

  const imageOf = ({ address, connector }: IssuingRegistry, name: string): string =>
    `${address}/${connector}/${name}:1`;

  /** Pushes an image for each part of the build to each registry. No two have the same layer. */
  const pushImages = async (): Promise<void> => {
    const { fixture } = use;
    for (const [at, part] of parts.entries()) {
      for (const [of, registry] of registries.entries()) {
        const layout = path.join(fixture.work, `${part}-${registry.connector}`);
        await writeImageLayout(layout, 100_000 + 10_000 * at + 1000 * of);
        const words = `oci:${layout} docker://${imageOf(registry, part)}`;
        await fixture.task(
          volume,
          skopeo(fixture, (certs) => `copy -q --dest-cert-dir ${certs} ${words}`),
        );
      }
    }
  };

  const dockerfile = (): string => {
    const lines = (line: (image: string, name: string) => string, part: string): string =>
      registries.map((registry) => line(imageOf(registry, part), registry.connector)).join('\n');
    const copied = (part: string): string =>
      lines((image, name) => `COPY --from=${image} /payload /${part}/${name}`, part);
    const waiting = (name: string): string => {
      const script = `/busybox touch /signals/${name}; until [ -e /signals/${name}.done ]; do /busybox sleep 1; done`;
      return `RUN ["/busybox", "ash", "-c", "${script}"]`;
    };
    const [last] = registries;
    return `
${lines((image, name) => `FROM ${image} AS ${name}`, 'first')}
FROM ${last?.connector}
COPY busybox /busybox
${registries.map(({ connector }) => `COPY --from=${connector} /payload /first/${connector}`).join('\n')}
${waiting('expire')}
${copied('second')}
${waiting('revoke')}
${copied('third')}
`;
  };

  /** Runs a script, and meanwhile something for each of its RUN steps that waits. Asserts that both succeed. */
  const build = async (script: string, steps: Readonly<Record<string, () => Promise<void>>>): Promise<void> => {
    const { fixture } = use;
    const state = { hasEnded: false };
    const running = fixture
      .try(volume, script, containersEnvironment(fixture.work))
      .finally(() => (state.hasEnded = true));
    for (const [name, during] of Object.entries(steps)) {
      const signal = path.join(fixture.work, 'signals', name);
      await eventually(`the step ${name} waits`, () => state.hasEnded || existsSync(signal), 120_000);
      if (!state.hasEnded) await during();
      writeFileSync(`${signal}.done`, '');
    }
    const { status, output } = await running;
    assert.equal(status, 0, `${output}\n${fixture.proxy.log.slice(-3000)}`);
  };

  const figures = (of: (registry: IssuingRegistry) => number): number[] => registries.map(of);
  const issued = (): number[] => figures((registry) => registry.issued());
  const rejected = (): number[] => figures((registry) => registry.rejected());
  const withdraw = (): void => registries.forEach((registry) => registry.withdraw());

  /** Waits until the life of all tokens has ended, also of those that the proxy renews just now. */
  const untilExpired = async (): Promise<void> => {
    let known: readonly number[];
    do {
      known = issued();
      await delay(lifeMs + marginMs);
    } while (!isDeepStrictEqual(issued(), known));
  };

  it('pulls and pushes with the next tokens, and sees no failure', async () => {
    const { fixture } = use;
    const { work } = fixture;
    for (const registry of registries) registry.setLifeMs(lifeMs);
    await pushImages();
    for (const folder of ['context', 'signals']) mkdirSync(path.join(work, folder));
    writeFileSync(path.join(work, 'context', 'Dockerfile'), dockerfile());
    const policy = `--signature-policy ${work}/policy.json --cert-dir ${work}/certs`;
    const pushes = registries.map((registry) => {
      const image = `docker://${imageOf(registry, 'built')}`;
      return `buildah push -q ${policy} built ${image} && skopeo inspect --cert-dir ${work}/certs -n ${image} >&2`;
    });
    const script = `
      cp -L "$(command -v busybox)" ${work}/context/busybox
      buildah build --http-proxy=false --pull=always ${policy} ${ownLimits()} --tag built \\
        --volume ${work}/signals:/signals ${work}/context >&2
      ${pushes.join('\n')}`;
    const before = fixture.proxy.requests.length;
    const counts: number[][] = [];
    await build(script, {
      expire: async () => {
        await untilExpired();
        withdraw();
        counts.push(issued(), rejected());
        for (const registry of registries) registry.setLifeMs(3_600_000);
      },
      revoke: async () => {
        counts.push(issued(), rejected());
        // Another token can be requested.
        await delay(proxyLimits.issuedTokens.everyMs + marginMs);
        withdraw();
      },
    });
    const [issuedAtFirst = [], none, issuedThen = [], noneThen] = counts;
    const zero = registries.map(() => 0);
    assert.deepEqual(none, zero);
    // The proxy has requested another token because the first one had expired.
    assert.ok(
      issuedThen.every((count, at) => count > (issuedAtFirst[at] ?? Infinity)),
      JSON.stringify(counts),
    );
    assert.deepEqual(noneThen, zero);
    // It has requested the third one because the second one was rejected, and has sent the request again.
    assert.ok(
      issued().every((count, at) => count > (issuedThen[at] ?? Infinity)),
      JSON.stringify(issued()),
    );
    assert.ok(
      rejected().every((count) => count > 0),
      JSON.stringify(rejected()),
    );
    const failed = fixture.proxy.requests
      .slice(before)
      .filter(({ status }) => ![200, 201, 202, 404].includes(Number(status)));
    assert.deepEqual(failed, []);
  });
});
