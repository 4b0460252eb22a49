import type { JsonObject } from '../json.js';
import type { Secret } from '../secret.js';
import { ExecFailure } from './arguments.js';
import { type ByteString, fromGoString, toGoString } from './byte-string.js';
import { toGoMap } from './data.js';
import { TemplateError, TemplateLimitError } from './errors.js';
import { Evaluator } from './evaluator.js';
import { findFunction } from './functions.js';
import { Budget, defaultLimits, LimitReached, type RenderLimits } from './limits.js';
import { ParseFailure, type Templates } from './token-reader.js';
import { parseTemplates } from './parser.js';
import { quote } from './quote.js';
import { redact } from './redact.js';
import { describe } from './tree.js';

export interface RenderOptions {
  /** Default: defaultLimits. */
  readonly limits?: Partial<RenderLimits>;
  /** Shared by several renders that must keep to its limits together; absent: one of this render's own. */
  readonly budget?: Budget;
  /** What `now` reads, in milliseconds since 1970. */
  readonly clock: () => number;
  /** Values that are in the data but may be in no message. */
  readonly secrets?: readonly Secret[];
}

/** More of a failing expression, or of a value in a message, is not shown. */
const maxShown = 1_000;

/** A compiled template. Immutable: it may be rendered any number of times. */
export class CompiledTemplate {
  readonly #name: ByteString;
  readonly #text: ByteString;
  readonly #templates: Templates;

  constructor(name: ByteString, text: ByteString, templates: Templates) {
    this.#name = name;
    this.#text = text;
    this.#templates = templates;
  }

  /**
   * The template's output for `data`, which it cannot change.
   * @throws {TemplateError} when the template fails, as it would in Go.
   * @throws {TemplateLimitError} when it reaches one of the limits.
   */
  render(data: JsonObject, options: RenderOptions): Buffer {
    const limits = { ...defaultLimits, ...options.limits };
    const budget = options.budget ?? new Budget(limits, options.clock);
    const evaluator = new Evaluator(this.#templates, budget, limits.templateDepth);
    try {
      return evaluator.run(this.#name, toGoMap(data, budget));
    } catch (error) {
      throw this.#explained(error, evaluator, options.secrets ?? []);
    }
  }

  #explained(error: unknown, evaluator: Evaluator, secrets: readonly Secret[]): unknown {
    if (error instanceof ExecFailure) {
      const exposed = secrets.map((secret) => secret.expose());
      const detail = redact(fromGoString(shortened(error.detail)), exposed);
      const reason = fromGoString(error.reason) + detail + fromGoString(error.ending);
      return this.#located(reason, evaluator, TemplateError);
    }
    if (error instanceof LimitReached) return this.#located(error.message, evaluator, TemplateLimitError);
    // Node's own bounds, on the length of a string, the size of an array or its stack.
    if (error instanceof RangeError) return this.#located(error.message, evaluator, TemplateLimitError);
    return error;
  }

  #located(reason: string, evaluator: Evaluator, type: typeof TemplateError): TemplateError {
    const { node } = evaluator;
    const before = this.#text.slice(0, node?.position ?? 0);
    const line = before.split('\n').length;
    const column = before.length - (before.lastIndexOf('\n') + 1);
    const context = node === undefined ? '' : fromGoString(shortened(describe(node)));
    const template = fromGoString(quote(evaluator.template ?? this.#name));
    const place = `${fromGoString(this.#name)}:${line.toString()}:${column.toString()}`;
    const message = `template: ${place}: executing ${template} at <${context}>: ${reason}`;
    return new type(message, { stage: 'exec', line, column, reason });
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
    if (error instanceof ParseFailure) throw parseError(name, error.line, fromGoString(error.reason), TemplateError);
    if (error instanceof LimitReached) throw parseError(name, 1, error.message, TemplateLimitError);
    throw error;
  }
}

function parseError(name: string, line: number, reason: string, type: typeof TemplateError): TemplateError {
  return new type(`template: ${name}:${line.toString()}: ${reason}`, { stage: 'parse', line, reason });
}
