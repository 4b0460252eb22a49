import { limits } from '../../../limits/defaults.js';

/** A part of a policy that cannot be translated. The message is the rest of "it could not be translated, …". */
export class UntranslatableRego extends Error {
  override readonly name = 'UntranslatableRego';
}

export interface RegoToken {
  readonly kind: 'name' | 'string' | 'number' | 'symbol' | 'end';
  /** For a string its value. */
  readonly text: string;
  readonly line: number;
  /** Whether it is the first one of its line. */
  readonly startsLine: boolean;
}

const lexeme =
  /(?<space>[ \t\r]+)|(?<newline>\n)|(?<comment>#[^\n]*)|(?<string>"(?:[^"\\\n]|\\.)*")|(?<raw>`[^`]*`)|(?<number>\d+(?:\.\d+)?)|(?<name>[A-Za-z_]\w*)|(?<symbol>:=|==|!=|<=|>=|[-{}[\]().,:;=<>+*/|&%])/y;

/** Splits a policy into tokens. @throws {UntranslatableRego} */
export function regoTokens(policy: string): readonly RegoToken[] {
  const { textLength, tokens: most } = limits.generators;
  if (policy.length > textLength) throw new UntranslatableRego(`as it has more than ${textLength} characters`);
  const tokens: RegoToken[] = [];
  let line = 1;
  let startsLine = true;
  for (lexeme.lastIndex = 0; lexeme.lastIndex < policy.length;) {
    const { groups = {} } = lexeme.exec(policy) ?? {};
    const { space, newline, comment, string, raw, number, name, symbol } = groups;
    if (newline !== undefined) {
      line += 1;
      startsLine = true;
    } else if (space === undefined && comment === undefined) {
      const token = tokenOf({ string, raw, number, name, symbol }, line);
      tokens.push({ ...token, line, startsLine });
      startsLine = false;
      line += raw?.split('\n').slice(1).length ?? 0;
      if (tokens.length > most) throw new UntranslatableRego('as it is too long');
    }
  }
  return [...tokens, { kind: 'end', text: '', line, startsLine: true }];
}

function tokenOf(
  found: Readonly<Record<'string' | 'raw' | 'number' | 'name' | 'symbol', string | undefined>>,
  line: number,
): Pick<RegoToken, 'kind' | 'text'> {
  const { string, raw, number, name, symbol } = found;
  if (string !== undefined) return { kind: 'string', text: valueOf(string, line) };
  if (raw !== undefined) return { kind: 'string', text: raw.slice(1, -1) };
  if (number !== undefined) return { kind: 'number', text: number };
  if (name !== undefined) return { kind: 'name', text: name };
  if (symbol !== undefined) return { kind: 'symbol', text: symbol };
  throw unexpected(line);
}

function valueOf(literal: string, line: number): string {
  try {
    return String(JSON.parse(literal.replaceAll('\t', '\\t')));
  } catch {
    throw unexpected(line);
  }
}

export function unexpected(line: number, what = 'cannot be read'): UntranslatableRego {
  return new UntranslatableRego(`as line ${line} ${what}`);
}
