import assert from 'node:assert/strict';
import { checkFileNames } from '../../../../src/driver/host/deduplicate-files.ts';

describe('the files that the host is given', () => {
  it('have names of their own', () => {
    assert.doesNotThrow(() => checkFileNames([{ name: 'a' }, { name: 'b' }]));
    assert.throws(() => checkFileNames([{ name: 'a' }, { name: 'a' }]), { code: 'INTERNAL' });
  });

  it('have names that may be files, checked once more where they become directory entries', () => {
    assert.throws(() => checkFileNames([{ name: '..data' }]), { code: 'INTERNAL' });
  });
});
