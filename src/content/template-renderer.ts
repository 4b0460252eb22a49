import { DriverError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { Configuration, ConnectorClass, VolumeFile } from '../volume/ports.js';
import { resolveParams } from './configuration-params.js';
import type { ConfigurationRenderer, ConfigurationRequest, RenderedConfigurations } from './configuration-renderer.js';
import { selectConfigurations } from './configuration-selection.js';
import { fileNameProblem } from './file-names.js';
import { templateData } from './template-data.js';

/** A template ready to be rendered any number of times. */
export interface CompiledTemplate {
  /**
   * @param secrets texts that must not appear in an error's message.
   * @throws {Error} see TemplateEngine.
   */
  render(data: JsonObject, secrets: readonly string[]): Uint8Array;
}

export interface TemplateEngine {
  /** @throws {Error} for a template that cannot be compiled. */
  compile(name: string, text: string): CompiledTemplate;
  /** RESOURCE_EXHAUSTED for an error that means a bound was reached, FAILED_PRECONDITION for any other of the engine's. */
  codeOf(error: unknown): 'RESOURCE_EXHAUSTED' | 'FAILED_PRECONDITION' | undefined;
}

/** Told after each volume whose configurations were rendered. */
export type RenderObserver = (outcome: 'ok' | 'error', files: number, durationMs: number) => void;

/**
 * Renders configurations from the templates of their classes. Templates are compiled once per class object: a changed
 * class is another object, and what was compiled for the old one goes with it.
 */
export class TemplateRenderer implements ConfigurationRenderer {
  readonly #engine: TemplateEngine;
  readonly #observer: RenderObserver;
  readonly #compiled = new WeakMap<Configuration, Map<string, CompiledTemplate>>();

  constructor(engine: TemplateEngine, observer: RenderObserver) {
    this.#engine = engine;
    this.#observer = observer;
  }

  render(request: ConfigurationRequest): RenderedConfigurations {
    if (request.includedConfigurations.length === 0) return { files: [], warnings: [] };
    const startMs = performance.now();
    let files = 0;
    try {
      const { selected, warnings } = selectConfigurations(request.resolved, request.includedConfigurations);
      const rendered = selected.flatMap(({ group, configuration }) => {
        const params = resolveParams(group.connectorClass.name, configuration, request.configurationParams);
        const data = templateData(group, params, request.token, request.caBundle);
        files += configuration.files.size;
        return this.#renderConfiguration(group.connectorClass, configuration, data, request.token.expose());
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
    data: JsonObject,
    token: string,
  ): readonly VolumeFile[] {
    const owner = `connectorclass ${connectorClass.name}, configuration ${configuration.name}`;
    return [...configuration.files].map(([name, text]) => {
      const problem = fileNameProblem(name);
      if (problem !== undefined)
        throw new DriverError('FAILED_PRECONDITION', `${owner}: file name "${name}": ${problem}`);
      try {
        return { name, content: this.#compile(configuration, name, text).render(data, [token]) };
      } catch (error) {
        const code = this.#engine.codeOf(error);
        if (code === undefined || !(error instanceof Error)) throw error;
        // The message has class, file, line and cause, and no secret; the error itself may hold one.
        throw new DriverError(code, `${owner}, file ${name}: ${error.message}`);
      }
    });
  }

  #compile(configuration: Configuration, name: string, text: string): CompiledTemplate {
    const templates = this.#compiled.get(configuration) ?? new Map<string, CompiledTemplate>();
    this.#compiled.set(configuration, templates);
    const compiled = templates.get(name) ?? this.#engine.compile(name, text);
    templates.set(name, compiled);
    return compiled;
  }
}
