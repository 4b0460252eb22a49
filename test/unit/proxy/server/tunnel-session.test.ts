import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { closeAtExpiry } from '../../../../src/proxy/server/tunnel-session.js';

describe('a tunnel that nobody sees into', () => {
  const graceMs = 5 * 60_000;

  it('is closed at once when its token has been over for 5 minutes', () => {
    const connection = new PassThrough();
    closeAtExpiry(connection, 1_000, { now: () => 1_000 + graceMs });
    assert.equal(connection.destroyed, true);
  });

  it('stays open until then', () => {
    const connection = new PassThrough();
    const stop = closeAtExpiry(connection, 1_000, { now: () => 999 + graceMs });
    assert.equal(connection.destroyed, false);
    stop();
  });

  it('is closed when the time comes', async () => {
    const connection = new PassThrough();
    closeAtExpiry(connection, Date.now() + 20 - graceMs, { now: Date.now });
    assert.equal(connection.destroyed, false);
    await new Promise((resolve) => connection.once('close', resolve));
  });
});
