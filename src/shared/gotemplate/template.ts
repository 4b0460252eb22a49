import type { JsonObject } from '../json.ts';
import { ExecFailure } from './arguments.ts';
import { type ByteString, fromGoString, toGoString } from './byte-string.ts';
import { toGoMap } from './data.ts';
import { TemplateError, TemplateLimitError } from './errors.ts';
import { Evaluator } from './evaluator.ts';
import { findFunction } from './functions.ts';
import { Budget, type RenderEnvironment, MainThreadBudgetExceeded } from './budget.ts';
import { defaultLimits, LimitReached, type RenderLimits } from './limits.ts';
import { runSlowTask } from './slow-work.ts';
import { ParseFailure } from './token-reader.ts';
import { type Parsed, parseTemplates } from './parser.ts';
import { quote } from './quote.ts';
import { type AnyNode, describe } from './tree.ts';

/** Where a render runs and within which limits, those of defaultLimits where none are given; or what several share. */
type Bounds = (RenderEnvironment & { readonly limits?: Partial<RenderLimits> }) | { readonly budget: Budget };

type RenderOptions = Bounds & {
  /**
   * The same data with something else in place of its secrets. The values in the message of a failed render come from a
   * render of this data. So no message contains a secret, whatever the template made of it. Absent: the data has none.
   */
  readonly shownData?: () => JsonObject;
};

function budgetOf(bounds: Bounds): Budget {
  if ('budget' in bounds) return bounds.budget;
  return new Budget({ ...defaultLimits, ...bounds.limits }, { slowWork: runSlowTask, ...bounds });
}

/** Replaces the values in a message if the template fails in another way without the secrets. */
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
class CompiledTemplate {
  readonly #name: ByteString;
  readonly #text: ByteString;
  readonly #parsed: Parsed;

  constructor(name: ByteString, text: ByteString, parsed: Parsed) {
    this.#name = name;
    this.#text = text;
    this.#parsed = parsed;
  }

  /** How large it is in memory: about 120 bytes for each node. */
  get nodes(): number {
    return this.#parsed.nodes;
  }

  /**
   * The template's output for `data`, which it cannot change.
   * @throws {TemplateError} when the template fails, as it would in Go.
   * @throws {TemplateLimitError} when it reaches one of the limits.
   * @throws {MainThreadBudgetExceeded} when another thread must render it.
   */
  render(data: JsonObject, options: RenderOptions): Buffer {
    const budget = budgetOf(options);
    const { memory } = budget;
    const result = this.#run(data, budget);
    if ('output' in result) {
      budget.returnTo(memory, result.output.length);
      return result.output;
    }
    const { shownData } = options;
    const { reason, detail, ending } = result.cause;
    const isShown = detail === '' || shownData === undefined;
    const shown = isShown ? detail : this.#shownDetail(result, shownData, budget);
    throw this.#located(fromGoString(reason + shortened(shown) + ending), result, TemplateError);
  }

  /** @throws {TemplateLimitError} */
  #run(data: JsonObject, budget: Budget): Output | Failure {
    const { templates, nodes } = this.#parsed;
    const evaluator = new Evaluator(templates, budget);
    try {
      budget.charge(nodes * stepsPerNode);
      const output = evaluator.run(this.#name, toGoMap(data, budget));
      for (const node of evaluator.missing) budget.missing.push(this.#missingValue(node));
      return { output };
    } catch (error) {
      const place = { node: evaluator.node, template: evaluator.template ?? this.#name };
      if (error instanceof ExecFailure) return { ...place, cause: error };
      const bound = boundOf(error);
      if (bound === undefined) throw error;
      // The stack is larger elsewhere.
      if (bound === stackBound && budget.canMoveToThread) throw new MainThreadBudgetExceeded();
      throw this.#located(bound, place, TemplateLimitError);
    }
  }

  /** Returns the detail of the same failure without the secrets, or a placeholder if the template fails otherwise. */
  #shownDetail({ node, cause }: Failure, shownData: () => JsonObject, budget: Budget): ByteString {
    try {
      const other = this.#run(shownData(), budget);
      if ('output' in other || other.node !== node) return hiddenDetail;
      const isAlike = other.cause.reason === cause.reason && other.cause.ending === cause.ending;
      return isAlike ? other.cause.detail : hiddenDetail;
    } catch (error) {
      if (error instanceof TemplateLimitError) return hiddenDetail;
      throw error;
    }
  }

  /** Says which action has printed `<no value>`: usually a field is misspelt. */
  #missingValue(node: AnyNode): string {
    return `line ${this.#text.slice(0, node.position).split('\n').length.toString()}: ${fromGoString(shortened(describe(node)))} has no value`;
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

const stackBound = 'Maximum call stack size exceeded';

/**
 * The limit that was reached; undefined for any other error, which is a mistake in the engine. A template can reach two
 * of Node's own limits, the stack and the length of a string. Node's other RangeErrors are mistakes in the engine.
 */
function boundOf(error: unknown): string | undefined {
  if (error instanceof LimitReached) return error.message;
  const isKnown = error instanceof RangeError && [stackBound, 'Invalid string length'].includes(error.message);
  return isKnown ? error.message : undefined;
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
