import assert from 'node:assert/strict';
import { Cluster } from '../../../support/driver/cluster.ts';
import type { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import { audience } from '../../../support/driver/tokens.ts';
import { started } from '../../../support/started.ts';

const hour = { attributes: { connectors: 'harbor', 'token.expiration': '1h' } };
const hourMs = 3_600_000;

interface Claims {
  readonly exp: number;
  readonly iat: number;
  readonly sub: string;
  readonly 'kubernetes.io': { readonly pod: { readonly name: string; readonly uid: string } };
}

describe('a lifetime of its own', () => {
  let cluster: Cluster;
  let volume: TestVolume;
  let nowMs: number;
  /** By how much more time has passed than in this process. */
  let laterMs: number;
  beforeEach(async () => {
    laterMs = 0;
    cluster = started(await Cluster.start());
    volume = cluster.node.volume();
    nowMs = Date.now();
  });

  const start = (...flags: readonly string[]): Promise<InProcessDriver> =>
    cluster.readyDriver({
      flags: ['--max-token-expiration', '1000h', ...flags],
      now: () => nowMs,
      monotonicNow: () => performance.now() + laterMs,
    });
  const startMinting = (): Promise<InProcessDriver> => {
    cluster.grantDriver('token-minting');
    return start('--allow-token-minting');
  };
  const mounted = (from = volume): string => from.read()['context.token']!;
  const claimsOf = (token: string): Claims =>
    JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Claims;
  const minted = (): number => cluster.api.count({ resource: 'serviceaccounts', subresource: 'token' });

  it("is the kubelet's while minting is off, which the log says once and the condition of a shorter one", async () => {
    const driver = await start();
    const short = { attributes: { connectors: 'harbor', 'token.expiration': '10m' } };
    const other = cluster.node.volume({ name: 'other' });
    for (const [each, changes, message, condition] of [
      [volume, hour, /requests 1h: .* which is valid for 30m; the driver replaces it/, /^published and current$/],
      [
        other,
        short,
        /requests 10m: .* which is valid for 30m; only --allow-token-minting/,
        /^published and current; .* 10m/,
      ],
    ] as const) {
      await driver.kubelet.publishVolume(each, changes);
      each.renewToken();
      await driver.kubelet.publishVolume(each, changes);
      assert.equal(mounted(each), each.token);
      const said = driver.log.split('\n').filter((line) => message.test(line));
      assert.equal(said.length, 1);
      const statistics = await driver.kubelet.statistics({ volume_id: each.volumeId, volume_path: each.target });
      assert.equal(statistics.volume_condition?.abnormal, false);
      assert.match(statistics.volume_condition.message, condition);
    }
    assert.equal(minted(), 0);
  });

  it('is refused while minting is off where the operator wants it strict, with all ways out', async () => {
    const driver = await start('--strict-token-expiration');
    await assertFails(
      driver.kubelet.publishVolume(volume, hour),
      'FAILED_PRECONDITION',
      /remove the attribute, or .* --allow-token-minting or without --strict-token-expiration$/,
    );
    assert.equal(minted(), 0);
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });

  it("needs no minting when it is the lifetime of the kubelet's token", async () => {
    const driver = await startMinting();
    const half = { attributes: { connectors: 'harbor', 'token.expiration': '30m' } };
    await driver.kubelet.publishVolume(volume, half);
    assert.equal(mounted(), volume.token);
    assert.equal(minted(), 0);
  });

  it('names the value of the chart when the driver may not mint', async () => {
    const driver = await start('--allow-token-minting');
    await assertFails(
      driver.kubelet.publishVolume(volume, hour),
      'FAILED_PRECONDITION',
      /^minting a token for service account ci\/builder failed: .* serviceaccounts\/token: apply the chart with driver\.tokenMinting=true$/,
    );
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });

  it("gets a token of the API server, for the pod's account and the audience, bound to the pod", async () => {
    const driver = await startMinting();
    await driver.kubelet.publishVolume(volume, hour);
    const token = mounted();
    assert.ok(cluster.api.identities.isValidFor(token, audience));
    const { exp, iat, sub, 'kubernetes.io': bound } = claimsOf(token);
    assert.equal(exp - iat, 3600);
    assert.equal(sub, 'system:serviceaccount:ci:builder');
    assert.deepEqual(bound.pod, { name: volume.pod.name, uid: volume.pod.uid });
    assert.match(volume.read()['.env']!, new RegExp(`:${token}@`));
  });

  it('costs one request for all volumes of the pod that come at once', async () => {
    const driver = await startMinting();
    const volumes = Array.from({ length: 8 }, (_, index) =>
      cluster.node.volume({ ...volume.pod, volumeName: `volume-${index}` }),
    );
    await Promise.all(volumes.map((each) => driver.kubelet.publishVolume(each, hour)));
    assert.equal(new Set(volumes.map(mounted)).size, 1);
    assert.equal(minted(), 1);
  });

  it('is never shared between pods, nor between lifetimes', async () => {
    const driver = await startMinting();
    const other = cluster.node.volume({ name: 'other-pod' });
    const second = cluster.node.volume({ ...volume.pod, volumeName: 'second' });
    await driver.kubelet.publishVolume(volume, hour);
    await driver.kubelet.publishVolume(other, hour);
    await driver.kubelet.publishVolume(second, { attributes: { connectors: 'harbor', 'token.expiration': '2h' } });
    assert.equal(new Set([volume, other, second].map(mounted)).size, 3);
    assert.equal(minted(), 3);
  });

  for (const [where, aheadMs] of [
    ['ahead', 2 * hourMs],
    ['behind', -2 * hourMs],
  ] as const) {
    it(`is kept for 80 % of its life also where the clock is hours ${where}, and set`, async () => {
      nowMs = Date.now() + aheadMs;
      const driver = await startMinting();
      const publish = (each = volume): Promise<void> => driver.kubelet.publishVolume(each, hour);
      const other = cluster.node.volume({ name: 'other' });
      await publish();
      await publish(other);
      laterMs = 0.79 * hourMs;
      nowMs -= hourMs;
      await publish();
      assert.equal(minted(), 2);
      laterMs = 0.81 * hourMs;
      await publish();
      assert.equal(minted(), 3);
    });
  }

  it('keeps what it has while it cannot be renewed, until that has expired', async () => {
    const driver = await startMinting();
    const republish = (): Promise<void> => driver.kubelet.publishVolume(volume, hour);
    await republish();
    const first = mounted();
    const effect = { kind: 'status', code: 500, reason: 'InternalError' } as const;
    const fault = cluster.api.faults.add({ resource: 'serviceaccounts', subresource: 'token', effect });
    const { exp } = claimsOf(first);
    nowMs = exp * 1000 - 60_000;
    laterMs = hourMs - 60_000;
    await republish();
    assert.equal(mounted(), first);
    nowMs = exp * 1000 + 1000;
    await assertFails(
      republish(),
      'UNAVAILABLE',
      /files are kept: UNAVAILABLE: minting a token for service account ci\/builder failed: .*500/,
    );
    fault.remove();
    nowMs = Date.now();
    await republish();
  });

  it('is not kept for a pod that is gone, however long it would last', async () => {
    const driver = await startMinting();
    const lasting = { attributes: { connectors: 'harbor', 'token.expiration': '1000h' } };
    const publish = (each: TestVolume): Promise<void> => driver.kubelet.publishVolume(each, lasting);
    const gone = volume;
    const alive = cluster.node.volume({ name: 'alive' });
    const last = cluster.node.volume({ name: 'last' });
    await publish(gone);
    await publish(alive);
    nowMs += 9 * 60_000;
    await publish(alive);
    nowMs += 9 * 60_000;
    await publish(last);
    assert.equal(minted(), 3);
    await publish(alive);
    assert.equal(minted(), 3);
    await publish(gone);
    assert.equal(minted(), 4);
  });

  it('that the API server refuses is an error of the volume', async () => {
    const driver = await startMinting();
    const effect = {
      kind: 'status',
      code: 422,
      reason: 'Invalid',
      message: 'spec.expirationSeconds: too long',
    } as const;
    cluster.api.faults.add({ resource: 'serviceaccounts', subresource: 'token', effect });
    await assertFails(
      driver.kubelet.publishVolume(volume, hour),
      'INVALID_ARGUMENT',
      /^minting a token for service account ci\/builder failed: .*spec\.expirationSeconds: too long/,
    );
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });

  it('is not needed to mint: without a token of the kubelet every volume gets half an hour', async () => {
    cluster.putCsiDriver({ tokenRequests: undefined });
    const driver = await startMinting();
    await driver.kubelet.publishVolume(volume, { token: null });
    const { exp, iat } = claimsOf(mounted());
    assert.equal(exp - iat, 1800);
  });
});
