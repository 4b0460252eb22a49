import assert from 'node:assert/strict';
import { PublishedVolumes } from '../../../../src/driver/publish/published-volumes.ts';
import { RefreshOnChange } from '../../../../src/driver/publish/refresh-on-change.ts';
import { silentLog } from '../../../../src/shared/log.ts';
import { publishRequestOf } from '../../../support/domain.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

const flags = { connectorProxyPermissions: false, connectorsApproval: false, multiConnector: true };

/** Starts one with a volume for each list of connectors. @returns it, and the names that it has looked up. */
function refreshing(...volumesOf: readonly (readonly string[])[]): {
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
  it('looks at those with a Connector of the changed name, whatever else a namespace has', async () => {
    const { refresh, seen } = refreshing(['a', 'b'], ['c'], ['d', 'a'], []);
    refresh.changed('a');
    await eventually('it looks', () => seen.length > 0);
    assert.deepEqual(seen, ['a,b', 'd,a']);
  });

  it('looks at all of them after any other change', async () => {
    const { refresh, seen } = refreshing(['a'], ['c']);
    refresh.changed('a');
    refresh.changed();
    refresh.changed('a');
    await eventually('it looks', () => seen.length > 0);
    assert.deepEqual(seen, ['a', 'c']);
    refresh.changed('c');
    await eventually('it looks again', () => seen.length > 2);
    assert.deepEqual(seen.slice(2), ['c']);
  });
});
