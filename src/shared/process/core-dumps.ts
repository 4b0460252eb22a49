/** <sys/resource.h> */
const RLIMIT_CORE = 4;
/** <linux/prctl.h> */
const PR_SET_DUMPABLE = 4;

/**
 * Prevents core dumps of this process: its memory contains tokens, and the proxy's contains credentials of tools. The
 * limit alone does not suffice if the node pipes core dumps to a program, core(5).
 */
export async function forbidCoreDumps(): Promise<void> {
  // Imported here, so that other commands do not load the library.
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const setrlimit = library.func('int setrlimit(int, const void *)') as (
    what: number,
    limits: BigUint64Array,
  ) => number;
  const prctl = library.func('int prctl(int, ulong, ulong, ulong, ulong)') as (...values: readonly number[]) => number;
  setrlimit(RLIMIT_CORE, new BigUint64Array([0n, 0n]));
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
