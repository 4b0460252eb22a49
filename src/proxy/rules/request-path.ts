import { proxyLimits } from '../limits.ts';
import { quote } from '../../shared/message-text.ts';

// Paths are those of requests as their clients sent them: without the query, in Latin-1 as Node's parser returns them.
// Clients choose them, and no other request is served meanwhile, so each function takes time proportional to the path.

/** A necessary sign of a path that leads elsewhere: an escape, no printable ASCII, or a segment with a leading dot. */
const unusual = /%|[^\x21-\x7e]|(?:^|[/\\])\./;
/** ASCII in more bytes than UTF-8 needs (RFC 3629, 3), or the first byte of such a form. */
const overlong = /[\xc0\xc1]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]|\xf8[\x80-\x87]|\xfc[\x80-\x83]/;
/** Separators and dots, with the compatible characters that servers fold to them (NFKC). */
const parentSegment = /(?:^|[/\\\uff0f\uff3c\ufe68])\s*(?:[.\uff0e\ufe52\u2024]{2}|[\u2025\u2026\ufe30\ufe19])/;
const ownSegment = /(?:^|[/\\])\.(?:[/\\;]|$)/;

/**
 * Returns why a path could lead out of its Connector at some tool, and the fix; undefined if it cannot. Servers differ in
 * how often they decode, and in their separators and ends of segments. So every segment that begins with `..` counts as
 * the parent, at each level of percent-encoding. The segment `.` is accepted: package repositories use it.
 */
export function pathProblem(path: string): string | undefined {
  if (!unusual.test(path)) return undefined;
  const decoded = fullyDecoded(path.replaceAll(/\/\.(?=\/|$)/g, ''));
  if (percentDecoded(decoded) !== decoded) {
    return `it is percent-encoded more than ${proxyLimits.percentDecodings} times: encode it once`;
  }
  if (overlong.test(decoded)) return 'it holds an overlong form of UTF-8: encode it as UTF-8';
  const text = utf8Of(decoded);
  if (/\p{Cc}/u.test(text)) return 'it holds a control character once decoded: remove it';
  if (/%u[0-9a-f]{4}/i.test(text)) return 'it holds %u and four digits: encode it as UTF-8';
  if (parentSegment.test(text)) return 'a segment of it begins with ".." once decoded: send the path that it leads to';
  if (ownSegment.test(text)) return 'a segment of it is an encoded ".": leave it out';
  return undefined;
}

