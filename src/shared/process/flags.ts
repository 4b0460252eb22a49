import { stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import { parseGoDurationMs } from '../duration.ts';
import { quote, suggestion, wrapped } from '../message-text.ts';
import type { ListenAddress } from './listen.ts';

/** A command line that cannot be used. The message names the flag and its valid values. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

interface Flag<Value> {
  /** Environment variable that is used if the flag is absent. */
  readonly env?: string;
  /** Absent: required. `<kubelet-dir>` and `<driver-name>` are replaced by the values of those flags. */
  readonly default?: string;
  /** Placeholder of the value in the usage; absent for a switch. */
  readonly value?: string;
  readonly help: string;
  readonly parse: (text: string) => Value;
}

type FlagTable = Readonly<Record<string, Flag<unknown>>>;

/** The parsed flags of a table: names as on the command line, values in their unit (milliseconds, bytes). */
export type FlagValues<Table extends FlagTable> = {
  readonly [Name in Extract<keyof Table, string>]: ReturnType<Table[Name]['parse']>;
};

/**
 * Parses arguments by a table of flags. `<name>` in a default is replaced by the value of that flag.
 * @throws {UsageError} with all mistakes.
 */
export function parseFlags<Table extends FlagTable>(
  table: Table,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): FlagValues<Table> {
  const problems: string[] = [];
  const given = readArguments(table, args, problems);
  const textOf = (name: string): string | undefined => {
    const { env: variable, default: fallback } = table[name] ?? {};
    const fromEnv = variable === undefined ? undefined : env[variable];
    return (
      given.get(name) ??
      (fromEnv === '' ? undefined : fromEnv) ??
      fallback?.replaceAll(/<([-a-z]+)>/g, (_whole, other: string) => textOf(other) ?? '')
    );
  };
  const values: Record<string, unknown> = {};
  for (const [name, { env: variable, value, parse }] of Object.entries(table)) {
    const written = textOf(name);
    if (written === undefined) {
      problems.push(`--${name} ${value ?? ''} is required${variable ? ` (or environment ${variable})` : ''}`);
      continue;
    }
    try {
      values[name] = parse(written);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      // A password in a URL is not repeated.
      const shown = JSON.stringify(written.replace(/^(https?:\/\/).*@/i, '$1…@'));
      problems.push(`--${name} ${shown}: ${error.message}`);
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join('; '));
  return Object.freeze(values) as FlagValues<Table>;
}

/** Returns the written values by flag. A switch without a value is `true`. */
function readArguments(
  table: FlagTable,
  args: readonly string[],
  problems: string[],
): ReadonlyMap<string, string | undefined> {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  const given = new Map<string, string | undefined>();
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  let isAfterUnknown = false;
  for (const token of tokens) {
    // The argument after an unknown flag is probably its value.
    if (token.kind === 'positional' && !isAfterUnknown) problems.push(`unexpected argument ${quote(token.value)}`);
    isAfterUnknown = false;
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const flag = Object.hasOwn(table, name) ? table[name] : undefined;
    const placeholder = flag?.value;
    if (flag === undefined) {
      const names = Object.keys(table).map((known) => `--${known}`);
      problems.push(`unknown flag ${quote(rawName)}${suggestion(rawName, names)}`);
      isAfterUnknown = inlineValue !== true;
    } else if (placeholder === undefined) given.set(name, value ?? 'true');
    else if (value === undefined) problems.push(`--${name} has no value: write --${name} ${placeholder}`);
    else if (!inlineValue && /^-./.test(value)) {
      problems.push(`--${name} has no value; one that begins with "-" is written --${name}=${placeholder}`);
    } else given.set(name, value);
  }
  return given;
}

/** Characters of a line of `--help`, fewer in a narrow terminal. */
const maxLine = Math.max(60, Math.min(120, stdout.isTTY ? stdout.columns : 120));

/** Returns the flags for `--help`, in lines of at most 120 characters. */
export function describeFlags(table: FlagTable): string {
  const heads = Object.entries(table).map(
    ([name, { value }]) => `  --${name}${value === undefined ? '' : ` ${value}`}`,
  );
  const width = Math.max(...heads.map((head) => head.length)) + 2;
  return Object.values(table)
    .map(({ help, default: fallback, env, value }, index) => {
      const notes = [
        fallback === undefined
          ? 'required'
          : fallback === '' || (value === undefined && fallback === 'false')
            ? ''
            : value === undefined
              ? `on by default; off with =false`
              : `default ${fallback}`,
        env === undefined ? '' : `environment ${env}`,
      ].filter((note) => note !== '');
      const text = `${help}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
      return `${(heads[index] ?? '').padEnd(width)}${wrapped(text, maxLine - width).join(`\n${' '.repeat(width)}`)}`;
    })
    .join('\n');
}

export function flag<Value>(
  fallback: string,
  value: string,
  help: string,
  parse: (written: string) => Value,
  env?: string,
): Flag<Value> {
  return { default: fallback, value, help, parse, ...(env === undefined ? {} : { env }) };
}

export function required<Value>(
  value: string,
  help: string,
  parse: (written: string) => Value,
  env?: string,
): Flag<Value> {
  return { value, help, parse, ...(env === undefined ? {} : { env }) };
}

export function toggle(help: string, isOn = false): Flag<boolean> {
  return { default: String(isOn), help, parse: (written) => oneOf(['true', 'false'])(written) === 'true' };
}

export function text(written: string): string {
  if (written.trim() === '') throw new UsageError('must not be empty');
  return written;
}

export function absolutePath(written: string): string {
  if (!written.startsWith('/')) throw new UsageError('must be an absolute path');
  return written.replace(/(?<=.)\/+$/, '');
}

export function optionalPath(written: string): string | undefined {
  return written === '' ? undefined : written;
}

export function httpAddress(written: string): ListenAddress | undefined {
  if (written === '') return undefined;
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(written);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new UsageError('must be HOST:PORT, [IPV6]:PORT or :PORT');
  const host = match[1] ?? match[2];
  return { host: host === '' ? undefined : host, port };
}

export function oneOf<Choice extends string>(choices: readonly Choice[]): (written: string) => Choice {
  return (written) => {
    const choice = choices.find((candidate) => candidate === written);
    if (choice === undefined) throw new UsageError(`must be one of ${choices.join(', ')}`);
    return choice;
  };
}

export function goDuration(written: string): number {
  const durationMs = parseGoDurationMs(written);
  if (durationMs === undefined || durationMs < 0) throw new UsageError('must be a Go duration such as 90s or 1m30s');
  // A timer of more than 24 days would fire at once.
  if (durationMs > 86_400_000) throw new UsageError('must be at most 24h');
  return durationMs;
}

export function positiveInteger(written: string): number {
  if (!/^[1-9]\d{0,5}$/.test(written)) throw new UsageError('must be a whole number from 1 to 999999');
  return Number(written);
}

/** Parses a Kubernetes quantity with a binary suffix to bytes. */
export function sizeBytes(written: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})(Ki|Mi|Gi)?$/.exec(written) ?? [];
  const bytes = Number(digits) * { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[unit as '' | 'Ki' | 'Mi' | 'Gi'];
  if (!(bytes >= 64 * 1024)) throw new UsageError('must be a size such as 4Mi (Ki, Mi, Gi), at least 64Ki');
  return bytes;
}

/** Parses the size of objects in the heap. With more than three quarters, the process could end before it is reached. */
export function heapBytes(written: string): number {
  const bytes = sizeBytes(written);
  const mostMi = Math.floor((getHeapStatistics().heap_size_limit * 3) / 4 / 2 ** 20);
  if (bytes <= mostMi * 2 ** 20) return bytes;
  throw new UsageError(`must be at most ${mostMi}Mi, 3/4 of Node's heap: raise --max-old-space-size in NODE_OPTIONS`);
}
