import assert from 'node:assert/strict';
import { deduplicateFiles } from '../../../../src/driver/host/deduplicate-files.ts';
import { filesOf } from '../../../support/host/kubelet-dir.ts';

describe('files with the same bytes', () => {
  it('are found by all of their bytes, in the order of the files', () => {
    const files = filesOf({ one: 'ab', other: 'ac', long: 'abc', again: 'ab', empty: '', void: '' });
    const { contents } = deduplicateFiles(files);
    assert.deepEqual(
      contents.map(({ content, names }) => [Buffer.from(content).toString(), names]),
      [
        ['ab', ['one', 'again']],
        ['ac', ['other']],
        ['abc', ['long']],
        ['', ['empty', 'void']],
      ],
    );
  });
});
