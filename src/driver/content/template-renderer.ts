import { DriverError } from '../../errors.js';
import { TooLongHere } from '../../gotemplate/budget.js';
import type { Call } from '../../load/call.js';
import { Secret } from '../../secret.js';
import type { VolumeFile } from '../volume/ports.js';
import { CompiledTemplates } from './compiled-templates.js';
import { resolveParams } from './configuration-params.js';
import type { ConfigurationRenderer, ConfigurationRequest, RenderedConfigurations } from './configuration-renderer.js';
import { selectConfigurations } from './configuration-selection.js';
import {
  type Compile,
  newBudget,
  type Render,
  type RenderedConfiguration,
  renderFiles,
  type RenderJob,
  type RenderOutcome,
} from './render-job.js';
import { RenderProofs, type RenderSubject } from './render-proofs.js';
import { templateData } from './template-data.js';

/** Told after each volume whose configurations were rendered. */
export type RenderObserver = (outcome: 'ok' | 'error', files: number, durationMs: number) => void;

export interface TemplateRendererParts {
  /** Milliseconds since the epoch, for templates that ask the time. */
  readonly clock: () => number;
  readonly observer: RenderObserver;
  /** Does the work at once, and cuts it off when it takes longer; undefined then. */
  readonly briefly: <T extends object>(work: () => T, timeoutMs: number) => T | undefined;
  /** Does the job where it holds up nobody, sharing alike between owners. */
  readonly elsewhere: (
    job: RenderJob,
    owner: { readonly namespace: string; readonly group: string },
    signal: AbortSignal,
  ) => Promise<RenderOutcome>;
}

/** What a volume may take where calls are answered, several times what an ordinary class takes. */
const stepsHere = 50_000;

/** The same by the clock, whatever the steps say. The first time the engine itself is compiled on the way. */
const hereMs = 5;
const firstTimeMs = 25;

/** What messages show where a template's data has the token. */
const shownToken = new Secret('[REDACTED]');

/**
 * Renders configurations from the templates of their classes: ordinary ones at once, and those that take longer, which is
 * found out by trying, elsewhere.
 */
export class TemplateRenderer implements ConfigurationRenderer {
  readonly #parts: TemplateRendererParts;
  readonly #templates = new CompiledTemplates();
  readonly #proofs = new RenderProofs();
  #isFirstTime = true;

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
      const subject = { selected, params, caBundle: request.caBundle };
      const token = new WatchedToken();
      const configurations = configurationsOf(subject, (className) => token.watched(request.tokenOf(className)));
      const files =
        this.#here(subject, configurations, token) ?? (await this.#elsewhere(subject, configurations, call));
      this.#parts.observer('ok', fileCount, performance.now() - startMs);
      return { files, warnings };
    } catch (error) {
      this.#parts.observer('error', Math.max(1, fileCount), performance.now() - startMs);
      throw error;
    }
  }

  /** The files; undefined when they take too long for here. */
  #here(
    subject: RenderSubject,
    configurations: readonly RenderedConfiguration[],
    token: WatchedToken,
  ): readonly VolumeFile[] | undefined {
    const proof = this.#proofs.of(subject);
    const budget = newBudget({ clock: this.#parts.clock, stepsHere: Math.min(proof?.steps ?? stepsHere, stepsHere) });
    const compile: Compile = (index, name, text) => {
      const configuration = subject.selected[index]?.configuration;
      if (configuration === undefined) throw new TypeError('no such configuration');
      return this.#templates.get(configuration, name, text);
    };
    try {
      if (proof !== undefined) {
        let at = 0;
        const each: Render = (render) => proof.sharedFiles[at++] ?? render();
        return renderFiles(configurations, budget, compile, { each });
      }
      const timeoutMs = this.#isFirstTime ? firstTimeMs : hereMs;
      this.#isFirstTime = false;
      const rendered = this.#parts.briefly(() => {
        const sharedFiles: (VolumeFile | undefined)[] = [];
        const each: Render = (render) => {
          token.forget();
          const file = render();
          sharedFiles.push(token.isRead ? undefined : file);
          return file;
        };
        return { files: renderFiles(configurations, budget, compile, { each }), sharedFiles };
      }, timeoutMs);
      if (rendered !== undefined) this.#proofs.add(subject, budget, rendered.sharedFiles);
      return rendered?.files;
    } catch (error) {
      if (error instanceof TooLongHere) return undefined;
      throw error;
    }
  }

  async #elsewhere(
    { selected }: RenderSubject,
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
    const outcome = await call.idleWhile(() => this.#parts.elsewhere(job, owner, call.signal));
    if ('files' in outcome) return outcome.files;
    throw new DriverError(outcome.failure.code, outcome.failure.message);
  }
}

/**
 * Tells whether a template has looked at the token, which is all that two volumes of one subject differ in: what was made
 * without a look at it is the same for both. The engine takes what it is given when a template first looks into the map
 * that has it, so that no way to the token goes past this: also a template that looks at the CA beside it has looked.
 */
class WatchedToken {
  #isRead = false;

  /** Since the last `forget`. */
  get isRead(): boolean {
    return this.#isRead;
  }

  forget(): void {
    this.#isRead = false;
  }

  watched(token: Secret): Pick<Secret, 'expose'> {
    return {
      expose: () => {
        this.#isRead = true;
        return token.expose();
      },
    };
  }
}

function configurationsOf(
  { selected, params, caBundle }: RenderSubject,
  tokenOf: (className: string) => Pick<Secret, 'expose'>,
): readonly RenderedConfiguration[] {
  return selected.map(({ group, configuration }, index) => ({
    owner: `connectorclass ${group.connectorClass.name}, configuration ${configuration.name}`,
    files: [...configuration.files],
    data: () => templateData(group, params[index] ?? {}, tokenOf(group.connectorClass.name), caBundle),
    shownData: () => templateData(group, params[index] ?? {}, shownToken, caBundle),
  }));
}
