import { celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { Budget } from '../../gotemplate/budget.js';
import { TemplateError } from '../../gotemplate/errors.js';
import { defaultLimits } from '../../gotemplate/limits.js';
import { compileTemplate } from '../../gotemplate/template.js';
import type { JsonObject, JsonValue } from '../../json.js';
import { parseJson } from '../../json.js';

/** The work of a probe that may take long, as plain data: it is done in a thread that can be ended. */
export type ProbeJob =
  | {
      readonly kind: 'render';
      /** Templates by what messages call them. */
      readonly texts: readonly (readonly [name: string, text: string])[];
      readonly data: JsonObject;
      /** The same without secrets. */
      readonly shownData: JsonObject;
    }
  | {
      readonly kind: 'judge';
      readonly cel: string;
      readonly statusCode: number;
      readonly headers: Readonly<Record<string, string>>;
      /** Absent where it is too long: an expression about it cannot be decided then. */
      readonly body?: string;
    };

/** What became of it. Messages hold neither secrets nor anything of the answer. */
export type ProbeOutcome =
  | { readonly kind: 'rendered'; readonly texts: readonly string[] }
  | { readonly kind: 'judged'; readonly isMet: boolean }
  /** The template or the expression is wrong, whatever the answer is. */
  | { readonly kind: 'malformed'; readonly message: string }
  /** The expression cannot be evaluated on this answer, or gives something that is neither true nor false. */
  | { readonly kind: 'undecided' };

/** Paths and headers are short, and nothing in them takes long by intention. */
const limits = { ...defaultLimits, steps: 200_000, memoryBytes: 4 << 20, outputBytes: 16 << 10, slowTasks: 0 };

export function runProbeJob(job: ProbeJob): ProbeOutcome {
  return job.kind === 'render' ? render(job) : judge(job);
}

function render({ texts, data, shownData }: Extract<ProbeJob, { kind: 'render' }>): ProbeOutcome {
  const budget = new Budget(limits, { clock: () => Date.now(), slowWork: () => '' });
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
    evaluate = plan(celEnv(), parse(cel));
  } catch (error) {
    return { kind: 'malformed', message: error instanceof Error ? error.message : 'it cannot be read' };
  }
  const response = {
    statusCode: BigInt(statusCode),
    headers,
    ...(body === undefined ? {} : { body: bodyValue(body) }),
  };
  try {
    const result: unknown = evaluate({ response: response as never });
    if (typeof result === 'boolean') return { kind: 'judged', isMet: result };
    // Its message may quote the answer.
    if (isCelError(result)) return { kind: 'undecided' };
  } catch {
    return { kind: 'undecided' };
  }
  return { kind: 'undecided' };
}

/** JSON as values, anything else as the text that it is. */
function bodyValue(body: string): JsonValue {
  try {
    return parseJson(body);
  } catch {
    return body;
  }
}
