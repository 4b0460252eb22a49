/**
 * A result if it is cached, and otherwise a promise of it. Functions that return it throw an error or reject with it, so
 * callers must `await` them inside `try`. Functions of every request return it, because an async function costs several
 * allocations even if it has nothing to wait for.
 */
export type Awaitable<T> = T | Promise<T>;
