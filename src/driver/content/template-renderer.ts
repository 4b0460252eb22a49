import { threadCpuUsage } from 'node:process';
import { CodedError } from '../../shared/errors.ts';
import { Budget, MainThreadBudgetExceeded } from '../../shared/gotemplate/budget.ts';
import { defaultLimits } from '../../shared/gotemplate/limits.ts';
import type { JsonObject } from '../../shared/json.ts';
import { Secret } from '../../shared/secret.ts';
import { resolveParams } from './configuration-params.ts';
import type { ResolvedConnector } from '../../shared/connectors/model.ts';
import type { PublishSlot } from '../publish/ports.ts';
import { selectConfigurations, type SelectedConfiguration } from './configuration-selection.ts';
import type { RenderedConfiguration, RenderedFiles } from './render-job.ts';
import { renderFiles, type RenderJob, type RenderOutcome } from './render-job.ts';
import { templateData } from './template-data.ts';
import { driverLimits } from '../limits.ts';

export interface ConfigurationRequest {
  readonly resolved: readonly ResolvedConnector[];
  /** Returns the token for the templates of a class, by the class's name. */
  readonly tokenOf: (className: string) => Secret;
  readonly caBundle: string | undefined;
  readonly includedConfigurations: readonly string[];
  readonly configurationParams: JsonObject;
}

export interface TemplateRendererParts {
  /** Milliseconds since the epoch, for the time functions of templates. */
  readonly clock: () => number;
  /** CPU time of this thread in milliseconds. */
  readonly cpuMs: () => number;
  /** Runs the job outside the event loop, with fair shares for its owners. */
  readonly renderInThread: (
    job: RenderJob,
    owner: { readonly namespace: string; readonly group: string },
    signal: AbortSignal,
  ) => Promise<RenderOutcome>;
}

/** Replaces the token of a template's data in messages. */
const shownToken = new Secret('[REDACTED]');

/** Renders the configurations that a volume selects. */
export type ConfigurationRenderer = Pick<TemplateRenderer, 'render'>;

/**
 * Renders configurations from the templates of their classes. Each render is first tried in the event loop; one that
 * exceeds the limits there runs again in a worker thread.
 */
export class TemplateRenderer {
  readonly #parts: TemplateRendererParts;

  constructor(parts: TemplateRendererParts) {
    this.#parts = parts;
  }

  /**
   * Renders the selected configurations, in order; of files with the same name the last one counts.
   * @throws {CodedError} NOT_FOUND if none of the included names exists, with the existing names; the reason of the
   * slot's signal.
   */
  async render(request: ConfigurationRequest, slot: PublishSlot): Promise<RenderedFiles> {
    if (request.includedConfigurations.length === 0) return { files: [], warnings: [] };
    const { selected, warnings } = selectConfigurations(request.resolved, request.includedConfigurations);
    const params = resolveParams(selected, request.configurationParams);
    const configurations = configurationsOf(selected, params, request);
    const className = selected[0]?.group.connectorClass.name ?? '';
    const rendered =
      this.#renderInMainThread(configurations) ?? (await this.#renderInThread(configurations, className, slot));
    return { files: rendered.files, warnings: [...warnings, ...rendered.warnings] };
  }

  /** Renders in the event loop. @returns undefined if that exceeds its limits. */
  #renderInMainThread(configurations: readonly RenderedConfiguration[]): RenderedFiles | undefined {
    const { clock, cpuMs } = this.#parts;
    const startMs = cpuMs();
    const { steps: mainThreadSteps, cpuMs: maxMs } = driverLimits.renders;
    const budget = new Budget(defaultLimits, {
      clock,
      mainThreadSteps,
      mainThreadTime: { usedMs: () => cpuMs() - startMs, maxMs },
    });
    try {
      return renderFiles(configurations, budget);
    } catch (error) {
      if (error instanceof MainThreadBudgetExceeded) return undefined;
      throw error;
    }
  }

  async #renderInThread(
    configurations: readonly RenderedConfiguration[],
    className: string,
    slot: PublishSlot,
  ): Promise<RenderedFiles> {
    const job: RenderJob = { configurations, nowMs: this.#parts.clock() };
    const owner = { namespace: slot.owner.namespace, group: className };
    const outcome = await slot.releaseWhile(() => this.#parts.renderInThread(job, owner, slot.signal));
    if ('files' in outcome) return outcome;
    throw new CodedError(outcome.failure.code, outcome.failure.message);
  }
}

/** Returns the CPU time that this thread has used, in milliseconds. That of other renders in threads does not count. */
export function threadTimeMs(): number {
  const { user, system } = threadCpuUsage();
  return (user + system) / 1000;
}

function configurationsOf(
  selected: readonly SelectedConfiguration[],
  params: readonly JsonObject[],
  { tokenOf, caBundle }: ConfigurationRequest,
): readonly RenderedConfiguration[] {
  return selected.map(({ group, configuration }, index) => ({
    owner: `connectorclass ${group.connectorClass.name}, configuration ${configuration.name}`,
    files: [...configuration.files],
    data: templateData(group, params[index] ?? {}, tokenOf(group.connectorClass.name), caBundle),
    shownData: templateData(group, params[index] ?? {}, shownToken, caBundle),
  }));
}
