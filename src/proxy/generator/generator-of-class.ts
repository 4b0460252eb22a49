import type { JsonObject, JsonValue } from '../../json.js';
import { isJsonObject, jsonMember } from '../../json.js';
import { limits } from '../../limits/defaults.js';
import { quote } from '../../wording.js';
import { translateRego } from './rego/translate-rego.js';
import { UnusableGenerator } from './unusable-generator.js';

/** An expression that makes the credential. */
export interface CelGenerator {
  /** Its name in messages: `connectorclass http: generator.cel of auth type "queryAuth"`. */
  readonly source: string;
  readonly cel: string;
}

/** By the object in the class, which is replaced when it changes. */
const proposals = new WeakMap<JsonObject, string>();

/**
 * Returns the generator of an entry of a class's `spec.auth.types`. `cel` takes precedence over `rego`, so one class can
 * serve a proxy that evaluates Rego too.
 * @returns undefined if it has none.
 * @throws {UnusableGenerator} if it is in Rego, with the expression that has the same result.
 */
export function generatorOf(type: JsonValue | undefined, className: string): CelGenerator | undefined {
  const generator = jsonMember(type, 'generator');
  const name = jsonMember(type, 'name');
  const nameOf = (language: string): string =>
    `connectorclass ${className}: generator.${language} of auth type ${quote(typeof name === 'string' ? name : '')}`;
  const cel = jsonMember(generator, 'cel');
  const { textLength } = limits.generators;
  if (cel !== undefined) {
    const source = nameOf('cel');
    if (typeof cel !== 'string') throw new UnusableGenerator('BrokenGenerator', `${source} must be a string`);
    if (cel.length <= textLength) return { source, cel };
    throw new UnusableGenerator('BrokenGenerator', `${source} must have at most ${textLength} characters`);
  }
  const rego = jsonMember(generator, 'rego');
  if (rego === undefined) return undefined;
  throw new UnusableGenerator('UnsupportedGenerator', `${nameOf('rego')} is not run: ${proposalIn(generator, rego)}`);
}

function proposalIn(generator: JsonValue | undefined, rego: JsonValue): string {
  if (!isJsonObject(generator)) return proposalFor(rego);
  const known = proposals.get(generator) ?? proposalFor(rego);
  proposals.set(generator, known);
  return known;
}

function proposalFor(rego: JsonValue): string {
  const translated = typeof rego === 'string' ? translateRego(rego) : { problem: 'it is no string' };
  return 'cel' in translated
    ? `add generator.cel with the same result: ${translated.cel}`
    : `write generator.cel (docs/migration.md has examples; it could not be translated, ${translated.problem})`;
}
