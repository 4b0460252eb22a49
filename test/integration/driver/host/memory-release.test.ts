import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import process from 'node:process';
import koffi from 'koffi';
import { loadMemoryRelease } from '../../../../src/driver/host/memory-release.js';
import { memoryBytes } from '../../../../src/process/memory-bytes.js';

function fileMiB(): number {
  const [, kib] = /^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib) / 1024;
}

const { PROT_READ, MAP_PRIVATE, MAP_POPULATE } = { PROT_READ: 1, MAP_PRIVATE: 2, MAP_POPULATE: 0x8000 };
const mappedBytes = 64 * 1024;

/** Maps the start of Node's program once more, with all its pages there. @returns the address. */
function mapProgram(): bigint {
  const mmap = koffi.load(null).func('uint64_t mmap(uint64_t, size_t, int, int, int, int64_t)') as (
    ...args: readonly number[]
  ) => number | bigint;
  const file = openSync(process.execPath, 'r');
  const address = BigInt(mmap(0, mappedBytes, PROT_READ, MAP_PRIVATE + MAP_POPULATE, file, 0));
  closeSync(file);
  return address;
}

function residentKiB(address: bigint): number {
  const mapping = readFileSync('/proc/self/smaps', 'utf8').split(new RegExp(`^${address.toString(16)}-`, 'm'))[1] ?? '';
  return Number(/^Rss:\s+(\d+) kB$/m.exec(mapping)?.[1]);
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

  it('leaves alone what is mapped later, which another thread may be about to relocate', () => {
    const earlier = mapProgram();
    const release = loadMemoryRelease();
    const later = mapProgram();
    release();
    assert.deepEqual([residentKiB(earlier), residentKiB(later)], [0, mappedBytes / 1024]);
  });

  it('goes by memory that is no file: a kept buffer counts', () => {
    const before = memoryBytes('RssAnon');
    const buffer = Buffer.alloc(32 * 2 ** 20, 1);
    const grown = memoryBytes('RssAnon') - before;
    assert.ok(grown > buffer.length / 2, `${grown} bytes`);
  });
});
