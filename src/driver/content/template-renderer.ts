import { CodedError } from '../../shared/errors.js';
import { TooLongHere } from '../../shared/gotemplate/budget.js';
import type { JsonObject } from '../../shared/json.js';
import type { Call } from '../../shared/limits/call.js';
import { Secret } from '../../shared/secret.js';
import { CompiledTemplates } from './compiled-templates.js';
import { resolveParams } from './configuration-params.js';
import type { ConfigurationRenderer, ConfigurationRequest, RenderedConfigurations } from './configuration-renderer.js';
import { selectConfigurations, type SelectedConfiguration } from './configuration-selection.js';
import {
  type Compile,
  newBudget,
  type RenderedConfiguration,
  type RenderedFiles,
  renderFiles,
  type RenderJob,
  type RenderOutcome,
} from './render-job.js';
import { templateData } from './template-data.js';
import { driverLimits } from '../limits.js';

/** Called after each render of a volume's configurations. */
export type RenderObserver = (outcome: 'ok' | 'error', files: number, durationMs: number) => void;

export interface TemplateRendererParts {
  /** Milliseconds since the epoch, for the time functions of templates. */
  readonly clock: () => number;
  readonly observer: RenderObserver;
  /** CPU time of this process in milliseconds. */
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

/**
 * Renders configurations from the templates of their classes. Each render is first tried in the event loop; one that
 * exceeds the limits there runs again in a worker thread.
 */
export class TemplateRenderer implements ConfigurationRenderer {
  readonly #parts: TemplateRendererParts;
  readonly #templates = new CompiledTemplates();

  constructor(parts: TemplateRendererParts) {
    this.#parts = parts;
  }

  async render(request: ConfigurationRequest, call: Call): Promise<RenderedConfigurations> {
    if (request.includedConfigurations.length === 0) return { files: [], warnings: [] };
    const startMs = performance.now();
    let fileCount = 0;
    try {
      const { selected, warnings } = selectConfigurations(request.resolved, request.includedConfigurations);
      const owners = selected.map(({ group, configuration }) => ({
        className: group.connectorClass.name,
        configuration,
      }));
      const params = resolveParams(owners, request.configurationParams);
      fileCount = selected.reduce((sum, { configuration }) => sum + configuration.files.size, 0);
      const configurations = configurationsOf(selected, params, request);
      const rendered =
        this.#renderHere(selected, configurations) ?? (await this.#renderInThread(selected, configurations, call));
      this.#parts.observer('ok', fileCount, performance.now() - startMs);
      return { files: rendered.files, warnings: [...warnings, ...rendered.warnings] };
    } catch (error) {
      this.#parts.observer('error', Math.max(1, fileCount), performance.now() - startMs);
      throw error;
    }
  }

  /** Renders in the event loop. @returns undefined if that exceeds its limits. */
  #renderHere(
    selected: readonly SelectedConfiguration[],
    configurations: readonly RenderedConfiguration[],
  ): RenderedFiles | undefined {
    const { clock, cpuMs } = this.#parts;
    const startMs = cpuMs();
    const { steps: stepsHere, cpuMs: maxMs } = driverLimits.renders;
    const budget = newBudget({ clock, stepsHere, timeHere: { usedMs: () => cpuMs() - startMs, maxMs } });
    const compile: Compile = (index, name, text) => {
      const configuration = selected[index]?.configuration;
      if (configuration === undefined) throw new TypeError('no such configuration');
      return this.#templates.get(configuration, name, text, budget);
    };
    try {
      return renderFiles(configurations, budget, compile);
    } catch (error) {
      if (error instanceof TooLongHere) return undefined;
      throw error;
    }
  }

  async #renderInThread(
    selected: readonly SelectedConfiguration[],
    configurations: readonly RenderedConfiguration[],
    call: Call,
  ): Promise<RenderedFiles> {
    const job: RenderJob = {
      configurations: configurations.map(({ data, shownData, ...rest }) => ({
        ...rest,
        data: data(),
        shownData: shownData(),
      })),
      nowMs: this.#parts.clock(),
    };
    const owner = { namespace: call.owner.namespace, group: selected[0]?.group.connectorClass.name ?? '' };
    const outcome = await call.releaseSlotWhile(() => this.#parts.renderInThread(job, owner, call.signal));
    if ('files' in outcome) return outcome;
    throw new CodedError(outcome.failure.code, outcome.failure.message);
  }
}

function configurationsOf(
  selected: readonly SelectedConfiguration[],
  params: readonly JsonObject[],
  { tokenOf, caBundle }: ConfigurationRequest,
): readonly RenderedConfiguration[] {
  return selected.map(({ group, configuration }, index) => ({
    owner: `connectorclass ${group.connectorClass.name}, configuration ${configuration.name}`,
    files: [...configuration.files],
    data: () => templateData(group, params[index] ?? {}, tokenOf(group.connectorClass.name), caBundle),
    shownData: () => templateData(group, params[index] ?? {}, shownToken, caBundle),
  }));
}
