import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { Secret } from '../../../../src/shared/secret.ts';
import type { KubeletTokensOptions } from '../../../../src/driver/token/kubelet-tokens.ts';
import { KubeletTokens } from '../../../../src/driver/token/kubelet-tokens.ts';
import type { PassedTokens, ProxyToken, TokenSource } from '../../../../src/driver/publish/ports.ts';
import { claimsOf, neverAborted, passedTokensJson, pod, tokenOf } from '../../../support/domain.ts';

const nowSeconds = 1_000_000;
const lifetimeSeconds = 1800;
const claims = claimsOf(nowSeconds, lifetimeSeconds);
const token = tokenOf(claims);
const inSecrets = passedTokensJson(token);

const audience = 'connectors-proxy';
const minted: ProxyToken = { secret: new Secret('minted'), expiresAtMs: 1 };
const minter: TokenSource = { tokenFor: () => Promise.resolve(minted), peek: () => minted };

interface Case {
  readonly passed: PassedTokens;
  readonly expirationMs?: number;
  readonly options?: Partial<KubeletTokensOptions>;
}

function tokens(options: Partial<KubeletTokensOptions> = {}): KubeletTokens {
  return new KubeletTokens({
    origin: () => 'either',
    minter: undefined,
    canMint: () => true,
    isStrict: false,
    clock: { now: () => nowSeconds * 1000 },
    ...options,
  });
}

/** What `tokenFor` gives; `peek` must give the same, or nothing where that throws. */
async function tokenFor({ passed, expirationMs, options }: Case): Promise<string> {
  const request = { pod, audience, passed, ...(expirationMs === undefined ? {} : { expirationMs }) };
  const peeked = tokens(options).peek(request)?.secret.expose();
  try {
    const { secret } = await tokens(options).tokenFor(request, neverAborted);
    assert.equal(peeked, secret.expose());
    return secret.expose();
  } catch (error) {
    assert.equal(peeked, undefined);
    throw error;
  }
}

describe('the kubelet’s token', () => {
  it('is looked at anew in each request', () => {
    let nowMs = 0;
    const source = tokens({ clock: { now: () => nowMs } });
    const request = { pod, audience, passed: { inSecrets } };
    assert.equal(source.peek(request)?.secret.expose(), token);
    assert.equal(source.peek({ ...request, audience: 'other' }), undefined);
    assert.equal(source.peek({ ...request, pod: { ...pod, uid: 'another' } }), undefined);
    nowMs = (nowSeconds + lifetimeSeconds) * 1000;
    assert.equal(source.peek(request), undefined);
  });

  it('is the one for the audience, with its own expiry', async () => {
    assert.equal(await tokenFor({ passed: { inSecrets } }), token);
    const early = tokens({ origin: () => 'secrets', clock: { now: () => 0 } });
    assert.equal(
      early.peek({ pod, audience, passed: { inSecrets } })?.expiresAtMs,
      (nowSeconds + lifetimeSeconds) * 1000,
    );
  });

  for (const [what, change] of [
    ['uid', { namespace: pod.namespace, pod: { name: pod.name, uid: 'another' } }],
    ['namespace', { namespace: 'other', pod: { name: pod.name, uid: pod.uid } }],
    ['nothing at all', {}],
  ] as const) {
    it(`is not one that names ${what} of another pod`, async () => {
      const foreign = tokenOf({ ...claims, 'kubernetes.io': change });
      await assert.rejects(tokenFor({ passed: { inSecrets: passedTokensJson(foreign) }, options: { minter } }), {
        code: 'PERMISSION_DENIED',
        message: /^the passed token is not bound to pod ci\/build-image-pod/,
      });
    });
  }

  it('is not one of an account that the pod does not run as', async () => {
    const bound = { namespace: pod.namespace, pod: { name: pod.name, uid: pod.uid } };
    const foreign = tokenOf({ ...claims, 'kubernetes.io': { ...bound, serviceaccount: { name: 'admin' } } });
    await assert.rejects(tokenFor({ passed: { inSecrets: passedTokensJson(foreign) } }), {
      code: 'PERMISSION_DENIED',
      message: /^the passed token is of service account "admin", but pod ci\/build-image-pod runs as "builder"/,
    });
    const silent = tokenOf({ ...claims, 'kubernetes.io': bound });
    assert.equal(await tokenFor({ passed: { inSecrets: passedTokensJson(silent) } }), silent);
  });

  it('is refused from the moment it expires', async () => {
    const at = (seconds: number): Partial<KubeletTokensOptions> => ({ clock: { now: () => seconds * 1000 } });
    const passed = { inSecrets };
    assert.equal(await tokenFor({ passed, options: at(nowSeconds + lifetimeSeconds - 1) }), token);
    await assert.rejects(tokenFor({ passed, options: at(nowSeconds + lifetimeSeconds) }), {
      code: 'UNAVAILABLE',
      message: /^the token that the kubelet passed expired at 1970-01-12T14:16:40\.000Z/,
    });
  });

  it('is refused as none when its expiry is no time that a message could give', async () => {
    for (const exp of [-1e13, -9e15, 1e13]) {
      const passed = { inSecrets: passedTokensJson(tokenOf({ ...claims, exp })) };
      await assert.rejects(tokenFor({ passed }), { code: 'FAILED_PRECONDITION', message: /"exp" claim$/ });
    }
  });

  it('is never quoted when it cannot be read', async () => {
    const canary = 'canary-93be';
    for (const text of [canary, `{"connectors-proxy": {"token": "${canary}`, `{"connectors-proxy": ${canary}}`]) {
      await assert.rejects(tokenFor({ passed: { inSecrets: new Secret(text) } }), (error: Error) => {
        assert.match(error.message, /serviceAccount\.tokens is not valid JSON$/);
        return !inspect(error, { depth: 9 }).includes(canary);
      });
    }
    await assert.rejects(tokenFor({ passed: { inSecrets: passedTokensJson(canary) } }), (error: Error) => {
      assert.match(error.message, /is not a JSON Web Token with an "exp" claim$/);
      return !inspect(error, { depth: 9 }).includes(canary);
    });
  });
});
