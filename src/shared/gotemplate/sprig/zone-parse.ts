/** How Go's time.Parse recognises time zones in a text. */

interface ParsedOffset {
  /** Seconds east of UTC. */
  readonly offset: number;
  /** Characters taken. */
  readonly length: number;
  readonly outOfRange?: 'hour' | 'minute' | 'second' | undefined;
}

/** The shapes of the forms; that the characters are digits is a later question. */
const offsetForms = new Map([
  ['07', /^(.)(..)/s],
  ['0700', /^(.)(..)(..)/s],
  ['07:00', /^(.)(..):(..)/s],
  ['070000', /^(.)(..)(..)(..)/s],
  ['07:00:00', /^(.)(..):(..):(..)/s],
]);

/**
 * Reads `+0200` in the form that the layout's element shows; undefined when the text has another form. As in Go a number
 * out of range is noticed before one that is none, and before a wrong sign.
 */
export function offsetOf(text: string, element: string): ParsedOffset | undefined {
  const match = offsetForms.get(element.slice(1))?.exec(text);
  if (match === null || match === undefined) return undefined;
  const [whole, sign, ...digits] = match;
  const firstWrong = digits.findIndex((part) => !/^\d\d$/.test(part));
  const read = firstWrong < 0 ? digits : digits.slice(0, firstWrong);
  const [hours = 0, minutes = 0, seconds = 0] = read.map(Number);
  const outOfRange = hours > 24 ? 'hour' : minutes > 60 ? 'minute' : seconds > 60 ? 'second' : undefined;
  const isWrong = firstWrong >= 0 || (sign !== '+' && sign !== '-');
  if (isWrong && outOfRange === undefined) return undefined;
  const size = (hours * 60 + minutes) * 60 + seconds;
  return { offset: sign === '-' ? -size : size, length: whole.length, outOfRange };
}

/** The length of a signed number of hours up to 23 at the start of the text; 0 when there is none. */
function signedHoursLength(text: string): number {
  const [taken = ''] = /^[-+]\d+/.exec(text) ?? [];
  return taken === '' || Number(taken.slice(1)) > 23 ? 0 : taken.length;
}

/** The length of what looks like a zone's abbreviation at the start of the text; undefined when nothing does. */
export function zoneNameLength(text: string): number | undefined {
  if (text.length < 3) return undefined;
  if (/^(?:ChST|MeST)/.test(text)) return 4;
  if (text.startsWith('GMT')) return 3 + signedHoursLength(text.slice(3));
  if (/^[-+]/.test(text)) return signedHoursLength(text) || undefined;
  const [capitals = ''] = /^[A-Z]{0,6}/.exec(text) ?? [];
  if (capitals.length === 3) return 3;
  if (capitals.length === 4) return capitals.endsWith('T') || capitals === 'WITA' ? 4 : undefined;
  return capitals.length === 5 && capitals.endsWith('T') ? 5 : undefined;
}
