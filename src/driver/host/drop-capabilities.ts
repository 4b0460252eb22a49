import type { LibraryHandle } from 'koffi';
import { capabilitiesOf, neededMask, excessCapabilities } from './capabilities.js';

/** <linux/prctl.h> */
const prctlOption = { CAPBSET_DROP: 24, SET_NO_NEW_PRIVS: 38, CAP_AMBIENT: 47 } as const;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** <linux/capability.h>: a mask is two words of 32 bits each. */
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const capabilityBits = 64;
/** <fcntl.h> */
const F_SETFD = 2;
const standardStreams = [0, 1, 2];

/**
 * Starts this program anew, in the same process, with no capability but those that the driver needs, and without a way to
 * come by others. Capabilities belong to threads, and a Node process has some before the first line of its program runs;
 * an execve(2) leaves only the thread that calls it, and those that come later are as that one.
 *
 * 1. Take them from the bounding set, where a program that root executes gets its own from. That needs CAP_SETPCAP.
 * 2. Let no execve(2) give more than there is (`no_new_privs`), which alone would do where 1 is not allowed.
 * 3. Give them up in this thread.
 * 4. Keep the standard streams, which Node at its start has marked to be closed.
 * 5. Execute. The process keeps its id and its environment.
 *
 * Does nothing where there is nothing to give up: a process that is not root, or has been started anew.
 *
 * @param words the program's arguments from the first, which names the program.
 * @returns when nothing was to be done, or nothing could be; the process that was started anew tells what it has.
 */
export async function dropCapabilities(words: readonly string[]): Promise<void> {
  const held = capabilitiesOf();
  if (excessCapabilities(held) === 0n) return;
  // Only here, not to load the library a second time.
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const prctl = library.func('int prctl(int, ulong, ulong, ulong, ulong)') as (...values: readonly number[]) => number;
  for (let bit = 0; bit < capabilityBits; bit += 1) {
    if (((neededMask >> BigInt(bit)) & 1n) === 0n) prctl(prctlOption.CAPBSET_DROP, bit, 0, 0, 0);
  }
  prctl(prctlOption.CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  prctl(prctlOption.SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  keepOnly(library, held.permitted & neededMask);
  const fcntl = library.func('int fcntl(int, int, int)') as (...values: readonly number[]) => number;
  for (const stream of standardStreams) fcntl(stream, F_SETFD, 0);
  const execv = library.func('int execv(str, const char **)') as (path: string, words: (string | null)[]) => number;
  execv('/proc/self/exe', [...words, null]);
}

/** capset(2), for the calling thread: permitted and effective alike, nothing inheritable. */
function keepOnly(library: LibraryHandle, mask: bigint): void {
  const capset = library.func('int capset(const void *, const void *)') as (
    header: Uint32Array,
    sets: Uint32Array,
  ) => number;
  const [low, high] = [Number(mask & 0xffff_ffffn), Number(mask >> 32n)];
  capset(new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]), new Uint32Array([low, low, 0, high, high, 0]));
}
