import type { JsonValue } from '../../../shared/json.ts';
import { jsonMember, jsonText } from '../../../shared/json.ts';
import { quote } from '../../../shared/message-text.ts';
import { proxyLimits } from '../../limits.ts';
import { Misconfiguration } from '../../proxy-error.ts';

/** An expression that makes the credential. */
export interface CelGenerator {
  /** Its name in messages: `connectorclass http: generator.cel of auth type "queryAuth"`. */
  readonly source: string;
  readonly cel: string;
}

/** The request as an expression sees it. */
export interface GeneratorRequest {
  readonly method: string;
  /** The host with its port, as in the header `Host` that the tool gets. */
  readonly host: string;
  /** The path that the tool gets, percent-encoded, without the query. */
  readonly path: string;
  /** The query that the client sent, without "?". */
  readonly query: string;
}

export type NamesAndValues = readonly (readonly [name: string, value: string])[];

/** Headers and query parameters that an expression adds to a request. An empty value only removes those of the client. */
export interface Generated {
  readonly headers: NamesAndValues;
  readonly query: NamesAndValues;
}

/**
 * Returns the generator of an entry of a class's `spec.auth.types`. `cel` takes precedence over `rego`, so one class can
 * serve a proxy that evaluates Rego too.
 * @returns undefined if it has none.
 * @throws {Misconfiguration} if it is only in Rego.
 */
export function generatorOf(type: JsonValue | undefined, className: string): CelGenerator | undefined {
  const generator = jsonMember(type, 'generator');
  const name = jsonText(type, 'name') ?? '';
  const nameOf = (language: string): string =>
    `connectorclass ${className}: generator.${language} of auth type ${quote(name)}`;
  const cel = jsonMember(generator, 'cel');
  const { textLength } = proxyLimits.generators;
  if (cel !== undefined) {
    const source = nameOf('cel');
    if (typeof cel !== 'string') throw new Misconfiguration('BrokenGenerator', `${source} must be a string`);
    if (cel.length <= textLength) return { source, cel };
    throw new Misconfiguration('BrokenGenerator', `${source} must have at most ${textLength} characters`);
  }
  if (jsonMember(generator, 'rego') === undefined) return undefined;
  throw new Misconfiguration(
    'UnsupportedGenerator',
    `${nameOf('rego')} is not run: add generator.cel with the same result (docs/writing-a-connectorclass.md#from-rego has examples)`,
  );
}
