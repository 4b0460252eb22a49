import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';

/** <elf.h> */
const AT_PAGESZ = 6n;

/** Default for a machine that does not report its page size. */
const usualBytes = 4096;

/** Returns the unit of a tmpfs's memory: usually 4 KiB, 64 KiB on some arm64 and ppc64 machines. */
export function loadPageBytes(): number {
  return pageBytesOf(readFileSync('/proc/self/auxv')) ?? usualBytes;
}

/** @param auxv pairs of 64-bit words, proc_pid_auxv(5). */
export function pageBytesOf(auxv: Buffer): number | undefined {
  const word = (at: number): bigint => (endianness() === 'LE' ? auxv.readBigUInt64LE(at) : auxv.readBigUInt64BE(at));
  for (let at = 0; at + 16 <= auxv.length; at += 16) if (word(at) === AT_PAGESZ) return Number(word(at + 8));
  return undefined;
}
