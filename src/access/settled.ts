/**
 * All results once every promise has settled, so that nothing of them is still under way afterwards.
 * @throws what the first of them in order was rejected with.
 */
export async function allOrFirstFailure<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(promises);
  const results: T[] = [];
  for (const promise of promises) results.push(await promise);
  return results;
}
