import type { Clock } from '../../../shared/clock.ts';
import type { JsonObject, JsonValue } from '../../../shared/json.ts';
import { jsonAt, jsonItems, jsonMember, jsonText } from '../../../shared/json.ts';
import { proxyLimits } from '../../limits.ts';
import { Misconfiguration, ProxyError } from '../../proxy-error.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import type {
  GeneratorEvaluator,
  GeneratorOutcome,
  Generated,
  GeneratorRequest,
  NamesAndValues,
} from './generator-evaluator.ts';
import { quote } from '../../../shared/message-text.ts';

/** One use of a generator. */
export interface GeneratorUse {
  readonly generator: CelGenerator;
  readonly secret: Pick<SecretObject, 'ref' | 'data'>;
  /** `NAMESPACE/NAME` of the Connector. */
  readonly connector: string;
  /** Value of the header `Host` that the tool gets. */
  readonly host: string;
}

/** Evaluates the expressions of classes. */
export class Generators {
  readonly #clock: Clock;
  /** CEL uses 8 MB of memory, so it is loaded with the first expression. */
  #loading: Promise<GeneratorEvaluator> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Evaluates an expression for a request.
   * @throws {ProxyError} 502 if the class or the Secret is unusable, with the fix.
   */
  async generate(use: GeneratorUse, request: GeneratorRequest): Promise<Generated> {
    const outcome = await this.#evaluate(use, request);
    if (outcome.kind !== 'generated') throw failureOf(outcome, use);
    return outcome;
  }

  /**
   * Checks an expression without a request: that it can be compiled and, if it depends on the Secret alone, evaluated.
   * @throws {ProxyError} 502 if the class or the Secret is unusable, with the fix.
   */
  async check(use: GeneratorUse): Promise<void> {
    const request = { method: 'GET', host: use.host, path: '/', query: '' };
    const outcome = await this.#evaluate(use, request);
    const dependsOnRequest = outcome.kind === 'failed' && !outcome.isFixed;
    if (outcome.kind !== 'generated' && !dependsOnRequest) throw failureOf(outcome, use);
  }

  /**
   * Returns the first mistake in the expressions of a class; undefined if there is none. Expressions are compiled, and
   * not evaluated, which needs a Secret.
   */
  async mistakeIn(name: string, object: JsonObject): Promise<Misconfiguration | undefined> {
    for (const type of jsonItems(jsonAt(object['spec'], 'auth', 'types'))) {
      if (jsonAt(type, 'generator', 'cel') === undefined) continue;
      try {
        const generator = generatorOf(type, name);
        const compiled = generator && (await this.#evaluator()).compile(generator.cel);
        if (compiled?.kind === 'broken')
          throw new Misconfiguration('BrokenGenerator', `${generator?.source ?? ''}: ${compiled.message}`);
      } catch (error) {
        if (error instanceof Misconfiguration) return error;
        throw error;
      }
    }
    return undefined;
  }

  #evaluator(): Promise<GeneratorEvaluator> {
    return (this.#loading ??= import('./generator-evaluator.ts').then((module) => new module.GeneratorEvaluator()));
  }

  async #evaluate(use: GeneratorUse, request: GeneratorRequest): Promise<GeneratorOutcome> {
    const input = { secret: valuesOf(use), nowMs: this.#clock.now(), request };
    return (await this.#evaluator()).evaluate(use.generator.cel, input);
  }
}

function valuesOf(use: GeneratorUse): NamesAndValues {
  const { secretCharacters, secretKeys } = proxyLimits.generators;
  if (use.secret.data.size > secretKeys) {
    throw unusableSecret(use, `has more than ${secretKeys} keys: leave only the credential in it`);
  }
  // Editors and `echo` append a line feed.
  const values = [...use.secret.data].map(([key, value]) => [key, value.expose().replace(/\r?\n$/, '')] as const);
  if (values.reduce((sum, [, value]) => sum + value.length, 0) <= secretCharacters) return values;
  throw unusableSecret(use, `has more than ${secretCharacters} characters: leave only the credential in it`);
}

function failureOf(outcome: Exclude<GeneratorOutcome, { readonly kind: 'generated' }>, use: GeneratorUse): ProxyError {
  const { source } = use.generator;
  switch (outcome.kind) {
    case 'broken':
      return new Misconfiguration('BrokenGenerator', `${source}: ${outcome.message} (connector ${use.connector})`);
    case 'missing':
      return unusableSecret(use, `has no ${outcome.key}, which ${source} needs`);
    case 'failed':
      return new ProxyError(502, 'misconfigured', `${source}: ${outcome.message} (connector ${use.connector})`);
  }
}

function unusableSecret({ secret, connector }: GeneratorUse, problem: string): ProxyError {
  const { namespace, name } = secret.ref;
  return new ProxyError(502, 'misconfigured', `Secret ${namespace}/${name} ${problem} (connector ${connector})`);
}

/** An expression that makes the credential. */
interface CelGenerator {
  /** Its name in messages: `connectorclass http: generator.cel of auth type "queryAuth"`. */
  readonly source: string;
  readonly cel: string;
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
  const message = `${nameOf('rego')} is not run: add generator.cel with the same result (docs/migration.md#generators has examples)`;
  throw new Misconfiguration('UnsupportedGenerator', message);
}
