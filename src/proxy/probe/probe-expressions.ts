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
import { unusable } from './probe-verdict.ts';

/** Paths and headers are short, and no useful template takes long. The steps take 4 ms. */
const renderLimits = {
  ...defaultLimits,
  steps: proxyLimits.probes.steps,
  memoryBytes: 4 << 20,
  outputBytes: 16 << 10,
  slowTasks: 0,
};

/**
 * Renders the templates of a probe.
 * @param source name of the probe, for messages.
 * @param texts templates by their name in messages.
 * @param shownData the data with redacted secrets, for messages.
 * @throws {CodedError} FAILED_PRECONDITION for a mistake of the class: a template is wrong, or takes too much work.
 */
export function renderTexts(
  source: string,
  texts: readonly (readonly [name: string, text: string])[],
  data: JsonObject,
  shownData: JsonObject,
): readonly string[] {
  const budget = new Budget(renderLimits, { clock: () => Date.now(), slowWork: () => '' });
  try {
    return texts.map(([name, text]) =>
      compileTemplate(name, text)
        .render(data, { budget, shownData: () => shownData })
        .toString(),
    );
  } catch (error) {
    if (error instanceof TemplateError) throw unusable(`${source}: ${error.message}`);
    throw error;
  }
}

/**
 * Evaluates the expression of a probe.
 * @returns `undecided` if it cannot be evaluated for this response, or its result is not a boolean.
 * @throws {CodedError} FAILED_PRECONDITION as `renderTexts`. The message has nothing of the response.
 */
export function isResponseGood(
  source: string,
  cel: string,
  { status, headers, body }: Pick<ProbeResponse, 'status' | 'headers' | 'body'>,
): boolean | 'undecided' {
  const work = new Work(proxyLimits.probes.work);
  let evaluate: Planned['evaluate'];
  try {
    ({ evaluate } = planIn(countedEnvironment(work), cel));
  } catch (error) {
    throw unusable(`${source}.response.cel: ${error instanceof Error ? error.message : 'it cannot be read'}`);
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
    throw unusable(`${source}.response.cel: ${work.exceeded.message}: make it simpler`);
  }
  return 'undecided';
}
