import assert from 'node:assert/strict';
import { parseAskedClient, parseAskedConnectors, parsePod } from '../../../../src/proxy/check/question.ts';
import { parseAskedRequest, wordsOf } from '../../../../src/proxy/check/question.ts';
import { UsageError } from '../../../../src/shared/process/flags.ts';

const builder = parseAskedClient('system:serviceaccount:ci:builder');

describe('a request to check', () => {
  it('is a method, a path or URL, and headers', () => {
    assert.deepEqual(parseAskedRequest(wordsOf(' GET  /a?b=c ')), { method: 'GET', target: '/a?b=c', headers: [] });
    const { target, headers } = parseAskedRequest(wordsOf('POST HTTPS://h/x Content-Type:text/plain X-A:b:c'));
    assert.deepEqual([target, headers], ['HTTPS://h/x', ['Content-Type', 'text/plain', 'X-A', 'b:c']]);
  });

  for (const [text, problem] of [
    ['', /must begin with a method of HTTP .*, not ""/],
    ['get /', /must begin with a method .*, not "get"/],
    ['FETCH /', /must begin with a method/],
    ['CONNECT host:443', /must begin with a method/],
    ['GET', /must have a path that begins with \/, or an http or https URL, not ""/],
    ['GET a', /must have a path/],
    ['GET ftp://host/', /must have a path/],
    ['GET / Accept', /has "Accept" after its path: write a header as NAME:VALUE/],
    ['GET /ä', /has "ä" in its path: write %C3%A4$/],
    ['GET / (x):y', /write a header as NAME:VALUE/],
  ] as const) {
    it(`is rejected as ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseAskedRequest(wordsOf(text)),
        (error) => error instanceof UsageError && problem.test(error.message),
      );
    });
  }
});

describe('a client to check', () => {
  it('is a service account with the groups that the API server gives it', () => {
    assert.deepEqual(builder, {
      user: 'system:serviceaccount:ci:builder',
      account: { namespace: 'ci', name: 'builder' },
      identity: {
        uid: '',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ci', 'system:authenticated'],
        extra: {},
      },
      pod: undefined,
      expiresAtMs: Infinity,
    });
    assert.equal(parseAskedClient('-'), undefined);
  });

  it('has the pod of its token', () => {
    const pod = parsePod('ci/build-1', 'uid-1');
    const client = parseAskedClient('system:serviceaccount:ci:builder', pod);
    assert.deepEqual(client?.pod, { namespace: 'ci', name: 'build-1', uid: 'uid-1' });
    assert.deepEqual(client.identity.extra, {
      'authentication.kubernetes.io/pod-name': ['build-1'],
      'authentication.kubernetes.io/pod-uid': ['uid-1'],
    });
  });

  for (const user of ['', 'bob', 'system:serviceaccount:ci', 'system:serviceaccount:CI:builder', 'system:node:a:b'])
    it(`is not ${JSON.stringify(user)}`, () => {
      assert.throws(() => parseAskedClient(user), /must be system:serviceaccount:NAMESPACE:NAME, or - to leave/);
    });

  it('is in the namespace of its pod', () => {
    const pod = parsePod('other/build-1', 'uid-1');
    assert.throws(() => parseAskedClient('system:serviceaccount:ci:builder', pod), /--pod is in other/);
    assert.throws(() => parsePod('build-1', 'uid-1'), /must be NAMESPACE\/NAME/);
  });
});

describe('connectors to check', () => {
  it('are named as in a volume', () => {
    assert.deepEqual(parseAskedConnectors('other/a, b', builder), [
      { namespace: 'other', name: 'a' },
      { namespace: 'ci', name: 'b' },
    ]);
  });

  it('have a namespace if there is no account', () => {
    assert.throws(() => parseAskedConnectors('b', undefined), /must be NAMESPACE\/NAME/);
    assert.throws(() => parseAskedConnectors('a/b,a/b', undefined), /names "a\/b" twice/);
  });
});
