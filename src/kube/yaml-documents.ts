import { Composer, Lexer, LineCounter, Parser, isMap, isScalar, isSeq } from 'yaml';
import type { Document, Node } from 'yaml';
import { limits } from '../limits/defaults.js';

type YamlOptions = Pick<ConstructorParameters<typeof Composer>[0] & object, 'intAsBigInt'>;
type Scalar = string | number | bigint | boolean;
type YamlDocument = Document.Parsed;
type Tokens = ReturnType<Parser['parse']>;

/** A text that is not YAML, or more of it than is taken; the message is a line that quotes nothing of the text. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/**
 * The values of a YAML text's documents, each as `Document.toJS` gives it. The library holds the thread for much longer than
 * a text is long: for nested collections, for many keys in one (it compares each with all before it), and for texts full of
 * mistakes or aliases. So a text is bounded before and while it is read, and the time that it takes goes with its length.
 * @throws {YamlError}
 */
export function parseYaml(text: string, options: YamlOptions = {}): readonly unknown[] {
  const { characters } = limits.yaml;
  if (text.length > characters) throw new YamlError(`not read: it has more than ${characters} characters`);
  const lines = new LineCounter();
  return composed(boundedTokens(text, lines), options).map((document) => {
    const [error] = document.errors;
    if (error) throw notYaml(lines, error.pos[0], error.code);
    refuseKeys(document.contents, lines);
    return plainValue(document);
  });
}

/** What the library reads from the text one by one; its stack is as deep as what it reads. */
function* boundedTokens(text: string, lines: LineCounter): Tokens {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const counts = { tokens: 0, aliases: 0 };
  for (const lexeme of new Lexer().lex(text)) {
    counts.tokens += 1 + escapesIn(lexeme);
    if (lexeme.startsWith('*')) counts.aliases += 1;

    if (counts.tokens > limits.yaml.tokens) throw tooMany('tokens');
    if (counts.aliases > limits.yaml.aliases) throw tooMany('aliases');
    yield* parser.next(lexeme);
    if (parser.stack.length > limits.yaml.depth) {
      const { line } = lines.linePos(parser.offset);
      throw new YamlError(`not read: it nests deeper than ${limits.yaml.depth} levels at line ${line}`);
    }
  }
  yield* parser.end();
}

function escapesIn(lexeme: string): number {
  return lexeme.startsWith('"') ? lexeme.split('\\', limits.yaml.tokens + 2).length - 1 : 0;
}

function tooMany(what: 'tokens' | 'aliases'): YamlError {
  return new YamlError(`not read: it has more than ${limits.yaml[what]} YAML ${what}`);
}

/** Each mistake in a text is an error, and the stack trace of an error takes as long as all else. */
function composed(tokens: Tokens, options: YamlOptions): readonly YamlDocument[] {
  const composer = new Composer({ ...options, prettyErrors: false, logLevel: 'silent', uniqueKeys: false });
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return [...composer.compose(tokens)] as YamlDocument[];
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Keys that JSON has not, and those that are there twice. */
function refuseKeys(node: Node | null, lines: LineCounter): void {
  if (isSeq(node)) for (const item of node.items) refuseKeys(item as Node | null, lines);
  if (!isMap<Node | null, Node | null>(node)) return;
  const names = new Set<string>();
  for (const { key, value } of node.items) {
    const place = key?.range?.[0] ?? node.range?.[0] ?? 0;
    if (key !== null && !isScalar(key)) throw notYaml(lines, place, 'KEY_IS_NO_SCALAR');
    const name = nameOf((key?.value ?? '') as Scalar);
    if (names.has(name)) throw notYaml(lines, place, 'DUPLICATE_KEY');
    names.add(name);
    refuseKeys(value, lines);
  }
}

/** As it is a member of a JavaScript object. */
function nameOf(key: Scalar): string {
  return String(key);
}

/** The library's own messages quote the text, in which credentials may be. */
function notYaml(lines: LineCounter, offset: number, code: string): YamlError {
  const { line, col } = lines.linePos(offset);
  return new YamlError(`not YAML at line ${line}, column ${col} (${code})`);
}

function plainValue(document: YamlDocument): unknown {
  try {
    return document.toJS();
  } catch {
    throw new YamlError('not YAML (an alias without its anchor, or too many aliases)');
  }
}
