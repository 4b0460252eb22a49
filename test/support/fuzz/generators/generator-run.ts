import assert from 'node:assert/strict';
import { GeneratedCredential } from '../../../../src/proxy/credentials/generator/generated-credential.ts';
import { generatorOf, Generators } from '../../../../src/proxy/credentials/generator/generators.ts';
import type { GeneratorUse } from '../../../../src/proxy/credentials/generator/generators.ts';
import { ProxyError } from '../../../../src/proxy/proxy-error.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import { requestCanary, secretCanary, textOf } from './generator-cases.ts';
import type { GeneratorCase } from './generator-cases.ts';

type GeneratorEnd = 'result' | 'rejected';

const goodValue = 'Bearer good';
/** All that a message of the largest expression can quote, and names. */
const maxMessageLength = 16 << 10;

/** Uses generators as the proxy does: from the class to the headers and the query of a request. */
export class GeneratorRun {
  readonly #generators = new Generators({ now: Date.now });

  /** @throws if anything but a valid result or a documented error comes of it. */
  async run(each: GeneratorCase): Promise<GeneratorEnd> {
    try {
      return await this.#generate(each);
    } catch (error) {
      return endOf(error, [secretCanary, requestCanary]);
    }
  }

  /** Ensures that a good expression has its result. */
  async servesAsEver(): Promise<void> {
    const cel = '{"headers": {"Authorization": "Bearer " + secret.token}}';
    const use = this.#use(cel, new Map([['token', new Secret('good')]]));
    const credential = new GeneratedCredential(use, this.#generators);
    const headers = await credential.headersFor({ method: 'GET', path: '/', isUnrepeatable: false });
    assert.deepEqual(headers, ['Authorization', goodValue]);
  }

  async #generate({ cel, secret, method, path, query, location }: GeneratorCase): Promise<GeneratorEnd> {
    const data = new Map(secret.map(([key, value]) => [key, new Secret(textOf(value))]));
    const use = this.#use(cel, data);
    const credential = new GeneratedCredential(use, this.#generators);
    const target = `${textOf(path)}?${textOf(query)}`.slice(0, 16 << 10);
    const headers = await credential.headersFor({ method, path: target, isUnrepeatable: false });
    for (let at = 0; at < headers.length; at += 2) {
      assert.match(headers[at] ?? '', /^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/);
      assert.doesNotMatch(headers[at] ?? '', /^(host|connection|content-length|transfer-encoding|proxy-.*)$/i);
      assert.match(headers[at + 1] ?? '', /^[\x20-\x7e]+$/);
    }
    assert.ok(headers.join('').length <= 8192);
    const sent = credential.pathWithParameters(target);
    assert.equal(sent.split('?', 1)[0], target.split('?', 1)[0]);
    credential.withoutOwnParameters(['Location', textOf(location).slice(0, 16 << 10), 'Link', sent.slice(0, 16 << 10)]);
    return 'result';
  }

  #use(cel: string, data: ReadonlyMap<string, Secret>): GeneratorUse {
    const generator = generatorOf({ name: 'own', generator: { cel } }, 'made');
    assert.ok(generator !== undefined);
    const secret = { ref: { namespace: 'ci', name: 'login' }, data };
    return { generator, secret, connector: 'ci/tool', host: 'tool.example' };
  }
}

function endOf(error: unknown, canaries: readonly string[]): GeneratorEnd {
  if (!(error instanceof ProxyError)) throw error;
  assert.ok(error.kind === 'misconfigured' || error.kind === 'malformed', error);
  for (const canary of canaries) assert.ok(!error.message.includes(canary), error.message);
  assert.doesNotMatch(error.message, /[\r\n]/);
  assert.ok(error.message.length < maxMessageLength, `a message of ${error.message.length} characters`);
  return 'rejected';
}
