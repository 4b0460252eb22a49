import type { ByteString } from '../byte-string.ts';
import { GoError } from '../function.ts';
import { quote } from '../quote.ts';
import { ByteBuilder } from '../byte-builder.ts';

/** The parts of a URL, which differ in what they must escape. */
type UrlPart = 'path' | 'userinfo' | 'host' | 'zone' | 'fragment';

const hostPlain = `!$&'()*+,;=:[]<>"`;

/** Characters that each part leaves unescaped, as well as letters, digits and `-_.~`. */
const plain: Readonly<Record<UrlPart, string>> = {
  path: '$&+,/:;=@',
  userinfo: '$&+,;=',
  host: hostPlain,
  zone: hostPlain,
  fragment: '$&+,/:;=?@!()*',
};

function mustEscape(char: string, part: UrlPart): boolean {
  return !/[-A-Za-z0-9_.~]/.test(char) && !plain[part].includes(char);
}

export function escapePart(text: ByteString, part: UrlPart): ByteString {
  const escaped = new ByteBuilder();
  for (const char of text) {
    const code = char.charCodeAt(0);
    if (mustEscape(char, part)) escaped.add(`%${code.toString(16).toUpperCase().padStart(2, '0')}`);
    else escaped.addByte(code);
  }
  return escaped.toString();
}

function escapeError(escape: ByteString): GoError {
  return new GoError(`invalid URL escape ${quote(escape)}`);
}

/**
 * Checks an escape as Go does. A host can escape only bytes beyond ASCII, and the `%` of a zone. A zone can escape only
 * `%`, the space and characters that a host can hold unescaped.
 * @throws {GoError} for any other escape.
 */
function checkEscape(escape: ByteString, part: UrlPart): void {
  const byte = Number.parseInt(escape.slice(1), 16);
  if (part === 'host' && byte < 0x80 && escape !== '%25') throw escapeError(escape);
  const unneeded = byte !== 0x20 && mustEscape(String.fromCharCode(byte), 'host');
  if (part === 'zone' && escape !== '%25' && unneeded) throw escapeError(escape);
}

/** @throws {GoError} for a wrong escape or, in a host, a character that it cannot hold. */
export function unescapePart(text: ByteString, part: UrlPart): ByteString {
  const isHost = part === 'host' || part === 'zone';
  const unescaped = new ByteBuilder();
  for (let at = 0; at < text.length;) {
    const char = text.charAt(at);
    if (char !== '%') {
      if (isHost && char < '\u0080' && mustEscape(char, part)) {
        throw new GoError(`invalid character ${quote(char)} in host name`);
      }
      unescaped.add(char);
      at++;
      continue;
    }
    const escape = text.slice(at, at + 3);
    if (!/^%[0-9a-fA-F]{2}$/.test(escape)) throw escapeError(escape);
    checkEscape(escape, part);
    unescaped.addByte(Number.parseInt(escape.slice(1), 16));
    at += 3;
  }
  return unescaped.toString();
}
