import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.ts';
import type { JsonObject } from '../../../../src/shared/json.ts';
import { mainAddressOf } from '../../../../src/proxy/connectors/tool-address.ts';
import type { ToolAddress } from '../../../../src/proxy/connectors/tool-address.ts';
import { parseSecret } from '../../../../src/proxy/secrets/secret-source.ts';
import { ToolProbes } from '../../../../src/proxy/probe/tool-probes.ts';
import type { ProbeVerdict } from '../../../../src/proxy/probe/probe-verdict.ts';
import { ThreadShares } from '../../../../src/proxy/thread-shares.ts';
import { ProxyError } from '../../../../src/proxy/proxy-error.ts';
import type { ToolCredential } from '../../../../src/proxy/tool/tool-credential.ts';
import { noCredential } from '../../../../src/proxy/tool/tool-credential.ts';
import { connector, connectorClass, secret } from '../../../support/proxy/manifests.ts';

const requested: ToolCredential = {
  ...noCredential,
  replaces: new Set(['authorization']),
  obtain: () => Promise.resolve(),
  headersFor: () => Promise.resolve(['Authorization', 'Bearer token']),
};

describe('a probe with a token that is requested', () => {
  async function auth(credential: ToolCredential, http?: object): Promise<ProbeVerdict | undefined> {
    const tool = parseConnector(connector('tool', 'https://tool.example/api', { secret: 'app' }) as JsonObject);
    const probe = http === undefined ? {} : { authProbes: [{ authName: 'app', probe: { http } }] };
    const probes = new ToolProbes({
      client: { send: () => assert.fail('nothing is sent') } as never,
      timeoutMs: 60_000,
      threads: new ThreadShares(() => 0),
    });
    const used = {
      connector: tool,
      connectorClass: parseConnectorClass(
        connectorClass('any', { auth: { types: [{ name: 'app' }] }, ...probe }) as JsonObject,
      ),
      origin: mainAddressOf(tool) as ToolAddress,
      trust: {} as never,
      secret: parseSecret(secret('app', 'Opaque', { key: 'x' }) as JsonObject),
      credential,
    };
    return probes.auth(used, undefined, new AbortController().signal);
  }
  it('is not sent where the class has none, but shows whether the credential can be had', async () => {
    assert.deepEqual(await auth(requested), { verdict: 'success', reason: 'Accepted', message: '' });
    const obtain = (): Promise<never> =>
      Promise.reject(new ProxyError(502, 'misconfigured', 'the provider says invalid_client'));
    const failure = { verdict: 'failure', reason: 'Rejected', message: 'the provider says invalid_client' };
    assert.deepEqual(await auth({ ...requested, obtain }), failure);
    assert.deepEqual(await auth({ ...requested, obtain }, { path: '/user' }), failure);
  });
});
