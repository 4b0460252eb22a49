import { type ByteString, fromGoString } from './byte-string.ts';
import { Lexer } from './lexer.ts';
import { LimitReached, parseLimits } from './limits.ts';
import { PipelineParser } from './pipeline-parser.ts';
import { quote } from './quote.ts';
import type { Token } from './token.ts';
import type { FindFunction, Source, Templates } from './token-reader.ts';
import type { BranchNode, PipeNode, Statement, TemplateNode } from './tree.ts';

/** The action that ends a list of statements. */
type Terminator = { readonly kind: 'end' } | { readonly kind: 'else' };

interface StatementList {
  readonly statements: Statement[];
  readonly terminator: Terminator;
}

interface Link {
  readonly pipe: PipeNode;
  readonly list: readonly Statement[];
}

/**
 * Parses one template: the text as a whole, or a `define` or `block` in it, which has variables and messages' lines of
 * its own. Follows Go's grammar in detail where templates or messages show it, such as spaces as tokens.
 */
class TreeParser extends PipelineParser {
  #rangeDepth = 0;

  /** The text as a whole; only here may templates be defined. */
  parseText(): Statement[] {
    const statements: Statement[] = [];
    while (this.peek().type !== 'eof') {
      const delimiter = this.next();
      if (delimiter.type === 'left-delimiter') {
        const keyword = this.nextNonSpace();
        if (keyword.type === 'define') {
          new TreeParser(this.source).#parseDefinition();
          continue;
        }
        this.pushBack(keyword);
      }
      this.pushBack(delimiter);
      const statement = this.#textOrAction();
      if (statement.kind === 'end' || statement.kind === 'else') this.fail(`unexpected {{${statement.kind}}}`);
      statements.push(statement);
    }
    return statements;
  }

