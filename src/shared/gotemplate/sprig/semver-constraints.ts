import { RE2JS } from 're2js';
import { GoError } from '../function.ts';
import { comparePrereleases, compareVersions, parseVersion, type Version } from './semver-version.ts';

/**
 * Constraints of Masterminds/semver 3.2, which are not npm's: `||` separates alternatives, spaces or commas what must
 * hold together, `1.2 - 1.4` is a range. A prerelease only satisfies what names a prerelease itself.
 *
 * The patterns are ambiguous about white space, so a backtracking matcher would take exponential time: RE2 does not.
 */
const operators = String.raw`=||!=|>|<|>=|=>|<=|=<|~|~>|\^`;
const form =
  String.raw`v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?` +
  String.raw`(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?`;

const singleForm = RE2JS.compile(String.raw`^\s*(${operators})\s*(${form})\s*$`);
const rangeForm = RE2JS.compile(String.raw`\s*(${form})\s+-\s+(${form})\s*`);
const findForm = RE2JS.compile(String.raw`(${operators})\s*(${form})`);
const validForm = RE2JS.compile(
  String.raw`^(\s*(${operators})\s*(${form})\s*)((?:\s+|,\s*)(${operators})\s*(${form})\s*)*$`,
);

interface Constraint {
  readonly operator: string;
  readonly version: Version;
  /** Some number was left out or is `x`; `minorOpen`: all but the major one, `patchOpen`: the patch alone. */
  readonly isOpen: boolean;
  readonly minorOpen: boolean;
  readonly patchOpen: boolean;
}

function matches(form: RE2JS, text: string): string[] {
  const matcher = form.matcher(text);
  const found: string[] = [];
  while (matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

/** Writes `1.2 - 1.4` as `>= 1.2, <= 1.4`. */
function rewriteRanges(text: string): string {
  const matcher = rangeForm.matcher(text);
  let rewritten = text;
  while (matcher.find()) {
    const range = `>= ${matcher.group(1) ?? ''}, <= ${matcher.group(11) ?? ''}`;
    rewritten = rewritten.replace(matcher.group() ?? '', () => range);
  }
  return rewritten;
}

/** @throws {GoError} for text that is no constraint. */
export function parseConstraints(text: string): Constraint[][] {
  return rewriteRanges(text)
    .split('||')
    .map((alternative) => {
      if (!validForm.matcher(alternative).find()) throw new GoError(`improper constraint: ${alternative}`);
      return matches(findForm, alternative).map(parseConstraint);
    });
}

function parseConstraint(text: string): Constraint {
  const matcher = singleForm.matcher(text);
  if (!matcher.find()) throw new GoError(`improper constraint: ${text}`);
  const group = (index: number): string => matcher.group(index) ?? '';
  const [major, minor, patch] = [group(3), group(4), group(5)];
  const open = { operator: group(1), isOpen: true, minorOpen: false, patchOpen: false };
  if (isWild(major)) return { ...open, version: parsed(`0.0.0${group(6)}`) };
  if (isWild(minor)) return { ...open, minorOpen: true, version: parsed(`${major}.0.0${group(6)}`) };
  if (isWild(patch)) return { ...open, patchOpen: true, version: parsed(`${major}${minor}.0${group(6)}`) };
  return { ...open, isOpen: false, version: parsed(group(2)) };
}

function isWild(part: string): boolean {
  return /^\.?[xX*]?$/.test(part);
}

function parsed(text: string): Version {
  try {
    return parseVersion(text);
  } catch {
    throw new GoError('constraint Parser Error');
  }
}

/** Whether the version satisfies one of the alternatives. */
export function satisfies(version: Version, constraints: readonly (readonly Constraint[])[]): boolean {
  return constraints.some((together) => together.every((constraint) => check(version, constraint)));
}

function check(version: Version, constraint: Constraint): boolean {
  const { operator, version: limit, isOpen } = constraint;
  if (operator === '!=') return isOther(version, constraint);
  if (version.prerelease !== '' && limit.prerelease === '') return false;
  switch (operator) {
    case '>':
      return isGreater(version, constraint);
    case '<':
      return compareVersions(version, limit) < 0;
    case '>=':
    case '=>':
      return compareVersions(version, limit) >= 0;
    case '<=':
    case '=<':
      return isAtMost(version, constraint);
    case '^':
      return isCompatible(version, constraint);
    case '~':
    case '~>':
      return isNear(version, constraint);
    default:
      return isOpen ? isNear(version, constraint) : compareVersions(version, limit) === 0;
  }
}

function isOther(version: Version, { version: limit, isOpen, minorOpen, patchOpen }: Constraint): boolean {
  if (!isOpen) return compareVersions(version, limit) !== 0;
  if (version.prerelease !== '' && limit.prerelease === '') return false;
  if (limit.major !== version.major) return true;
  if (minorOpen) return false;
  if (limit.minor !== version.minor) return true;
  if (!patchOpen) return limit.patch !== version.patch || compareVersions(version, limit) !== 0;
  const prerelease = version.prerelease !== '' || limit.prerelease !== '';
  return prerelease && comparePrereleases(version.prerelease, limit.prerelease) !== 0;
}

/** Above the whole span that an open constraint covers: `>11` starts at 12.0.0. */
function isGreater(version: Version, { version: limit, isOpen, minorOpen, patchOpen }: Constraint): boolean {
  if (!isOpen) return compareVersions(version, limit) > 0;
  if (version.major !== limit.major) return version.major > limit.major;
  if (minorOpen) return false;
  return patchOpen ? version.minor > limit.minor : compareVersions(version, limit) > 0;
}

function isAtMost(version: Version, { version: limit, isOpen, minorOpen }: Constraint): boolean {
  if (!isOpen) return compareVersions(version, limit) <= 0;
  if (version.major > limit.major) return false;
  return version.major !== limit.major || version.minor <= limit.minor || minorOpen;
}

/** `~1.2.3`: the same minor version from there on; `~1`: the same major version; `~0.0.0` and `~*`: any. */
function isNear(version: Version, { version: limit, minorOpen, patchOpen }: Constraint): boolean {
  if (compareVersions(version, limit) < 0) return false;
  const isZero = limit.major === 0n && limit.minor === 0n && limit.patch === 0n;
  if (isZero && !minorOpen && !patchOpen) return true;
  return version.major === limit.major && (version.minor === limit.minor || minorOpen);
}

/** `^1.2.3`: no change of the leftmost number that is not zero. */
function isCompatible(version: Version, { version: limit, minorOpen, patchOpen }: Constraint): boolean {
  if (compareVersions(version, limit) < 0) return false;
  if (limit.major > 0n || minorOpen) return version.major === limit.major;
  if (version.major > 0n) return false;
  if (limit.minor > 0n || patchOpen) return version.minor === limit.minor;
  return version.minor === 0n && version.patch === limit.patch;
}
