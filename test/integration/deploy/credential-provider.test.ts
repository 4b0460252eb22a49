import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import fc from 'fast-check';
import { chartFolder } from '../../support/deploy/manifests.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';
import { mutatedText } from '../../support/fuzz/mutations.ts';

const script = path.join(chartFolder, 'files', 'image-pulls', 'connectors-credential-provider');
const apiVersion = 'credentialprovider.kubelet.k8s.io/v1';
const image = 'connectors.local/namespaces/ci/connectors/registry/team/app:1';
const token = 'eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJhdWQiOlsiY29ubmVjdG9ycy1wcm94eSJdfQ.TOKEN-CANARY_0';
const shells: readonly (readonly [program: string, ...options: string[]])[] = [
  ...[['dash'] as const, ['busybox', 'sh'] as const, ['bash'] as const, ['bash', '--posix'] as const],
  ...[['mksh'] as const, ['ksh93'] as const, ['zsh', '--emulate', 'sh'] as const],
];

/** A request as a kubelet of 1.36 has written it. */
function requestOf(fields: object = {}): string {
  const request = { kind: 'CredentialProviderRequest', apiVersion, image, serviceAccountToken: token, ...fields };
  return `${JSON.stringify(request)}\n`;
}

function responseOf(registry = 'connectors.local', password = token): object {
  return {
    ...{ kind: 'CredentialProviderResponse', apiVersion, cacheKeyType: 'Image', cacheDuration: '0s' },
    auth: { [registry]: { username: 'connectors', password } },
  };
}

const rejected: Readonly<Record<string, readonly [request: string, problem: RegExp, args?: readonly string[]]>> = {
  'an empty request': ['', /not a CredentialProviderRequest/],
  'another kind': [requestOf({ kind: 'CredentialProviderResponse' }), /not a CredentialProviderRequest/],
  'another version': [requestOf({ apiVersion: apiVersion.replace('v1', 'v1beta1') }), /apiVersion/],
  'fields in another order': [JSON.stringify({ image, ...JSON.parse(requestOf()) }), /not a CredentialProviderRequest/],
  'a list': [`[${requestOf().trim()}]`, /not a CredentialProviderRequest/],
  'no token': [requestOf({ serviceAccountToken: undefined }), /no service account token: set tokenAttributes/],
  'an empty token': [requestOf({ serviceAccountToken: '' }), /no usable service account token/],
  'a token with a quote': [requestOf({ serviceAccountToken: `${token}"` }), /no usable service account token/],
  'a token with a line break': [requestOf({ serviceAccountToken: `${token}\n` }), /no usable service account token/],
  'a token that is no string': [requestOf({ serviceAccountToken: [token] }), /no service account token/],
  'a token in annotations alone': [
    requestOf({ serviceAccountToken: undefined, serviceAccountAnnotations: { serviceAccountToken: token } }),
    /no service account token/,
  ],
  'an image of another registry': [
    requestOf({ image: 'registry.example.com/a:1' }),
    /not of registry connectors\.local/,
  ],
  'an image of a longer name': [requestOf({ image: `connectors.local.example/a` }), /not of registry/],
  'an image at another port': [requestOf({ image: 'connectors.local:5000/a' }), /not of registry/],
  'an image without a repository': [requestOf({ image: 'connectors.local/' }), /not of registry/],
  'an image with a quote': [requestOf({ image: `${image}","serviceAccountToken":"forged` }), /unexpected characters/],
  'an image with a command': [requestOf({ image: 'connectors.local/$(id)`id`' }), /unexpected characters/],
  'an image with an option': [requestOf({ image: '-n' }), /not of registry/],
  'an image with a pattern': [requestOf({ image: 'connectors.local/*' }), /unexpected characters/],
  'an image with a letter of another alphabet': [requestOf({ image: `${image}é` }), /unexpected characters/],
  'a request that is cut off': [requestOf().slice(0, -10), /is incomplete/],
  'another registry in its configuration': [requestOf(), /not of registry registry\.local/, ['registry.local']],
  'a pattern in its configuration': [requestOf(), /first argument is invalid/, ['*']],
  'a quote in its configuration': [requestOf(), /first argument is invalid/, ['a"']],
};

