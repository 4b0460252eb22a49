import assert from 'node:assert/strict';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { canonicalParameterName, overrideIn, parametersOf } from '../../../../src/proxy/rules/overrides.ts';

function overrides(query: string, ...rawHeaders: readonly string[]): boolean {
  return overrideIn(parametersOf(query) ?? [], rawHeaders) !== undefined;
}

describe('an override of method or path', () => {
  for (const name of [
    ...['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override', 'X_HTTP_Method_Override', 'X-Method'],
    ...['Method-Override', 'HTTP-Method-Override', 'X-HTTP-Verb-Override', 'X-HTTP-Verb', 'X-Verb'],
    ...['X-Original-URL', 'X-Rewrite-URL', 'X-Original-URI', 'X_Rewrite_Url', 'X-Override-URL', 'X-HTTP-Path-Override'],
    ...['Destination', 'destination', 'X-Amz-Copy-Source', 'x_goog_copy_source', 'x-ms-copy-source'],
  ])
    it(`is the header ${name}`, () => assert.ok(overrides('', 'Accept', '*/*', name, 'DELETE')));

  for (const query of [
    ...['_method=delete', 'a=1&_METHOD=put', 'a=1;_method=put', '%5Fmethod=put', '%255Fmethod=put', 'a%26_method=x'],
    ...['+_method=DELETE', '?_method=x', '_method[]=x', '[_method]=x', '.method=x', '__method=x', '%u005fmethod=x'],
    ...['_method', 'x-http-method-override=PUT', 'X_HTTP_Method=PUT', '%20_method=x', '_method%00=x'],
  ])
    it(`is the query ${query}`, () => assert.ok(overrides(query)));

  it('is no other header or parameter', () => {
    assert.ok(
      !overrides(
        'method=GET&my_method=x&a=_method&url=/x&destination=/y',
        'X-Methods',
        'a',
        'Accept',
        'X-Original-URL',
      ),
    );
    assert.ok(!overrides('', 'X-Forwarded-Host', 'a', 'X-Original-Host', 'b', 'Origin', 'c', 'X-Path', 'd'));
  });
});

describe('the parameters of a query', () => {
  it('are split before and after they are decoded', () => {
    assert.deepEqual(parametersOf(''), []);
    assert.deepEqual(parametersOf('A=1&b;c'), ['a=1', 'b', 'c']);
    assert.deepEqual(parametersOf('a=1%26b'), ['a=1&b', 'a=1', 'b']);
  });

  it('are limited in number, encoded separators included', () => {
    const { parameters } = proxyLimits.rules;
    for (const separator of ['&', ';', '%26', '%2526']) {
      assert.ok(parametersOf(`a${`${separator}a`.repeat(parameters - 1)}`), separator);
      assert.equal(parametersOf(`a${`${separator}a`.repeat(parameters)}`), undefined, separator);
    }
  });

  it('have names that servers can read alike', () => {
    for (const name of ['a.b', 'A_B', 'a%2Eb', 'a b', 'a+b', 'a.b[c]', '%61%2e%62', '?a_b', ' a_b ', '%u0061.b']) {
      assert.equal(canonicalParameterName(name), 'a_b', name);
    }
    assert.equal(canonicalParameterName('[a]'), 'a');
    assert.equal(canonicalParameterName(''), '');
  });
});
