import { CodedError } from '../../errors.js';
import { TooLongHere } from '../../gotemplate/budget.js';
import type { JsonObject } from '../../json.js';
import type { Call } from '../../limits/call.js';
import { Secret } from '../../secret.js';
import type { VolumeFile } from '../volume/ports.js';
import { CompiledTemplates } from './compiled-templates.js';
import { resolveParams } from './configuration-params.js';
import type { ConfigurationRenderer, ConfigurationRequest, RenderedConfigurations } from './configuration-renderer.js';
import { selectConfigurations, type SelectedConfiguration } from './configuration-selection.js';
import {
  type Compile,
  newBudget,
  type RenderedConfiguration,
  renderFiles,
  type RenderJob,
  type RenderOutcome,
} from './render-job.js';
import { templateData } from './template-data.js';

/** Told after each volume whose configurations were rendered. */
export type RenderObserver = (outcome: 'ok' | 'error', files: number, durationMs: number) => void;

export interface TemplateRendererParts {
  /** Milliseconds since the epoch, for templates that ask the time. */
  readonly clock: () => number;
  readonly observer: RenderObserver;
  /** Does the work at once, and cuts it off when it takes longer; undefined then. */
  readonly runWithTimeout: <T extends object>(work: () => T, timeoutMs: number) => T | undefined;
  /** Does the job where it holds up nobody, sharing alike between owners. */
  readonly elsewhere: (
    job: RenderJob,
    owner: { readonly namespace: string; readonly group: string },
    signal: AbortSignal,
  ) => Promise<RenderOutcome>;
}

/** What a volume may take where calls are answered, several times what an ordinary class takes. */
const stepsHere = 50_000;

/**
 * The same by the clock, whatever the steps say. So much that neither the first render, on whose way the engine itself is
 * compiled, nor an ordinary one on a busy machine is cut off.
 */
const hereMs = 25;

/** What messages show where a template's data has the token. */
const shownToken = new Secret('[REDACTED]');

/**
 * Renders configurations from the templates of their classes: ordinary ones at once, and those that take longer, which is
 * found out by trying, elsewhere.
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
      const files = this.#here(selected, configurations) ?? (await this.#elsewhere(selected, configurations, call));
      this.#parts.observer('ok', fileCount, performance.now() - startMs);
      return { files, warnings };
    } catch (error) {
      this.#parts.observer('error', Math.max(1, fileCount), performance.now() - startMs);
      throw error;
    }
  }

  /** The files; undefined when they take too long for here. */
  #here(
    selected: readonly SelectedConfiguration[],
    configurations: readonly RenderedConfiguration[],
  ): readonly VolumeFile[] | undefined {
    const budget = newBudget({ clock: this.#parts.clock, stepsHere });
    const compile: Compile = (index, name, text) => {
      const configuration = selected[index]?.configuration;
      if (configuration === undefined) throw new TypeError('no such configuration');
      return this.#templates.get(configuration, name, text);
    };
    try {
      return this.#parts.runWithTimeout(() => renderFiles(configurations, budget, compile), hereMs);
    } catch (error) {
      if (error instanceof TooLongHere) return undefined;
      throw error;
    }
  }

  async #elsewhere(
    selected: readonly SelectedConfiguration[],
    configurations: readonly RenderedConfiguration[],
    call: Call,
  ): Promise<readonly VolumeFile[]> {
    const job: RenderJob = {
      configurations: configurations.map(({ data, shownData, ...rest }) => ({
        ...rest,
        data: data(),
        shownData: shownData(),
      })),
      nowMs: this.#parts.clock(),
    };
    const owner = { namespace: call.owner.namespace, group: selected[0]?.group.connectorClass.name ?? '' };
    const outcome = await call.releaseSlotWhile(() => this.#parts.elsewhere(job, owner, call.signal));
    if ('files' in outcome) return outcome.files;
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
