import assert from 'node:assert/strict';
import { flagsOf, providerProblems } from '../../../src/cli/doctor/image-pulls/kubelet.js';
import { addressIn, caFileIn } from '../../../src/cli/doctor/image-pulls/runtimes.js';

describe('what doctor reads from a node', () => {
  it('finds flags in each of their forms', () => {
    const words = ['kubelet', '--one=1', '--two', '2', '-three=a=b', '--one', '--last', '', '--end'];
    assert.deepEqual(
      ['one', 'two', 'three', 'last', 'end', 'o', '2'].map((name) => flagsOf(words, name)),
      [['1', '--last'], ['2'], ['a=b'], [''], [''], [], []],
    );
  });

  it('matches images as the kubelet', () => {
    const isMatch = (pattern: unknown, registry: string): boolean =>
      !providerProblems(
        [{ kind: 'CredentialProviderConfig', providers: [{ name: 'x', matchImages: [pattern as string] }] }],
        { name: 'x', registry, audience: 'y' },
      ).some((problem) => problem.startsWith('matchImages'));
    for (const pattern of ['images.example.com', '*.example.com', 'im*s.*.com', 'images.example.com/namespaces'])
      assert.ok(isMatch(pattern, 'images.example.com'), pattern);
    for (const pattern of ['*.com', '*', 'images.example.com:5000', 'images-example.com', 'example.com', '(', 1, null])
      assert.ok(!isMatch(pattern, 'images.example.com'), String(pattern));
    assert.ok(isMatch('*.local:5000', 'connectors.local:5000'));
    assert.ok(!isMatch('*.local', 'connectors.local:5000'));
  });

  it('reports a configuration of any shape', () => {
    const expected = { name: 'x', registry: 'r', audience: 'y' };
    const none = ['no provider x in a CredentialProviderConfig'];
    const kind = 'CredentialProviderConfig';
    for (const config of [{}, { kind }, { kind, providers: {} }, { kind, providers: [null, 1, 'x', []] }])
      assert.deepEqual(providerProblems([config as never], expected), none);
    const odd = { kind, providers: [{ name: 'x', matchImages: {}, args: 'r', tokenAttributes: [] }] };
    assert.equal(providerProblems([odd], expected).length, 4);
  });

  it('finds the CA in hosts.toml, and a name in /etc/hosts', () => {
    assert.deepEqual(
      ['ca = "ca.crt"', "[host.x]\n  ca = ['/etc/a.crt', 'b']", '# ca = "x"', 'cache = "x"', ''].map(caFileIn),
      ['ca.crt', '/etc/a.crt', undefined, undefined, undefined],
    );
    const hosts = '# 10.0.0.1 a.b\n10.0.0.2 x a.b\n10.0.0.3 a.b\n\n10.0.0.4 a.bc # c\n';
    assert.deepEqual(
      ['a.b', 'c', 'a', 'a.bc'].map((name) => addressIn(hosts, name)),
      ['10.0.0.2', undefined, undefined, '10.0.0.4'],
    );
  });
});
