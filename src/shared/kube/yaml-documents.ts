import { Composer, Lexer, LineCounter, Parser } from 'yaml';
import type { Document } from 'yaml';
import { parseJson, stringifyJson } from '../json.ts';
import type { JsonValue } from '../json.ts';
import { limits } from '../limits/defaults.ts';

type YamlDocument = Document.Parsed;
/** Documents with the positions of their nodes. */
interface YamlNodes {
  readonly documents: readonly YamlDocument[];
  readonly lines: LineCounter;
}
type Tokens = ReturnType<Parser['parse']>;

/** A text that is not YAML or exceeds a limit. The message is one line that quotes nothing of the text. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/**
 * Returns the values of the documents in a YAML text as the API server would store them: manifests are sent as JSON, where
 * `1.0` is written `1`.
 * @throws {YamlError}
 */
export function parseYaml(text: string): readonly JsonValue[] {
  return parseYamlNodes(text).documents.map(jsonOf);
}

/**
 * Returns the documents in a YAML text as nodes, for callers that report positions.
 * @param maxTokens limit of the tokens of an untrusted text: the library compares the keys of a mapping in pairs, and
 * each mistake is an error.
 * @throws {YamlError}
 */
export function parseYamlNodes(text: string, maxTokens = Infinity): YamlNodes {
  const { characters } = limits.yaml;
  if (text.length > characters) throw new YamlError(`not read: it has more than ${characters} characters`);
  const lines = new LineCounter();
  const documents = composed(boundedTokens(text, lines, maxTokens));
  for (const { errors } of documents) {
    const [error] = errors;
    if (error) throw notYaml(lines, error.pos[0], error.code);
  }
  return { documents, lines };
}

/**
 * Yields the library's tokens, within the limits. It ends the process for deep nesting: its regular expressions need
 * more memory than there is.
 */
function* boundedTokens(text: string, lines: LineCounter, maxTokens: number): Tokens {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let tokens = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > maxTokens) throw new YamlError(`not read: it has more than ${maxTokens} YAML tokens`);
    yield* parser.next(lexeme);
    // The parser's stack is as deep as the nesting so far.
    if (parser.stack.length > limits.yaml.depth) {
      const { line } = lines.linePos(parser.offset);
      throw new YamlError(`not read: it nests deeper than ${limits.yaml.depth} levels at line ${line}`);
    }
  }
  yield* parser.end();
}

/** Composes the documents without stack traces, which take twenty times as long as the rest of a mistake. */
function composed(tokens: Tokens): readonly YamlDocument[] {
  const composer = new Composer({ intAsBigInt: true, prettyErrors: false, logLevel: 'silent' });
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return [...composer.compose(tokens)] as YamlDocument[];
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Returns an error that quotes nothing. The library's own messages quote the text, which may contain credentials. */
function notYaml(lines: LineCounter, offset: number, code: string): YamlError {
  const { line, col } = lines.linePos(offset);
  return new YamlError(`not YAML at line ${line}, column ${col} (${code})`);
}

function jsonOf(document: YamlDocument): JsonValue {
  try {
    return parseJson(stringifyJson(document.toJS()));
  } catch {
    throw new YamlError('not YAML (an alias without its anchor or within it, or too many aliases)');
  }
}