  #parseDefinition(): void {
    const context = 'define clause';
    const name = this.#templateName(this.nextNonSpace(), context);
    this.expect('right-delimiter', context);
    this.#addTemplate(name, this.#parseBody(context));
  }

  /** `complaining` is the parser that reports a wrong end, at the line that it has come to itself. */
  #parseBody(context: string, complaining: TreeParser = this): Statement[] {
    const { statements, terminator } = this.#statementList();
    if (terminator.kind !== 'end') complaining.fail(`unexpected {{${terminator.kind}}} in ${context}`);
    return statements;
  }

  /** A name may be defined once, not counting templates of nothing but space. */
  #addTemplate(name: ByteString, statements: readonly Statement[]): void {
    const { templates, blank } = this.source;
    const isNewBlank = isBlank(statements);
    if (!templates.has(name) || blank.has(name)) {
      templates.set(name, statements);
      if (isNewBlank) blank.add(name);
      else blank.delete(name);
    } else if (!isNewBlank) {
      this.fail(`template: multiple definition of template ${quote(name)}`);
    }
  }

  /** Parses the text as a whole and adds it under the name that it was compiled with. */
  parseMain(): void {
    const statements = this.parseText();
    this.#addTemplate(this.source.parseName, statements);
  }

  #statementList(): StatementList {
    return this.nested(() => {
      const statements: Statement[] = [];
      while (this.peekNonSpace().type !== 'eof') {
        const statement = this.#textOrAction();
        if (statement.kind === 'end' || statement.kind === 'else') return { statements, terminator: statement };
        statements.push(statement);
      }
      return this.fail('unexpected EOF');
    });
  }

  #textOrAction(): Statement | Terminator {
    const token = this.nextNonSpace();
    if (token.type === 'text') return this.counted({ kind: 'text', position: token.position, text: token.value });
    if (token.type !== 'left-delimiter') this.unexpected(token, 'input');
    this.actionLine = token.line;
    const action = this.counted(this.#action());
    this.actionLine = 0;
    return action;
  }

  #action(): Statement | Terminator {
    const token = this.nextNonSpace();
    switch (token.type) {
      case 'block':
        return this.#block();
      case 'break':
      case 'continue':
        return this.#loopControl(token, token.type);
      case 'else':
        return this.#else();
      case 'end':
        this.expect('right-delimiter', 'end');
        return { kind: 'end' };
      case 'if':
      case 'with':
      case 'range':
        return this.#branch(token.type);
      case 'template':
        return this.#template();
      default: {
        this.pushBack(token);
        const { position } = token;
        return { kind: 'action', position, pipe: this.pipeline('command', 'right-delimiter') };
      }
    }
  }

  #loopControl({ position }: Token, kind: 'break' | 'continue'): Statement {
    const token = this.nextNonSpace();
    if (token.type !== 'right-delimiter') this.unexpected(token, `{{${kind}}}`);
    if (this.#rangeDepth === 0) this.fail(`{{${kind}}} outside {{range}}`);
    return { kind, position };
  }

  /** `{{else if` and `{{else with` leave the second keyword for the branch, if it takes it. */
  #else(): Terminator {
    const { type } = this.peekNonSpace();
    if (type !== 'if' && type !== 'with') this.expect('right-delimiter', 'else');
    return { kind: 'else' };
  }

  /** An if, with or range to its end. A chain of `else if` becomes branches within each other's else, without recursion. */
  #branch(kind: BranchNode['kind']): BranchNode {
    const { mark } = this.scope;
    const links: Link[] = [];
    let link = this.#link(kind);
    while (link.terminator.kind === 'else' && kind !== 'range' && this.peek().type === kind) {
      this.next();
      links.push(link);
      link = this.#link(kind);
    }
    const elseList = link.terminator.kind === 'else' ? this.#elseList() : undefined;
    this.scope.dropTo(mark);
    return linkBranches(kind, links, link, elseList);
  }

  #link(kind: BranchNode['kind']): Link & { readonly terminator: Terminator } {
    const pipe = this.pipeline(kind, 'right-delimiter');
    if (kind === 'range') this.#rangeDepth++;
    const { statements, terminator } = this.#statementList();
    if (kind === 'range') this.#rangeDepth--;
    return this.counted({ pipe, list: statements, terminator });
  }

  #elseList(): Statement[] {
    const { statements, terminator } = this.#statementList();
    if (terminator.kind !== 'end') this.fail(`expected end; found {{${terminator.kind}}}`);
    return statements;
  }

  /** A block is a definition and its use at once. */
  #block(): TemplateNode {
    const context = 'block clause';
    const token = this.nextNonSpace();
    const name = this.#templateName(token, context);
    const pipe = this.pipeline(context, 'right-delimiter');
    const body = new TreeParser(this.source);
    body.#addTemplate(name, body.#parseBody(context, this));
    return { kind: 'template', position: token.position, name, pipe };
  }

  #template(): TemplateNode {
    const context = 'template clause';
    const token = this.nextNonSpace();
    const name = this.#templateName(token, context);
    const following = this.nextNonSpace();
    let pipe: PipeNode | undefined;
    if (following.type !== 'right-delimiter') {
      this.pushBack(following);
      pipe = this.pipeline(context, 'right-delimiter');
    }
    return { kind: 'template', position: token.position, name, pipe };
  }

  #templateName(token: Token, context: string): ByteString {
    if (token.type !== 'string' && token.type !== 'raw-string') this.unexpected(token, context);
    return this.unquoted(token);
  }
}

function linkBranches(
  kind: BranchNode['kind'],
  links: readonly Link[],
  last: Link,
  elseList?: Statement[],
): BranchNode {
  const toNode = ({ pipe, list }: Link, rest: readonly Statement[] | undefined): BranchNode => ({
    kind,
    position: pipe.position,
    pipe,
    list,
    elseList: rest,
  });
  return links.reduceRight<BranchNode>((inner, link) => toNode(link, [inner]), toNode(last, elseList));
}

const blankText = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;

function isBlank(statements: readonly Statement[]): boolean {
  return statements.every((node) => node.kind === 'text' && blankText.test(fromGoString(node.text)));
}

export interface Parsed {
  readonly templates: Templates;
  /** Nodes of all trees: what parsing took. */
  readonly nodes: number;
}

/**
 * Parses a template's text.
 * @throws {ParseFailure} with Go's complaint.
 * @throws {LimitReached} when the text is too large or nests too deep.
 */
export function parseTemplates(name: ByteString, text: ByteString, findFunction: FindFunction): Parsed {
  if (text.length > parseLimits.textBytes) throw new LimitReached('template is too large');
  const source: Source = {
    lexer: new Lexer(text),
    pushedBack: [],
    templates: new Map(),
    blank: new Set(),
    findFunction,
    parseName: name,
    nodes: 0,
    depth: 0,
  };
  new TreeParser(source).parseMain();
  return { templates: source.templates, nodes: source.nodes };
}
