import assert from 'node:assert/strict';
import { MemoryKeeper } from '../../../src/process/memory-keeper.js';
import { eventually } from '../../support/poll.js';

const mib = 2 ** 20;

/** A keeper over a process that has `own` bytes, and what it has released. */
class KeptProcess {
  own = 30 * mib;
  inFlight = 0;
  total = 0;
  releases = 0;
  checks = 0;
  readonly keeper = new MemoryKeeper({
    release: () => (this.releases += 1),
    calls: () => ({ inFlight: this.inFlight, total: this.total }),
    ownBytes: () => {
      this.checks += 1;
      return this.own;
    },
    checkMs: 1,
  });

  async released(times: number): Promise<void> {
    await eventually(`${times} releases`, () => this.releases >= times);
    await this.checked();
    assert.equal(this.releases, times);
  }

  async checked(): Promise<void> {
    const { checks } = this;
    await eventually('three checks', () => this.checks > checks + 3);
  }
}

describe('the memory keeper', () => {
  let kept: KeptProcess;
  beforeEach(() => {
    kept = new KeptProcess();
    kept.keeper.start();
  });
  afterEach(() => kept.keeper.stop());

  it('releases what the start has left', () => kept.released(1));

  it('does not release again while nothing grows', async () => {
    await kept.released(1);
    kept.own += mib;
    await kept.checked();
    assert.equal(kept.releases, 1);
  });

  it('releases at rest what a burst has left', async () => {
    await kept.released(1);
    kept.own += 3 * mib;
    await kept.released(2);
  });

  it('waits for the end of the running calls, unless much has gathered', async () => {
    await kept.released(1);
    kept.inFlight = 3;
    kept.own += 8 * mib;
    await kept.checked();
    assert.equal(kept.releases, 1);
    kept.own += 8 * mib;
    await kept.released(2);
  });

  it('releases nothing after it was stopped', async () => {
    await kept.released(1);
    kept.keeper.stop();
    kept.own += 64 * mib;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(kept.releases, 1);
  });
});
