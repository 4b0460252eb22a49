import { GoError } from '../function.ts';

/** A version as Masterminds/semver 3.2 reads it: looser than the standard, `v1.2` is 1.2.0. Numbers are uint64. */
export interface Version {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly prerelease: string;
  readonly metadata: string;
  /** The text it was read from. */
  readonly original: string;
}

const identifiers = String.raw`([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)`;
const versionForm = new RegExp(
  String.raw`^v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-${identifiers})?(?:\+${identifiers})?$`,
);

const maxUint64 = (1n << 64n) - 1n;

/** strconv.ParseUint for digits alone; undefined beyond 64 bits. */
function parseUint(digits: string): bigint | undefined {
  const significant = digits.replace(/^0+/, '');
  if (significant.length > 20) return undefined;
  const value = BigInt(significant);
  return value <= maxUint64 ? value : undefined;
}

function segment(digits: string): bigint {
  const value = parseUint(digits);
  if (value !== undefined) return value;
  throw new GoError(`Error parsing version segment: strconv.ParseUint: parsing "${digits}": value out of range`);
}

/** @throws {GoError} with the library's message for text that is no version. */
export function parseVersion(text: string): Version {
  const match = versionForm.exec(text);
  if (match === null) throw new GoError('Invalid Semantic Version');
  const [, major = '', minor = '', patch = '', prerelease = '', metadata = ''] = match;
  const version = {
    major: segment(major),
    minor: segment(minor),
    patch: segment(patch),
    prerelease,
    metadata,
    original: text,
  };
  checkPrerelease(prerelease);
  return version;
}

function checkPrerelease(text: string): void {
  if (text === '') return;
  for (const part of text.split('.')) {
    if (/^0[0-9]+$/.test(part)) throw new GoError('Version segment starts with 0');
    if (!/^[0-9A-Za-z-]*$/.test(part)) throw new GoError('Invalid Prerelease string');
  }
}

function checkMetadata(text: string): void {
  if (!/^[0-9A-Za-z.-]*$/.test(text)) throw new GoError('Invalid Metadata string');
}

export function versionText({ major, minor, patch, prerelease, metadata }: Version): string {
  const numbers = [major, minor, patch].map(String).join('.');
  return numbers + (prerelease === '' ? '' : `-${prerelease}`) + (metadata === '' ? '' : `+${metadata}`);
}

type Parts = Omit<Version, 'original'>;

/** A version derived from another: its text keeps that one's `v`. */
function derived(from: Version, parts: Parts): Version {
  const prefix = from.original.startsWith('v') ? 'v' : '';
  return { ...parts, original: prefix + versionText({ ...parts, original: '' }) };
}

/** The next version; the next patch of a prerelease is its release. */
export function increment(version: Version, part: 'major' | 'minor' | 'patch'): Version {
  const bumped = (value: bigint): bigint => BigInt.asUintN(64, value + 1n);
  const { major, minor, patch } = version;
  const bare = { prerelease: '', metadata: '' };
  if (part === 'major') return derived(version, { major: bumped(major), minor: 0n, patch: 0n, ...bare });
  if (part === 'minor') return derived(version, { major, minor: bumped(minor), patch: 0n, ...bare });
  return derived(version, { major, minor, patch: version.prerelease === '' ? bumped(patch) : patch, ...bare });
}

/** @throws {GoError} when the text does not fit the part. */
export function withPart(version: Version, part: 'prerelease' | 'metadata', text: string): Version {
  if (part === 'prerelease') checkPrerelease(text);
  else checkMetadata(text);
  return derived(version, { ...version, [part]: text });
}

function compare<T>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Order of precedence: -1, 0 or 1. Metadata does not count. */
export function compareVersions(a: Version, b: Version): number {
  const numbers = compare(a.major, b.major) || compare(a.minor, b.minor) || compare(a.patch, b.patch);
  if (numbers !== 0 || a.prerelease === b.prerelease) return numbers;
  if (a.prerelease === '') return 1;
  return b.prerelease === '' ? -1 : comparePrereleases(a.prerelease, b.prerelease);
}

/** Part by part; those before the first byte that differs are the same, and may be very many. */
export function comparePrereleases(a: string, b: string): number {
  let same = 0;
  while (same < a.length && a.charCodeAt(same) === b.charCodeAt(same)) same++;
  if (same === a.length && same === b.length) return 0;
  let at = same === 0 ? 0 : a.lastIndexOf('.', same - 1) + 1;
  while (at <= a.length || at <= b.length) {
    const part = partAt(a, at);
    const order = comparePart(part, partAt(b, at));
    if (order !== 0) return order;
    at += part.length + 1;
  }
  return 0;
}

function partAt(text: string, start: number): string {
  const end = text.indexOf('.', start);
  return text.slice(start, end < 0 ? text.length : end);
}

/** Nothing before something, numbers before words, numbers by value, words by bytes. */
function comparePart(a: string, b: string): number {
  if (a === b) return 0;
  if (a === '' || b === '') return a === '' ? -1 : 1;
  const numbers = [a, b].map((part) => (/^[0-9]+$/.test(part) ? parseUint(part) : undefined));
  const [numberA, numberB] = numbers;
  if (numberA !== undefined && numberB !== undefined) return numberA > numberB ? 1 : -1;
  if (numberA === undefined && numberB === undefined) return compare(a, b);
  return numberA === undefined ? 1 : -1;
}
