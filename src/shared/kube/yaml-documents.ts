import { Composer, Lexer, LineCounter, Parser, isMap, isScalar, isSeq } from 'yaml';
import type { Document, Node } from 'yaml';
import { limits } from '../limits/defaults.js';

type YamlOptions = Pick<ConstructorParameters<typeof Composer>[0] & object, 'intAsBigInt'>;
type Scalar = string | number | bigint | boolean;
type YamlDocument = Document.Parsed;
/** Documents with the positions of their nodes. */
export interface YamlNodes {
  readonly documents: readonly YamlDocument[];
  readonly lines: LineCounter;
}
type Tokens = ReturnType<Parser['parse']>;

/** A text that is not YAML or exceeds a limit. The message is one line that quotes nothing of the text. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/**
 * Returns the values of the documents in a YAML text, as `Document.toJS` does. The library needs far more than linear
 * time for nested collections, many errors, many aliases, and many keys in one mapping, which it compares pairwise. So
 * the text is limited before and during parsing, and the time grows linearly.
 * @throws {YamlError}
 */
export function parseYaml(text: string, options: YamlOptions = {}): readonly unknown[] {
  return parseYamlNodes(text, options).documents.map(plainValue);
}

/**
 * Returns the documents in a YAML text as nodes, for callers that report positions.
 * @param maxTokens limit of the tokens, for which the time grows.
 * @throws {YamlError}
 */
export function parseYamlNodes(
  text: string,
  options: YamlOptions = {},
  maxTokens: number = limits.yaml.tokens,
): YamlNodes {
  const { characters } = limits.yaml;
  if (text.length > characters) throw new YamlError(`not read: it has more than ${characters} characters`);
  const lines = new LineCounter();
  const documents = composed(boundedTokens(text, lines, maxTokens), options);
  for (const { errors, contents } of documents) {
    const [error] = errors;
    if (error) throw notYaml(lines, error.pos[0], error.code);
    rejectKeys(contents, lines);
  }
  return { documents, lines };
}

/** Yields the library's tokens, within the limits. The parser's stack is as deep as the nesting so far. */
function* boundedTokens(text: string, lines: LineCounter, maxTokens: number): Tokens {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const counts = { tokens: 0, aliases: 0 };
  for (const lexeme of new Lexer().lex(text)) {
    counts.tokens += 1 + escapesIn(lexeme);
    if (lexeme.startsWith('*')) counts.aliases += 1;

    if (counts.tokens > maxTokens) throw tooMany(maxTokens, 'tokens');
    if (counts.aliases > limits.yaml.aliases) throw tooMany(limits.yaml.aliases, 'aliases');
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

function tooMany(most: number, what: string): YamlError {
  return new YamlError(`not read: it has more than ${most} YAML ${what}`);
}

/**
 * Composes the documents without stack traces. Each mistake is an error, and its stack trace costs as much as the rest.
 */
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

/** Rejects keys that JSON does not support, and duplicate keys. */
function rejectKeys(node: Node | null, lines: LineCounter): void {
  if (isSeq(node)) for (const item of node.items) rejectKeys(item as Node | null, lines);
  if (!isMap<Node | null, Node | null>(node)) return;
  const names = new Set<string>();
  for (const { key, value } of node.items) {
    const place = key?.range?.[0] ?? node.range?.[0] ?? 0;
    if (key !== null && !isScalar(key)) throw notYaml(lines, place, 'KEY_IS_NO_SCALAR');
    const name = nameOf((key?.value ?? '') as Scalar);
    if (names.has(name)) throw notYaml(lines, place, 'DUPLICATE_KEY');
    names.add(name);
    rejectKeys(value, lines);
  }
}

/** Returns the key as the name of a JavaScript property. */
function nameOf(key: Scalar): string {
  return String(key);
}

/** Returns an error that quotes nothing. The library's own messages quote the text, which may contain credentials. */
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
