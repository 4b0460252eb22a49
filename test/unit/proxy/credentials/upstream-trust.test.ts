import assert from 'node:assert/strict';
import type { Connector } from '../../../../src/shared/connectors/model.ts';
import type { SecretObject, SecretSource } from '../../../../src/proxy/secrets/secret-source.ts';
import { UpstreamTrust } from '../../../../src/proxy/credentials/upstream-trust.ts';
import type { Trust } from '../../../../src/proxy/tool/trust.ts';
import { TrustStoreCache } from '../../../../src/proxy/tool/trust.ts';
import { ProxyError } from '../../../../src/proxy/proxy-error.ts';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { ThreadShares } from '../../../../src/proxy/thread-shares.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import { connectorOf, neverAborted } from '../../../support/domain.ts';
import { toolAuthority } from '../../../support/proxy/tool-server.ts';

const pem = toolAuthority.certificate;
const roots = [pem];

/** Looks like a certificate as long as it is not parsed. */
const garbage = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

/** Every Connector refers to a Secret of its own, whose name is how often it holds the text: so no two sets are alike. */
function source(text = pem): SecretSource {
  const secrets = new Map<string, SecretObject>();
  return {
    get: ({ namespace, name }) => {
      const key = `${namespace}/${name}`;
      const known = secrets.get(key) ?? {
        ...{ ref: { namespace, name }, readId: key, type: 'Opaque' },
        data: new Map([['ca.crt', new Secret(text.repeat(Number(name)))]]),
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

const { burst, longestMs, everyMs } = proxyLimits.thread;
/** Of the thread: a namespace that has used so much gets no more. */
const tooMuchMs = burst + longestMs / everyMs + 1;

/** @param creationMs of the thread that each creation takes. */
const trustWith = (creationMs = 1, text = pem): UpstreamTrust => {
  let cpuMs = 0;
  const threads = new ThreadShares(
    () => 0,
    () => (cpuMs += creationMs),
  );
  return new UpstreamTrust(source(text), new TrustStoreCache(() => roots), threads);
};

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

  it('is kept while another namespace uses any number of CAs', async () => {
    const trust = trustWith();
    const kept = [await trust.of(using(1, 'other'), neverAborted), trust.ofAll()];
    for (let count = 2; count <= 60; count += 1) await trust.of(using(count), neverAborted);
    assert.deepEqual(
      [await trust.of(using(1, 'other'), neverAborted), trust.ofAll()].map((each, at) => each === kept[at]),
      [true, true],
    );
  });

  it('is one set for all Connectors without a CA of their own, and for token endpoints of providers', async () => {
    const trust = trustWith();
    assert.equal(await trust.of(connectorOf('ci/plain'), neverAborted), trust.ofAll());
  });

  it("is made at a pace where a namespace has always others, which is no other namespace's", async () => {
    const trust = trustWith(tooMuchMs / 2);
    await trust.of(using(1), neverAborted);
    await trust.of(using(2), neverAborted);
    await assert.rejects(
      trust.of(using(3), neverAborted),
      (error) => error instanceof ProxyError && error.status === 429,
    );
    await trust.of(using(2), neverAborted);
    await trust.of(using(4, 'other'), neverAborted);
  });

  it('is made once for all requests of a namespace that need it at the same time', async () => {
    const trust = trustWith(tooMuchMs);
    const request = (): Promise<Trust> => trust.of(using(1), new AbortController().signal);
    const [set, ...others] = await Promise.all(Array.from({ length: 100 }, request));
    assert.ok(others.every((other) => other === set));
    await assert.rejects(
      trust.of(using(2), neverAborted),
      (error) => error instanceof ProxyError && error.status === 429,
    );
  });

  it('is made in an iteration of the event loop of its own', async () => {
    const trust = trustWith();
    let made = 0;
    const all = Array.from({ length: 8 }, async (_each, at) => {
      await trust.of(using(at + 1), neverAborted);
      made += 1;
    });
    const seen = new Set<number>();
    while (made < all.length) {
      await new Promise((resolve) => setImmediate(resolve));
      seen.add(made);
    }
    await Promise.all(all);
    assert.equal(seen.size, all.length, 'others have a turn after each');
  });

  it('is made for a namespace while another one has used up its rate limit', async () => {
    const trust = trustWith(burst + 1);
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

  it('is measured before it is parsed', async () => {
    const tooMany = Math.ceil((256 * 1024) / garbage.length) + 200;
    const trust = trustWith(1, garbage);
    await assert.rejects(trust.of(using(tooMany), neverAborted), /holds more than 256 KiB of certificates/);
  });

  it('is no large number of short blocks, which take the longest to parse', async () => {
    await assert.rejects(trustWith(1, garbage).of(using(513), neverAborted), /holds more than 512 certificates/);
  });

  it('is parsed under the rate limit of its namespace, also where it holds no certificate', async () => {
    const trust = trustWith(tooMuchMs, garbage);
    const problem =
      /^ProxyError: Secret ci\/1 of spec\.caCertSecretRef holds no certificate in PEM \(connector ci\/c1\): it has to hold the certificate of the CA$/;
    await assert.rejects(trust.of(using(1), neverAborted), problem);
    await assert.rejects(trust.of(using(2), neverAborted), /too many CAs of namespace ci/);
    await assert.rejects(trust.of(using(1), neverAborted), problem);
  });

  it('leaves out what only looks like a certificate', async () => {
    const { context } = await trustWith(1, garbage + pem).of(using(1), neverAborted);
    assert.ok(context);
  });
});