describe('connectors-credential-provider', function () {
  this.timeout(300_000);
  before(needs(...shells.map(([program]) => program)));

  for (const [program, ...options] of shells) {
    const run = (input: string | Buffer, args: readonly string[] = []) => {
      const { status, stdout, stderr } = spawnSync(program, [...options, script, ...args], { input, encoding: 'utf8' });
      assert.ok(!stderr.includes('CANARY'), 'the token is in a message');
      return { status, stdout, stderr };
    };
    const assertAnswered = (input: string, response: object, args: readonly string[] = []): void => {
      const { status, stdout, stderr } = run(input, args);
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
      assert.deepEqual(JSON.parse(stdout), response);
    };

    describe(`in ${[program, ...options].join(' ')}`, () => {
      it('returns the token of the pod as password', () => {
        assertAnswered(requestOf(), responseOf());
        assertAnswered(requestOf().trimEnd(), responseOf());
        assertAnswered(requestOf({ image: `${image}@sha256:${'0'.repeat(64)}` }), responseOf());
        const named = requestOf({ image: 'Registry.example:8443/namespaces/ci/connectors/x/y' });
        assertAnswered(named, responseOf('Registry.example:8443'), ['Registry.example:8443']);
      });

      it('ignores annotations, whatever they contain, and further fields', () => {
        for (const text of [
          '"}',
          '\\"',
          '\n',
          '","serviceAccountToken":"forged',
          '$(id)',
          '`id`',
          "'",
          '%s',
          '*',
          '',
        ]) {
          const serviceAccountAnnotations = { [text]: text, serviceAccountToken: 'forged' };
          assertAnswered(requestOf({ serviceAccountAnnotations }), responseOf());
        }
        assertAnswered(requestOf({ serviceAccountAnnotations: { a: 'x'.repeat(262_144) } }), responseOf());
        assertAnswered(requestOf({ podName: 'later' }), responseOf());
      });

      for (const [what, [request, problem, args]] of Object.entries(rejected)) {
        it(`rejects ${what}`, () => {
          const { status, stdout, stderr } = run(request, args);
          assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
          assert.match(stderr, /^connectors-credential-provider: [^\n]+\n$/);
          assert.match(stderr, problem);
        });
      }

      it('returns a token of the request to the configured registry or nothing, whatever the request is', () => {
        const requests = mutatedText([requestOf(), requestOf({ serviceAccountAnnotations: { a: '"}' } })]);
        const check = (request: string): void => {
          const { status, stdout } = run(request);
          if (status !== 0) {
            assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
            return;
          }
          const { auth } = JSON.parse(stdout) as { auth: Record<string, { username: string; password: string }> };
          const { password } = auth['connectors.local']!;
          assert.match(password, /^[\w.-]+$/);
          assert.deepEqual(JSON.parse(stdout), responseOf('connectors.local', password));
          // Shells drop null bytes.
          assert.ok(request.replaceAll('\0', '').includes(`","serviceAccountToken":"${password}"`));
        };
        const field = fc.oneof(fc.string(), mutatedText([image, token]));
        fc.assert(fc.property(requests, check), { numRuns: 30 });
        fc.assert(
          fc.property(field, field, (name, value) => {
            const request = requestOf({ image: name, serviceAccountToken: value });
            const isValid = /^connectors\.local\/[\w.:/@-]+$/.test(name) && /^[\w.-]+$/.test(value);
            const { status, stdout } = run(request);
            assert.equal(status, isValid ? 0 : 1);
            if (isValid) assert.deepEqual(JSON.parse(stdout), responseOf('connectors.local', value));
          }),
          { numRuns: 30 },
        );
      });
    });
  }
});
