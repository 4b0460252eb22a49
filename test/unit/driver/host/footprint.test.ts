import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  contentSizesOf,
  kernelBytesOf,
  largestVolumeBytes,
  memoryOf,
  pagesOf,
} from '../../../../src/driver/host/footprint.js';
import { loadPageBytes, pageBytesOf } from '../../../../src/driver/host/page-size.js';
import { deduplicateFiles } from '../../../../src/driver/host/deduplicate-files.js';
import { limits } from '../../../../src/limits/defaults.js';
import { filesOf } from '../../../support/host/kubelet-dir.js';

const contentsOf = (texts: Readonly<Record<string, string>>) => contentSizesOf(deduplicateFiles(filesOf(texts)));
const { volumeBytes, inodeBytes, entryBytes, longNameBytes, nodeBytes } = limits.volumeMemory.kernel;

describe('the memory of a volume', () => {
  it('is that of two revisions, each content once, in whole pages', () => {
    const contents = contentsOf({ a: 'x'.repeat(4097), b: 'x'.repeat(4097), c: 'y', empty: '' });
    assert.equal(pagesOf(contents, 4096), 2 * (2 + 1));
    assert.equal(pagesOf(contents, 65_536), 2 * (1 + 1));
  });

  it('includes a page for the link to a long name', () => {
    assert.equal(pagesOf(contentsOf({ ['n'.repeat(120)]: 'x' }), 4096), 2);
    assert.equal(pagesOf(contentsOf({ ['n'.repeat(121)]: 'x' }), 4096), 3);
  });

  it('includes what the kernel keeps of each file, name and link, of both revisions', () => {
    const name = 3 * entryBytes + inodeBytes;
    const kernelBytes = (texts: Readonly<Record<string, string>>): number => kernelBytesOf(contentsOf(texts), 4096);
    assert.equal(kernelBytes({}), volumeBytes);
    assert.equal(kernelBytes({ a: 'x' }), volumeBytes + 2 * inodeBytes + name);
    assert.equal(kernelBytes({ a: 'x', b: 'x' }), volumeBytes + 2 * inodeBytes + 2 * name);
    assert.equal(kernelBytes({ a: '', b: 'x' }), volumeBytes + 4 * inodeBytes + 2 * name);
    assert.equal(kernelBytes({ ['n'.repeat(32)]: 'x' }), volumeBytes + 2 * inodeBytes + name + longNameBytes);
    for (const [pages, nodes] of [
      [2, 1],
      [64, 1],
      [65, 3],
    ] as const) {
      const bytes = kernelBytes({ a: 'x'.repeat(pages * 4096) });
      assert.equal(bytes, volumeBytes + 2 * (inodeBytes + nodes * nodeBytes) + name, `${pages} pages`);
    }
    assert.equal(memoryOf(contentsOf({ a: 'x' }), 4096), 2 * 4096 + kernelBytes({ a: 'x' }));
  });

  it('is at most 4 MiB in pages of 4 KiB, and more in larger ones', () => {
    assert.equal(largestVolumeBytes(4096), 4 << 20);
    assert.equal(largestVolumeBytes(16_384), 10 << 20);
    assert.equal(largestVolumeBytes(65_536), 34 << 20);
  });
});

describe('the size of a page', () => {
  it('is the one that this machine has', () => {
    assert.equal(loadPageBytes(), Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' })));
  });

  it('is unknown where the kernel does not say', () => {
    assert.equal(pageBytesOf(Buffer.alloc(32)), undefined);
    assert.equal(pageBytesOf(Buffer.alloc(7)), undefined);
  });
});
