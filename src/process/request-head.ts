/** The first line of an HTTP request, which is all that the health port wants to know. */
export interface RequestHead {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
}

/**
 * Of the request that begins with these bytes (RFC 9112, 2 to 5). Header fields and a body are of no use here and are not
 * looked at, nor is anything that comes after the head.
 * @returns `incomplete` while the empty line that ends the head has not come, `malformed` for what is no HTTP/1 request.
 */
export function parseRequestHead(bytes: Buffer): RequestHead | 'incomplete' | 'malformed' {
  const text = bytes.toString('latin1');
  const lineEnd = text.indexOf('\n');
  if (lineEnd === -1) return isPrintable(text) ? 'incomplete' : 'malformed';
  const [, method, target] = /^([A-Z]{1,16}) (\S+) HTTP\/1\.[01]\r?$/.exec(text.slice(0, lineEnd)) ?? [];
  if (method === undefined || target === undefined) return 'malformed';
  if (!/\r?\n\r?\n/.test(text.slice(lineEnd - 1))) return 'incomplete';
  const [path = ''] = target.split('?', 1);
  return { method, path };
}

/** So that TLS or another protocol is turned away at its first byte, without a wait for a line. */
function isPrintable(text: string): boolean {
  return /^[\x20-\x7e]*\r?$/.test(text);
}
