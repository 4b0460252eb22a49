import { proxyLimits } from '../limits.ts';

/**
 * Decodes each percent-encoded byte once; other text stays. Clients choose the text, so this takes a single pass.
 * @param text in Latin-1, as is the result.
 */
export function percentDecoded(text: string): string {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_escape, hex: string) => String.fromCharCode(parseInt(hex, 16)));
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
