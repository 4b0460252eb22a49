import type { Configuration } from '../../shared/connectors/model.js';
import type { Budget } from '../../shared/gotemplate/budget.js';
import { compileTemplate, type CompiledTemplate } from '../../shared/gotemplate/template.js';
import { driverLimits } from '../limits.js';

/**
 * Cache of compiled templates, by class object. A changed class is another object, and the templates of the old one are
 * collected with it. Over its limit the cache is emptied.
 */
export class CompiledTemplates {
  #compiled = new WeakMap<Configuration, Map<string, CompiledTemplate>>();
  #nodes = 0;

  /**
   * Charges the budget for a template that is not in the cache.
   * @throws {TemplateError} if the template does not compile.
   * @throws {TooLongHere} if the template is too long to be compiled within the budget of this thread.
   */
  get(configuration: Configuration, name: string, text: string, budget: Budget): CompiledTemplate {
    const cached = this.#compiled.get(configuration)?.get(name);
    if (cached !== undefined) return cached;
    budget.charge(text.length >> 2);
    const compiled = compileTemplate(name, text);
    this.#add(configuration, name, compiled);
    return compiled;
  }

  #add(configuration: Configuration, name: string, compiled: CompiledTemplate): void {
    this.#nodes += compiled.nodes;
    if (this.#nodes > driverLimits.renders.cachedNodes) {
      this.#compiled = new WeakMap();
      this.#nodes = compiled.nodes;
    }
    const templates = this.#compiled.get(configuration) ?? new Map<string, CompiledTemplate>();
    this.#compiled.set(configuration, templates.set(name, compiled));
  }
}
