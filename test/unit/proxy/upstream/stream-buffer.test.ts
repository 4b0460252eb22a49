import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { ClientBuffers } from '../../../../src/proxy/upstream/stream-buffer.js';
import { eventually } from '../../../support/poll.js';

const kib = 1024;

describe('the buffers of clients', () => {
  it('are large for few, small for those who come when many are there, and large again when they have gone', async () => {
    const buffers = new ClientBuffers();
    const sockets = Array.from({ length: 32 }, () => new PassThrough());
    for (const socket of sockets) {
      assert.equal(buffers.next.highWaterMark, 64 * kib);
      buffers.count(socket);
    }
    assert.equal(buffers.next.highWaterMark, 16 * kib);
    sockets[0]?.destroy();
    await eventually('one has gone', () => buffers.next.highWaterMark === 64 * kib);
  });
});
