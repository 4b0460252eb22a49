import type { ByteString } from './byte-string.ts';
import { parseCharacter, parseComplex, parseNumber } from './number-literal.ts';
import { invalidSyntax, quote, unquote } from './quote.ts';
import { Scope } from './scope.ts';
import type { Token, TokenType } from './token.ts';
import { TokenReader } from './token-reader.ts';
import { type CommandNode, describe, type NumberNode, type Operand, type PipeNode } from './tree.ts';

const operandStarts: ReadonlySet<TokenType> = new Set<TokenType>([
  'bool',
  'character-constant',
  'complex',
  '.',
  'field',
  'identifier',
  'number',
  'nil',
  'raw-string',
  'string',
  'variable',
  'left-parenthesis',
]);

/** Operands that cannot take the value of the command before them. */
const notExecutable: ReadonlySet<string> = new Set(['bool', 'dot', 'nil', 'number', 'string']);

/** Parses what is between `{{` and `}}` after any keyword. */
export class PipelineParser extends TokenReader {
  /** Declared so far and not yet out of scope; a declaration counts to the end of its block. */
  protected readonly scope = new Scope('$');

  protected unquoted(token: Token): ByteString {
    return unquote(token.value) ?? this.fail(invalidSyntax);
  }

  protected pipeline(context: string, end: TokenType): PipeNode {
    return this.nested(() => {
      const { position } = this.peekNonSpace();
      const { declarations, isAssign } = this.declarations(context);
      const commands: CommandNode[] = [];
      for (;;) {
        const token = this.nextNonSpace();
        if (token.type === end) break;
        if (!operandStarts.has(token.type)) this.unexpected(token, context);
        this.pushBack(token);
        commands.push(this.command());
      }
      this.checkCommands(commands, context);
      return this.counted({ kind: 'pipe', position, declarations, isAssign, commands });
    });
  }

  /** `$x :=`, `$x =` or, for a range, `$i, $x :=`; nothing when the pipeline starts with no such thing. */
  protected declarations(context: string): { declarations: ByteString[]; isAssign: boolean } {
    const declarations: ByteString[] = [];
    for (;;) {
      const variable = this.nextNonSpace();
      if (variable.type !== 'variable') {
        this.pushBack(variable);
        return { declarations, isAssign: false };
      }
      const adjacent = this.peek();
      const following = this.nextNonSpace();
      if (following.type === 'assign' || following.type === 'declare') {
        this.declareVariable(declarations, variable);
        return { declarations, isAssign: following.type === 'assign' };
      }
      if (following.type !== 'char' || following.value !== ',') {
        // An operand after all: put back what was read, with the space that keeps operands apart.
        this.pushBack(following);
        if (adjacent.type === 'space') this.pushBack(adjacent);
        this.pushBack(variable);
        return { declarations, isAssign: false };
      }
      this.declareVariable(declarations, variable);
      this.checkSecondDeclaration(declarations, context);
    }
  }

  protected declareVariable(declarations: ByteString[], variable: Token): void {
    declarations.push(variable.value);
    this.scope.declare(variable.value);
  }

  protected checkSecondDeclaration(declarations: readonly ByteString[], context: string): void {
    if (context !== 'range' || declarations.length >= 2) this.fail(`too many declarations in ${context}`);
    const { type } = this.peekNonSpace();
    if (type !== 'variable' && type !== 'right-delimiter' && type !== 'right-parenthesis') {
      this.fail('range can only initialize variables');
    }
  }

  protected checkCommands(commands: readonly CommandNode[], context: string): void {
    if (commands.length === 0) this.fail(`missing value for ${context}`);
    for (const [index, { first }] of commands.entries()) {
      if (index > 0 && notExecutable.has(first.kind)) {
        this.fail(`non executable command in pipeline stage ${(index + 1).toString()}`);
      }
    }
  }

  protected command(): CommandNode {
    const { position } = this.peekNonSpace();
    const operands: Operand[] = [];
    for (;;) {
      this.peekNonSpace(); // skips spaces
      const operand = this.operand();
      if (operand !== undefined) operands.push(operand);
      const token = this.next();
      if (token.type === 'space') continue;
      if (token.type === 'right-delimiter' || token.type === 'right-parenthesis') this.pushBack(token);
      else if (token.type !== 'pipe') this.unexpected(token, 'operand');
      break;
    }
    const [first, ...args] = operands;
    if (first === undefined) this.fail('empty command');
    return this.counted({ kind: 'command', position, first, args });
  }

  /** A term and the fields after it, as in `(index .list 0).name`. */
  protected operand(): Operand | undefined {
    const term = this.term();
    if (term === undefined || this.peek().type !== 'field') return term;
    const { position } = this.peek();
    const fields: ByteString[] = [];
    while (this.peek().type === 'field') fields.push(this.counted(this.next().value.slice(1)));
    switch (term.kind) {
      case 'field':
      case 'variable':
        return { ...term, position, fields: [...term.fields, ...fields] };
      case 'pipe':
      case 'identifier':
        return this.counted({ kind: 'chain', position, operand: term, fields });
      default:
        return this.fail(`unexpected . after term ${quote(describe(term))}`);
    }
  }

  protected term(): Operand | undefined {
    const token = this.nextNonSpace();
    const { position, value } = token;
    switch (token.type) {
      case 'identifier': {
        const target = this.source.findFunction(value);
        if (target === undefined) this.fail(`function ${quote(value)} not defined`);
        return this.counted({ kind: 'identifier', position, name: value, target });
      }
      case '.':
        return this.counted({ kind: 'dot', position });
      case 'nil':
        return this.counted({ kind: 'nil', position });
      case 'variable':
        if (!this.scope.has(value)) this.fail(`undefined variable ${quote(value)}`);
        return this.counted({ kind: 'variable', position, name: value, fields: [] });
      case 'field':
        return this.counted({ kind: 'field', position, fields: [value.slice(1)] });
      case 'bool':
        return this.counted({ kind: 'bool', position, value: value === 'true' });
      case 'character-constant':
      case 'complex':
      case 'number':
        return this.number(token);
      case 'left-parenthesis':
        return this.pipeline('parenthesized pipeline', 'right-parenthesis');
      case 'string':
      case 'raw-string':
        return this.counted({ kind: 'string', position, literal: value, value: this.unquoted(token) });
      default:
        this.pushBack(token);
        return undefined;
    }
  }

  protected number({ type, value, position }: Token): NumberNode {
    const parse = type === 'number' ? parseNumber : type === 'complex' ? parseComplex : parseCharacter;
    const number = parse(value);
    if (typeof number === 'string') this.fail(number);
    return this.counted({ kind: 'number', position, literal: value, ...number });
  }
}
