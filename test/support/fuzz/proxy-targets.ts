import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { parseProxyAuthorization, parseReverseAuthorization } from '../../../src/proxy/auth/credentials.js';
import { parseChallenges } from '../../../src/proxy/credentials/registry/challenge.js';
import { pathProblem } from '../../../src/proxy/rules/request-path.js';
import { credentialFor } from '../../../src/proxy/secrets/docker-config.js';
import { endpointOf } from '../../../src/proxy/credentials/registry/registry-api.js';
import { impliedScopes, normalScopes } from '../../../src/proxy/credentials/registry/registry-scope.js';
import { parseAuthority, parseToolAddress } from '../../../src/proxy/connectors/tool-address.js';
import { parseRequestTarget } from '../../../src/proxy/server/request-target.js';
import { ProxyError } from '../../../src/proxy/proxy-error.js';
import { endToEnd } from '../../../src/proxy/tool/headers.js';
import { framingHeaders, framingOf } from '../../../src/proxy/tool/request-body.js';
import { Secret } from '../../../src/shared/secret.js';
import { allows } from './allowed.js';
import { target } from './fuzz-run.js';
import type { FuzzTarget } from './fuzz-run.js';
import { mutatedText } from './mutations.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl';
const users = ['ci/harbor', 'ci%2Fharbor,tools%2Fquay', 'ci/a, ci/b'];
const maxConnectors = 32;

const basic = fc.oneof(
  mutatedText(users.map((user) => `${user}:${token}`)).map((pair) => `Basic ${base64(pair)}`),
  mutatedText([...users.map((user) => `Basic ${base64(`${user}:${token}`)}`), `Bearer ${token}`]),
);
const authorizations = target('credentials of the proxy', 6, basic, (header) => {
  const read = parseProxyAuthorization(header);
  assert.ok(read === undefined || (read.connectors.length > 0 && read.connectors.length <= maxConnectors));
  for (const { namespace, name } of read?.connectors ?? [])
    assert.match(`${namespace}/${name}`, /^[-a-z0-9.]+\/[-a-z0-9.]+$/);
  parseReverseAuthorization(header);
});

const challenges = target(
  'challenges of registries',
  6,
  fc.array(
    mutatedText([
      'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"',
      'Basic realm="a \\"quoted\\" one", Negotiate YWJj==, Bearer realm=x',
    ]),
    { maxLength: 3 },
  ),
  (values) => {
    for (const { scheme, params } of parseChallenges(values)) {
      assert.equal(scheme, scheme.toLowerCase());
      normalScopes(params.get('scope') ?? '');
    }
  },
);

const urls = [
  'http://user:pw@tool.example:8080/a/b?q=1',
  'https://[2001:db8::1]:8443/',
  '/v2/',
  '/v2/namespaces/ci/connectors/harbor/library/alpine/manifests/latest',
  '/namespaces/ci/connectors/harbor/api?x=%2e%2e',
  '/v2/a/b/blobs/uploads/?mount=sha256:0&from=c/d',
  'tool.example:443',
];
const targets = target('targets of requests and tunnels', 6, mutatedText(urls), (url) => {
  const read = parseRequestTarget(url);
  if (read !== undefined && 'path' in read) assert.ok(read.path.startsWith('/'));
  const authority = parseAuthority(url, 443);
  assert.ok(authority === undefined || (authority.port > 0 && authority.port < 65_536 && authority.host !== ''));
  parseToolAddress(url);
  pathProblem(url);
  const endpoint = endpointOf('/v2', url);
  if (endpoint === undefined) return;
  assert.ok(endpoint.pathname.startsWith('/v2'));
  for (const method of ['GET', 'POST', 'DELETE']) impliedScopes(method, endpoint);
});

const names = ['Connection', 'Proxy-Authorization', 'Transfer-Encoding', 'Content-Length', 'Host', 'TE', 'X-A'];
const values = ['keep-alive, X-A', 'Basic abc', 'chunked', '12', 'tool.example', 'close, authorization', ''];
const rawHeaders = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom(...names), mutatedText(names)), mutatedText(values)), { maxLength: 8 })
  .map((pairs) => pairs.flat());
const headers = target('headers and framing of requests', 6, rawHeaders, (raw) => {
  const kept = endToEnd(raw).filter((_text, at) => at % 2 === 0);
  for (const name of kept) assert.doesNotMatch(name, /^(proxy-|connection$|transfer-encoding$|content-length$)/i);
  for (const httpVersion of ['1.0', '1.1']) {
    allows([ProxyError], () => {
      // As much of a request as is looked at.
      const request: unknown = { rawHeaders: raw, httpVersion };
      framingHeaders(framingOf(request as IncomingMessage), 'POST');
    });
  }
});

const dockerConfig = JSON.stringify({
  auths: {
    'https://tool.example/v1/': { auth: base64('robot:secret') },
    'tool.example:5000': { username: 'a', password: 'b' },
  },
});
const logins = target('logins of registries', 4, mutatedText([dockerConfig]), (text) => {
  for (const port of [443, 5000]) credentialFor({ scheme: 'https', host: 'tool.example', port }, new Secret(text));
});

/** What clients of the proxy say to it, and what tools answer. */
export const proxyTargets: readonly FuzzTarget[] = [authorizations, challenges, targets, headers, logins];
