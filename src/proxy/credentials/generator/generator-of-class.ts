import type { JsonValue } from '../../../shared/json.js';
import { jsonMember } from '../../../shared/json.js';
import { proxyLimits } from '../../limits.js';
import { quote } from '../../../shared/wording.js';
import { UnusableGenerator } from './unusable-generator.js';

/** An expression that makes the credential. */
export interface CelGenerator {
  /** Its name in messages: `connectorclass http: generator.cel of auth type "queryAuth"`. */
  readonly source: string;
  readonly cel: string;
}

/**
 * Returns the generator of an entry of a class's `spec.auth.types`. `cel` takes precedence over `rego`, so one class can
 * serve a proxy that evaluates Rego too.
 * @returns undefined if it has none.
 * @throws {UnusableGenerator} if it is only in Rego.
 */
export function generatorOf(type: JsonValue | undefined, className: string): CelGenerator | undefined {
  const generator = jsonMember(type, 'generator');
  const name = jsonMember(type, 'name');
  const nameOf = (language: string): string =>
    `connectorclass ${className}: generator.${language} of auth type ${quote(typeof name === 'string' ? name : '')}`;
  const cel = jsonMember(generator, 'cel');
  const { textLength } = proxyLimits.generators;
  if (cel !== undefined) {
    const source = nameOf('cel');
    if (typeof cel !== 'string') throw new UnusableGenerator('BrokenGenerator', `${source} must be a string`);
    if (cel.length <= textLength) return { source, cel };
    throw new UnusableGenerator('BrokenGenerator', `${source} must have at most ${textLength} characters`);
  }
  if (jsonMember(generator, 'rego') === undefined) return undefined;
  throw new UnusableGenerator(
    'UnsupportedGenerator',
    `${nameOf('rego')} is not run: add generator.cel with the same result (docs/writing-a-connectorclass.md#from-rego has examples)`,
  );
}
