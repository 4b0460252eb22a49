import assert from 'node:assert/strict';
import { parseConnectorClass } from '../../../../src/shared/connectors/parse-connector-class.js';
import { parseConnector } from '../../../../src/shared/connectors/parse-connector.js';
import type { JsonObject } from '../../../../src/shared/json.js';
import { mainAddressOf } from '../../../../src/proxy/connectors/tool-address.js';
import type { ToolAddress } from '../../../../src/proxy/connectors/tool-address.js';
import { parseSecret } from '../../../../src/proxy/secrets/secret-source.js';
import { ToolProbes } from '../../../../src/proxy/probe/tool-probes.js';
import type { ProbeVerdict } from '../../../../src/proxy/probe/probe-verdict.js';
import { ProxyError } from '../../../../src/proxy/proxy-error.js';
import type { RawHeaders } from '../../../../src/proxy/tool/headers.js';
import type { ToolCredential } from '../../../../src/proxy/tool/tool-credential.js';
import { noCredential } from '../../../../src/proxy/tool/tool-credential.js';
import { connector, connectorClass, secret } from '../../../support/proxy/manifests.js';

interface Sent {
  readonly url: string;
  readonly headers: RawHeaders;
}

/** Each request gets a token of its own. */
const requested: ToolCredential = {
  ...noCredential,
  replaces: new Set(['authorization']),
  obtain: () => Promise.resolve(),
  headersFor: ({ method, path }) => Promise.resolve(['Authorization', `Bearer for-${method}-${path}`]),
};

describe('a probe with a token that is requested', () => {
  const sent: Sent[] = [];
  let locations: readonly (string | undefined)[] = [];
  beforeEach(() => {
    sent.length = 0;
    locations = [];
  });

  async function auth(credential: ToolCredential, http?: object): Promise<ProbeVerdict | undefined> {
    const tool = parseConnector(
      connector('tool', 'https://tool.example/api', {
        secret: 'app',
        extensions: ['https://other.example'],
      }) as JsonObject,
    );
    const probe = http === undefined ? {} : { authProbes: [{ authName: 'app', probe: { http } }] };
    const probes = new ToolProbes({
      client: {
        send: ({ origin, path, headers }: { origin: ToolAddress; path: string; headers: RawHeaders }) => {
          sent.push({ url: `${origin.host}${path}`, headers });
          const location = locations[sent.length - 1];
          const rawHeaders = location === undefined ? [] : ['Location', location];
          const response = Promise.resolve({ status: location === undefined ? 200 : 302, rawHeaders, body: undefined });
          return { response, end: () => undefined, destroy: () => undefined };
        },
      } as never,
      timeoutMs: 60_000,
      now: () => 0,
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
  const credentials = (): readonly (string | undefined)[] =>
    sent
      .map(({ headers }) => headers[headers.indexOf('Authorization') + 1])
      .map((text, at) => (sent[at]!.headers.includes('Authorization') ? text : undefined));

  it('sends what a request to its path would have, in place of what the class says', async () => {
    const httpHeaders = [
      { name: 'authorization', value: 'Basic {{ .Secret.StringData.key }}' },
      { name: 'X-Kept', value: 'yes' },
    ];
    assert.equal((await auth(requested, { path: '/user', httpHeaders }))?.reason, 'Accepted');
    assert.deepEqual(credentials(), ['Bearer for-GET-/user']);
    assert.equal(sent[0]?.headers.includes('authorization'), false);
    assert.equal(sent[0].headers.includes('X-Kept'), true);
  });

  it('has another for the path of a redirect, and none elsewhere, nor for what comes after it', async () => {
    locations = ['/there', 'https://other.example/x', 'https://tool.example/back'];
    assert.equal((await auth(requested, { path: '/user', method: 'POST' }))?.reason, 'Accepted');
    assert.deepEqual(
      sent.map(({ url }) => url),
      ['tool.example/user', 'tool.example/there', 'other.example/x', 'tool.example/back'],
    );
    assert.deepEqual(credentials(), ['Bearer for-POST-/user', 'Bearer for-GET-/there', undefined, undefined]);
  });

  it('to another address of the Connector goes without it', async () => {
    await auth(requested, { host: 'other.example', path: '/' });
    assert.deepEqual(credentials(), [undefined]);
  });

  it('is not sent where the class has none, but shows whether the credential can be had', async () => {
    assert.deepEqual(await auth(requested), { verdict: 'success', reason: 'Accepted', message: '' });
    const obtain = (): Promise<never> =>
      Promise.reject(new ProxyError(502, 'misconfigured', 'the provider says invalid_client'));
    const failure = { verdict: 'failure', reason: 'Rejected', message: 'the provider says invalid_client' };
    assert.deepEqual(await auth({ ...requested, obtain }), failure);
    assert.deepEqual(await auth({ ...requested, obtain }, { path: '/user' }), failure);
    assert.deepEqual(sent, []);
  });

  it('is as the class says for other credentials', async () => {
    const basic = { ...noCredential, replaces: requested.replaces };
    await auth(basic, { path: '/', httpHeaders: [{ name: 'Authorization', value: '{{ .Secret.StringData.key }}' }] });
    assert.deepEqual(credentials(), ['x']);
    assert.deepEqual(await auth(basic), { verdict: 'success', reason: 'NonAuthProbe', message: '' });
  });
});
