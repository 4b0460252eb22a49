import assert from 'node:assert/strict';
import { builtInFiles } from '../../../../src/driver/content/built-in-files.ts';
import { isPlainEnvValue } from '../../../../src/driver/syntax/env-value.ts';
import { chooseProxyEndpoint } from '../../../../src/driver/content/proxy-endpoint.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import { resolvedOf } from '../../../support/domain.ts';

const token = new Secret('head.claims.signature');
const endpoint = chooseProxyEndpoint([resolvedOf('ci/harbor', 'http://proxy.example:8080/path')], 'connectors-proxy');

function filesOf(change: Partial<Parameters<typeof builtInFiles>[0]>): Record<string, string> {
  const files = builtInFiles({
    volumeId: 'csi-1',
    endpoint,
    token,
    caBundle: undefined,
    noProxy: 'localhost,::1',
    ...change,
  });
  return Object.fromEntries(files.map(({ name, content }) => [name, Buffer.from(content).toString()]));
}

describe('built-in files', () => {
  it('are the token and the CA alone without a proxy', () => {
    assert.deepEqual(Object.keys(filesOf({ endpoint: undefined })), ['context.token']);
    assert.deepEqual(Object.keys(filesOf({ endpoint: undefined, caBundle: 'PEM' })), [
      'context.token',
      'context.proxy.caCert',
      'ca.crt',
      'ca.cert',
    ]);
  });

  it('take an empty no_proxy', () => assert.match(filesOf({ noProxy: '' })['.env'] ?? '', /\nno_proxy=\n$/));

  for (const noProxy of ['a b', 'a;id', '$(id)', '`id`', 'a\nx=1', "a'", 'a"', '~', '*.example', 'a#b', 'a\\b', 'é']) {
    it(`refuse no_proxy ${JSON.stringify(noProxy)}, which a shell or a reader of .env would interpret`, () => {
      assert.equal(isPlainEnvValue(noProxy), false);
      assert.throws(() => filesOf({ noProxy }), { code: 'FAILED_PRECONDITION', message: /the value of no_proxy / });
    });
  }
});
