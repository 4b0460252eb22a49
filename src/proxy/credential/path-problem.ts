/** Servers decode a path once, some twice, and each gateway on the way perhaps once more. */
const maxDecodings = 4;
const percent = 0x25;

/** What every path with a problem has: an escape, a character that is no printable ASCII, or a segment that begins with a dot. */
const unusual = /%|[^\x21-\x7e]|(?:^|[/\\])\./;
/** ASCII in more bytes than UTF-8 needs (RFC 3629, 3), or the first byte of such a form. */
const overlong = /[\xc0\xc1]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]|\xf8[\x80-\x87]|\xfc[\x80-\x83]/;
/** Separators and dots, with the characters that servers take for them when they fold compatible ones (NFKC). */
const parentSegment = /(?:^|[/\\\uff0f\uff3c\ufe68])\s*(?:[.\uff0e\ufe52\u2024]{2}|[\u2025\u2026\ufe30\ufe19])/;
const ownSegment = /(?:^|[/\\])\.(?:[/\\;]|$)/;

/**
 * Why a path may mean another one to the tool than to the proxy, and what to change; undefined when it does not.
 *
 * Servers differ in how often they decode, what they take for a separator and where a segment ends for them. So whatever
 * begins with `..` counts as the parent, at each level of percent-encoding. The segment `.` passes as it is: package
 * repositories use it, and it leads nowhere.
 *
 * Takes time in proportion to the path: a client chooses it, and no other client is served meanwhile.
 * @param path of a request as its client has sent it, without the query.
 */
export function pathProblem(path: string): string | undefined {
  if (!unusual.test(path)) return undefined;
  const decoded = fullyDecoded(path.replaceAll(/\/\.(?=\/|$)/g, ''));
  if (decoded === undefined) return `it is percent-encoded more than ${maxDecodings} times: encode it once`;
  if (overlong.test(decoded.toString('latin1'))) return 'it holds an overlong form of UTF-8: encode it as UTF-8';
  const text = decoded.toString('utf8');
  if (/\p{Cc}/u.test(text)) return 'it holds a control character once decoded: remove it';
  if (/%u[0-9a-f]{4}/i.test(text)) return 'it holds %u and four digits: encode it as UTF-8';
  if (parentSegment.test(text)) return 'a segment of it begins with ".." once decoded: send the path that it leads to';
  if (ownSegment.test(text)) return 'a segment of it is an encoded ".": leave it out';
  return undefined;
}

/**
 * The bytes of a path after as many decodings as it takes until nothing changes any more. What a single decoding brings
 * to light stays: only `%` and digits are ever decoded.
 * @returns undefined beyond `maxDecodings`.
 */
function fullyDecoded(path: string): Buffer | undefined {
  const bytes = Buffer.from(path, 'latin1');
  if (!path.includes('%')) return bytes;
  /** How often each byte was decoded. */
  const decodings = new Uint8Array(bytes.length);
  let length = 0;
  for (const byte of bytes) {
    bytes[length] = byte;
    decodings[length] = 0;
    length += 1;
    // What was decoded may be the last digit of an escape that began before.
    for (let start = length - 3; start >= 0 && bytes[start] === percent; start = length - 3) {
      const high = digitValue(bytes[start + 1]);
      const low = digitValue(bytes[start + 2]);
      if (high === undefined || low === undefined) break;
      const times = 1 + Math.max(decodings[start] ?? 0, decodings[start + 1] ?? 0, decodings[start + 2] ?? 0);
      if (times > maxDecodings) return undefined;
      bytes[start] = high * 16 + low;
      decodings[start] = times;
      length = start + 1;
    }
  }
  return bytes.subarray(0, length);
}

/** Of a hexadecimal digit. */
function digitValue(byte = 0): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
}
