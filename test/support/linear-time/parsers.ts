import assert from 'node:assert/strict';
import { parseConnector } from '../../../src/shared/connectors/parse-connector.ts';
import { checkEnvironmentFile, variableProblem } from '../../../src/driver/content/environment-file.ts';
import { originOf } from '../../../src/driver/content/proxy-endpoint.ts';
import { parseMountTable } from '../../../src/driver/host/mount-table.ts';
import { parseTokenClaims } from '../../../src/shared/access/token-claims.ts';
import { parseVolumeAttributes } from '../../../src/driver/publish/attributes.ts';
import { parseGoDuration } from '../../../src/shared/duration.ts';
import { CodedError, inOneLine } from '../../../src/shared/errors.ts';
import { jsonTexts, parseJson } from '../../../src/shared/json.ts';
import { KubeError } from '../../../src/shared/kube/kube-error.ts';
import { parseRawObject } from '../../../src/shared/kube/object-admission.ts';
import { parseRequestLine } from '../../../src/shared/process/health-server.ts';
import { dns1123SubdomainProblem } from '../../../src/shared/names.ts';
import { certificateBlocks } from '../../../src/shared/pem.ts';
import { parseProxyAuthorization, parseReverseAuthorization } from '../../../src/proxy/auth/credentials.ts';
import { patternSize } from '../../../src/proxy/cel/work.ts';
import { parseChallenges } from '../../../src/proxy/credentials/registry/challenge.ts';
import { credentialFor } from '../../../src/proxy/secrets/docker-config.ts';
import { signerOf } from '../../../src/proxy/credentials/private-key.ts';
import { TokenFailure, parseTokenResponse } from '../../../src/proxy/credentials/issuer/token-response.ts';
import {
  endpointOf,
  isRepositoryName,
  impliedScopes,
  normalScopes,
} from '../../../src/proxy/credentials/registry/registry-api.ts';
import { parseAuthority, parseToolAddress } from '../../../src/proxy/connectors/tool-address.ts';
import {
  withoutMirrorParameter,
  parseConnectTarget,
  parseRequestTarget,
  pathnameOf,
} from '../../../src/proxy/server/request-target.ts';
import { rewriteResponseHeaders } from '../../../src/proxy/server/reverse-response.ts';
import type { ReverseView } from '../../../src/proxy/server/reverse-response.ts';
import { endToEnd, hasWord } from '../../../src/proxy/tool/headers.ts';
import { withParameters, withoutParameters } from '../../../src/proxy/tool/query-parameters.ts';
import { decide } from '../../../src/proxy/rules/decision.ts';
import { downloadBatch } from '../../../src/proxy/rules/read-only.ts';
import { RulesError, parseRules } from '../../../src/proxy/rules/parse-rules.ts';
import { parsePathPattern } from '../../../src/proxy/rules/path-pattern.ts';
import { LenientPath, pathProblem } from '../../../src/proxy/rules/request-path.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { quote, shownPath, unsubstitutedIn } from '../../../src/shared/message-text.ts';
import { connector } from '../driver/manifests.ts';
import { requestForRules, rulesWith } from '../rules/rule-sets.ts';

