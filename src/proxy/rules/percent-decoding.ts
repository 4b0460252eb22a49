import { proxyLimits } from '../limits.ts';

const percent = 0x25;

/**
 * Decodes each percent-encoded byte once; other text stays. Clients choose the text, so this takes a single pass.
 * @param text in Latin-1, as is the result.
 */
export function percentDecoded(text: string): string {
  if (!text.includes('%')) return text;
  const bytes = Buffer.from(text, 'latin1');
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    const high = byte === percent ? digitValue(bytes[at + 1]) : -1;
    const low = high === -1 ? -1 : digitValue(bytes[at + 2]);
    bytes[length] = low === -1 ? byte : high * 16 + low;
    if (low !== -1) at += 2;
    length += 1;
  }
  return bytes.toString('latin1', 0, length);
}

/** Yields a text, the text decoded once, and so on until decoding changes nothing, at most `proxyLimits.percentDecodings` times. */
export function* percentDecodings(text: string): Generator<string> {
  let current = text;
  for (let times = 0; times <= proxyLimits.percentDecodings; times += 1) {
    yield current;
    const decoded = percentDecoded(current);
    if (decoded === current) return;
    current = decoded;
  }
}

/** Returns the last of the decodings, as servers read it that decode repeatedly. */
export function fullyDecoded(text: string): string {
  let last = text;
  for (const decoded of percentDecodings(text)) last = decoded;
  return last;
}

/** Returns the characters of a text whose bytes are UTF-8. */
export function utf8Of(latin1: string): string {
  return /^[\0-\x7f]*$/.test(latin1) ? latin1 : Buffer.from(latin1, 'latin1').toString('utf8');
}

/** Returns the value of a hexadecimal digit, -1 for another byte. */
function digitValue(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
