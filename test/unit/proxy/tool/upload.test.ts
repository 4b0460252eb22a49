import assert from 'node:assert/strict';
import { CoalescingStream } from '../../../../src/proxy/tool/coalescing-stream.ts';
import { Upload } from '../../../../src/proxy/tool/request-body.ts';
import { ThreadShares } from '../../../../src/proxy/thread-shares.ts';

describe('an upload', () => {
  it('gathers the small chunks of a read, although its reader takes each at once', async () => {
    const share = new ThreadShares(() => 0).of('ci');
    const source = { bytesRead: 1, pause: () => undefined, resume: () => undefined };
    const stream = new CoalescingStream(
      source,
      () => share,
      () => assert.fail('it is not destroyed'),
    );
    const upload = new Upload();
    const lengths: number[] = [];
    upload.on('data', (chunk: Buffer) => lengths.push(chunk.length));
    stream.pipeTo(upload, () => upload.finish());
    await new Promise((resolve) => setImmediate(resolve));
    for (let at = 0; at < 1000; at += 1) {
      stream.push(Buffer.from('a'));
      // As Node does after each chunk that its parser finds in a read.
      await Promise.resolve();
    }
    stream.end();
    await new Promise((resolve) => upload.once('end', resolve));
    assert.equal(
      lengths.reduce((sum, length) => sum + length, 0),
      1000,
    );
    assert.ok(lengths.length < 10, `${lengths.length} chunks`);
  });
});
