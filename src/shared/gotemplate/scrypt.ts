import { pbkdf2Sync } from 'node:crypto';

interface ScryptCost {
  /** N, a power of two. */
  readonly blocks: number;
  /** r: a block has 128 of these in bytes. */
  readonly blockSize: number;
  /** p */
  readonly parallelism: number;
  readonly keyBytes: number;
}

/** Of the blocks that scrypt wants to keep, every so many-th is kept; those between are computed again. */
const keptEach = 8;

/**
 * scrypt (RFC 7914) in an eighth of the memory that it asks for and nearly three times the work: node's own takes 32 MB at
 * the cost that the Master Password algorithm sets.
 */
export function scrypt(password: Uint8Array, salt: Uint8Array, cost: ScryptCost): Buffer {
  const { blocks, blockSize, parallelism, keyBytes } = cost;
  const bytes = 128 * blockSize;
  const mixed = pbkdf2Sync(password, salt, 1, parallelism * bytes, 'sha256');
  const mixer = new BlockMixer(blockSize, blocks);
  for (let lane = 0; lane < parallelism; lane++) {
    const part = mixed.subarray(lane * bytes, (lane + 1) * bytes);
    const words = Uint32Array.from({ length: bytes / 4 }, (_, index) => part.readUInt32LE(4 * index));
    mixer.mix(words);
    words.forEach((word, index) => part.writeUInt32LE(word, 4 * index));
  }
  return pbkdf2Sync(password, mixed, 1, keyBytes, 'sha256');
}

/** scryptROMix and scryptBlockMix over blocks of 32-bit words. */
class BlockMixer {
  readonly #words: number;
  readonly #scratch: Uint32Array;
  readonly #lane = new Uint32Array(16);
  readonly #count: number;
  readonly #kept: Uint32Array;

  constructor(blockSize: number, count: number) {
    this.#words = 32 * blockSize;
    this.#scratch = new Uint32Array(this.#words);
    this.#count = count;
    this.#kept = new Uint32Array(Math.ceil(count / keptEach) * this.#words);
  }

  /** Mixes `block` in place, in `count` rounds of writing and as many of reading. */
  mix(block: Uint32Array): void {
    const words = this.#words;
    const count = this.#count;
    const kept = this.#kept;
    for (let index = 0; index < count; index++) {
      if (index % keptEach === 0) kept.set(block, (index / keptEach) * words);
      this.#mixOnce(block);
    }
    const wanted = new Uint32Array(words);
    for (let round = 0; round < count; round++) {
      const index = (block[words - 16] ?? 0) & (count - 1);
      const start = Math.floor(index / keptEach) * words;
      wanted.set(kept.subarray(start, start + words));
      for (let left = index % keptEach; left > 0; left--) this.#mixOnce(wanted);
      for (let at = 0; at < words; at++) block[at] = (block[at] ?? 0) ^ (wanted[at] ?? 0);
      this.#mixOnce(block);
    }
  }

  /** The 64-byte parts one after the other through Salsa20/8, the even ones first in the result. */
  #mixOnce(block: Uint32Array): void {
    const words = this.#words;
    const lane = this.#lane;
    const scratch = this.#scratch;
    for (let at = 0; at < 16; at++) lane[at] = block[words - 16 + at] ?? 0;
    for (let part = 0; part < words / 16; part++) {
      for (let at = 0; at < 16; at++) lane[at] = (lane[at] ?? 0) ^ (block[16 * part + at] ?? 0);
      salsa8(lane);
      const to = 16 * (part >> 1) + (part % 2) * (words / 2);
      for (let at = 0; at < 16; at++) scratch[to + at] = lane[at] ?? 0;
    }
    block.set(scratch);
  }
}

/** Salsa20 with eight rounds, RFC 7914 section 3. Written out, since nearly all of the time passes here. */
function salsa8(block: Uint32Array): void {
  let x0 = block[0] ?? 0;
  let x1 = block[1] ?? 0;
  let x2 = block[2] ?? 0;
  let x3 = block[3] ?? 0;
  let x4 = block[4] ?? 0;
  let x5 = block[5] ?? 0;
  let x6 = block[6] ?? 0;
  let x7 = block[7] ?? 0;
  let x8 = block[8] ?? 0;
  let x9 = block[9] ?? 0;
  let x10 = block[10] ?? 0;
  let x11 = block[11] ?? 0;
  let x12 = block[12] ?? 0;
  let x13 = block[13] ?? 0;
  let x14 = block[14] ?? 0;
  let x15 = block[15] ?? 0;
  for (let round = 0; round < 8; round += 2) {
    x4 ^= rotated(x0 + x12, 7);
    x8 ^= rotated(x4 + x0, 9);
    x12 ^= rotated(x8 + x4, 13);
    x0 ^= rotated(x12 + x8, 18);
    x9 ^= rotated(x5 + x1, 7);
    x13 ^= rotated(x9 + x5, 9);
    x1 ^= rotated(x13 + x9, 13);
    x5 ^= rotated(x1 + x13, 18);
    x14 ^= rotated(x10 + x6, 7);
    x2 ^= rotated(x14 + x10, 9);
    x6 ^= rotated(x2 + x14, 13);
    x10 ^= rotated(x6 + x2, 18);
    x3 ^= rotated(x15 + x11, 7);
    x7 ^= rotated(x3 + x15, 9);
    x11 ^= rotated(x7 + x3, 13);
    x15 ^= rotated(x11 + x7, 18);
    x1 ^= rotated(x0 + x3, 7);
    x2 ^= rotated(x1 + x0, 9);
    x3 ^= rotated(x2 + x1, 13);
    x0 ^= rotated(x3 + x2, 18);
    x6 ^= rotated(x5 + x4, 7);
    x7 ^= rotated(x6 + x5, 9);
    x4 ^= rotated(x7 + x6, 13);
    x5 ^= rotated(x4 + x7, 18);
    x11 ^= rotated(x10 + x9, 7);
    x8 ^= rotated(x11 + x10, 9);
    x9 ^= rotated(x8 + x11, 13);
    x10 ^= rotated(x9 + x8, 18);
    x12 ^= rotated(x15 + x14, 7);
    x13 ^= rotated(x12 + x15, 9);
    x14 ^= rotated(x13 + x12, 13);
    x15 ^= rotated(x14 + x13, 18);
  }
  block[0] = (block[0] ?? 0) + x0;
  block[1] = (block[1] ?? 0) + x1;
  block[2] = (block[2] ?? 0) + x2;
  block[3] = (block[3] ?? 0) + x3;
  block[4] = (block[4] ?? 0) + x4;
  block[5] = (block[5] ?? 0) + x5;
  block[6] = (block[6] ?? 0) + x6;
  block[7] = (block[7] ?? 0) + x7;
  block[8] = (block[8] ?? 0) + x8;
  block[9] = (block[9] ?? 0) + x9;
  block[10] = (block[10] ?? 0) + x10;
  block[11] = (block[11] ?? 0) + x11;
  block[12] = (block[12] ?? 0) + x12;
  block[13] = (block[13] ?? 0) + x13;
  block[14] = (block[14] ?? 0) + x14;
  block[15] = (block[15] ?? 0) + x15;
}

function rotated(sum: number, bits: number): number {
  return (sum << bits) | (sum >>> (32 - bits));
}
