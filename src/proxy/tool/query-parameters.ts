import { canonicalParameterName } from '../rules/overrides.ts';
import { fullyDecoded, utf8Of } from '../rules/request-path.ts';

/**
 * Replaces parameters of a path's query.
 * @param names canonical names to remove.
 * @param added names and values to append.
 */
export function withParameters(
  path: string,
  names: ReadonlySet<string>,
  added: readonly (readonly [name: string, value: string])[],
): string {
  if (names.size === 0) return path;
  const start = path.indexOf('?');
  const pathname = start === -1 ? path : path.slice(0, start);
  const kept = start === -1 ? '' : withoutNames(path.slice(start + 1), names);
  const own = added.map(([name, value]) => `${encodeParameter(name)}=${encodeParameter(value)}`).join('&');
  const query = [kept, own].filter((part) => part !== '').join('&');
  return query === '' ? pathname : `${pathname}?${query}`;
}

/** Some servers also separate parameters by ";". */
function withoutNames(query: string, names: ReadonlySet<string>): string {
  let kept = '';
  for (const [, parameter = '', separator = ''] of query.matchAll(/([^&;]*)([&;]|$)/g)) {
    const [name = ''] = parameter.split('=', 1);
    if (name === '' || !names.has(canonicalParameterName(name))) kept += `${parameter}${separator}`;
  }
  return withoutEndSeparators(kept);
}

/** A regular expression would take quadratic time for separators in the middle. */
function withoutEndSeparators(query: string): string {
  let end = query.length;
  while (query[end - 1] === '&' || query[end - 1] === ';') end -= 1;
  return query.slice(0, end);
}

/** Encodes all characters that a server could take for syntax. */
function encodeParameter(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.toString('latin1').replaceAll(/[^-.~\w]/g, (byte) => {
    return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

/**
 * Returns a response header's value without parameters of these names in the URLs that it contains.
 * @param secrets values of the parameters.
 * @returns undefined if it still contains one of the values.
 */
export function withoutParameters(
  value: string,
  names: ReadonlySet<string>,
  secrets: readonly string[],
): string | undefined {
  const stripped = value.includes('=') ? withoutAssignments(value, names) : value;
  const texts = [stripped, decoded(stripped), decoded(stripped.replaceAll('+', ' '))];
  const isIn = (secret: string): boolean =>
    texts.some((text) => text.includes(secret) || text.includes(decoded(secret)));
  return secrets.some(isIn) ? undefined : stripped;
}

function decoded(text: string): string {
  return utf8Of(fullyDecoded(text));
}

function withoutAssignments(value: string, names: ReadonlySet<string>): string {
  const kept = value.replaceAll(
    /([?&;])([^?&;#\s"'<>,=]{1,512})=[^?&;#\s"'<>,]*/g,
    (whole, separator: string, name: string) => {
      if (!names.has(canonicalParameterName(name))) return whole;
      return separator === '?' ? '?' : '';
    },
  );
  return kept === value ? value : kept.replaceAll(/\?[&;]+/g, '?').replaceAll(/\?(?=$|[#\s"'<>,])/g, '');
}
