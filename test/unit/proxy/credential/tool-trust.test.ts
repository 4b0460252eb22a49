import assert from 'node:assert/strict';
import { QuestionPace } from '../../../../src/load/question-pace.js';
import type { Connector } from '../../../../src/connectors/model.js';
import type { SecretSource } from '../../../../src/proxy/credential/secret-source.js';
import { ToolTrust } from '../../../../src/proxy/credential/tool-trust.js';
import type { Trust } from '../../../../src/proxy/upstream/trust.js';
import { TrustSets } from '../../../../src/proxy/upstream/trust.js';
import { Refusal } from '../../../../src/proxy/refusal.js';
import { Secret } from '../../../../src/secret.js';
import { connectorOf, neverAborted } from '../../../support/domain.js';
import { toolAuthority } from '../../../support/proxy/tool-server.js';

const pem = toolAuthority.certificate;
const pace = { burst: 1000, everyMs: 60_000, longestMs: 10, waiting: 8, askers: 8 };

/** Every Connector refers to a Secret of its own, whose name is how many certificates it has: so no two sets are alike. */
function source(): SecretSource {
  const secrets = new Map<
    string,
    { ref: { namespace: string; name: string }; type: string; data: Map<string, Secret> }
  >();
  return {
    get: ({ namespace, name }) => {
      const key = `${namespace}/${name}`;
      const known = secrets.get(key) ?? {
        ...{ ref: { namespace, name }, type: 'Opaque' },
        data: new Map([['ca.crt', new Secret(pem.repeat(Number(name)))]]),
      };
      secrets.set(key, known);
      return Promise.resolve(known);
    },
    expire: () => undefined,
    labelledCas: () => [],
  };
}

function using(count: number, namespace = 'ci'): Connector {
  const spec = { caCertSecretRef: { name: String(count) } };
  return connectorOf(`${namespace}/c${count}`, undefined, { spec });
}

const trustWith = (limits = pace): ToolTrust =>
  new ToolTrust(source(), new TrustSets(() => pem), new QuestionPace(limits, () => 0));

describe('what is trusted for a tool', () => {
  it('is the same set for the same Connector, and is not kept for each of thousands', async () => {
    const trust = trustWith();
    const [first, ...others] = Array.from({ length: 60 }, (_each, at) => using(at + 1));
    assert.ok(first);
    const set = await trust.of(first, neverAborted);
    assert.equal(await trust.of(first, neverAborted), set);
    for (const other of others) await trust.of(other, neverAborted);
    const again = await trust.of(first, neverAborted);
    assert.equal(again.id, set.id);
    assert.notEqual(again, set);
  });

  it("is made at a pace where a namespace has always others, which is no other namespace's", async () => {
    const trust = trustWith({ ...pace, burst: 2 });
    await trust.of(using(1), neverAborted);
    await trust.of(using(2), neverAborted);
    await assert.rejects(trust.of(using(3), neverAborted), (error) => error instanceof Refusal && error.status === 429);
    await trust.of(using(2), neverAborted);
    await trust.of(using(4, 'other'), neverAborted);
  });

  it('is made once for all requests of a namespace that need it at the same time', async () => {
    const trust = trustWith({ ...pace, burst: 1, waiting: 0 });
    const request = (): Promise<Trust> => trust.of(using(1), new AbortController().signal);
    const [set, ...others] = await Promise.all(Array.from({ length: 100 }, request));
    assert.ok(others.every((other) => other === set));
    await assert.rejects(trust.of(using(2), neverAborted), (error) => error instanceof Refusal && error.status === 429);
  });

  it('is made for a namespace while another one has used up its rate limit', async () => {
    const trust = trustWith({ ...pace, burst: 1, longestMs: 60_000 });
    await trust.of(using(1), neverAborted);
    const leaving = new AbortController();
    const waiting = assert.rejects(trust.of(using(2), leaving.signal), { code: 'CANCELLED' });
    await trust.of(using(2, 'other'), neverAborted);
    leaving.abort();
    await waiting;
  });

  it('is not more than a system has', async () => {
    const tooMany = Math.ceil((256 * 1024) / pem.length) + 1;
    await assert.rejects(trustWith().of(using(tooMany), neverAborted), /holds more than 256 KiB of certificates/);
  });
});
