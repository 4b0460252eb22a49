import { CodedError, type ErrorCode } from '../../errors.js';
import { Budget, type Surroundings } from '../../gotemplate/budget.js';
import { TemplateError, TemplateLimitError } from '../../gotemplate/errors.js';
import { defaultLimits } from '../../gotemplate/limits.js';
import { runSlowTask } from '../../gotemplate/slow-work.js';
import { type CompiledTemplate, compileTemplate } from '../../gotemplate/template.js';
import type { JsonObject } from '../../json.js';
import { fileNameProblem } from '../rules/file-name.js';
import type { VolumeFile } from '../volume/ports.js';

/** A configuration of a volume to be rendered. */
export interface RenderedConfiguration {
  /** What messages call it: `connectorclass oci, configuration a`. */
  readonly owner: string;
  /** The template of each file by name. */
  readonly files: readonly (readonly [name: string, template: string])[];
  /** What its templates see as their dot. */
  readonly data: () => JsonObject;
  /** The same without the token, for messages. */
  readonly shownData: () => JsonObject;
}

/** All configurations of a volume as plain data, which crosses over to another thread. */
export interface RenderJob {
  readonly configurations: readonly {
    readonly owner: string;
    readonly files: readonly (readonly [name: string, template: string])[];
    readonly data: JsonObject;
    readonly shownData: JsonObject;
  }[];
  /** Milliseconds since 1970, when it begins. */
  readonly nowMs: number;
}

/** What became of it, as plain data. A failure's message is for the pod's author, and tells no secret. */
export type RenderOutcome =
  | { readonly files: readonly VolumeFile[] }
  | { readonly failure: { readonly code: ErrorCode; readonly message: string } };

/** Told of a job that runs: at which file it is, and that a file asks for slow work. */
export interface RenderProgress {
  at(place: string): void;
  slow(): void;
}

/** How a template is compiled, or found compiled. */
export type Compile = (configuration: number, name: string, text: string) => CompiledTemplate;

/** All files of a volume share the limits of one render. */
export function newBudget(surroundings: Surroundings): Budget {
  return new Budget(defaultLimits, surroundings);
}

/**
 * The files of the configurations, in order.
 * @param at told at which file it is.
 * @throws {CodedError} FAILED_PRECONDITION for what is wrong with a template, RESOURCE_EXHAUSTED when it asks too much.
 * @throws {TooLongHere} when the budget says so.
 */
export function renderFiles(
  configurations: readonly RenderedConfiguration[],
  budget: Budget,
  compile: Compile,
  at?: (place: string) => void,
): readonly VolumeFile[] {
  return configurations.flatMap(({ owner, files, data, shownData }, index) => {
    let seen: JsonObject | undefined;
    return files.map(([name, text]) => {
      const problem = fileNameProblem(name);
      if (problem !== undefined)
        throw new CodedError('FAILED_PRECONDITION', `${owner}: file name "${name}": ${problem}`);
      const place = `${owner}, file ${name}`;
      at?.(place);
      seen ??= data();
      try {
        return { name, content: compile(index, name, text).render(seen, { budget, shownData }) };
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        const code = error instanceof TemplateLimitError ? 'RESOURCE_EXHAUSTED' : 'FAILED_PRECONDITION';
        throw new CodedError(code, `${place}: ${error.message}`, { cause: error });
      }
    });
  });
}

/** Does a job to its end, slow work included. What the engine throws by mistake passes through. */
export function runRenderJob(job: RenderJob, progress?: RenderProgress): RenderOutcome {
  const startMs = performance.now();
  const budget = newBudget({
    clock: () => job.nowMs + performance.now() - startMs,
    slowWork: (task) => {
      progress?.slow();
      return runSlowTask(task);
    },
  });
  const configurations = job.configurations.map(({ data, shownData, ...rest }) => ({
    ...rest,
    data: () => data,
    shownData: () => shownData,
  }));
  try {
    const compile: Compile = (_, name, text) => compileTemplate(name, text);
    return { files: renderFiles(configurations, budget, compile, (place) => progress?.at(place)) };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return { failure: { code: error.code, message: error.message } };
  }
}
