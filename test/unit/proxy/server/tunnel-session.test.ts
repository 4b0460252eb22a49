import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { closeAtExpiry } from '../../../../src/proxy/server/tunnel-session.ts';

describe('a tunnel that nobody sees into', () => {
  const graceMs = 5 * 60_000;

  for (const [name, leftMs] of [
    ['is closed when its token has been over for 5 minutes', -1_000],
    ['is closed when the time comes', 20],
  ] as const) {
    it(name, async () => {
      const connection = new PassThrough();
      closeAtExpiry(connection, 1_000, { now: () => 1_000 + graceMs - leftMs });
      await once(connection, 'close');
    });
  }

  it('stays open until then, also for a token of months', async () => {
    const connection = new PassThrough();
    closeAtExpiry(connection, 90 * 24 * 3_600_000, { now: () => 0 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(connection.destroyed, false);
    connection.destroy();
  });
});
