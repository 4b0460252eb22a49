import { decodeRune, runeError, type ByteString } from '../byte-string.ts';

/**
 * The time package's own quoting for its messages: quotes and backslashes are escaped, control characters and whatever
 * is not ASCII byte by byte.
 */
export function quoteTime(text: ByteString): ByteString {
  let quoted = '"';
  for (let at = 0; at < text.length;) {
    const { rune, size } = decodeRune(text, at);
    const bytes = text.slice(at, at + size);
    if (rune >= 0x80 || rune < 0x20 || rune === runeError) quoted += hexBytes(bytes);
    else quoted += /["\\]/.test(bytes) ? `\\${bytes}` : bytes;
    at += size;
  }
  return `${quoted}"`;
}

function hexBytes(bytes: ByteString): ByteString {
  return Array.from(bytes, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
}
