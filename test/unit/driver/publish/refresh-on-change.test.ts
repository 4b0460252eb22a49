import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { threadTimeMs } from '../../../../src/shared/clock.ts';
import { PublishedVolumes } from '../../../../src/driver/publish/published-volumes.ts';
import { RefreshOnChange } from '../../../../src/driver/publish/refresh-on-change.ts';
import { silentLog } from '../../../../src/shared/log.ts';
import { publishRequestOf } from '../../../support/domain.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

const flags = { connectorProxyPermissions: false, connectorsApproval: false, multiConnector: true };

/** Starts one with a volume for each list of connectors. @returns it, and the names that it has looked up. */
function refreshing(
  volumesOf: readonly (readonly string[])[],
  onLook = (): void => undefined,
): {
  readonly refresh: RefreshOnChange;
  readonly seen: string[];
} {
  const seen: string[] = [];
  const volumes = new PublishedVolumes();
  for (const [at, names] of volumesOf.entries()) {
    const request = publishRequestOf(`/volume-${at}`);
    const connectors = names.map((name) => ({ namespace: 'ci', name }));
    const input = { digest: '', versions: '', flags, tokens: new Map(), caBundle: undefined, isAllowed: true };
    const volume = { request: { ...request, attributes: { ...request.attributes, connectors } }, input };
    volumes.put(volume, { outcome: 'fresh', atMs: 0 });
  }
  const refresh = new RefreshOnChange({
    volumes,
    source: {
      acquire: () => () => undefined,
      resolve: () => Promise.resolve([]),
      flags: () => Promise.resolve(flags),
      onChange: () => undefined,
      retain: () => undefined,
      release: () => undefined,
      peekFlags: () => flags,
      peek: (refs) => {
        onLook();
        seen.push(refs.map(({ name }) => name).join());
        return [];
      },
    },
    access: {
      authorize: () => Promise.resolve({ kind: 'allowed' }),
      isAnsweredSoon: () => Promise.resolve(true),
      isKnownAllowed: () => true,
      isKnownDenied: () => false,
      approvalStates: () => [],
      onChange: () => undefined,
      retain: () => undefined,
      release: () => undefined,
    },
    clock: { now: () => 0 },
    log: silentLog,
    caBundle: () => undefined,
    refresh: () => assert.fail('nothing has changed'),
  });
  return { refresh: started({ refresh, seen, stop: () => refresh.stop() }).refresh, seen };
}

describe('the search for volumes whose input has changed', () => {
  it('looks at all of them after a change, however many there were', async () => {
    const { refresh, seen } = refreshing([['a'], ['c']]);
    refresh.changed();
    refresh.changed();
    await eventually('it looks', () => seen.length > 0);
    assert.deepEqual(seen, ['a', 'c']);
  });

  it('looks at a published volume alone', () => {
    const { refresh, seen } = refreshing([['a'], ['c']]);
    refresh.published('/volume-1');
    assert.deepEqual(seen, ['c']);
  });

  it('takes a twentieth of the thread at most, whatever changes and however many volumes there are', async () => {
    const lookMs = 2;
    const look = (): void => {
      for (const endMs = threadTimeMs() + lookMs; threadTimeMs() < endMs;);
    };
    const { refresh, seen } = refreshing([['a'], ['b'], ['c'], ['d'], ['e'], ['f']], look);
    const startMs = performance.now();
    while (performance.now() - startMs < 1500) {
      refresh.changed();
      await sleep(5);
    }
    const lookedMs = lookMs * seen.length;
    // The first scan comes before the first pause.
    assert.ok(lookedMs <= (performance.now() - startMs) / 20 + 6 * lookMs, `${lookedMs} ms`);
    assert.ok(lookedMs > 0);
  });
});
