import type { Configuration } from '../../connectors/model.js';
import { compileTemplate, type CompiledTemplate } from '../../gotemplate/template.js';

/**
 * Nodes of all compiled templates together, about 12 MB: hundreds of times what a node's classes usually have. Past it
 * all are forgotten, so that classes made for it cannot fill the memory.
 */
const maxKeptNodes = 100_000;

/**
 * Templates are compiled once per class object: a changed class is another object, and what was compiled for the old one
 * goes with it.
 */
export class CompiledTemplates {
  #compiled = new WeakMap<Configuration, Map<string, CompiledTemplate>>();
  #nodes = 0;

  /** @throws {TemplateError} when it cannot be compiled. */
  get(configuration: Configuration, name: string, text: string): CompiledTemplate {
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
