import { DriverError } from '../errors.js';
import { TemplateError, TemplateLimitError } from '../gotemplate/errors.js';
import { Budget, defaultLimits } from '../gotemplate/limits.js';
import type { CompiledTemplate } from '../gotemplate/template.js';
import { compileTemplate } from '../gotemplate/template.js';
import type { JsonObject } from '../json.js';
import { Secret } from '../secret.js';
import type { Configuration, ConnectorClass, VolumeFile } from '../volume/ports.js';
import { resolveParams } from './configuration-params.js';
import type { ConfigurationRenderer, ConfigurationRequest, RenderedConfigurations } from './configuration-renderer.js';
import { selectConfigurations } from './configuration-selection.js';
import { fileNameProblem } from './file-names.js';
import { templateData } from './template-data.js';

/** Told after each volume whose configurations were rendered. */
export type RenderObserver = (outcome: 'ok' | 'error', files: number, durationMs: number) => void;

/**
 * All templates of a volume share the steps of one, since they run one after the other without a pause; each has its own
 * copy of the data, hence the memory.
 */
const volumeLimits = { ...defaultLimits, memoryBytes: 2 * defaultLimits.memoryBytes };

/** What messages show where a template's data has the token. */
const shownToken = new Secret('[REDACTED]');

/**
 * Renders configurations from the templates of their classes. Templates are compiled once per class object: a changed
 * class is another object, and what was compiled for the old one goes with it.
 */
export class TemplateRenderer implements ConfigurationRenderer {
  readonly #clock: () => number;
  readonly #observer: RenderObserver;
  readonly #compiled = new WeakMap<Configuration, Map<string, CompiledTemplate>>();

  /** @param clock milliseconds since the epoch, for templates that ask the time. */
  constructor(clock: () => number, observer: RenderObserver) {
    this.#clock = clock;
    this.#observer = observer;
  }

  render(request: ConfigurationRequest): RenderedConfigurations {
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
      const rendered = selected.flatMap(({ group, configuration }, index) => {
        const data = (token: Secret): JsonObject => templateData(group, params[index] ?? {}, token, request.caBundle);
        files += configuration.files.size;
        return this.#renderConfiguration(group.connectorClass, configuration, budget, data(request.token), () =>
          data(shownToken),
        );
      });
      this.#observer('ok', files, performance.now() - startMs);
      return { files: rendered, warnings };
    } catch (error) {
      this.#observer('error', Math.max(1, files), performance.now() - startMs);
      throw error;
    }
  }

  #renderConfiguration(
    connectorClass: ConnectorClass,
    configuration: Configuration,
    budget: Budget,
    data: JsonObject,
    shownData: () => JsonObject,
  ): readonly VolumeFile[] {
    const owner = `connectorclass ${connectorClass.name}, configuration ${configuration.name}`;
    return [...configuration.files].map(([name, text]) => {
      const problem = fileNameProblem(name);
      if (problem !== undefined)
        throw new DriverError('FAILED_PRECONDITION', `${owner}: file name "${name}": ${problem}`);
      try {
        const template = this.#compile(configuration, name, text);
        return { name, content: template.render(data, { clock: this.#clock, budget, shownData }) };
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        const code = error instanceof TemplateLimitError ? 'RESOURCE_EXHAUSTED' : 'FAILED_PRECONDITION';
        throw new DriverError(code, `${owner}, file ${name}: ${error.message}`, { cause: error });
      }
    });
  }

  #compile(configuration: Configuration, name: string, text: string): CompiledTemplate {
    const templates = this.#compiled.get(configuration) ?? new Map<string, CompiledTemplate>();
    this.#compiled.set(configuration, templates);
    const compiled = templates.get(name) ?? compileTemplate(name, text);
    templates.set(name, compiled);
    return compiled;
  }
}
