import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { anonymousBytes, loadMemoryRelease } from '../../../src/host/memory-release.js';

function fileMiB(): number {
  const [, kib] = /^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib) / 1024;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('the release of memory', () => {
  it('lets the pages of the program go that nothing uses', () => {
    const release = loadMemoryRelease();
    const beforeMiB = fileMiB();
    release();
    const afterMiB = fileMiB();
    assert.ok(afterMiB < beforeMiB - 8, `${beforeMiB} MiB of files before, ${afterMiB} after`);
  });

  it('keeps everything that the process has, and works on', () => {
    const kept = Array.from({ length: 1000 }, (_, index) => digest(String(index)));
    loadMemoryRelease()();
    assert.deepEqual(
      Array.from({ length: 1000 }, (_, index) => digest(String(index))),
      kept,
    );
  });

  it('goes by memory that is no file: a kept buffer counts', () => {
    const before = anonymousBytes();
    const buffer = Buffer.alloc(32 * 2 ** 20, 1);
    const grown = anonymousBytes() - before;
    assert.ok(grown > buffer.length / 2, `${grown} bytes`);
  });
});
