import { DriverError, throwIfAborted } from '../../errors.js';
import { TemplateError, TemplateLimitError } from '../../gotemplate/errors.js';
import { Budget, defaultLimits } from '../../gotemplate/limits.js';
import type { SlowWork } from '../../gotemplate/slow-work.js';
import type { CompiledTemplate, Rendering, RenderOptions } from '../../gotemplate/template.js';
import { compileTemplate } from '../../gotemplate/template.js';
import type { JsonObject } from '../../json.js';
import { Secret } from '../../secret.js';
import type { Call } from '../../load/call.js';
import type { Configuration, ConnectorClass } from '../../connectors/model.js';
import type { VolumeFile } from '../volume/ports.js';
import { resolveParams } from './configuration-params.js';
import type { ConfigurationRenderer, ConfigurationRequest, RenderedConfigurations } from './configuration-renderer.js';
import { selectConfigurations } from './configuration-selection.js';
import { fileNameProblem } from '../rules/file-name.js';
import { templateData } from './template-data.js';
import { Turns } from './turns.js';

/** Told after each volume whose configurations were rendered. */
export type RenderObserver = (outcome: 'ok' | 'error', files: number, durationMs: number) => void;

/** All templates of a volume share the limits of one; each has its own copy of the data, hence the memory. */
const volumeLimits = { ...defaultLimits, memoryBytes: 2 * defaultLimits.memoryBytes };

interface TemplateOwner {
  readonly connectorClass: ConnectorClass;
  readonly configuration: Configuration;
}

/**
 * Nodes of all compiled templates together, about 12 MB: hundreds of times what a node's classes usually have. Past it
 * all are forgotten, so that classes made for it cannot fill the memory.
 */
const maxKeptNodes = 100_000;

/** What messages show where a template's data has the token. */
const shownToken = new Secret('[REDACTED]');

/**
 * Renders configurations from the templates of their classes. Templates are compiled once per class object: a changed
 * class is another object, and what was compiled for the old one goes with it.
 */
export class TemplateRenderer implements ConfigurationRenderer {
  readonly #clock: () => number;
  readonly #observer: RenderObserver;
  readonly #slowWork: SlowWork;
  readonly #turns = new Turns();
  #compiled = new WeakMap<Configuration, Map<string, CompiledTemplate>>();
  #nodes = 0;

  /** @param clock milliseconds since the epoch, for templates that ask the time. */
  constructor(clock: () => number, observer: RenderObserver, slowWork: SlowWork) {
    this.#clock = clock;
    this.#observer = observer;
    this.#slowWork = slowWork;
  }

  async render(request: ConfigurationRequest, call: Call): Promise<RenderedConfigurations> {
    if (request.includedConfigurations.length === 0) return { files: [], warnings: [] };
    const startMs = performance.now();
    let files = 0;
    try {
      const { selected, warnings } = selectConfigurations(request.resolved, request.includedConfigurations);
      const owners = selected.map(({ group, configuration }) => ({
        className: group.connectorClass.name,
        configuration,
      }));
      const params = resolveParams(owners, request.configurationParams);
      const budget = new Budget(volumeLimits, this.#clock);
      const rendered: VolumeFile[] = [];
      for (const [index, { group, configuration }] of selected.entries()) {
        const data = (token: Secret): JsonObject => templateData(group, params[index] ?? {}, token, request.caBundle);
        files += configuration.files.size;
        const options = { clock: this.#clock, budget, shownData: () => data(shownToken) };
        const owner = { connectorClass: group.connectorClass, configuration };
        rendered.push(...(await this.#renderConfiguration(owner, data(request.token), options, call)));
      }
      this.#observer('ok', files, performance.now() - startMs);
      return { files: rendered, warnings };
    } catch (error) {
      this.#observer('error', Math.max(1, files), performance.now() - startMs);
      throw error;
    }
  }

  async #renderConfiguration(
    { connectorClass, configuration }: TemplateOwner,
    data: JsonObject,
    options: RenderOptions,
    call: Call,
  ): Promise<readonly VolumeFile[]> {
    const owner = `connectorclass ${connectorClass.name}, configuration ${configuration.name}`;
    const files: VolumeFile[] = [];
    for (const [name, text] of configuration.files) {
      const problem = fileNameProblem(name);
      if (problem !== undefined)
        throw new DriverError('FAILED_PRECONDITION', `${owner}: file name "${name}": ${problem}`);
      try {
        const rendering = this.#compile(configuration, name, text).start(data, options);
        files.push({ name, content: await this.#finish(rendering, call) });
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        const code = error instanceof TemplateLimitError ? 'RESOURCE_EXHAUSTED' : 'FAILED_PRECONDITION';
        throw new DriverError(code, `${owner}, file ${name}: ${error.message}`, { cause: error });
      }
    }
    return files;
  }

  /** Lets others have their turn at the pauses of a long render, and has slow work done elsewhere. */
  async #finish(rendering: Rendering, call: Call): Promise<Buffer> {
    let step = rendering.next();
    while (step.done !== true) {
      const task = step.value;
      let result: string | undefined;
      if (task === undefined) await this.#turns.next();
      else result = await call.idleWhile(() => this.#slowWork.run(task, call.signal));
      throwIfAborted(call.signal);
      step = rendering.next(result);
    }
    return step.value;
  }

  #compile(configuration: Configuration, name: string, text: string): CompiledTemplate {
    const known = this.#compiled.get(configuration)?.get(name);
    if (known !== undefined) return known;
    const compiled = compileTemplate(name, text);
    this.#keep(configuration, name, compiled);
    return compiled;
  }

  #keep(configuration: Configuration, name: string, compiled: CompiledTemplate): void {
    this.#nodes += compiled.nodes;
    if (this.#nodes > maxKeptNodes) {
      this.#compiled = new WeakMap();
      this.#nodes = compiled.nodes;
    }
    const templates = this.#compiled.get(configuration) ?? new Map<string, CompiledTemplate>();
    this.#compiled.set(configuration, templates.set(name, compiled));
  }
}
