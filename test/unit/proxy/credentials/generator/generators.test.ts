import assert from 'node:assert/strict';
import type { JsonObject } from '../../../../../src/shared/json.ts';
import { Secret } from '../../../../../src/shared/secret.ts';
import { Generators } from '../../../../../src/proxy/credentials/generator/generators.ts';
import type { GeneratorUse } from '../../../../../src/proxy/credentials/generator/generators.ts';
import { connectorClass } from '../../../../support/proxy/manifests.ts';

const request = { method: 'GET', host: 'tool.example', path: '/', query: '' };
const good = '{"headers": {"X": secret.token}}';
const source = 'connectorclass made: generator.cel of auth type';

function use(cel: string, token = 'x'): GeneratorUse {
  return {
    generator: { source: `${source} "own"`, cel },
    secret: { ref: { namespace: 'ci', name: 'login' }, data: new Map([['token', new Secret(token)]]) },
    connector: 'ci/tool',
    host: 'tool.example',
  };
}

describe('Generators', () => {
  let nowMs = 0;
  let generators: Generators;

  beforeEach(() => {
    nowMs = 0;
    generators = new Generators({ now: () => nowMs });
  });

  it('evaluate an expression for each request', async () => {
    const same = use('{"headers": {"X": string(int(now))}}');
    for (const seconds of [1, 2]) {
      nowMs = seconds * 1000;
      assert.deepEqual((await generators.generate(same, request)).headers, [['X', String(seconds)]]);
    }
  });

  it('name a missing key', async () => {
    await assert.rejects(generators.generate(use('{"headers": {"X": secret.key}}'), request), {
      message: /^Secret ci\/login has no key, which connectorclass made: /,
    });
  });

  it('reject a Secret that is too large before it is copied', async () => {
    await assert.rejects(generators.generate(use(good, 'x'.repeat(200_000)), request), {
      status: 502,
      message: /^Secret ci\/login has more than 131072 characters/,
    });
    const { secret, ...same } = use(good);
    const data = new Map(Array.from({ length: 257 }, (_, at) => [`key-${at}`, new Secret('x')]));
    await assert.rejects(generators.generate({ ...same, secret: { ...secret, data } }, request), {
      status: 502,
      message: /^Secret ci\/login has more than 256 keys/,
    });
  });

  describe('of a class', () => {
    const mistakeIn = async (...types: readonly object[]): Promise<string | undefined> => {
      const object = connectorClass('made', { auth: { types } }) as JsonObject;
      return (await generators.mistakeIn('made', object))?.message;
    };
    const typeOf = (cel: unknown, name = 'own'): object => ({ name, generator: { cel } });

    it('are compiled, and not evaluated', async () => {
      assert.equal(await mistakeIn(typeOf(good), typeOf('secret.a.b + 1'), typeOf('[secret.a][0]')), undefined);
    });

    it('have their first mistake reported', async () => {
      assert.equal(await mistakeIn(typeOf(good), typeOf(7, 'b'), typeOf('(', 'c')), `${source} "b" must be a string`);
      assert.match((await mistakeIn(typeOf('[\n1 +', 'd'))) ?? '', /^connectorclass made: .* "d": line 2, column 3: /);
      assert.match((await mistakeIn(typeOf(`"${'x'.repeat(9000)}"`))) ?? '', /must have at most 8192 characters$/);
    });

    it('in Rego have no mistake, since Secrets of other types need no generator', async () => {
      assert.equal(await mistakeIn({ name: 'own', generator: { rego: 'package proxy' } }, { name: 'none' }), undefined);
    });

    it('are empty or malformed without a mistake', async () => {
      assert.equal(await generators.mistakeIn('made', { spec: { auth: 7 } }), undefined);
    });
  });
});
