import type { JsonObject, JsonValue } from '../../../shared/json.js';
import { jsonMember } from '../../../shared/json.js';
import { ProxyError } from '../../proxy-error.js';
import { generatorOf } from './generator-of-class.js';
import type { GeneratorCompiler } from './generator-use.js';
import { UnusableGenerator } from './unusable-generator.js';

/**
 * Returns the first mistake in the expressions of a class (`generator.cel`); undefined if there is none. Connectors have
 * conditions about evaluation, which needs a Secret, and about expressions that take too long.
 * @throws {ProxyError} if the proxy has no capacity; {CodedError} the signal's reason.
 */
export async function brokenGeneratorIn(
  { name, object }: { readonly name: string; readonly object: JsonObject },
  compiler: GeneratorCompiler,
  signal: AbortSignal,
): Promise<UnusableGenerator | undefined> {
  const types = jsonMember(jsonMember(object['spec'], 'auth'), 'types');
  for (const type of Array.isArray(types) ? (types as readonly JsonValue[]) : []) {
    if (jsonMember(jsonMember(type, 'generator'), 'cel') === undefined) continue;
    try {
      const generator = generatorOf(type, name);
      if (generator !== undefined) await compiler.compile(generator, name, signal);
    } catch (error) {
      if (error instanceof UnusableGenerator) return error;
      if (!(error instanceof ProxyError) || error.isOverload) throw error;
    }
  }
  return undefined;
}
