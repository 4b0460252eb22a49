import assert from 'node:assert/strict';
import { LenientPath } from '../../../../src/proxy/credential/guarded-path.js';

describe('a guarded path', () => {
  const spellings = [
    '/oauth/token',
    '/oauth/token?grant_type=x',
    '/oauth/token#x',
    '/OAuth/Token',
    '//oauth///token//',
    '/oauth/token/',
    '/oauth/./token',
    '/./oauth/token/.',
    '/oauth/%74oken',
    '/oauth/%2574oken',
    '/oauth/%25252574oken',
    '/oauth/%u0074oken',
    '/oauth%2ftoken',
    '/oauth%5Ctoken',
    '/oauth\\token',
    '/oauth;a=b/token;c',
    '/oauth/token%3bc',
    '/oauth/token;%2Fx',
    '/oauth;%2Fx/token',
    '/oauth;%252Fx/%74oken',
    '/oauth%3b%252Fx/token',
    '/oauth/token%3Fx',
    '/oauth/token%20',
    '/oauth/tok%EF%BD%85n',
  ];
  for (const spelling of spellings) {
    it(`is recognized as ${spelling}`, () => assert.ok(new LenientPath(spelling).isAt('/oauth/token')));
  }

  for (const other of ['/oauth/tokens', '/oauth', '/', '', '/x/oauth/token', '/oauth/token/info', '/oauthtoken']) {
    it(`is not ${other === '' ? 'empty' : other}`, () => assert.ok(!new LenientPath(other).isAt('/oauth/token')));
  }

  it('includes what is below it, and suffixes', () => {
    for (const below of ['/oauth/token/info', '/oauth/Token.json', '/oauth/token%2Finfo', '/oauth/token']) {
      assert.ok(new LenientPath(below).isAtOrBelow('/oauth/token'), below);
    }
    assert.ok(!new LenientPath('/oauth/tokens').isAtOrBelow('/oauth/token'));
  });
});
