import { type ByteString, decodeRune, encodeRune } from './byte-string.ts';
import { quote } from './quote.ts';
import { isKeyword, type Token, type TokenType } from './token.ts';
import { isDigit, isLetter, isPrint } from './unicode.ts';

const leftDelimiter = '{{';
const rightDelimiter = '}}';
const endOfText = -1;

const spaces = /[ \t\r\n]*/y;
const trimmingEnd = /[ \t\r\n]-\}\}/y;
const trimmingStart = /-[ \t\r\n]/y;

/** One number, without the check of what follows it. As loose as Go's: what is no number fails when it is converted. */
const numberText =
  /[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?/y;

function matchAt(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset;
  return pattern.test(text) ? pattern.lastIndex - offset : 0;
}

function isSpace(rune: number): boolean {
  return rune === 0x20 || rune === 9 || rune === 10 || rune === 13;
}

function isAlphaNumeric(rune: number): boolean {
  return rune === 0x5f || (rune >= 0 && (isLetter(rune) || isDigit(rune)));
}

/** `U+002F '/'`, as Go's %#U. */
function describeRune(rune: number): ByteString {
  const code = `U+${rune.toString(16).toUpperCase().padStart(4, '0')}`;
  return isPrint(rune) ? `${code} '${encodeRune(rune)}'` : code;
}

/** Splits a template into tokens, one at a time. Trim markers and comments are dealt with here; the parser never sees them. */
export class Lexer {
  readonly #text: ByteString;
  #start = 0;
  #offset = 0;
  #line = 1;
  #parentheses = 0;
  #insideAction = false;
  #ended: Token | undefined;

  constructor(text: ByteString) {
    this.#text = text;
  }

  /** The next token. After an error or the end it is the same token again. */
  next(): Token {
    if (this.#ended !== undefined) return this.#ended;
    const token = this.#insideAction ? this.#lexAction() : this.#lexText();
    if (token.type === 'error' || token.type === 'eof') this.#ended = token;
    return token;
  }

  /** The token from the last one's end to the offset. */
  #emit(type: TokenType): Token {
    const value = this.#text.slice(this.#start, this.#offset);
    const token = { type, value, position: this.#start, line: this.#line };
    this.#skip();
    return token;
  }

  /** Moves on to the offset, counting lines. */
  #skip(): void {
    for (let at = this.#start; at < this.#offset; at++) {
      if (this.#text.charCodeAt(at) === 10) this.#line++;
    }
    this.#start = this.#offset;
  }

  #error(value: ByteString): Token {
    return { type: 'error', value, position: this.#start, line: this.#line };
  }

  /** The rune at the offset, endOfText past the end. */
  #peek(): number {
    return this.#offset < this.#text.length ? decodeRune(this.#text, this.#offset).rune : endOfText;
  }

  #advance(): number {
    if (this.#offset >= this.#text.length) return endOfText;
    const { rune, size } = decodeRune(this.#text, this.#offset);
    this.#offset += size;
    return rune;
  }

  /** Text up to the next action. A comment is skipped, with the text around it staying in separate tokens. */
  #lexText(): Token {
    for (;;) {
      const action = this.#text.indexOf(leftDelimiter, this.#offset);
      const stop = action < 0 ? this.#text.length : action;
      const trims = action >= 0 && matchAt(trimmingStart, this.#text, action + 2) > 0;
      this.#offset = stop;
      while (trims && this.#offset > this.#start && isSpace(this.#text.charCodeAt(this.#offset - 1))) this.#offset--;
      const found = this.#offset > this.#start ? this.#emit('text') : undefined;
      this.#offset = stop;
      if (found !== undefined) {
        this.#skip();
        return found;
      }
      if (action < 0) return { type: 'eof', value: '', position: stop, line: this.#line };
      this.#skip();
      if (!this.#text.startsWith('/*', action + (trims ? 4 : 2))) return this.#lexLeftDelimiter(trims);
      const failure = this.#skipComment(action + (trims ? 4 : 2));
      if (failure !== undefined) return failure;
    }
  }

  #lexLeftDelimiter(trims: boolean): Token {
    this.#offset += leftDelimiter.length;
    const token = this.#emit('left-delimiter');
    if (trims) this.#offset += 2;
    this.#skip();
    this.#insideAction = true;
    this.#parentheses = 0;
    return token;
  }

  #skipComment(start: number): Token | undefined {
    this.#offset = start;
    this.#skip();
    const close = this.#text.indexOf('*/', start + 2);
    if (close < 0) return this.#error('unclosed comment');
    this.#offset = close + 2;
    const trims = this.#atTrimmingEnd();
    if (!trims && !this.#atRightDelimiter()) return this.#error('comment ends before closing delimiter');
    this.#skipRightDelimiter(trims);
    return undefined;
  }

  #atRightDelimiter(): boolean {
    return this.#text.startsWith(rightDelimiter, this.#offset);
  }

  #atTrimmingEnd(): boolean {
    return matchAt(trimmingEnd, this.#text, this.#offset) > 0;
  }

  #skipRightDelimiter(trims: boolean): void {
    this.#offset += rightDelimiter.length + (trims ? 2 : 0);
    if (trims) this.#offset += matchAt(spaces, this.#text, this.#offset);
    this.#skip();
  }

  #lexRightDelimiter(trims: boolean): Token {
    if (trims) {
      this.#offset += 2;
      this.#skip();
    }
    this.#offset += rightDelimiter.length;
    const token = this.#emit('right-delimiter');
    if (trims) this.#offset += matchAt(spaces, this.#text, this.#offset);
    this.#skip();
    this.#insideAction = false;
    return token;
  }

  #lexAction(): Token {
    const trims = this.#atTrimmingEnd();
    if (trims || this.#atRightDelimiter()) {
      return this.#parentheses === 0 ? this.#lexRightDelimiter(trims) : this.#error('unclosed left paren');
    }
    const rune = this.#advance();
    if (rune === endOfText) return this.#error('unclosed action');
    if (isSpace(rune)) return this.#lexSpace();
    const mark = String.fromCodePoint(rune);
    switch (mark) {
      case '=':
        return this.#emit('assign');
      case ':':
        return this.#advance() === 0x3d ? this.#emit('declare') : this.#error('expected :=');
      case '|':
        return this.#emit('pipe');
      case '"':
        return this.#lexQuoted('"', 'string', 'unterminated quoted string');
      case "'":
        return this.#lexQuoted("'", 'character-constant', 'unterminated character constant');
      case '`':
        return this.#lexRawString();
      case '$':
        return this.#lexName('variable', 'variable');
      case '(':
        this.#parentheses++;
        return this.#emit('left-parenthesis');
      case ')':
        this.#parentheses--;
        return this.#parentheses < 0 ? this.#error('unexpected right paren') : this.#emit('right-parenthesis');
      default:
        return this.#lexWord(rune, mark);
    }
  }

  #lexWord(rune: number, mark: string): Token {
    const following = this.#text.charCodeAt(this.#offset);
    const beforeDigit = following >= 0x30 && following <= 0x39;
    if (mark === '.' && this.#offset < this.#text.length && !beforeDigit) return this.#lexName('field', '.');
    if (mark === '.' || mark === '+' || mark === '-' || (rune >= 0x30 && rune <= 0x39)) return this.#lexNumber();
    if (isAlphaNumeric(rune)) return this.#lexIdentifier();
    if (rune < 0x80 && isPrint(rune)) return this.#emit('char');
    return this.#error(`unrecognized character in action: ${describeRune(rune)}`);
  }

  /** A run of spaces; the last one may belong to a trimming right delimiter. */
  #lexSpace(): Token {
    this.#offset += matchAt(spaces, this.#text, this.#offset);
    this.#offset--;
    if (!this.#atTrimmingEnd()) {
      this.#offset++;
      return this.#emit('space');
    }
    return this.#offset === this.#start ? this.#lexRightDelimiter(true) : this.#emit('space');
  }

  #skipAlphaNumeric(): void {
    while (isAlphaNumeric(this.#peek())) this.#advance();
  }

  /** Whether a name may end here. Catches `$x+2`, which is no arithmetic. */
  #atTerminator(): boolean {
    const rune = this.#peek();
    if (rune === endOfText || isSpace(rune)) return true;
    return '.,|:)('.includes(String.fromCodePoint(rune)) || this.#atRightDelimiter();
  }

  /** `.field` or `$variable`, whose mark has been read; alone it is `bare`. */
  #lexName(type: TokenType, bare: TokenType): Token {
    if (this.#atTerminator()) return this.#emit(bare);
    this.#skipAlphaNumeric();
    return this.#atTerminator() ? this.#emit(type) : this.#badCharacter();
  }

  #badCharacter(): Token {
    return this.#error(`bad character ${describeRune(this.#peek())}`);
  }

  #lexIdentifier(): Token {
    this.#skipAlphaNumeric();
    if (!this.#atTerminator()) return this.#badCharacter();
    const word = this.#text.slice(this.#start, this.#offset);
    if (isKeyword(word)) return this.#emit(word);
    return this.#emit(word === 'true' || word === 'false' ? 'bool' : 'identifier');
  }

  #lexNumber(): Token {
    this.#offset = this.#start;
    if (!this.#scanNumber()) return this.#badNumber();
    const sign = this.#text.charAt(this.#offset);
    if (sign !== '+' && sign !== '-') return this.#emit('number');
    const isComplex = this.#scanNumber() && this.#text.charAt(this.#offset - 1) === 'i';
    return isComplex ? this.#emit('complex') : this.#badNumber();
  }

  #scanNumber(): boolean {
    this.#offset += matchAt(numberText, this.#text, this.#offset);
    if (!isAlphaNumeric(this.#peek())) return true;
    this.#advance();
    return false;
  }

  #badNumber(): Token {
    return this.#error(`bad number syntax: ${quote(this.#text.slice(this.#start, this.#offset))}`);
  }

  /** A literal on one line, in which a backslash takes the next character with it. Checked when it is unquoted. */
  #lexQuoted(mark: string, type: TokenType, complaint: string): Token {
    for (; this.#offset < this.#text.length; this.#offset++) {
      const character = this.#text.charAt(this.#offset);
      if (character === mark) {
        this.#offset++;
        return this.#emit(type);
      }
      if (character === '\\') this.#offset++;
      if (this.#text.charAt(this.#offset) === '\n') break;
    }
    return this.#error(complaint);
  }

  #lexRawString(): Token {
    const close = this.#text.indexOf('`', this.#offset);
    if (close < 0) return this.#error('unterminated raw quoted string');
    this.#offset = close + 1;
    return this.#emit('raw-string');
  }
}
