/** <sys/resource.h> */
const RLIMIT_CORE = 4;
/** <linux/prctl.h> */
const PR_SET_DUMPABLE = 4;

/**
 * Keeps the memory of this process out of core dumps: it holds tokens, and the proxy's holds credentials of tools. The
 * limit alone would not do where the node hands core dumps to a program through a pipe, core(5). An execve(2) keeps the
 * limit, but makes the process dumpable again.
 */
export async function forbidCoreDumps(): Promise<void> {
  // Only here, so that other commands do not load the library.
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
