import assert from 'node:assert/strict';
import fc from 'fast-check';
import { metadataText } from '../../../src/shared/kube/kube-object.js';
import { Reflector } from '../../../src/shared/kube/reflector.js';
import { silentLog } from '../../../src/shared/log.js';
import type { FaultEffect } from '../../support/kube-api/faults.js';
import { KubeApi } from '../../support/kube-api/kube-api.js';
import { adminConfig, connector, connectors, quickTimings, testClient } from '../../support/kube-client/test-client.js';
import { eventually } from '../../support/poll.js';

/** One step of somebody else's work on the objects, or of the network's on us. */
type Step =
  | { readonly do: 'put'; readonly name: string; readonly size: number }
  | { readonly do: 'delete'; readonly name: string }
  | { readonly do: 'compact' | 'end watches' | 'close connections' | 'goaway' | 'bookmarks' | 'let run' };

const names = fc.constantFrom('a', 'b', 'c');
const fault = fc.constantFrom('compact', 'end watches', 'close connections', 'goaway', 'bookmarks');
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), name: names, size: fc.nat(3000) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), name: names }) },
    { weight: 5, arbitrary: fc.record({ do: fault }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('let run' as const) }) },
  ),
  { minLength: 1, maxLength: 40 },
);

const effects: fc.Arbitrary<FaultEffect> = fc.oneof(
  fc.record({
    kind: fc.constant('cut' as const),
    afterBytes: fc.nat(5000),
    how: fc.constantFrom('end' as const, 'connection' as const, 'stream' as const),
  }),
  fc.record({ kind: fc.constant('chunk' as const), bytes: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ kind: fc.constant('reset' as const), scope: fc.constantFrom('connection' as const, 'stream' as const) }),
  fc.record({ kind: fc.constant('status' as const), code: fc.constantFrom(401, 403, 410, 429, 500, 503) }),
  fc.record({ kind: fc.constant('delay' as const), ms: fc.nat(10) }),
  fc.constant({ kind: 'garbage', body: '{"type":"ADDED","object":' } as const),
);
const faults = fc.array(fc.record({ effect: effects, probability: fc.double({ min: 0, max: 0.6, noNaN: true }) }), {
  maxLength: 4,
});

interface World {
  readonly api: KubeApi;
  /** What happened to each object, in order: its new resourceVersion, or `gone`. */
  readonly history: Map<string, string[]>;
}

async function perform(step: Step, world: World): Promise<void> {
  const { api } = world;
  if (step.do === 'put') put(world, step.name, step.size);
  if (step.do === 'delete' && api.get('connectors', { namespace: 'team-a', name: step.name })) {
    api.delete('connectors', { namespace: 'team-a', name: step.name });
    record(world, step.name, 'gone');
  }
  if (step.do === 'compact') api.compact();
  if (step.do === 'end watches') api.endWatches();
  if (step.do === 'close connections') api.closeConnections();
  if (step.do === 'goaway') api.sendGoaway();
  if (step.do === 'bookmarks') api.sendBookmarks();
  if (step.do === 'let run') await new Promise((resolve) => setTimeout(resolve, 5));
}

function put(world: World, name: string, size: number): void {
  record(world, name, world.api.put(connector(name, 'ü'.repeat(size))).metadata.resourceVersion);
}

function record({ history }: World, name: string, what: string): void {
  history.set(name, [...(history.get(name) ?? []), what]);
}

/** Whether `part` is `whole` with some entries left out. */
function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const entry of part) {
    at = whole.indexOf(entry, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

async function check(
  goneAs: 'event' | 'status',
  script: readonly Step[],
  faultList: readonly { effect: FaultEffect; probability: number }[],
): Promise<void> {
  const api = await KubeApi.start({ goneAs });
  const client = testClient(adminConfig(api), { timings: { ...quickTimings, attemptMs: 500 } });
  const world: World = { api, history: new Map() };
  const seen = new Map<string, string[]>();
  const reflector = new Reflector(client, { type: connectors, namespace: 'team-a' }, silentLog);
  reflector.state.onChange((key, object) => {
    const name = key.replace('team-a/', '');
    const what = object ? (metadataText(object, 'resourceVersion') ?? '') : 'gone';
    seen.set(name, [...(seen.get(name) ?? []), what]);
  });
  try {
    reflector.start();
    await reflector.state.waitUntilSynced(new AbortController().signal);
    for (const fault of faultList) api.faults.add({ resource: 'connectors', ...fault });
    for (const step of script) await perform(step, world);
    api.faults.clear();
    // Seen last of all, as a watch keeps the order.
    put(world, 'end', 0);
    const expected = api.list('connectors').map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`);
    const actual = (): string[] =>
      [...reflector.state.objects.values()].map(
        (o) => `${metadataText(o, 'name') ?? ''}@${metadataText(o, 'resourceVersion') ?? ''}`,
      );
    await eventually("the state is the server's", () => actual().sort().join() === [...expected].sort().join());
    for (const [name, observed] of seen) {
      const happened = world.history.get(name) ?? [];
      const versions = observed.filter((what) => what !== 'gone').map(Number);
      assert.ok(
        versions.every((version, index) => index === 0 || version > versions[index - 1]!),
        `${name} went back: ${observed.join()}`,
      );
      assert.ok(isSubsequence(observed, happened), `${name}: saw ${observed.join()} of ${happened.join()}`);
    }
    // Only a list may skip what lies between; without one each event is seen exactly once.
    if (api.count({ verb: 'list' }) === 1) assert.deepEqual(seen, world.history);
  } finally {
    reflector.stop();
    client.close();
    await api.stop();
  }
}

describe('a reflector under random faults', () => {
  it("ends with the server's state, and sees each object only move forward, nothing twice and nothing invented", async function () {
    await fc.assert(fc.asyncProperty(fc.constantFrom('event', 'status'), steps, faults, check), {
      numRuns: 120,
      endOnFailure: true,
    });
  });
});
