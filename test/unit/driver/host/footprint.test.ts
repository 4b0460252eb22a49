import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { memoryOf, tmpfsLimitsOf } from '../../../../src/driver/host/footprint.ts';
import { loadPageBytes } from '../../../../src/driver/host/linux-syscalls.ts';
import { deduplicateFiles } from '../../../../src/driver/host/deduplicate-files.ts';
import { driverLimits } from '../../../../src/driver/limits.ts';
import { filesOf } from '../../../support/host/kubelet-dir.ts';

const limitsOf = (texts: Readonly<Record<string, string>>, pageBytes = 4096) =>
  tmpfsLimitsOf(deduplicateFiles(filesOf(texts)), pageBytes);
const { sparePages, spareInodes, volumeBytes, inodeBytes } = driverLimits.volumeMemory;

describe('the limits of a tmpfs', () => {
  it('are two revisions, each content once, in whole pages, and a few pages', () => {
    const texts = { a: 'x'.repeat(4097), b: 'x'.repeat(4097), c: 'y', empty: '' };
    assert.equal(limitsOf(texts).sizeBytes, (2 * (2 + 1) + sparePages) * 4096);
    assert.equal(limitsOf(texts, 65_536).sizeBytes, (2 * (1 + 1) + sparePages) * 65_536);
  });

  it('include a page for the link to a long name', () => {
    assert.equal(limitsOf({ ['n'.repeat(120)]: 'x' }).sizeBytes, (2 + sparePages) * 4096);
    assert.equal(limitsOf({ ['n'.repeat(121)]: 'x' }).sizeBytes, (4 + sparePages) * 4096);
  });

  it('are an inode for each name in two revisions, and for its old and new link', () => {
    assert.equal(limitsOf({}).inodes, 5 + spareInodes);
    assert.equal(limitsOf({ a: 'x', b: 'x' }).inodes, 4 * 2 + 5 + spareInodes);
  });

  it('are the memory of a volume, with what the kernel keeps of each inode', () => {
    assert.equal(memoryOf({ sizeBytes: 8192, inodes: 3 }), 8192 + 3 * inodeBytes + volumeBytes);
  });
});

describe('the size of a page', () => {
  it('is the one that this machine has', () => {
    assert.equal(loadPageBytes(), Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' })));
  });
});
