import assert from 'node:assert/strict';
import { FairSemaphore } from '../../../../src/shared/limits/fair-semaphore.ts';
import { neverAborted } from '../../../support/domain.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a fair semaphore', () => {
  let semaphore: FairSemaphore;
  /** Holders of permits, in the order in which they got them. */
  let holders: { readonly namespace: string; readonly release: () => void }[];
  const acquire = (namespace: string, times: number): void => {
    for (let time = 0; time < times; time += 1) {
      void semaphore
        .acquire({ namespace, podUid: `${namespace}-${time}` }, neverAborted)
        .then((release) => holders.push({ namespace, release }));
    }
  };
  const order = async (count: number): Promise<readonly string[]> => {
    const namespaces: string[] = [];
    while (namespaces.length < count) {
      await settle();
      const { namespace, release } = holders.shift()!;
      namespaces.push(namespace);
      release();
    }
    return namespaces;
  };
  beforeEach(() => {
    holders = [];
  });

  it('takes turns between namespaces, however many permits one wants', async () => {
    semaphore = new FairSemaphore({ permits: 1 });
    acquire('many', 20);
    acquire('few', 2);
    assert.deepEqual(await order(5), ['many', 'few', 'many', 'few', 'many']);
  });

  it('leaves permits to others of a namespace whose tasks never end', async () => {
    semaphore = new FairSemaphore({ permits: 8, namespaceShare: 1 / 4 });
    acquire('waits', 100);
    acquire('other', 1);
    await settle();
    assert.deepEqual(
      holders.map(({ namespace }) => namespace),
      ['waits', 'waits', 'other'],
    );
    assert.deepEqual([semaphore.running, semaphore.waiting], [3, 98]);
  });

  it('has no share for the namespace of the program itself', async () => {
    semaphore = new FairSemaphore({ permits: 8, namespaceShare: 1 / 4, unlimited: '' });
    acquire('', 20);
    await settle();
    assert.equal(holders.length, 8);
  });

  it('runs one task more while what it waits for is free elsewhere, and has no more permits afterwards', async () => {
    semaphore = new FairSemaphore({ permits: 2, unlimited: 'ci' });
    acquire('ci', 4);
    await settle();
    semaphore.runNext();
    await settle();
    assert.deepEqual([holders.length, semaphore.running, semaphore.waiting], [3, 3, 1]);
    holders.pop()?.release();
    await settle();
    assert.deepEqual([holders.length, semaphore.running, semaphore.waiting], [2, 2, 1]);
    for (let times = 0; times < 4; times += 1) {
      holders.pop()?.release();
      await settle();
      semaphore.runNext();
    }
    assert.deepEqual([semaphore.running, semaphore.waiting], [0, 0]);
  });
});
