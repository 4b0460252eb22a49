/**
 * A result that is there at once if it is cached, and a promise of it otherwise. Functions of every request return it:
 * an async function costs several allocations, also if it has nothing to wait for.
 */
export type Awaitable<T> = T | Promise<T>;
