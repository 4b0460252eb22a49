const unitNanoseconds: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const maxNanoseconds = (1n << 63n) - 1n;

/**
 * Maximum length of a duration in characters. Authors of pods write durations too: parsing a million digits would block
 * the event loop.
 */
const maxLength = 500;

/**
 * Parses a duration as Go's time.ParseDuration does: an optional sign, then decimal numbers with a unit each (`1h30m`,
 * `1.5s`, `300ms`), or a bare `0`.
 * @returns nanoseconds; undefined if the text is not a duration, does not fit 64 bits or is too long.
 */
export function parseGoDuration(text: string): bigint | undefined {
  if (text.length > maxLength) return undefined;
  const sign = text.startsWith('-') ? -1n : 1n;
  let rest = text.replace(/^[-+]/, '');
  if (rest === '0') return 0n;
  if (rest === '') return undefined;
  let total = 0n;
  while (rest !== '') {
    const match = /^(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/.exec(rest);
    const [whole, integer = '', fraction = '', unit = ''] = match ?? [''];
    const scale = unitNanoseconds[unit];
    if (scale === undefined || integer + fraction === '') return undefined;
    total += BigInt(integer || '0') * scale;
    // As in Go, fractions of a nanosecond are dropped.
    if (fraction !== '') total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
    if (total > maxNanoseconds + (sign < 0n ? 1n : 0n)) return undefined;
    rest = rest.slice(whole.length);
  }
  return sign * total;
}

/** Parses a duration to whole milliseconds, for timers and token lifetimes. */
export function parseGoDurationMs(text: string): number | undefined {
  const nanoseconds = parseGoDuration(text);
  return nanoseconds === undefined ? undefined : Number(nanoseconds / 1_000_000n);
}

/** Formats a duration for people, in units that Go parses: `1h30m`, `1m30s`, `250ms`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 0) return `-${formatDuration(-durationMs)}`;
  if (durationMs === 0) return '0s';
  if (durationMs < 1000) return `${durationMs}ms`;
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(durationMs / 3_600_000), 'h'],
    [Math.floor((durationMs % 3_600_000) / 60_000), 'm'],
    [(durationMs % 60_000) / 1000, 's'],
  ];
  return parts.flatMap(([count, unit]) => (count === 0 ? [] : [`${count}${unit}`])).join('');
}