interface Parser {
  readonly run: (text: string) => unknown;
  /** Texts that it accepts, with `…` where a stranger can write as much as he wants; absent: the whole text. */
  readonly around?: readonly string[];
  /** Whole texts for random changes. */
  readonly samples?: readonly string[];
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const path = ['/…', '/a/…/b', '/%…', '/v2/a/blobs/…', '/a;b=…'];
const query = ['/a?…', '/a?b=…', '/a?x=1&…'];
const view: ReverseView = {
  address: parseToolAddress('https://tool.example/base')!,
  path: '/base/a?b',
  prefix: '/namespaces/ci/connectors/tool',
  base: 'http://proxy',
};
const sets = rulesWith({ access: 'read-only', rules: '- deny: { paths: ["/**/a/**/b", "/x/*/**"] }' });
const names = new Set(['x-key']);
const json = ['…', '"…"', '{"a": …', '[1, …', '[[[…', '{"…": 1}'];

/** Functions that read what pods, tools, or owners of objects write. Regular expressions are also tested on their own. */
export const parsers: Readonly<Record<string, Parser>> = {
  // Pods: attributes, tokens, and requests to the proxy.
  parseVolumeAttributes: {
    run: (text) => {
      for (const name of ['connectors', 'configuration.names', 'configuration.params', 'token.expiration', text])
        parseVolumeAttributes({ [name]: text }, 'ci', { maxTokenExpirationMs: 1 });
    },
    around: ['…', 'a,…', '{"a": {"b": "…"}}'],
  },
  parseTokenClaims: { run: (text) => parseTokenClaims(new Secret(text)), around: ['…', 'e30.…', 'e30.….e30'] },
  parseRequestLine: {
    run: parseRequestLine,
    around: ['GET …', 'GET /… HTTP/1.2', 'GET /?… HTTP/1.2', 'GET /metrics HTTP/1.1\r\n…'],
  },
  parseProxyAuthorization: {
    run: (text) => [parseProxyAuthorization(text), parseProxyAuthorization(`Basic ${base64(text)}`)],
    around: ['…', 'Basic …', 'ci/a:…', 'ci/a,…:a.b.c', 'ci%2F…:a.b.c'],
    samples: ['ci%2Fharbor,tools%2Fquay:eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl'],
  },
  parseReverseAuthorization: {
    run: (text) => [parseReverseAuthorization(text), parseReverseAuthorization(`Basic ${base64(text)}`)],
    around: ['Bearer …', 'a:…', '…:a.b.c'],
  },
  parseRequestTarget: {
    run: parseRequestTarget,
    around: [...path, ...query, 'http://…', 'http://a…/b', '/v2/namespaces/a/connectors/…', '/namespaces/…'],
  },
  parseConnectTarget: { run: parseConnectTarget, around: ['…', 'a:…', '[…]:443'] },
  pathnameOf: { run: pathnameOf, around: [...path, ...query] },
  pathProblem: { run: pathProblem, around: [...path, '/a%2e…'] },
  LenientPath: { run: (text) => new LenientPath(text).isAtOrBelow('/oauth/token'), around: [...path, ...query] },
  withoutMirrorParameter: { run: withoutMirrorParameter, around: [...query, '/a?ns=…'] },
  endpointOf: {
    run: (text) => {
      const endpoint = endpointOf('/v2', text);
      return endpoint && impliedScopes('GET', endpoint);
    },
    around: [...path, ...query, '/v2/…/manifests/x'],
    samples: ['/v2/a/b/blobs/uploads/?mount=sha256:0&from=c/d'],
  },
  isRepositoryName: { run: isRepositoryName, around: ['…', 'a/…', 'a…b'] },
  normalScopes: { run: normalScopes, around: ['…', 'repository:…', 'repository:a:…'] },
  decide: {
    run: (text) => {
      for (const method of ['GET', 'POST']) {
        const request = requestForRules(method, text, { contentType: 'application/x-git-upload-pack-request' }, true);
        assert.ok([request.isRead, decide(sets, request)]);
      }
    },
    around: [
      ...[...path, ...query, '/a/info/refs…', '/….git/git-upload-pack', '/b;x%2Fc%5cd/./e/a…', '/a%CC%81…'],
      ...['/info/refs?service=…', '/a?scope=repository:…', '/a?…&a', '/a?a%26…', '/a?_method[…', '/a?x=%25…'],
    ],
  },
  downloadBatch: { run: (text) => downloadBatch(Buffer.from(text)), around: json },
  endToEnd: {
    run: (text) => [endToEnd(['Connection', text, text, 'a']), hasWord(['Connection', text], 'connection', 'upgrade')],
    around: ['…', 'close, …'],
  },
  withParameters: { run: (text) => withParameters(text, names, [['X-Key', 'a']]), around: query },
  // Tools: headers, answers of token services.
  parseChallenges: {
    run: (text) => parseChallenges([text]),
    around: ['…', 'Bearer …', 'Bearer a=…', 'Bearer realm="…', 'Bearer realm="a",…', 'Basic a, …'],
    samples: [
      'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"',
      'Basic realm="a \\"quoted\\" one", Negotiate YWJj==, Bearer realm=x',
    ],
  },
  rewriteResponseHeaders: {
    run: (text) => ['Location', 'Link', 'WWW-Authenticate'].map((name) => rewriteResponseHeaders([name, text], view)),
    around: [
      '…',
      '/base/…',
      'https://tool.example/base/…',
      '<…>',
      '<a>; b="…',
      'Bearer realm="https://tool.example/…"',
    ],
  },
  withoutParameters: {
    run: (text) => withoutParameters(text, names, ['secret']),
    around: ['…', 'https://a/?…', 'https://a/?X-Key=…', '<https://a/?b&…>'],
  },
  parseTokenResponse: {
    run: (text) => parseTokenResponse({ status: 200, body: text }, 0, { value: new Secret(''), expiresAtMs: 0 }),
    around: json,
  },
  // Owners of Connectors, Secrets and classes.
  parseConnector: {
    run: (text) => parseConnector(connector('harbor', { proxyUrl: text, className: text })),
  },
  addresses: {
    run: (text) => [parseToolAddress(text), parseAuthority(text, 443), originOf(text)],
    around: ['…', 'https://…', 'https://a/…', 'https://a:…', 'https://[…', 'http://a@…'],
  },
  parseRules: { run: parseRules, around: ['…', 'a: "…"', '- {methods: [GET], paths: [/…]}', 'a: |\n  …', '# …'] },
  parsePathPattern: { run: parsePathPattern, around: [...path, '/*…', '/**/…'] },
  credentialFor: {
    run: (text) => credentialFor({ scheme: 'https', host: 'a', port: 443 }, new Secret(text)),
    around: [...json, '{"auths": {"…": {}}}'],
    samples: [
      '{"auths": {"https://a/v1/": {"auth": "cm9ib3Q6c2VjcmV0"}, "a:5000": {"username": "a", "password": "b"}}}',
    ],
  },
  signerOf: {
    run: (text) => signerOf(new Secret(text), 'privateKey'),
    around: [
      ...['…', '-----BEGIN PRIVATE KEY-----\n…', '-----BEGIN RSA PRIVATE KEY-----…-----END RSA PRIVATE KEY-----'],
      '-----BEGIN EC PARAMETERS-----…-----END EC PARAMETERS-----…-----BEGIN EC PRIVATE KEY-----…',
    ],
  },
  certificateBlocks: {
    run: certificateBlocks,
    around: ['…', '-----BEGIN CERTIFICATE-----…', '-----BEGIN CERTIFICATE-----…-----END CERTIFICATE-----'],
  },
  checkEnvironmentFile: {
    run: (text) => checkEnvironmentFile(Buffer.from(text), text, 'a'),
    around: ['…', 'A=…', 'A=./…', 'A=b=./…'],
  },
  variableProblem: { run: variableProblem, around: ['…', 'A…', 'npm_config_…'] },
  patternSize: { run: patternSize, around: ['…', '[…', '[[:…', '\\Q…', '\\p{…', 'a{…'] },
  parseGoDuration: { run: parseGoDuration, around: ['…', '1h…', '1.…s'] },
  names: { run: dns1123SubdomainProblem, around: ['…', 'a…', 'a.…'] },
  // The API server, which passes on what they wrote.
  parseJson: { run: parseJson, around: json },
  jsonTexts: { run: jsonTexts, around: ['[…', '[{"a": …', '[{"a": "…"}]'] },
  parseRawObject: {
    run: (text) => parseRawObject(text, 'Connector', 'GET /'),
    around: ['{"metadata": {"name": "…"', '{"metadata": {"name": "a", "resourceVersion": "1"}, "spec": …'],
  },
  // Messages that quote.
  wording: {
    run: (text) => [quote(text), shownPath(text), unsubstitutedIn(text), inOneLine(text)],
    around: ['…', '$(…', '/a?…'],
  },
  // The node.
  parseMountTable: { run: parseMountTable, around: ['…', '1 1 0:1 / /… rw - tmpfs a rw', '1 1 0:1 / / rw \\0…'] },
};

/** Errors with which a parser rejects a text. */
export const rejections = [CodedError, KubeError, SyntaxError, RangeError, URIError, RulesError, TokenFailure];
