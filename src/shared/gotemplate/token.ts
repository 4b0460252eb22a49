import type { ByteString } from './byte-string.ts';
import { quote } from './quote.ts';
import { decodeRunes, encodeRunes } from './byte-string.ts';

export type TokenType =
  | 'error'
  | 'eof'
  | 'text'
  | 'left-delimiter'
  | 'right-delimiter'
  | 'space'
  | 'bool'
  | 'char'
  | 'character-constant'
  | 'complex'
  | 'number'
  | 'string'
  | 'raw-string'
  | 'assign'
  | 'declare'
  | 'pipe'
  | 'left-parenthesis'
  | 'right-parenthesis'
  | 'field'
  | 'identifier'
  | 'variable'
  | KeywordType;

const keywords = [
  '.',
  'block',
  'break',
  'continue',
  'define',
  'else',
  'end',
  'if',
  'nil',
  'range',
  'template',
  'with',
] as const;

/** Keywords are their own token types; the dot is one of them. */
type KeywordType = (typeof keywords)[number];

const keywordSet: ReadonlySet<string> = new Set(keywords);

export function isKeyword(word: string): word is KeywordType {
  return keywordSet.has(word);
}

export interface Token {
  readonly type: TokenType;
  /** The text; for an error its message. */
  readonly value: ByteString;
  /** Byte offset in the template. */
  readonly position: number;
  /** 1-based. */
  readonly line: number;
}

/** The token as Go's messages name it. */
export function describeToken({ type, value }: Token): ByteString {
  if (type === 'eof') return 'EOF';
  if (type === 'error') return value;
  if (isKeyword(type)) return `<${value}>`;
  return value.length > 10 ? `${quote(encodeRunes(decodeRunes(value).slice(0, 10)))}...` : quote(value);
}
