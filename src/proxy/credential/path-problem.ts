import { limits } from '../../limits/defaults.js';

const maxDecodings = limits.percentDecodings;
const percent = 0x25;

/**
 * A necessary sign of every problem: an escape, a character that is not printable ASCII, or a segment with a leading
 * dot.
 */
const unusual = /%|[^\x21-\x7e]|(?:^|[/\\])\./;
/** ASCII in more bytes than UTF-8 needs (RFC 3629, 3), or the first byte of such a form. */
const overlong = /[\xc0\xc1]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]|\xf8[\x80-\x87]|\xfc[\x80-\x83]/;
/** Separators and dots, with the compatible characters that servers fold to them (NFKC). */
const parentSegment = /(?:^|[/\\\uff0f\uff3c\ufe68])\s*(?:[.\uff0e\ufe52\u2024]{2}|[\u2025\u2026\ufe30\ufe19])/;
const ownSegment = /(?:^|[/\\])\.(?:[/\\;]|$)/;

/**
 * Returns why a path could have another meaning for the tool than for the proxy, and the fix; undefined if it cannot.
 * Servers differ in how often they decode, and in their separators and ends of segments. A client could use that to
 * leave the path of its Connector. So every segment that begins with `..` counts as the parent, at each level of
 * percent-encoding. The segment `.` is accepted: package repositories use it, and it leads nowhere. Takes time
 * proportional to the path: a client chooses it, and no other request is served meanwhile.
 * @param path of a request as its client sent it, without the query.
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
 * Decodes a path until it no longer changes. A single pass suffices: escapes that decoding produces are decoded at
 * once.
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
    // A decoded byte can be the last digit of an escape that began earlier.
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

/** Returns the value of a hexadecimal digit. */
function digitValue(byte = 0): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
}
