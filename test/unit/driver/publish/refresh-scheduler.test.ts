import assert from 'node:assert/strict';
import { RefreshScheduler } from '../../../../src/driver/publish/refresh-scheduler.js';
import type { ScheduledRefresh } from '../../../../src/driver/publish/refresh-scheduler.js';
import { driverLimits } from '../../../../src/driver/limits.js';

const { inFlight, namespaceShare, work } = driverLimits.refreshes;

describe('RefreshScheduler', () => {
  let nowMs: number;
  let scheduler: RefreshScheduler;
  beforeEach(() => {
    nowMs = 1000;
    scheduler = new RefreshScheduler(() => nowMs);
  });

  const refreshOf = (namespace: string, name: string): ScheduledRefresh => ({
    targetPath: `/${namespace}/${name}`,
    owner: { namespace, podUid: `uid-of-${name}` },
  });
  /** Turns of one namespace, each of another pod's volume. */
  const add = (namespace: string, count: number): void => {
    for (let n = 0; n < count; n += 1) scheduler.add(refreshOf(namespace, `p${n}`));
  };
  const takeAll = (): readonly ScheduledRefresh[] => {
    const taken: ScheduledRefresh[] = [];
    for (let refresh = scheduler.next(); refresh !== undefined; refresh = scheduler.next()) taken.push(refresh);
    return taken;
  };
  const namespacesOf = (taken: readonly ScheduledRefresh[]): readonly string[] =>
    taken.map(({ owner }) => owner.namespace);

  it('are by namespace, however many one of them wants', () => {
    add('many', 100);
    add('few', 2);
    assert.deepEqual(namespacesOf(takeAll().slice(0, 4)), ['many', 'few', 'many', 'few']);
  });

  it('are some of one namespace at a time, so that those which wait delay no others', () => {
    add('waits', 100);
    const taken = takeAll();
    assert.equal(taken.length, inFlight * namespaceShare);
    assert.equal(scheduler.waitMs, Infinity);
    add('other', 1);
    assert.deepEqual(namespacesOf(takeAll()), ['other']);
    scheduler.end(taken[0]!, 0);
    assert.deepEqual(namespacesOf(takeAll()), ['waits']);
  });

  it('are some of all namespaces at a time', () => {
    for (let n = 0; n < 100; n += 1) add(`ns-${n}`, 1);
    assert.equal(takeAll().length, inFlight);
  });

  it('come later when the work of all is more than its share of the time', () => {
    add('busy', 3);
    scheduler.end(scheduler.next()!, work.burst + 100);
    assert.equal(scheduler.next(), undefined);
    const { waitMs } = scheduler;
    assert.ok(waitMs >= 100 * work.everyMs && waitMs < 110 * work.everyMs, `${waitMs}`);
    nowMs += waitMs;
    assert.equal(namespacesOf(takeAll()).length, 2);
  });

  it('come first to a namespace that has caused less work', () => {
    add('busy', 20);
    add('other', 20);
    const [busy, other] = [scheduler.next()!, scheduler.next()!];
    scheduler.end(busy, 25);
    scheduler.end(other, 2);
    assert.deepEqual(namespacesOf(takeAll().slice(0, 5)), ['other', 'other', 'other', 'other', 'other']);
  });

  it('are not promised while none waits', () => {
    assert.equal(scheduler.waitMs, Infinity);
    assert.equal(scheduler.next(), undefined);
  });
});
