import { stringify } from 'lossless-json';

const texts = new WeakMap<object, string>();

/**
 * JSON of what the store gives out. Its objects are frozen, so that the text of each is made once: a megabyte of small
 * values takes hundreds of milliseconds, in which this server, unlike one with many threads, answers nobody.
 */
export function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !Object.isFrozen(value)) return stringify(value) ?? '';
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = stringify(value) ?? '';
  texts.set(value, text);
  return text;
}

/** JSON of a list of the API's. */
export function listTextOf({ items, ...list }: { readonly items: readonly unknown[] }): string {
  const head = stringify({ ...list, items: [] }) ?? '';
  return `${head.slice(0, -']}'.length)}${items.map(textOf).join()}]}`;
}
