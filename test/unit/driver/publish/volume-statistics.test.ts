import assert from 'node:assert/strict';
import { CodedError } from '../../../../src/shared/errors.js';
import { Secret } from '../../../../src/shared/secret.js';
import type { VolumeCondition } from '../../../../src/driver/publish/volume-statistics.js';
import { VolumeStatisticsQuery } from '../../../../src/driver/publish/volume-statistics.js';
import { PublishedVolumes } from '../../../../src/driver/publish/published-volumes.js';
import { publishRequestOf } from '../../../support/domain.js';

const expiresAtMs = Date.parse('2030-01-01T00:00:00Z');
const statistics = {
  bytes: { total: 3, used: 2, available: 1 },
  inodes: { total: 30, used: 20, available: 10 },
};

describe('VolumeStatisticsQuery', () => {
  let volumes: PublishedVolumes;
  let nowMs: number;
  let problem: string | undefined;
  beforeEach(() => {
    volumes = new PublishedVolumes();
    nowMs = expiresAtMs - 1;
    problem = undefined;
  });

  function put(isAllowed = true): void {
    volumes.put(
      {
        request: publishRequestOf('/t'),
        input: {
          digest: '',
          versions: '',
          flags: { connectorProxyPermissions: false, connectorsApproval: false, multiConnector: true },
          tokens: new Map([['connectors-proxy', { secret: new Secret('token'), expiresAtMs }]]),
          caBundle: undefined,
          isAllowed,
        },
      },
      { outcome: 'fresh', atMs: 0 },
    );
  }

  function condition(volumeId = 'csi-1'): VolumeCondition {
    const host = {
      targetPathProblem: () => problem,
      statistics: (path: string) => {
        if (path !== '/t') throw new CodedError('NOT_FOUND', `${path} is not a published volume`);
        return statistics;
      },
    };
    const result = new VolumeStatisticsQuery({ host, volumes, clock: { now: () => nowMs } }).run(volumeId, '/t');
    assert.equal(result.statistics, statistics);
    return result.condition;
  }

  it('finds a current volume normal', () => {
    put();
    assert.deepEqual(condition(), { abnormal: false, message: 'published and current' });
  });

  it('finds a volume of an earlier process normal', () => {
    assert.deepEqual(condition(), { abnormal: false, message: 'published before the driver started' });
  });

  it('finds a rejected volume normal and says where the reason is', () => {
    put(false);
    assert.deepEqual(condition(), { abnormal: false, message: 'access was rejected; .error.json says why' });
  });

  it('finds a volume abnormal from the moment its token expires', () => {
    put();
    nowMs = expiresAtMs;
    const message = "the token expired at 2030-01-01T00:00:00.000Z by this node's clock";
    assert.deepEqual(condition(), { abnormal: true, message });
  });

  it('finds a volume abnormal while its refreshes fail, with the time of the first', () => {
    put();
    volumes.recordFailure('/t', new CodedError('NOT_FOUND', 'gone'), Date.parse('2029-01-01T00:00:00Z'));
    assert.deepEqual(condition(), {
      abnormal: true,
      message: 'refreshing has failed since 2029-01-01T00:00:00.000Z: NOT_FOUND: gone',
    });
  });

  it('does not find a volume of another id, or at a path that can hold none', () => {
    put();
    assert.throws(() => condition('csi-2'), { code: 'NOT_FOUND', message: 'volume csi-2 is not published at /t' });
    problem = 'target path "/t": it must be absolute';
    assert.throws(() => condition(), { code: 'NOT_FOUND' });
  });
});