/** A necessary sign of a path that is not canonical. */
const ambiguous = /[%\\;]|[^\x21-\x7e]|\/\/|\.(?:\/|$)/;
/** The readings of a path that is decoded once, which differ between tools. */
const ambiguities: readonly (readonly [RegExp, problem: string])[] = [
  [/%[0-9a-f]{2}/i, 'it is percent-encoded twice: encode it once'],
  [/\\/, 'it has a backslash: send a slash'],
  [/[?#]/, 'it has an encoded "?" or "#": leave out what begins there'],
  [/\/[/;]/, 'it has an empty segment: send one slash'],
  [/\/\.(?:\/|$)/, 'it has the segment ".": leave it out'],
  [/[.\s](?:[/;]|$)/, 'a segment ends with a dot or blank: remove that'],
];

/**
 * Returns why a path is not canonical, and what to send; undefined if it is. Tools read a canonical path alike, but for
 * `%2F` and `;`, of which it has one kind only (see `readingsOf`).
 * @param path without a `pathProblem`.
 */
export function ambiguityOf(path: string): string | undefined {
  if (!ambiguous.test(path)) return lengthProblem(path);
  const single = withSlashEncodedOnce(path);
  const stray = /%(?![0-9a-f]{2})/i.exec(single);
  if (stray !== null) return placed(single, stray, 'it has a "%" that encodes nothing: send %25');
  const text = utf8Of(percentDecoded(single));
  if (text.includes(';') && /%2f/i.test(single)) return 'it has both ";" and %2F: send one of them only';
  for (const [pattern, problem] of ambiguities) {
    const found = pattern.exec(text);
    if (found !== null) return placed(text, found, problem);
  }
  return lengthProblem(text);
}

/** Rules compare each segment with each of theirs. @param text without empty segments. */
function lengthProblem(text: string): string | undefined {
  const { requestSegments } = proxyLimits.rules;
  const isShort = text.length <= 2 * requestSegments || segmentsOf(text).length <= requestSegments;
  return isShort ? undefined : `it has more than ${requestSegments} segments: shorten it`;
}

/** Adds the place to a problem. */
function placed(text: string, { index }: RegExpExecArray, problem: string): string {
  return `at ${quote(text.slice(Math.max(0, index - 20), index + 20))} ${problem}`;
}

/** The segments of a canonical path as tools read them, decoded, without a slash at the end. */
export interface PathReadings {
  /** As sent: `%2F` is a character of a segment. An allow must match these. */
  readonly sent: readonly string[];
  /** In lower case: as sent, and with `%2F` as separator, without parameters after `;`, and without a format such as `.json`. */
  readonly lenient: readonly (readonly string[])[];
}

/** @param path without a `pathProblem` and without an ambiguity. */
export function readingsOf(path: string): PathReadings {
  if (!/[%;]|[^\0-\x7f]/.test(path)) {
    return { sent: segmentsOf(path), lenient: withoutFormat(segmentsOf(path.toLowerCase())) };
  }
  const single = withSlashEncodedOnce(path);
  const sent = segmentsOf(single).map(decodedSegment);
  const readings = [sent.map(folded)];
  if (/;|%2f|%3b/i.test(single)) {
    const decoded = decodedSegment(single.replaceAll(parameters, '')).replaceAll(parameters, '');
    readings.push(segmentsOf(folded(decoded)));
  }
  return { sent, lenient: readings.flatMap(withoutFormat) };
}

function segmentsOf(text: string): string[] {
  const segments = text.split('/');
  segments.shift();
  if (segments.at(-1) === '') segments.pop();
  return segments;
}

/** Parameters of a segment. */
const parameters = /;[^/]*/g;

/** Adds the reading of tools that take a suffix of the last segment for the format of the response. */
function withoutFormat(segments: readonly string[]): readonly (readonly string[])[] {
  const last = segments.at(-1) ?? '';
  const shorter = last.replace(/\.[a-z0-9]{1,8}$/, '');
  return shorter === last ? [segments] : [segments, [...segments.slice(0, -1), shorter]];
}

function decodedSegment(text: string): string {
  return utf8Of(percentDecoded(text));
}

/** Some APIs need a slash in a name encoded twice, such as those of Harbor and Jenkins. It is the same as one encoded once. */
export function withSlashEncodedOnce(path: string): string {
  return path.includes('%25') ? path.replaceAll(/%252f/gi, '%2F') : path;
}

/** Returns a text as lenient tools compare it: without case, and with the ASCII characters for full-width ones. */
export function folded(text: string): string {
  const narrow = text.replaceAll(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0));
  return narrow.toLowerCase();
}

/** A path in any spelling that lenient servers accept for a guarded one. */
export class LenientPath {
  readonly #readings: readonly string[];

  /** @param path with or without the query. */
  constructor(path: string) {
    // Some servers remove the parameters of a segment before a decoding that would end it: `/oauth;%2Fx/token`.
    this.#readings = [...percentDecodings(path)].map((text) => comparable(text.replaceAll(parameters, '')));
  }

  /** Reports whether its last segments are these, in lower case. */
  endsAt(segments: string): boolean {
    return this.#readings.some((reading) => reading.endsWith(segments));
  }

  /** Reports whether it is a guarded path. */
  isAt(guarded: string): boolean {
    return this.#readings.includes(comparable(guarded));
  }

  /** Reports the same, also for paths below the guarded one and those with a suffix such as `.json`. */
  isAtOrBelow(guarded: string): boolean {
    const other = comparable(guarded);
    return this.#readings.some((own) => own === other || own.startsWith(`${other}/`) || own.startsWith(`${other}.`));
  }
}

/** Normalizes a path as lenient servers do. */
function comparable(path: string): string {
  const segments = folded(utf8Of(fullyDecoded(path)).replace(/[?#].*$/s, ''))
    .split(/[/\\]/)
    .map((segment) => segment.replace(/;.*$/s, '').trim())
    .filter((segment) => segment !== '' && segment !== '.');
  return segments.length === 0 ? '' : `/${segments.join('/')}`;
}

/** `%` */
const percent = 0x25;

/**
 * Decodes each percent-encoded byte once; other text stays. Clients choose the text, so this takes a single pass over
 * bytes: a function called for each escape takes ten times as long, 4 ms for 16 KB.
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

/** Returns the value of a hexadecimal digit, -1 for another byte. */
function digitValue(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Yields a text, the text decoded once, and so on until decoding changes nothing, at most `proxyLimits.percentDecodings` times. */
function* percentDecodings(text: string): Generator<string> {
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
