import { CodedError, type ErrorCode } from '../../shared/errors.ts';
import { Budget } from '../../shared/gotemplate/budget.ts';
import { TemplateError, TemplateLimitError } from '../../shared/gotemplate/errors.ts';
import { defaultLimits } from '../../shared/gotemplate/limits.ts';
import { runSlowTask } from '../../shared/gotemplate/slow-work.ts';
import { compileTemplate } from '../../shared/gotemplate/template.ts';
import type { JsonObject } from '../../shared/json.ts';
import { fileNameProblem } from '../syntax/file-name.ts';
import { checkEnvironmentFile, isEnvironmentFile } from './environment-file.ts';
import type { VolumeFile } from '../publish/ports.ts';
import { driverLimits } from '../limits.ts';

/** A configuration of a volume to render. */
export interface RenderedConfiguration {
  /** Name in messages: `connectorclass oci, configuration a`. */
  readonly owner: string;
  /** The template of each file by name. */
  readonly files: readonly (readonly [name: string, template: string])[];
  /** Data of the templates, their dot. */
  readonly data: JsonObject;
  /** The data without the token, for messages. */
  readonly shownData: JsonObject;
}

/** All configurations of a volume as plain data, which can be passed to another thread. */
export interface RenderJob {
  readonly configurations: readonly RenderedConfiguration[];
  /** Start time in milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Files of a volume, and the warnings to log. */
export interface RenderedFiles {
  readonly files: readonly VolumeFile[];
  readonly warnings: readonly string[];
}

/** Outcome of a job as plain data. The message of a failure is for the pod's author and contains no secret. */
export type RenderOutcome =
  | RenderedFiles
  | { readonly failure: { readonly code: ErrorCode; readonly message: string } };

/**
 * Renders the files of the configurations, in order.
 * @param at called with each file before it is rendered.
 * @throws {CodedError} FAILED_PRECONDITION for an error in a template, RESOURCE_EXHAUSTED if a template exceeds a
 * limit.
 * @throws {MainThreadBudgetExceeded} if the budget of the main thread is used up.
 */
export function renderFiles(
  configurations: readonly RenderedConfiguration[],
  budget: Budget,
  at?: (place: string) => void,
): RenderedFiles {
  const warnings: string[] = [];
  const rendered = configurations.flatMap(({ owner, files, data, shownData }) =>
    files.map(([name, text]) => {
      const problem = fileNameProblem(name);
      if (problem !== undefined)
        throw new CodedError('FAILED_PRECONDITION', `${owner}: file name "${name}": ${problem}`);
      const place = `${owner}, file ${name}`;
      at?.(place);
      try {
        const content = compileTemplate(name, text).render(data, { budget, shownData: () => shownData });
        for (const missing of budget.missing.splice(0)) warnings.push(`${place}, ${missing}`);
        if (isEnvironmentFile(name)) checkEnvironmentFile(content, text, place);
        return { name, content };
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        const code = error instanceof TemplateLimitError ? 'RESOURCE_EXHAUSTED' : 'FAILED_PRECONDITION';
        throw new CodedError(code, `${place}: ${error.message}${adviceFor(error)}`, { cause: error });
      }
    }),
  );
  return { files: rendered, warnings: warnings.slice(0, driverLimits.messages.missingValues) };
}

/** Returns advice for a missing value, which Go reports only as nil. */
function adviceFor({ message }: TemplateError): string {
  const isMissing = /(?:untyped nil|nil pointer\b.*|zero Value)$/.test(message);
  return isMissing ? ' (the value is missing: check it with "if", or set a "default")' : '';
}

/**
 * Runs a job, slow work included. Unexpected exceptions of the engine are passed on.
 * @param at called with each file before it is rendered.
 */
export function runRenderJob(job: RenderJob, at?: (place: string) => void): RenderOutcome {
  const startMs = performance.now();
  const budget = new Budget(defaultLimits, {
    clock: () => job.nowMs + performance.now() - startMs,
    slowWork: runSlowTask,
  });
  try {
    return renderFiles(job.configurations, budget, at);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return { failure: { code: error.code, message: error.message } };
  }
}
