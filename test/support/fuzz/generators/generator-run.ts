import assert from 'node:assert/strict';
import { GeneratedCredential } from '../../../../src/proxy/credentials/generator/generated-credential.js';
import { generatorOf } from '../../../../src/proxy/credentials/generator/generator-of-class.js';
import type { GeneratorUse } from '../../../../src/proxy/credentials/generator/generator-use.js';
import { Generators, generatorPool } from '../../../../src/proxy/credentials/generator/generators.js';
import type { GeneratorPool } from '../../../../src/proxy/credentials/generator/generators.js';
import { ProxyError } from '../../../../src/proxy/proxy-error.js';
import { Secret } from '../../../../src/shared/secret.js';
import { eventually } from '../../poll.js';
import { requestCanary, secretCanary, textOf } from './generator-cases.js';
import type { GeneratorCase } from './generator-cases.js';

export type GeneratorEnd = 'result' | 'rejected' | 'over the limit of the thread';

const never = new AbortController().signal;
const goodValue = 'Bearer good';
/** All that a message of the largest expression can quote, and names. */
const maxMessageLength = 16 << 10;

/** Uses generators as the proxy does: from the class to the headers and the query of a request. */
export class GeneratorRun {
  readonly #pool: GeneratorPool;
  readonly #generators: Generators;
  #namespaces = 0;

  /** @param entry the built generator-worker.ts. */
  constructor(entry: URL) {
    this.#pool = generatorPool(entry);
    this.#generators = new Generators({
      pool: this.#pool,
      clock: { now: Date.now },
      monotonicNow: () => performance.now(),
    });
  }

  stop(): void {
    this.#pool.stop();
  }

  /** @throws if anything but a valid result or a documented error comes of it. */
  async run(each: GeneratorCase): Promise<GeneratorEnd> {
    try {
      return await this.#generate(each);
    } catch (error) {
      return endOf(error, [secretCanary, requestCanary]);
    }
  }

  /** Waits until a good expression has its result, which a busy machine can delay where the kernel counts no CPU time of threads. */
  async servesAsEver(): Promise<void> {
    await eventually('a good expression has its result', () => this.#serves());
  }

  async #serves(): Promise<boolean> {
    const cel = '{"headers": {"Authorization": "Bearer " + secret.token}}';
    const use = this.#use(cel, new Map([['token', new Secret('good')]]));
    const credential = new GeneratedCredential(use, this.#generators);
    try {
      assert.deepEqual(await credential.headersFor({ method: 'GET', path: '/', isUnrepeatable: false }, never), [
        'Authorization',
        goodValue,
      ]);
      return true;
    } catch (error) {
      if (endOf(error, []) === 'over the limit of the thread') return false;
      throw error;
    }
  }

  async #generate({ cel, secret, method, path, query, location }: GeneratorCase): Promise<GeneratorEnd> {
    const data = new Map(secret.map(([key, value]) => [key, new Secret(textOf(value))]));
    const use = this.#use(cel, data);
    const credential = new GeneratedCredential(use, this.#generators);
    const target = `${textOf(path)}?${textOf(query)}`.slice(0, 16 << 10);
    const headers = await credential.headersFor({ method, path: target, isUnrepeatable: false }, never);
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
    // Namespaces of their own, so that nothing is paused by an earlier case.
    const namespace = `ns-${(this.#namespaces += 1)}`;
    const connector = `${namespace}/tool`;
    return { generator, secret: { ref: { namespace, name: 'login' }, data }, connector, host: 'tool.example' };
  }
}

function endOf(error: unknown, canaries: readonly string[]): GeneratorEnd {
  if (!(error instanceof ProxyError)) throw error;
  // 503 would be a thread that failed: there is never too much work.
  assert.ok(error.kind === 'misconfigured' || error.kind === 'malformed', error);
  for (const canary of canaries) assert.ok(!error.message.includes(canary), error.message);
  assert.doesNotMatch(error.message, /[\r\n]/);
  assert.ok(error.message.length < maxMessageLength, `a message of ${error.message.length} characters`);
  return error.message.includes('takes too much time or memory') ? 'over the limit of the thread' : 'rejected';
}
