import type { JsonObject } from '../json.js';
import { ExecFailure } from './arguments.js';
import { type ByteString, fromGoString, toGoString } from './byte-string.js';
import { toGoMap } from './data.js';
import { TemplateError, TemplateLimitError } from './errors.js';
import { Evaluator } from './evaluator.js';
import { findFunction } from './functions.js';
import { Budget, defaultLimits, LimitReached, type RenderLimits } from './limits.js';
import { runSlowTask, SlowWorkNeeded, type SlowTask } from './slow-work.js';
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

/** Why a render stands still: others are to have their turn, or the result of a task is to be handed to `next`. */
export type Interruption = SlowTask | undefined;

/** A render that is under way. */
export type Rendering = Generator<Interruption, Buffer, string | undefined>;

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

  /** How large it is in memory: about 120 bytes for each node. */
  get nodes(): number {
    return this.#parsed.nodes;
  }

  /**
   * The template's output for `data`, which it cannot change; all in one go, slow work included.
   * @throws {TemplateError} when the template fails, as it would in Go.
   * @throws {TemplateLimitError} when it reaches one of the limits.
   */
  render(data: JsonObject, options: RenderOptions): Buffer {
    const rendering = this.start(data, options);
    let step = rendering.next();
    while (step.done !== true) step = rendering.next(step.value === undefined ? undefined : runSlowTask(step.value));
    return step.value;
  }

  /** The same bit by bit. */
  *start(data: JsonObject, options: RenderOptions): Rendering {
    const budget = options.budget ?? new Budget({ ...defaultLimits, ...options.limits }, options.clock);
    const result = yield* this.#run(data, budget);
    if ('output' in result) return result.output;
    const { shownData } = options;
    const { reason, detail, ending } = result.cause;
    const isShown = detail === '' || shownData === undefined;
    const shown = isShown ? detail : yield* this.#shownDetail(result, shownData, budget);
    throw this.#located(fromGoString(reason + shortened(shown) + ending), result, TemplateError);
  }

  /** @throws {TemplateLimitError} */
  *#run(data: JsonObject, budget: Budget): Generator<Interruption, Output | Failure, string | undefined> {
    const { templates, nodes } = this.#parsed;
    const { mark } = budget;
    let parseSteps = nodes * stepsPerNode;
    for (;;) {
      const evaluator = new Evaluator(templates, budget);
      try {
        budget.charge(parseSteps);
        parseSteps = 0;
        evaluator.start(this.#name, toGoMap(data, budget));
        let output = evaluator.resume();
        while (output === undefined) {
          yield undefined;
          budget.endPause();
          output = evaluator.resume();
        }
        return { output };
      } catch (error) {
        const place = { node: evaluator.node, template: evaluator.template ?? this.#name };
        if (error instanceof ExecFailure) return { ...place, cause: error };
        const task = this.#taskOf(error, budget, place);
        budget.addResult((yield task) ?? '');
        budget.returnTo(mark);
      }
    }
  }

  /** What a render was interrupted for. */
  #taskOf(error: unknown, budget: Budget, place: Place): SlowTask {
    try {
      if (!(error instanceof SlowWorkNeeded)) throw error;
      budget.countSlowTask();
      return error.task;
    } catch (cause) {
      // A RangeError is one of Node's own bounds, on the length of a string, the size of an array or its stack.
      const isBound = cause instanceof LimitReached || cause instanceof RangeError;
      throw isBound ? this.#located(cause.message, place, TemplateLimitError) : cause;
    }
  }

  /** What a failure may tell of values: what it tells when it happens in the same way without the secrets. */
  *#shownDetail(
    { node, cause }: Failure,
    shownData: () => JsonObject,
    budget: Budget,
  ): Generator<Interruption, ByteString, string | undefined> {
    try {
      const other = yield* this.#run(shownData(), budget);
      if ('output' in other || other.node !== node) return hiddenDetail;
      const isAlike = other.cause.reason === cause.reason && other.cause.ending === cause.ending;
      return isAlike ? other.cause.detail : hiddenDetail;
    } catch (error) {
      if (error instanceof TemplateLimitError) return hiddenDetail;
      throw error;
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
