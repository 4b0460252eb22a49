import { limits } from '../../limits/defaults.js';

/**
 * Yields percent-encoded text, and what it is after each decoding, at most `limits.percentDecodings` times. Lenient servers decode
 * repeatedly, and also `%u` with four digits.
 */
export function* percentDecodings(text: string): Generator<string> {
  let current = text;
  for (let times = 0; times <= limits.percentDecodings; times += 1) {
    yield current;
    const decoded = current.includes('%') ? decodedOnce(current) : current;
    if (decoded === current) return;
    current = decoded;
  }
}

/** Returns the last of the decodings. */
export function fullyDecoded(text: string): string {
  return [...percentDecodings(text)].at(-1) ?? text;
}

function decodedOnce(text: string): string {
  return text
    .replaceAll(/%u([0-9a-f]{4})/gi, (_whole, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replaceAll(/(?:%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
}
