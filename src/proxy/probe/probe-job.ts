import { isCelError, parse, plan } from '@bufbuild/cel';
import { Budget } from '../../shared/gotemplate/budget.js';
import { TemplateError } from '../../shared/gotemplate/errors.js';
import { defaultLimits } from '../../shared/gotemplate/limits.js';
import { compileTemplate } from '../../shared/gotemplate/template.js';
import type { JsonObject, JsonValue } from '../../shared/json.js';
import { jsonIn } from '../../shared/json.js';
import { proxyLimits } from '../limits.js';
import { countLoops } from '../cel/count-loops.js';
import { countedEnvironment } from '../cel/counted-environment.js';
import { Work, WorkExceeded } from '../cel/work.js';
import type { ResponseHeaders } from './response-headers.js';

/** The CPU-bound work of a probe, as plain data. It runs in a thread that can be terminated. */
export type ProbeJob =
  | {
      readonly kind: 'render';
      /** Templates by their name in messages. */
      readonly texts: readonly (readonly [name: string, text: string])[];
      readonly data: JsonObject;
      /** The data with redacted secrets. */
      readonly shownData: JsonObject;
    }
  | {
      readonly kind: 'judge';
      readonly cel: string;
      readonly statusCode: number;
      readonly headers: ResponseHeaders;
      /** Absent if it is too long. Expressions that use it then are undecided. */
      readonly body?: string;
    };

/** The result of a job. Messages contain neither secrets nor parts of the response. */
export type ProbeOutcome =
  | { readonly kind: 'rendered'; readonly texts: readonly string[] }
  | { readonly kind: 'judged'; readonly isMet: boolean }
  /** The template or the expression is wrong, or takes too much work. */
  | { readonly kind: 'malformed'; readonly message: string }
  /** The expression cannot be evaluated for this response, or its result is not a boolean. */
  | { readonly kind: 'undecided' };

/** Paths and headers are short, and no legitimate template takes long. */
const renderLimits = { ...defaultLimits, steps: 200_000, memoryBytes: 4 << 20, outputBytes: 16 << 10, slowTasks: 0 };

export function runProbeJob(job: ProbeJob): ProbeOutcome {
  return job.kind === 'render' ? render(job) : judge(job);
}

function render({ texts, data, shownData }: Extract<ProbeJob, { kind: 'render' }>): ProbeOutcome {
  const budget = new Budget(renderLimits, { clock: () => Date.now(), slowWork: () => '' });
  try {
    const rendered = texts.map(([name, text]) =>
      compileTemplate(name, text)
        .render(data, { budget, shownData: () => shownData })
        .toString(),
    );
    return { kind: 'rendered', texts: rendered };
  } catch (error) {
    if (error instanceof TemplateError) return { kind: 'malformed', message: error.message };
    throw error;
  }
}

function judge({ cel, statusCode, headers, body }: Extract<ProbeJob, { kind: 'judge' }>): ProbeOutcome {
  let evaluate: ReturnType<typeof plan>;
  try {
    const parsed = parse(cel);
    countLoops(parsed);
    evaluate = plan(countedEnvironment(new Work(proxyLimits.probes.work)), parsed);
  } catch (error) {
    return { kind: 'malformed', message: error instanceof Error ? error.message : 'it cannot be read' };
  }
  const response = {
    statusCode: BigInt(statusCode),
    headers,
    ...(body === undefined ? {} : { body: bodyValue(body), bodyString: body }),
  };
  try {
    const result: unknown = evaluate({ response: response as never });
    if (typeof result === 'boolean') return { kind: 'judged', isMet: result };
    // Other messages of the evaluator can quote the response.
    if (isCelError(result) && result.cause instanceof WorkExceeded) {
      return { kind: 'malformed', message: `${result.cause.message}: make it simpler` };
    }
  } catch {
    return { kind: 'undecided' };
  }
  return { kind: 'undecided' };
}

/** Parses the body as JSON; other bodies remain a string. */
function bodyValue(body: string): JsonValue {
  const value = jsonIn(body);
  return value === undefined ? body : value;
}
