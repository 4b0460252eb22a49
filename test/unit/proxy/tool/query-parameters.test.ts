import assert from 'node:assert/strict';
import fc from 'fast-check';
import { withParameters, withoutParameters } from '../../../../src/proxy/tool/query-parameters.ts';

const names = new Set(['key']);

describe('query parameters of a credential', () => {
  it('replace those of the client as URLSearchParams reads them, whatever the client sends', () => {
    const part = fc.constantFrom(
      ...'key KEY %6bey %256bey k%65y [a] %5B0%5D = & ; ? + %20 a 1 . %00 %u006b ey'.split(' '),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const path = withParameters(`/p?${parts.join('')}`, names, [['key', 'own']]);
        const query = path.slice(path.indexOf('?') + 1);
        const found = [...new URLSearchParams(query)].filter(([name]) => name.toLowerCase() === 'key');
        assert.deepEqual(found, [['key', 'own']]);
      }),
    );
  });

  it('leave other parameters as they are', () => {
    const query = 'a=1&&b=%20;c=%zz&d&=e&monkey=1&key2=2';
    assert.equal(withParameters(`/p?${query}`, names, [['key', 'own']]), `/p?${query}&key=own`);
    assert.equal(withParameters('/p?key=1', names, []), '/p');
    assert.equal(withParameters('/p?key=1', new Set(), []), '/p?key=1');
  });

  const hidden: readonly (readonly [sent: string, received: string | undefined])[] = [
    ['/next', '/next'],
    ['https://a/?key=SECRET', 'https://a/'],
    ['https://a/?key=SECRET&b=1#key', 'https://a/?b=1#key'],
    ['https://a/?b=1&key=SECRET', 'https://a/?b=1'],
    ['</?b=1;KEY=SECRET>; rel=next, </?%6Bey=x&c=1>', '</?b=1>; rel=next, </?c=1>'],
    ['/SECRET/x', undefined],
    ['/?u=%2F%3Fkey%3DSECRET', undefined],
    ['/?u=%2553ECRET', undefined],
    ['/?u=%25252553ECRET', undefined],
    ['/?u=SE%43RET', undefined],
  ];
  for (const [sent, received] of hidden) {
    it(`are not in a response: ${sent}`, () => {
      assert.equal(withoutParameters(sent, names, ['SECRET']), received);
    });
  }

  it('are not in a response in the spelling of forms', () => {
    assert.equal(withoutParameters('x a+b%2Bc', names, ['a b+c']), undefined);
    assert.equal(withoutParameters('x a b+c', names, ['a b+c']), undefined);
  });
});
