import assert from 'node:assert/strict';
import { cleanFileMappings } from '../../../../src/driver/host/memory-mappings.js';

function mapping(range: string, permissions: string, inode: number, anonymousKib: number, rssKib = 23000): string {
  return [
    `${range} ${permissions} 00766000 fe:00 ${inode}                              /usr/bin/node`,
    'Size:              28140 kB',
    `Rss:            ${String(rssKib).padStart(8)} kB`,
    `Anonymous:      ${String(anonymousKib).padStart(8)} kB`,
    'AnonHugePages:         0 kB',
    'VmFlags: rd ex mr mw me',
    '',
  ].join('\n');
}

const program = mapping('00b66000-026e1000', 'r-xp', 33141, 0);
const constants = mapping('02801000-057eb000', 'r--p', 33141, 0);

describe('the mappings whose pages can be let go', () => {
  it('are the program and its constants', () => {
    assert.deepEqual(cleanFileMappings(program + constants), [
      { start: 0xb66000n, end: 0x26e1000n, isResident: true },
      { start: 0x2801000n, end: 0x57eb000n, isResident: true },
    ]);
  });

  for (const [what, smaps] of [
    ['constants that were relocated, which are pages of the process', mapping('057eb000-05873000', 'r--p', 33141, 536)],
    ['data', mapping('05873000-05892000', 'rw-p', 33141, 0)],
    ['memory without a file', mapping('7ffd2000-7ffd4000', 'r-xp', 0, 0)],
    ['a guard that cannot be read', mapping('7f00a000-7f00b000', '---p', 33141, 0)],
  ] as const) {
    it(`are not ${what}`, () => {
      assert.deepEqual(cleanFileMappings(smaps), []);
    });
  }

  it('say whether there is any of them to let go', () => {
    const [untouched] = cleanFileMappings(mapping('00b66000-026e1000', 'r-xp', 33141, 0, 0));
    assert.deepEqual(untouched, { start: 0xb66000n, end: 0x26e1000n, isResident: false });
  });

  it('are not relocated constants that a guard of the same file follows', () => {
    const relocated = mapping('057eb000-05873000', 'r--p', 33141, 536);
    assert.deepEqual(cleanFileMappings(relocated + mapping('7f00a000-7f00b000', '---p', 33141, 0)), []);
  });
});
