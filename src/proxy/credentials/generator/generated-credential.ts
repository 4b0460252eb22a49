import { proxyLimits } from '../../limits.ts';
import { canonicalParameterName } from '../../rules/overrides.ts';
import { canonicalHeaderName } from '../../tool/headers.ts';
import type { RawHeaders } from '../../tool/headers.ts';
import { withParameters, withoutParameters } from '../../tool/query-parameters.ts';
import { replacedHeaders } from '../../tool/tool-credential.ts';
import type { CredentialUse, ToolCredential } from '../../tool/tool-credential.ts';
import type { Generators, GeneratorUse } from './generators.ts';
import type { Generated } from './generator-evaluator.ts';

const { searched } = proxyLimits.generators;

type Evaluator = Pick<Generators, 'generate' | 'check'>;

/** The credential of one request that an expression of the class makes. */
export class GeneratedCredential implements ToolCredential {
  readonly isGenerated = true;
  readonly #replaces = new Set(replacedHeaders);
  readonly #use: GeneratorUse;
  readonly #generators: Evaluator;
  #generated: Generated | undefined;
  #parameterNames: ReadonlySet<string> = new Set();

  constructor(use: GeneratorUse, generators: Evaluator) {
    this.#use = use;
    this.#generators = generators;
  }

  get replaces(): ReadonlySet<string> {
    return this.#replaces;
  }

  async headersFor({ method, path: target }: CredentialUse): Promise<RawHeaders> {
    const [path = '', ...rest] = target.split('?');
    const request = { method, host: this.#use.host, path, query: rest.join('?') };
    const generated = await this.#generators.generate(this.#use, request);
    for (const [name] of generated.headers) this.#replaces.add(canonicalHeaderName(name));
    this.#parameterNames = new Set(generated.query.map(([name]) => canonicalParameterName(name)));
    this.#generated = generated;
    return generated.headers.filter(([, value]) => value !== '').flat();
  }

  check(): Promise<void> {
    return this.#generators.check(this.#use);
  }

  pathWithParameters(path: string): string {
    const { query = [] } = this.#generated ?? {};
    return withParameters(
      path,
      this.#parameterNames,
      query.filter(([, value]) => value !== ''),
    );
  }

  withoutOwnParameters(headers: readonly string[]): string[] {
    const { query = [] } = this.#generated ?? {};
    if (query.length === 0) return [...headers];
    const secrets = query
      .map(([, value]) => value.slice(-searched.longest))
      .filter((value) => value.length >= searched.shortest);
    const kept: string[] = [];
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const value = withoutParameters(headers[at + 1] ?? '', this.#parameterNames, secrets);
      if (value !== undefined) kept.push(headers[at] ?? '', value);
    }
    return kept;
  }
}
