import assert from 'node:assert/strict';
import { floorsOf } from '../../../../src/shared/limits/dynamic-share.ts';
import type { LimitObserver } from '../../../../src/shared/limits/limit-observer.ts';
import { driverLimits } from '../../../../src/driver/limits.ts';
import { VolumeMemory } from '../../../../src/driver/publish/volume-memory.ts';
import type { VolumeOwner } from '../../../../src/driver/publish/volume-memory.ts';
import { Random } from '../../../support/random.ts';

const MiB = 2 ** 20;
const ownerOf = (namespace: string, name: string): VolumeOwner => ({
  podUid: `uid-${namespace}-${name}`,
  pod: { namespace, name },
});

describe('the memory of the volumes', () => {
  let memory: VolumeMemory;
  const rejected: string[] = [];
  const observer: LimitObserver = { rejected: (...names) => void rejected.push(names.join(' ')) };
  beforeEach(() => {
    memory = new VolumeMemory({ limitBytes: 260 * MiB, reserveBytes: 100 * MiB, observer });
    rejected.length = 0;
  });

  /** Volumes of 10 MiB, each of a pod and a namespace of its own. */
  const fill = (count: number): void => {
    for (let n = 0; n < count; n += 1) memory.acquire(`v${n}`, ownerOf(`ns${n}`, 'p'), 10 * MiB);
  };
  const refuses = (call: () => unknown, message: RegExp): void => {
    assert.throws(call, { code: 'RESOURCE_EXHAUSTED', message });
  };

  it('is refused to a new volume below the limit, by the reserve, with what to do', () => {
    fill(14);
    refuses(
      () => memory.acquire('more', ownerOf('late', 'p'), 10 * MiB),
      /^no memory for volumes on this node: its 14 volumes can use 140 MiB of the 160 MiB .*, 20 MiB of them for namespaces that have little, and this one needs 10 MiB more; .*raise the limit/,
    );
    assert.equal(memory.use.used, 140 * MiB);
    assert.deepEqual(rejected, ['volume_memory_bytes node late/p']);
  });

  it('is there again when a volume has gone', () => {
    fill(14);
    memory.release('v3');
    memory.acquire('more', ownerOf('late', 'p'), 10 * MiB);
  });

  it('is never refused to a volume that does not grow, even above the limit', () => {
    fill(14);
    memory.adopt('old', { podUid: 'old' }, 500 * MiB);
    memory.acquire('old', ownerOf('old', 'p'), 400 * MiB);
    memory.acquire('v1', ownerOf('ns1', 'p'), 10 * MiB);
  });

  it('is kept for namespaces that have little: volumes that grow get half of that, and other new ones nothing', () => {
    fill(14);
    memory.acquire('v0', ownerOf('ns0', 'p'), 20 * MiB);
    refuses(
      () => memory.acquire('v1', ownerOf('ns1', 'p'), 11 * MiB),
      /10 MiB of them for namespaces that have little/,
    );
    refuses(() => memory.acquire('more', ownerOf('ns2', 'q'), MiB), /^no memory for volumes on this node/);
    for (let n = 0; n < 4; n += 1) memory.acquire(`late${n}`, ownerOf(`late${n}`, 'p'), 2.5 * MiB);
    refuses(
      () => memory.acquire('late4', ownerOf('late4', 'p'), 1),
      /its 18 volumes can use 160 MiB of the 160 MiB .* them, and/,
    );
  });

  it('is there for a namespace that has nothing, whatever others hold, as long as few have little', () => {
    const budget = 160 * MiB;
    const { floor, reserved } = floorsOf(budget);
    const newcomers = (reserved * driverLimits.volumeMemory.growthPart) / floor;
    const random = new Random(7);
    const volumes = new Map<string, { readonly namespace: string; readonly bytes: number }>();
    const heldBy = (namespace: string): number =>
      [...volumes.values()].reduce((sum, volume) => sum + (volume.namespace === namespace ? volume.bytes : 0), 0);
    for (let step = 0; step < 4000; step += 1) {
      const namespace = `ns${random.int(0, 20)}`;
      const key = `${namespace}/${random.int(0, 4)}`;
      const bytes = Math.floor(random.chance(0.3) ? random.next() * 2 * floor : random.next() * 20 * MiB);
      try {
        if (random.chance(0.1)) {
          memory.release(key);
          volumes.delete(key);
        } else {
          memory.acquire(key, ownerOf(namespace, key), bytes);
          volumes.set(key, { namespace, bytes });
        }
      } catch (error) {
        assert.equal((error as { code: string }).code, 'RESOURCE_EXHAUSTED');
      }
      const holdings = Array.from({ length: 20 }, (_, n) => heldBy(`ns${n}`));
      const total = holdings.reduce((sum, held) => sum + held, 0);
      assert.ok(total <= budget, `${total} in step ${step}`);
      if (holdings.filter((held) => held > 0 && held <= floor).length >= newcomers) continue;
      memory.acquire('newcomer', ownerOf('newcomer', 'p'), floor)();
    }
  });

  it('has a share for each pod', () => {
    const greedy = ownerOf('ci', 'greedy');
    memory.acquire('a', greedy, 15 * MiB);
    refuses(
      () => memory.acquire('b', greedy, 10 * MiB),
      /^the volumes of pod ci\/greedy on this node can use 15 MiB of the 20 MiB that are one pod's share, and this one needs 10 MiB:/,
    );
    memory.acquire('c', ownerOf('ci', 'other'), 10 * MiB);
    assert.deepEqual(rejected, ['volume_memory_bytes pod ci/greedy']);
  });

  it('has a share for each namespace', () => {
    for (let n = 0; n < 8; n += 1) memory.acquire(`v${n}`, ownerOf('ci', `p${n}`), 10 * MiB);
    refuses(
      () => memory.acquire('more', ownerOf('ci', 'p9'), MiB),
      /^the volumes of namespace ci .* one namespace's share/,
    );
    memory.acquire('other', ownerOf('prod', 'p'), 10 * MiB);
  });

  it('knows the pod of a volume from before by its uid', () => {
    const owner = ownerOf('ci', 'p');
    memory.adopt('old', { podUid: owner.podUid }, 15 * MiB);
    refuses(() => memory.acquire('new', owner, 10 * MiB), /^the volumes of pod ci\/p/);
  });

  it('counts volumes from before for every namespace above its floor, until they are published or called for', () => {
    memory.adopt('old', { podUid: 'old', heapBytes: 0 }, 70 * MiB);
    memory.acquire('v', ownerOf('ci', 'p'), 10 * MiB);
    refuses(
      () => memory.acquire('more', ownerOf('ci', 'q'), MiB),
      /^the volumes of namespace ci on this node can use 10 MiB of the 80 MiB .* share, and volumes of an earlier driver 70 MiB until they are refreshed, and this one needs 1\.0 MiB/,
    );
    memory.acquire('small', ownerOf('late', 'p'), 2 * MiB);
    memory.acquire('old', { ...ownerOf('a', 'p'), heapBytes: 0 }, 70 * MiB);
    memory.acquire('more', ownerOf('ci', 'q'), MiB);
    memory.release('old');
    memory.adopt('older', { podUid: 'uid-b-p', heapBytes: 0 }, 70 * MiB);
    refuses(() => memory.acquire('yet more', ownerOf('ci', 'r'), MiB), /an earlier driver 70 MiB/);
    // It fails, and its volume stays as it is.
    memory.acquireCall('older', ownerOf('b', 'p'), 0)();
    memory.acquire('yet more', ownerOf('ci', 'r'), MiB);
    refuses(
      () => memory.acquire('its', ownerOf('b', 'q'), 11 * MiB),
      /^the volumes of namespace b .* 70 MiB of the 80/,
    );
  });

  it('is given back by a publish that failed', () => {
    const undo = memory.acquire('a', ownerOf('a', 'p'), 10 * MiB);
    undo();
    assert.equal(memory.use.used, 0);
    memory.acquire('a', ownerOf('a', 'p'), 5 * MiB);
    memory.acquire('a', ownerOf('a', 'p'), 8 * MiB)();
    assert.equal(memory.use.used, 5 * MiB);
  });

  it('is for the requests of volumes, too', () => {
    const owner = { ...ownerOf('ci', 'p'), heapBytes: 8 * MiB };
    memory.acquire('a', owner, 10 * MiB);
    assert.equal(memory.use.used, 18 * MiB);
    refuses(() => memory.acquire('b', owner, 1), /^the volumes of pod ci\/p on this node can use 18 MiB/);
    memory.release('a');
    assert.equal(memory.use.used, 0);
  });

  it('is for calls in flight, with the shares of volumes', () => {
    const owner = ownerOf('ci', 'p');
    const releases = Array.from({ length: 4 }, () => memory.acquireCall('v', owner, 5 * MiB));
    refuses(
      () => memory.acquireCall('v', owner, 5 * MiB),
      /^the volumes of pod ci\/p on this node can use 20 MiB of the 20 MiB that are one pod's share, and this one needs 5\.0 MiB/,
    );
    for (let n = 0; n < 12; n += 1) releases.push(memory.acquireCall('v', ownerOf('ci', `p${n}`), 5 * MiB));
    refuses(() => memory.acquireCall('v', ownerOf('ci', 'late'), 5 * MiB), /one namespace's share/);
    memory.acquireCall('v', ownerOf('other', 'p'), 5 * MiB)();
    for (const release of releases) release();
    assert.equal(memory.use.used, 0);
  });

  it('is never refused to the call of a mounted volume that is like its last one, even above the limit', () => {
    memory.adopt('old', { podUid: 'old' }, 500 * MiB);
    memory.acquireCall('old', ownerOf('a', 'old'), driverLimits.volumeMemory.refreshBytes)();
    memory.acquire('old', { ...ownerOf('a', 'old'), heapBytes: 4 * MiB }, 500 * MiB);
    memory.acquireCall('old', ownerOf('a', 'old'), 2 * MiB)();
    refuses(() => memory.acquireCall('old', ownerOf('a', 'old'), 3 * MiB), /^no memory for volumes on this node/);
    refuses(() => memory.acquireCall('new', ownerOf('a', 'new'), 1), /^no memory for volumes on this node/);
  });

  it('is not bounded without a limit', () => {
    const free = new VolumeMemory({ limitBytes: undefined, reserveBytes: 100 * MiB, observer });
    free.acquire('a', ownerOf('a', 'p'), 1e12);
    assert.equal(free.use.capacity, Infinity);
  });
});
