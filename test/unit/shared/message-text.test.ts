import assert from 'node:assert/strict';
import {
  listed,
  listedInQuotes,
  quote,
  shownPath,
  suggestion,
  unsubstitutedIn,
} from '../../../src/shared/message-text.ts';

describe('quote', () => {
  it('gives one escaped line of at most 100 characters', () => {
    assert.equal(quote('a"\n'), '"a\\"\\n"');
    assert.equal(quote('x'.repeat(101)), `"${'x'.repeat(100)}…"`);
  });
});

describe('a path in a message', () => {
  it('is whole, or both of its ends', () => {
    const usual = `/var/lib/kubelet/pods/${'u'.repeat(36)}/volumes/kubernetes.io~csi/connectors/mount`;
    assert.equal(shownPath(usual), usual);
    assert.equal(shownPath(`/pods/${'/x'.repeat(2000)}/mount`), `/pods/${'/x'.repeat(97)}…${'/x'.repeat(97)}/mount`);
  });
});

describe('a list in a message', () => {
  it('has all of few names, and the first of many', () => {
    assert.equal(listed(['a', 'b']), 'a, b');
    assert.equal(listedInQuotes(['a', 'b']), '"a", "b"');
    const many = Array.from({ length: 30_000 }, (_, index) => `name-${index}`);
    assert.match(listed(many), /^name-0, .*, name-19 and 29980 more$/);
  });

  it('is bounded however long the names are', () => {
    const names = Array.from({ length: 64 }, () => 'x'.repeat(100_000));
    for (const list of [listed, listedInQuotes]) assert.ok(list(names).length < 2500);
  });
});

describe('a variable that was not substituted', () => {
  it('is named where there is one', () => {
    assert.match(unsubstitutedIn('a,$(params.b),c') ?? '', /^still holds "\$\(params\.b\)": Tekton/);
    assert.match(unsubstitutedIn('$(params.b') ?? '', /^still holds "\$\(params\.b": Tekton/);
    assert.equal(unsubstitutedIn('$HOME (x)'), undefined);
  });
});

describe('a suggestion', () => {
  const names = ['serve', 'proxy', 'render', 'check', 'doctor'];

  it('is the name that was meant', () => {
    for (const [word, meant] of Object.entries({ rendr: 'render', chekc: 'check', Doctor: 'doctor', sevre: 'serve' }))
      assert.equal(suggestion(word, names), `: did you mean "${meant}"?`);
  });

  it('is not made for another word', () => {
    for (const word of ['install', 'x', 'constructor', '']) assert.equal(suggestion(word, names), '');
  });
});
