import assert from 'node:assert/strict';
import { CodedError } from '../../../../src/shared/errors.ts';
import type { ResolvedConnector } from '../../../../src/shared/connectors/model.ts';
import { jsonObject } from '../../../../src/shared/json.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import type { PublishedVolume, VolumeInput } from '../../../../src/driver/publish/published-volumes.ts';
import { PublishedVolumes, isSameInput, versionsOf } from '../../../../src/driver/publish/published-volumes.ts';
import type { VolumeTokens } from '../../../../src/driver/publish/volume-tokens.ts';
import { publishRequestOf, resolvedOf } from '../../../support/domain.ts';

const flags = { connectorProxyPermissions: false, connectorsApproval: false, multiConnector: true };
const resolved = [resolvedOf('ci/harbor', 'http://proxy')] as const;
const tokensOf = (text: string, expiresAtMs: number, audience = 'connectors-proxy'): VolumeTokens =>
  new Map([[audience, { secret: new Secret(text), expiresAtMs }]]);
const input: VolumeInput = {
  digest: 'digest',
  versions: versionsOf(resolved),
  flags,
  tokens: tokensOf('token', 1000),
  caBundle: undefined,
  isAllowed: true,
};

function failed(message: string): CodedError {
  return new CodedError('NOT_FOUND', message);
}

function volumeAt(targetPath: string, expiresAtMs = 1000): PublishedVolume {
  const tokens = tokensOf('token', expiresAtMs);
  return { request: publishRequestOf(targetPath), input: { ...input, tokens } };
}

const confirmed = { outcome: 'fresh', atMs: 7 } as const;

/** The connector or class in another version. */
function changed(part: 'connector' | 'connectorClass', resourceVersion: string, uid = 'uid'): ResolvedConnector {
  const [before] = resolved;
  const metadata = { ...jsonObject(before[part].object, 'metadata'), uid, resourceVersion };
  return { ...before, [part]: { ...before[part], object: { ...before[part].object, metadata } } };
}

describe('isSameInput', () => {
  it('holds for copies of the same parts and an equal token', () => {
    const tokens = tokensOf('token', 2000);
    assert.equal(isSameInput(input, { ...input, versions: versionsOf(structuredClone(resolved)), tokens }), true);
  });

  for (const [what, change] of [
    ['request', { digest: 'other' }],
    ['flags object', { flags: { ...flags } }],
    ['CA bundle', { caBundle: 'PEM' }],
    ['decision', { isAllowed: false }],
    ['token', { tokens: tokensOf('renewed', 1000) }],
    ['audience', { tokens: tokensOf('token', 1000, 'other') }],
    ['number of tokens', { tokens: new Map([...tokensOf('token', 1000), ...tokensOf('token', 1000, 'other')]) }],
    ['number of connectors', { versions: versionsOf([...resolved, ...resolved]) }],
    ['connector', { versions: versionsOf([changed('connector', '2')]) }],
    ['class', { versions: versionsOf([changed('connectorClass', '2')]) }],
    ['object of the same version', { versions: versionsOf([changed('connector', '1', 'other')]) }],
  ] as const) {
    it(`does not hold for another ${what}`, () => {
      assert.equal(isSameInput(input, { ...input, ...change }), false);
      assert.equal(isSameInput({ ...input, ...change }, input), false);
    });
  }
});

describe('PublishedVolumes', () => {
  it('remembers by target path until told to forget', () => {
    const volumes = new PublishedVolumes();
    const volume = volumeAt('/a');
    volumes.put(volume, confirmed);
    assert.equal(volumes.get('/a'), volume);
    volumes.recordFailure('/a', failed('why'), 5);
    volumes.delete('/a');
    assert.equal(volumes.get('/a'), undefined);
    assert.equal(volumes.failureOf('/a'), undefined);
  });

  it('report each volume with its last success and its failure', () => {
    const volumes = new PublishedVolumes();
    const volume = volumeAt('/a');
    volumes.put(volume, confirmed);
    volumes.recordFailure('/a', failed('why'), 9);
    assert.deepEqual(
      [...volumes.reports()],
      [{ volume, confirmed, failure: { sinceMs: 9, code: 'NOT_FOUND', message: 'NOT_FOUND: why' } }],
    );
    volumes.confirm('/a', { outcome: 'unchanged', atMs: 11 });
    assert.deepEqual(
      Array.from(volumes.reports(), ({ confirmed: { outcome, atMs }, failure }) => [outcome, atMs, failure]),
      [['unchanged', 11, undefined]],
    );
  });

  it('keeps the time of the first failure in a row and the message of the last', () => {
    const volumes = new PublishedVolumes();
    volumes.recordFailure('/a', failed('first'), 5);
    volumes.recordFailure('/a', failed('second'), 9);
    assert.deepEqual(volumes.failureOf('/a'), { sinceMs: 5, code: 'NOT_FOUND', message: 'NOT_FOUND: second' });
    volumes.confirm('/a', confirmed);
    volumes.recordFailure('/a', failed('third'), 12);
    assert.deepEqual(volumes.failureOf('/a'), { sinceMs: 12, code: 'NOT_FOUND', message: 'NOT_FOUND: third' });
    volumes.put(volumeAt('/a'), confirmed);
    assert.equal(volumes.failureOf('/a'), undefined);
  });

  it('tells a warning of a volume once, and remembers a bounded number of them, the fewest of the volume with most', () => {
    const volumes = new PublishedVolumes();
    const isFirst = (path: string, message: string): boolean => volumes.isFirstWarning(path, message);
    assert.deepEqual([isFirst('/a', 'x'), isFirst('/a', 'x'), isFirst('/a', 'y')], [true, false, true]);
    for (let index = 0; index < 5000; index += 1) isFirst('/b', `${index}`);
    assert.deepEqual([isFirst('/a', 'x'), isFirst('/b', '4999'), isFirst('/b', '0')], [false, false, true]);
  });

  it('lets no failure begin in the future of a clock that was set back', () => {
    const volumes = new PublishedVolumes();
    volumes.recordFailure('/a', failed('first'), 3600);
    volumes.recordFailure('/a', failed('second'), 5);
    assert.deepEqual(volumes.failureOf('/a'), { sinceMs: 5, code: 'NOT_FOUND', message: 'NOT_FOUND: second' });
    assert.equal(volumes.summary().byRefresh['NOT_FOUND']?.oldestFailureMs, 5);
  });

  it('sums up for the metrics, by the code of the last refresh', () => {
    const volumes = new PublishedVolumes();
    assert.deepEqual(volumes.summary(), { volumes: 0, byRefresh: {} });
    for (const [path, expiresAtMs] of [
      ['/a', 3000],
      ['/b', 2000],
      ['/c', 1000],
      ['/d', 4000],
    ] as const)
      volumes.put(volumeAt(path, expiresAtMs), confirmed);
    volumes.recordFailure('/a', failed('why'), 20);
    volumes.recordFailure('/b', failed('why'), 10);
    volumes.recordFailure('/c', new CodedError('PERMISSION_DENIED', 'why'), 30);
    assert.deepEqual(volumes.summary(), {
      volumes: 4,
      byRefresh: {
        NOT_FOUND: { volumes: 2, earliestTokenExpiryMs: 2000, oldestFailureMs: 10 },
        PERMISSION_DENIED: { volumes: 1, earliestTokenExpiryMs: 1000, oldestFailureMs: 30 },
        OK: { volumes: 1, earliestTokenExpiryMs: 4000, oldestFailureMs: undefined },
      },
    });
  });
});
