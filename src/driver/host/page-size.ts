import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';

/** <elf.h> */
const AT_PAGESZ = 6n;

/** What a machine has that does not say. */
const usualBytes = 4096;

/** The unit in which a tmpfs gives memory to files: 4 KiB mostly, 64 KiB on some arm64 and ppc64 machines. */
export function loadPageBytes(): number {
  return pageBytesOf(readFileSync('/proc/self/auxv')) ?? usualBytes;
}

/** @param auxv pairs of 64-bit words, proc_pid_auxv(5). */
export function pageBytesOf(auxv: Buffer): number | undefined {
  const word = (at: number): bigint => (endianness() === 'LE' ? auxv.readBigUInt64LE(at) : auxv.readBigUInt64BE(at));
  for (let at = 0; at + 16 <= auxv.length; at += 16) if (word(at) === AT_PAGESZ) return Number(word(at + 8));
  return undefined;
}
