import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Secret } from '../../../../src/shared/secret.ts';
import type { TokenClaims } from '../../../../src/shared/access/token-claims.ts';
import { parseTokenClaims } from '../../../../src/shared/access/token-claims.ts';
import { claimsOf, pod, tokenOf } from '../../../support/domain.ts';

function parse(text: string): TokenClaims | undefined {
  return parseTokenClaims(new Secret(text));
}

const payload = (text: string): string => `h.${Buffer.from(text).toString('base64url')}.s`;

describe('token claims', () => {
  it('are lifetime, pod and account', () => {
    assert.deepEqual(parse(tokenOf(claimsOf(1000, 1800))), {
      issuedAtMs: 1_000_000,
      expiresAtMs: 2_800_000,
      audiences: [],
      issuer: undefined,
      namespace: pod.namespace,
      podUid: pod.uid,
      serviceAccountName: pod.serviceAccountName,
    });
  });

  it('may lack all but the expiry, and are not taken in another type', () => {
    const none = {
      issuer: undefined,
      audiences: [],
      issuedAtMs: undefined,
      namespace: undefined,
      podUid: undefined,
      serviceAccountName: undefined,
    };
    assert.deepEqual(parse(tokenOf({ exp: 1.5 })), { ...none, expiresAtMs: 1500 });
    const odd = { exp: 1, iat: '1', 'kubernetes.io': { namespace: 1, pod: ['x'] } };
    assert.deepEqual(parse(tokenOf(odd)), { ...none, expiresAtMs: 1000 });
    assert.deepEqual(parse(tokenOf({ exp: 1, iat: 1e300 })), { ...none, expiresAtMs: 1000 });
    assert.deepEqual(parse(tokenOf({ exp: 1, aud: 'one' }))?.audiences, ['one']);
    assert.deepEqual(parse(tokenOf({ exp: 1, aud: ['one', 2, 'three'] }))?.audiences, ['one', 'three']);
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['two parts', 'a.b'],
    ['four parts', 'a.b.c.d'],
    ['a part with a line break', `${tokenOf({ exp: 1 })}\n`],
    ['padding', `h.${Buffer.from('{"exp":1}').toString('base64')}==.s`],
    ['a payload that is no JSON', payload('exp')],
    ['a payload that is no object', payload('[1]')],
    ['no expiry', tokenOf({ iat: 1 })],
    ['an expiry that is text', tokenOf({ exp: '1' })],
    ['an expiry that no float holds', payload('{"exp":1e999}')],
    ['an expiry that is no time', tokenOf({ exp: 1e13 })],
    ['an expiry long before all times', tokenOf({ exp: -1e13 })],
    ['an inherited expiry', payload('{"__proto__":{"exp":1}}')],
  ] as const) {
    it(`are none in ${what}`, () => assert.equal(parse(text), undefined));
  }

  it('never make the parser throw', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parse(text);
        parse(payload(text));
      }),
    );
  });
});
