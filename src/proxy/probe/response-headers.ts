import type { RawHeaders } from '../tool/headers.js';

/**
 * Headers of a response for an expression, under two names each: the canonical one of Go (`Content-Type`) with the list
 * of values, and the lower-case one with the joined values.
 */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

export function probedHeaders(rawHeaders: RawHeaders): ResponseHeaders {
  const values = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    const value = rawHeaders[at + 1] ?? '';
    const others = values.get(name);
    if (others === undefined) values.set(name, [value]);
    else others.push(value);
  }
  const headers = new Map<string, string | readonly string[]>();
  for (const [name, list] of values) headers.set(canonicalName(name), list);
  // Last: a name without letters has one form.
  for (const [name, list] of values) headers.set(name, list.join(', '));
  return Object.fromEntries(headers);
}

/** Returns the name with a capital at the beginning and after each hyphen. */
function canonicalName(name: string): string {
  return name.replace(/(?:^|-)[a-z]/g, (part) => part.toUpperCase());
}
