import { isCelError } from '@bufbuild/cel';
import { Budget } from '../../shared/gotemplate/budget.ts';
import { TemplateError } from '../../shared/gotemplate/errors.ts';
import { defaultLimits } from '../../shared/gotemplate/limits.ts';
import { compileTemplate } from '../../shared/gotemplate/template.ts';
import type { JsonObject } from '../../shared/json.ts';
import { jsonIn } from '../../shared/json.ts';
import { countedEnvironment, planIn } from '../cel/counted-environment.ts';
import type { Planned } from '../cel/counted-environment.ts';
import { Work } from '../cel/work.ts';
import { proxyLimits } from '../limits.ts';
import type { ProbeResponse } from './probe-exchange.ts';

/** Paths and headers are short, and no useful template takes long. The steps take 4 ms. */
const renderLimits = {
  ...defaultLimits,
  steps: proxyLimits.probes.steps,
  memoryBytes: 4 << 20,
  outputBytes: 16 << 10,
  slowTasks: 0,
};

/** A mistake of the class: a template or an expression is wrong, or takes too much work. It has nothing of the response. */
export interface Malformed {
  readonly problem: string;
}

/**
 * Renders the templates of a probe.
 * @param texts templates by their name in messages.
 * @param shownData the data with redacted secrets, for messages.
 */
export function renderTexts(
  texts: readonly (readonly [name: string, text: string])[],
  data: JsonObject,
  shownData: JsonObject,
): readonly string[] | Malformed {
  const budget = new Budget(renderLimits, { clock: () => Date.now(), slowWork: () => '' });
  try {
    return texts.map(([name, text]) =>
      compileTemplate(name, text)
        .render(data, { budget, shownData: () => shownData })
        .toString(),
    );
  } catch (error) {
    if (error instanceof TemplateError) return { problem: error.message };
    throw error;
  }
}

/**
 * Evaluates the expression of a probe.
 * @returns `undecided` if it cannot be evaluated for this response, or its result is not a boolean.
 */
export function isResponseGood(
  cel: string,
  { status, headers, body }: Pick<ProbeResponse, 'status' | 'headers' | 'body'>,
): boolean | 'undecided' | Malformed {
  const work = new Work(proxyLimits.probes.work);
  let evaluate: Planned['evaluate'];
  try {
    ({ evaluate } = planIn(countedEnvironment(work), cel));
  } catch (error) {
    return { problem: error instanceof Error ? error.message : 'it cannot be read' };
  }
  const value = body === undefined ? undefined : jsonIn(body);
  const response = {
    statusCode: BigInt(status),
    headers,
    // Other bodies than JSON remain a string.
    ...(body === undefined ? {} : { body: value === undefined ? body : value, bodyString: body }),
  };
  let result: unknown;
  try {
    result = work.evaluate(() => evaluate({ response: response as never }));
  } catch {
    return 'undecided';
  }
  if (typeof result === 'boolean') return result;
  // Messages of the evaluator can quote the response.
  if (isCelError(result) && work.exceeded !== undefined) {
    return { problem: `${work.exceeded.message}: make it simpler` };
  }
  return 'undecided';
}
