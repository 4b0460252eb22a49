import assert from 'node:assert/strict';
import { GeneratedCredential } from '../../../../../src/proxy/credentials/generator/generated-credential.ts';
import { Secret } from '../../../../../src/shared/secret.ts';

describe('a credential that an expression makes', () => {
  it('shows no response header with the end of a long value in the query', async () => {
    const token = `${'a'.repeat(4000)}b${'a'.repeat(3000)}-END-OF-THE-TOKEN`;
    const use = {
      generator: { source: 'connectorclass made: generator.cel of auth type "own"', cel: '{}' },
      secret: { ref: { namespace: 'ci', name: 'login' }, data: new Map([['token', new Secret(token)]]) },
      connector: 'ci/tool',
      host: 'tool.example',
    };
    const credential = new GeneratedCredential(use, {
      generate: () => Promise.resolve({ headers: [], query: [['key', token]] }),
      check: () => Promise.resolve(),
    });
    await credential.headersFor({ method: 'GET', path: '/', isUnrepeatable: false });
    const end = token.slice(-100);
    const headers = ['X-Token', token, 'X-End', `…${end}`, 'X-Other', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'];
    assert.deepEqual(credential.withoutOwnParameters(headers), headers.slice(4));
  });
});
