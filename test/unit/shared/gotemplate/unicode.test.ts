import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  isLetterRune,
  isLowerRune,
  isNumberRune,
  isPunctRune,
  isSpaceRune,
  isTitleRune,
  isUpperRune,
  lowerRune,
  titleRune,
  upperRune,
} from '../../../../src/shared/gotemplate/sprig/letters.ts';
import { isDigit, isLetter, isPrint } from '../../../../src/shared/gotemplate/unicode.ts';

const recorded = readFileSync(path.join(import.meta.dirname, '../../../fixtures/unicode/recorded.txt'), 'utf8');
const blockSize = 0x1000;
const tests = [
  isUpperRune,
  isLowerRune,
  isTitleRune,
  isLetterRune,
  isNumberRune,
  isPunctRune,
  isSpaceRune,
  isDigit,
  isPrint,
];

/** Of the runes from `block` on, as the recorder digests them. */
function digestOf(block: number): string {
  const digest = createHash('sha256');
  for (let rune = block; rune < block + blockSize; rune++) {
    if (rune >= 0xd800 && rune < 0xe000) continue;
    const categories = tests.map((holds) => (holds(rune) ? '1' : '0')).join('');
    digest.update([rune, upperRune(rune), lowerRune(rune), titleRune(rune), categories].join(' ') + '\n');
  }
  return digest.digest('hex');
}

describe('runes', () => {
  it('have the cases and categories that Go knows, and none where Go knows none yet', function () {
    this.timeout(120_000);
    const blocks = recorded.trimEnd().split('\n');
    assert.equal(blocks.length, 0x110);
    const different = blocks.filter((line) => {
      const [block = '', digest] = line.split(' ');
      return digestOf(Number.parseInt(block, 16)) !== digest;
    });
    assert.deepEqual(different, []);
  });

  it('are letters alike in names and in words', () => {
    for (const rune of [0x41, 0xe9, 0x1c8a, 0x105c0, 0x4e00]) assert.equal(isLetter(rune), isLetterRune(rune));
  });
});
