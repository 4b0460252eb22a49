import assert from 'node:assert/strict';
import { CoalescingStream } from '../../../../src/proxy/tool/coalescing-stream.ts';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { ThreadShares } from '../../../../src/proxy/thread-shares.ts';
import type { ThreadShare } from '../../../../src/proxy/thread-shares.ts';

const kibibyte = 1024;

describe('a coalescing stream', () => {
  let isPaused: boolean;
  let destroyedBy: string | undefined;
  let share: ThreadShare;
  let source: { bytesRead: number; pause: () => void; resume: () => void };
  let stream: CoalescingStream;
  let written: Buffer[];
  let waiting: ((error?: Error | null) => void)[];
  let sink: { destroyed: boolean; write: (chunk: Buffer, onWritten: (error?: Error | null) => void) => void };
  let hasEnded: boolean;

  beforeEach(() => {
    isPaused = false;
    destroyedBy = undefined;
    share = new ThreadShares(() => 0).of('ci');
    source = { bytesRead: 0, pause: () => void (isPaused = true), resume: () => void (isPaused = false) };
    stream = new CoalescingStream(
      source,
      () => share,
      ({ message }) => void (destroyedBy = message),
    );
    written = [];
    waiting = [];
    sink = {
      destroyed: false,
      write: (chunk, onWritten) => {
        written.push(chunk);
        waiting.push(onWritten);
      },
    };
    hasEnded = false;
  });

  /** As a sink that has written all that it was given. */
  const complete = (error?: Error): void => {
    for (const onWritten of waiting.splice(0)) onWritten(error);
  };
  const chunkOf = (bytes: number, character: string): Buffer => Buffer.alloc(bytes, character);
  const pipe = (): void => stream.pipeTo(sink, () => void (hasEnded = true));

  it('writes large chunks as they are, in order, once the write before them is complete', () => {
    pipe();
    const chunks = ['a', 'b', 'c'].map((character) => chunkOf(16 * kibibyte, character));
    for (const chunk of chunks) stream.push(chunk);
    assert.deepEqual(written, chunks.slice(0, 1));
    complete();
    assert.equal(written.length, 3);
    // The same buffers: a copy of each is garbage.
    for (const [at, chunk] of chunks.entries()) assert.equal(written[at], chunk);
  });

  it('joins small chunks, and keeps their order among large ones', () => {
    pipe();
    const expected: Buffer[] = [];
    const push = (chunk: Buffer): void => {
      expected.push(chunk);
      stream.push(chunk);
    };
    push(chunkOf(1, '0'));
    for (let at = 0; at < 2000; at += 1) push(chunkOf(1 + (at % 3), String(at % 10)));
    push(chunkOf(8 * kibibyte, 'l'));
    for (let at = 0; at < 100; at += 1) push(chunkOf(5, String(at % 10)));
    complete();
    // The first one, the second (most bodies are no more than that), those up to the large one, it, those after it.
    assert.equal(written.length, 5);
    assert.deepEqual(Buffer.concat(written), Buffer.concat(expected));
  });

  it('writes nothing more until the last chunk of a write is taken', () => {
    pipe();
    for (const character of ['a', 'b', 'c']) stream.push(chunkOf(8 * kibibyte, character));
    complete();
    assert.equal(written.length, 3);
    stream.push(chunkOf(1, 'd'));
    waiting.shift()?.();
    assert.equal(written.length, 3);
    complete();
    assert.equal(written.length, 4);
  });

  it('pauses its source while enough is waiting, and ends with the last byte', () => {
    pipe();
    stream.push(chunkOf(1, 'a'));
    stream.push(chunkOf(16 * kibibyte, 'b'));
    assert.equal(isPaused, false);
    stream.push(chunkOf(16 * kibibyte, 'c'));
    assert.equal(isPaused, true);
    stream.end();
    assert.equal(hasEnded, false);
    complete();
    assert.equal(isPaused, false);
    assert.equal(hasEnded, true);
    assert.equal(stream.receivedBytes, 32 * kibibyte + 1);
  });

  it('ends once, as soon as its last byte is given to the sink', () => {
    let ends = 0;
    stream.pipeTo(sink, () => void (ends += 1));
    stream.push(chunkOf(1, 'a'));
    assert.equal(ends, 0);
    stream.end();
    assert.equal(ends, 1);
    complete();
    assert.equal(ends, 1);
  });

  it('ends at once when it was complete before', () => {
    stream.push(chunkOf(1, 'a'));
    stream.end();
    assert.equal(hasEnded, false);
    pipe();
    assert.deepEqual(written, [chunkOf(1, 'a')]);
    assert.equal(hasEnded, true);
  });

  it('stops where the sink is destroyed, also between chunks of one write', () => {
    pipe();
    for (const character of ['a', 'b', 'c']) stream.push(chunkOf(8 * kibibyte, character));
    const write = sink.write;
    sink.write = (chunk, onWritten) => {
      write(chunk, onWritten);
      sink.destroyed = true;
    };
    complete();
    assert.equal(written.length, 2);
    stream.end();
    complete(new Error('destroyed'));
    assert.equal(written.length, 2);
    assert.equal(hasEnded, false);
  });

  describe('that gets a read of very small chunks', () => {
    const { freeChunks, mostChunks } = proxyLimits.transfers;
    const read = (chunks: number): void => {
      source.bytesRead += 1;
      for (let at = 0; at < chunks; at += 1) stream.push(chunkOf(1, 'a'));
    };
    const overdraw = (): void => share.charge(2 * proxyLimits.thread.burst);

    it('charges them to the share, and goes on as long as it lasts', () => {
      read(freeChunks - 1);
      overdraw();
      read(freeChunks - 1);
      assert.ok(!isPaused, 'as few as that are free');
    });

    it('waits while the share is overdrawn', () => {
      overdraw();
      read(freeChunks);
      assert.ok(isPaused);
      read(mostChunks - 1);
      assert.equal(destroyedBy, undefined);
      stream.close();
    });

    it('ends with an error that says why where it has most of them then', () => {
      read(mostChunks);
      assert.equal(destroyedBy, undefined, 'not before');
      overdraw();
      read(mostChunks);
      assert.equal(destroyedBy, 'too many chunks of a few bytes, send larger ones: try again in 5 s');
      stream.close();
    });
  });
});
