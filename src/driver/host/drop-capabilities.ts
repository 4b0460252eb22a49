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
 * Restarts this program in the same process with only the capabilities that the driver needs, and without a way to gain
 * others. Capabilities belong to threads, and a Node process has several before its program runs. execve(2) leaves only
 * the calling thread, and later threads inherit from it.
 *
 * 1. Remove them from the bounding set, from which a program that root executes gets its own. That needs CAP_SETPCAP.
 * 2. Set `no_new_privs`, so that no execve(2) adds any. It suffices if 1 is not permitted.
 * 3. Drop them in this thread.
 * 4. Keep the standard streams open, which Node marks close-on-exec when it starts.
 * 5. Execute. The process keeps its id and its environment.
 *
 * Does nothing if the process has no excess capabilities: it is not root, or was restarted already.
 *
 * @param words the program's arguments from the first, which names the program.
 * @returns if nothing was to be done, or nothing could be; the restarted process reports its capabilities.
 */
export async function dropCapabilities(words: readonly string[]): Promise<void> {
  const current = capabilitiesOf();
  if (excessCapabilities(current) === 0n) return;
  // Imported here, so that the second start does not load the library.
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const prctl = library.func('int prctl(int, ulong, ulong, ulong, ulong)') as (...values: readonly number[]) => number;
  for (let bit = 0; bit < capabilityBits; bit += 1) {
    if (((neededMask >> BigInt(bit)) & 1n) === 0n) prctl(prctlOption.CAPBSET_DROP, bit, 0, 0, 0);
  }
  prctl(prctlOption.CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  prctl(prctlOption.SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  setCapabilities(library, current.permitted & neededMask);
  const fcntl = library.func('int fcntl(int, int, int)') as (...values: readonly number[]) => number;
  for (const stream of standardStreams) fcntl(stream, F_SETFD, 0);
  const execv = library.func('int execv(str, const char **)') as (path: string, words: (string | null)[]) => number;
  execv('/proc/self/exe', [...words, null]);
}

/**
 * Sets the calling thread's permitted and effective capabilities to the mask, and clears the inheritable ones:
 * capset(2).
 */
function setCapabilities(library: LibraryHandle, mask: bigint): void {
  const capset = library.func('int capset(const void *, const void *)') as (
    header: Uint32Array,
    sets: Uint32Array,
  ) => number;
  const [low, high] = [Number(mask & 0xffff_ffffn), Number(mask >> 32n)];
  capset(new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]), new Uint32Array([low, low, 0, high, high, 0]));
}
