import type { JsonObject } from '../json.js';
import { ExecFailure } from './arguments.js';
import { type ByteString, fromGoString, toGoString } from './byte-string.js';
import { toGoMap } from './data.js';
import { TemplateError, TemplateLimitError } from './errors.js';
import { Evaluator } from './evaluator.js';
import { findFunction } from './functions.js';
import { Budget, defaultLimits, LimitReached, type RenderLimits } from './limits.js';
import { ParseFailure } from './token-reader.js';
import { type Parsed, parseTemplates } from './parser.js';
import { quote } from './quote.js';
import { type AnyNode, describe } from './tree.js';

export interface RenderOptions {
  /** Default: defaultLimits. */
  readonly limits?: Partial<RenderLimits>;
  /** Shared by several renders that must keep to its limits together; absent: one of this render's own. */
  readonly budget?: Budget;
  /** What `now` reads, in milliseconds since 1970. */
  readonly clock: () => number;
  /**
   * The same data with something else in place of its secrets. What a failed render tells of values is taken from a render
   * of this, so that no secret is in a message, whatever the template made of it. Absent: the data has none.
   */
  readonly shownData?: () => JsonObject;
}

/** Stands for what a message would tell of values where the template fails otherwise without the secrets. */
const hiddenDetail = '[REDACTED]';

interface Output {
  readonly output: Buffer;
}

/** Where a render stopped. */
interface Place {
  readonly node: AnyNode | undefined;
  /** Name of the running template. */
  readonly template: ByteString;
}

interface Failure extends Place {
  readonly cause: ExecFailure;
}

/**
 * Steps that parsing takes for each node. Charged whenever the template is rendered, though it is parsed but once: so the
 * same volume is within its limits or not, whatever was rendered before, and the first render of many large templates is
 * not the one that holds the process.
 */
const stepsPerNode = 4;

/** More of a failing expression, or of a value in a message, is not shown. */
const maxShown = 1_000;

/** A compiled template. Immutable: it may be rendered any number of times. */
export class CompiledTemplate {
  readonly #name: ByteString;
  readonly #text: ByteString;
  readonly #parsed: Parsed;

  constructor(name: ByteString, text: ByteString, parsed: Parsed) {
    this.#name = name;
    this.#text = text;
    this.#parsed = parsed;
  }

  /**
   * The template's output for `data`, which it cannot change.
   * @throws {TemplateError} when the template fails, as it would in Go.
   * @throws {TemplateLimitError} when it reaches one of the limits.
   */
  render(data: JsonObject, options: RenderOptions): Buffer {
    const limits = { ...defaultLimits, ...options.limits };
    const budget = options.budget ?? new Budget(limits, options.clock);
    const run = (from: JsonObject): Output | Failure => this.#run(from, budget, limits.templateDepth);
    const result = run(data);
    if ('output' in result) return result.output;
    const { shownData } = options;
    const { reason, detail, ending } = result.cause;
    const shown = detail === '' || shownData === undefined ? detail : detailOf(result, () => run(shownData()));
    throw this.#located(fromGoString(reason + shortened(shown) + ending), result, TemplateError);
  }

  /** @throws {TemplateLimitError} */
  #run(data: JsonObject, budget: Budget, maxDepth: number): Output | Failure {
    const { templates, nodes } = this.#parsed;
    const evaluator = new Evaluator(templates, budget, maxDepth);
    try {
      budget.charge(nodes * stepsPerNode);
      return { output: evaluator.run(this.#name, toGoMap(data, budget)) };
    } catch (error) {
      const place = { node: evaluator.node, template: evaluator.template ?? this.#name };
      if (error instanceof ExecFailure) return { ...place, cause: error };
      // A RangeError is one of Node's own bounds, on the length of a string, the size of an array or its stack.
      const isBound = error instanceof LimitReached || error instanceof RangeError;
      throw isBound ? this.#located(error.message, place, TemplateLimitError) : error;
    }
  }

  #located(reason: string, { node, template }: Place, type: typeof TemplateError): TemplateError {
    const before = this.#text.slice(0, node?.position ?? 0);
    const line = before.split('\n').length;
    const column = before.length - (before.lastIndexOf('\n') + 1);
    const context = node === undefined ? '' : fromGoString(shortened(describe(node)));
    const place = `${fromGoString(this.#name)}:${line.toString()}:${column.toString()}`;
    const message = `template: ${place}: executing ${fromGoString(quote(template))} at <${context}>: ${reason}`;
    return new type(message, { stage: 'exec', line, column, reason });
  }
}

/** What a failure may tell of values: what it tells when it happens in the same way without the secrets. */
function detailOf({ node, cause }: Failure, again: () => Output | Failure): ByteString {
  try {
    const other = again();
    if ('output' in other || other.node !== node) return hiddenDetail;
    const isAlike = other.cause.reason === cause.reason && other.cause.ending === cause.ending;
    return isAlike ? other.cause.detail : hiddenDetail;
  } catch (error) {
    if (error instanceof TemplateLimitError) return hiddenDetail;
    throw error;
  }
}

function shortened(text: ByteString): ByteString {
  return text.length > maxShown ? `${text.slice(0, maxShown)}...` : text;
}

/**
 * Compiles a template of Go's text/template with sprig's functions. `name` is what messages call it.
 * @throws {TemplateError} with Go's complaint about the text.
 * @throws {TemplateLimitError} when the text is too large or nests too deep.
 */
export function compileTemplate(name: string, text: string): CompiledTemplate {
  const goName = toGoString(name);
  const goText = toGoString(text);
  try {
    return new CompiledTemplate(goName, goText, parseTemplates(goName, goText, findFunction));
  } catch (error) {
    if (error instanceof ParseFailure)
      throw parseError(name, error.line, fromGoString(shortened(error.reason)), TemplateError);
    if (error instanceof LimitReached) throw parseError(name, 1, error.message, TemplateLimitError);
    throw error;
  }
}

function parseError(name: string, line: number, reason: string, type: typeof TemplateError): TemplateError {
  return new type(`template: ${name}:${line.toString()}: ${reason}`, { stage: 'parse', line, reason });
}
