import { celMap, isCelError, parse, plan } from '@bufbuild/cel';
import type { CelError, CelInput } from '@bufbuild/cel';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { BoundedMap } from '../../../shared/limits/bounded-map.js';
import { proxyLimits } from '../../limits.js';
import { quote } from '../../../shared/wording.js';
import { countLoops, counters } from '../../cel/count-loops.js';
import { countedEnvironment } from '../../cel/counted-environment.js';
import { Work, WorkExceeded } from '../../cel/work.js';
import { analyse } from './analysis.js';
import type { Analysis } from './analysis.js';
import { generatorFunctions } from './generator-functions.js';
import type { GeneratorJob, GeneratorOutcome } from './generator-job.js';
import { ExpressionError } from './position.js';
import { parseResult } from './result.js';

type BrokenExpression = Extract<GeneratorOutcome, { readonly kind: 'broken' }>;

interface Compiled {
  readonly evaluate: ReturnType<typeof plan>;
  readonly analysis: Analysis;
}

/** Messages of the evaluator that have only names of functions and types. Others can quote the Secret. */
const safeMessages = [
  /^found no matching overload for '[^']{1,40}' applied to '[\w(), .]{1,200}'$/,
  /^type mismatch: [\w :,]{1,80}$/,
];

/** Runs jobs, one at a time, and keeps compiled expressions. */
export class GeneratorJobs {
  readonly #work = new Work(proxyLimits.generators.work);
  readonly #environment = countedEnvironment(this.#work, generatorFunctions());
  readonly #functions: ReadonlySet<string>;
  readonly #compiled = new BoundedMap<Compiled | BrokenExpression>(proxyLimits.generators.compiled);

  constructor() {
    const names = new Set([...this.#environment.funcs].map(({ name }) => name));
    for (const name of Object.values(counters)) names.delete(name);
    this.#functions = names;
  }

  /** Reports whether the job needs no compilation. */
  isCompiled({ cel }: GeneratorJob): boolean {
    return this.#compiled.has(cel);
  }

  run(job: GeneratorJob): GeneratorOutcome {
    const compiled = this.#compile(job.cel);
    if ('kind' in compiled) return compiled;
    const { secret } = job;
    if (secret === undefined) return { kind: 'generated', headers: [], query: [], isFixed: false };
    return this.#evaluate({ ...job, secret }, compiled);
  }

  #compile(cel: string): Compiled | BrokenExpression {
    const known = this.#compiled.get(cel);
    if (known !== undefined) return known;
    let compiled: Compiled | BrokenExpression;
    try {
      const parsed = parse(cel);
      const analysis = analyse(cel, parsed, this.#functions);
      countLoops(parsed);
      compiled = { evaluate: plan(this.#environment, parsed), analysis };
    } catch (error) {
      compiled = { kind: 'broken', message: problemOf(error) };
    }
    this.#compiled.set(cel, compiled);
    return compiled;
  }

  #evaluate(
    job: GeneratorJob & Required<Pick<GeneratorJob, 'secret'>>,
    { evaluate, analysis }: Compiled,
  ): GeneratorOutcome {
    const { request, secret, nowMs, cel } = job;
    const { isFixed } = analysis;
    if (!isFixed && request === undefined) return { kind: 'too-long' };
    const variables: Record<string, CelInput> = {
      secret: celMap(new Map(secret)),
      request: celMap(new Map(Object.entries(request ?? {}))),
      now: timestampFromMs(nowMs),
    };
    this.#work.reset();
    const result = evaluate(variables);
    try {
      if (isCelError(result)) return failureOf(result, analysis);
      return { kind: 'generated', ...parseResult(cel, result), isFixed };
    } catch (error) {
      return { kind: 'failed', message: problemOf(error), isFixed };
    }
  }
}

function failureOf(error: CelError, analysis: Analysis): GeneratorOutcome {
  const { keys, isFixed } = analysis;
  if (error.cause instanceof WorkExceeded) return { kind: 'failed', message: error.cause.message, isFixed };
  const key = keys.get(String(error.exprId));
  if (key !== undefined) return { kind: 'missing', key };
  const isSafe = safeMessages.some((pattern) => pattern.test(error.message));
  const problem = isSafe
    ? error.message
    : 'cannot be evaluated: a key is missing, or a value has the wrong type or range';
  const place = analysis.positionOf(error.exprId);
  return { kind: 'failed', message: place === undefined ? problem : `${place}: ${problem}`, isFixed };
}

/** Returns the problem of an expression, with its position. */
function problemOf(error: unknown): string {
  if (error instanceof ExpressionError) return error.message;
  if (error instanceof RangeError) return 'is nested too deep: make it flatter';
  if (!(error instanceof Error)) return 'cannot be read';
  const [, line, column, problem = ''] = /^<input>:(\d+):(\d+): ([^]*)$/.exec(error.message) ?? [];
  if (line === undefined || column === undefined) return `cannot be read: ${quote(error.message)}`;
  const [, found] = /^found ([^]{1,100}?) but expecting /.exec(problem) ?? [];
  const shown = found === undefined || found === 'end of input' ? found : quote(found);
  return `line ${line}, column ${column}: ${shown === undefined ? quote(problem) : `unexpected ${shown}`}`;
}
