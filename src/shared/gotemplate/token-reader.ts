import type { ByteString } from './byte-string.ts';
import type { GoFunction } from './function.ts';
import type { Lexer } from './lexer.ts';
import { LimitReached, parseLimits } from './limits.ts';
import { describeToken, type Token, type TokenType } from './token.ts';
import type { Statement } from './tree.ts';

/** The templates of one text by name: the text itself and what it defines. */
export type Templates = Map<ByteString, readonly Statement[]>;

export type FindFunction = (name: ByteString) => GoFunction | undefined;

/** A mistake in a template's text; the entry adds the template's name. */
export class ParseFailure extends Error {
  override readonly name = 'ParseFailure';
  readonly line: number;
  readonly reason: ByteString;

  constructor(line: number, reason: ByteString) {
    super(reason);
    this.line = line;
    this.reason = reason;
  }
}

/** State that all parsers of one text share: its tokens, with some put back, and the templates made of them. */
export interface Source {
  readonly lexer: Lexer;
  readonly pushedBack: Token[];
  readonly templates: Templates;
  /** Names of the templates that are nothing but space: each text is looked through once. */
  readonly blank: Set<ByteString>;
  readonly findFunction: FindFunction;
  readonly parseName: ByteString;
  nodes: number;
  depth: number;
}

/** Reads tokens with look-ahead, and complains about them as Go does. */
export class TokenReader {
  protected readonly source: Source;
  /** Line of the action being parsed; 0: none. */
  protected actionLine = 0;
  /** Line of the last token read from the text, which is what messages name. */
  #line = 0;

  constructor(source: Source) {
    this.source = source;
  }

  protected fail(reason: ByteString): never {
    throw new ParseFailure(this.#line, reason);
  }

  protected unexpected(token: Token, context: string): never {
    if (token.type !== 'error') this.fail(`unexpected ${describeToken(token)} in ${context}`);
    let place = '';
    if (this.actionLine !== 0 && this.actionLine !== token.line) {
      const inAction = token.value.endsWith(' action') ? '' : ' in action';
      place = `${inAction} started at ${this.source.parseName}:${this.actionLine.toString()}`;
    }
    this.fail(token.value + place);
  }

  protected next(): Token {
    const pushedBack = this.source.pushedBack.pop();
    if (pushedBack !== undefined) return pushedBack;
    const token = this.source.lexer.next();
    this.#line = token.line;
    return token;
  }

  protected pushBack(token: Token): void {
    this.source.pushedBack.push(token);
  }

  protected peek(): Token {
    const token = this.next();
    this.pushBack(token);
    return token;
  }

  protected nextNonSpace(): Token {
    let token = this.next();
    while (token.type === 'space') token = this.next();
    return token;
  }

  protected peekNonSpace(): Token {
    const token = this.nextNonSpace();
    this.pushBack(token);
    return token;
  }

  protected expect(type: TokenType, context: string): Token {
    const token = this.nextNonSpace();
    if (token.type !== type) this.unexpected(token, context);
    return token;
  }

  /** Counts a node. */
  protected counted<T>(node: T): T {
    this.source.nodes++;
    if (this.source.nodes > parseLimits.nodes) throw new LimitReached('template is too large');
    return node;
  }

  protected nested<T>(parse: () => T): T {
    this.source.depth++;
    if (this.source.depth > parseLimits.depth) throw new LimitReached('template nests too deep');
    const result = parse();
    this.source.depth--;
    return result;
  }
}
