import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { largestVolumeBytes, pagesOf } from '../../../../src/driver/host/footprint.js';
import { loadPageBytes, pageBytesOf } from '../../../../src/driver/host/page-size.js';
import { shareContents } from '../../../../src/driver/host/shared-contents.js';
import { filesOf } from '../../../support/host/kubelet-dir.js';

describe('the memory of a volume', () => {
  it('is that of two generations, each content once, in whole pages', () => {
    const files = filesOf({ a: 'x'.repeat(4097), b: 'x'.repeat(4097), c: 'y', empty: '' });
    assert.equal(pagesOf(shareContents(files), 4096), 2 * (2 + 1));
    assert.equal(pagesOf(shareContents(files), 65_536), 2 * (1 + 1));
  });

  it('includes a page for the link to a long name', () => {
    assert.equal(pagesOf(shareContents(filesOf({ ['n'.repeat(120)]: 'x' })), 4096), 2);
    assert.equal(pagesOf(shareContents(filesOf({ ['n'.repeat(121)]: 'x' })), 4096), 3);
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
