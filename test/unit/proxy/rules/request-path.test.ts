import assert from 'node:assert/strict';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { ambiguityOf, folded, LenientPath, pathProblem, readingsOf } from '../../../../src/proxy/rules/request-path.ts';
import { parentSpellings, usualPaths } from '../../../support/proxy/path-spellings.ts';

describe('the problem of a path', () => {
  for (const spelling of parentSpellings) {
    it(`is found in ${spelling}`, () => assert.notEqual(pathProblem(`/team-a/${spelling}`), undefined));
  }

  for (const path of usualPaths) {
    it(`is not found in ${path}`, () => assert.equal(pathProblem(`/team-a${path}`), undefined));
  }

  it('is named with what to change', () => {
    assert.match(pathProblem('/..%2f') ?? '', /begins with "\.\." once decoded: send the path that it leads to$/);
    assert.match(pathProblem('/%25252525252e') ?? '', /percent-encoded more than 4 times: encode it once$/);
    assert.match(pathProblem('/a%01') ?? '', /control character once decoded: remove it$/);
    assert.match(pathProblem('/%c0%ae') ?? '', /overlong form of UTF-8: encode it as UTF-8$/);
    assert.match(pathProblem('/%2e/a') ?? '', /an encoded "\.": leave it out$/);
  });

  it('is found in one decoding as in four, and not beyond', () => {
    for (const times of [1, 2, 3, 4]) assert.equal(pathProblem(`/%${'25'.repeat(times - 1)}41`), undefined);
    assert.match(pathProblem(`/%${'25'.repeat(4)}41`) ?? '', /more than 4 times/);
  });
});

describe('the ambiguity of a path', () => {
  const canonical = [
    ...['/', '/a', '/a/', '/v2/team/app/manifests/1.0', '/@scope%2fname', '/team%2Fapp/x', '/team%252Fapp/x', '/a%2F'],
    ...['/a;x=1/b', '/a%3Bx', '/%74okens', '/a%20b', '/100%25', '/.well-known/x', '/a..b', '/app.git/info/refs'],
    ...['/%C3%A9', '/\xc3\xa9', '/%F6', "/Packages(Id='a.b')", '/+/%5B1%5D', '/~x/%7Ex', '/a:b@c', '/lib%2Fkey%2Erb'],
  ];
  for (const path of canonical) it(`is not found in ${path}`, () => assert.equal(ambiguityOf(path), undefined));

  const problems: readonly (readonly [problem: RegExp, paths: readonly string[]])[] = [
    [/encoded twice: encode it once$/, ['/%2574okens', '/a%2525b%2541', '/a%25252Fb', '/a%255Cb']],
    [/has a backslash: send a slash$/, ['/a%5Cb', '/a%5c', '/%5Ca/b', '/a\\b']],
    [/has an encoded "\?" or "#": leave out what begins there$/, ['/a%3f/x', '/a%23/x', '/%3Fa', '/a%23']],
    [/has an empty segment: send one slash$/, ['//', '//a', '/a//b', '/a//', '/a%2F/b', '/%2Fa', '/a/;x/b', '/;x']],
    [/has the segment "\.": leave it out$/, ['/./a', '/a/.', '/a/./b']],
    [
      /ends with a dot or blank: remove that$/,
      ['/a./x', '/a.', '/a%20/x', '/a.json%20', '/a..', '/a%2E', '/a.;x', '/%20'],
    ],
    [/ends with a dot or blank: remove that$/, ['/a.%2Fb', '/a%C2%A0', '/a%20%2Fb', '/a%20/']],
    [/has both ";" and %2F: send one of them only$/, ['/a;%2Fx', '/a%2Fb;x', '/a%2Fb/c;x', '/a%252Fb;x', '/a%3B/b%2f']],
    [/has a "%" that encodes nothing: send %25$/, ['/100%', '/%zz', '/a%2', '/%%41', '/a%2%65b']],
    [/has more than 100 segments: shorten it$/, ['/a'.repeat(101), '/a'.repeat(5000), `/a${'%2Fa'.repeat(100)}`]],
  ];
  for (const [problem, paths] of problems) {
    for (const path of paths) {
      it(`is found in ${path.slice(0, 40)}, with what to send`, () => assert.match(ambiguityOf(path) ?? '', problem));
    }
  }

  it('names the place', () => {
    assert.equal(ambiguityOf('/a//b'), 'at "/a//b" it has an empty segment: send one slash');
    assert.equal(
      ambiguityOf(`/${'a'.repeat(300)}%5C${'b'.repeat(300)}`),
      `at "${'a'.repeat(20)}\\\\${'b'.repeat(19)}" it has a backslash: send a slash`,
    );
  });

  it('is none of the number of segments up to the limit', () => {
    const { requestSegments } = proxyLimits.rules;
    assert.equal(ambiguityOf('/a'.repeat(requestSegments)), undefined);
    assert.equal(ambiguityOf(`${'/a'.repeat(requestSegments)}/`), undefined);
  });
});

describe('the readings of a path', () => {
  const sent = (path: string): string => readingsOf(path).sent.join(' ');
  const lenient = (path: string): readonly string[] => readingsOf(path).lenient.map((each) => each.join(' '));

  it('are as sent, decoded, without a slash at the end', () => {
    assert.equal(sent('/v2/team/app'), 'v2 team app');
    assert.equal(sent('/v2/team/app/'), 'v2 team app');
    assert.equal(sent('/'), '');
    assert.equal(sent('/%74okens/%C3%A9/\xc3\xa9'), 'tokens é é');
    assert.equal(sent('/a%2Fb/c;x'), 'a/b c;x');
    assert.equal(sent('/a%252Fb'), 'a/b');
  });

  it('of lenient tools have no case, an encoded slash as separator, no parameters and no format', () => {
    assert.deepEqual(lenient('/API/Tokens.json'), ['api tokens.json', 'api tokens']);
    assert.deepEqual(lenient('/v1.0'), ['v1.0', 'v1']);
    assert.deepEqual(lenient('/projects/a%2Fb/'), ['projects a/b', 'projects a b']);
    assert.deepEqual(lenient('/projects/a%252Fb'), ['projects a/b', 'projects a b']);
    assert.deepEqual(lenient('/a;x/b;y'), ['a;x b;y', 'a b']);
    assert.deepEqual(lenient('/a%3Bx/b'), ['a;x b', 'a b']);
    assert.deepEqual(lenient('/%EF%BD%94okens'), ['tokens']);
  });
});

describe('a folded text', () => {
  it('is the same for the characters that a lenient tool takes for it', () => {
    assert.equal(folded('ToKens'), 'tokens');
    assert.equal(folded('\u212aey'), 'key');
    assert.equal(folded('\uff34\uff4fkens'), 'tokens');
  });
});

describe('a guarded path', () => {
  const spellings = [
    ...['/oauth/token', '/oauth/token?grant_type=x', '/oauth/token#x', '/OAuth/Token', '//oauth///token//'],
    ...['/oauth/token/', '/oauth/./token', '/./oauth/token/.', '/oauth/%74oken', '/oauth/%2574oken'],
    ...['/oauth/%25252574oken', '/oauth%2ftoken', '/oauth%5Ctoken', '/oauth\\token', '/oauth;a=b/token;c'],
    ...['/oauth/token%3bc', '/oauth/token;%2Fx', '/oauth;%2Fx/token', '/oauth;%252Fx/%74oken', '/oauth%3b%252Fx/token'],
    ...['/oauth/token%3Fx', '/oauth/token%20', '/oauth/tok%EF%BD%85n'],
  ];
  for (const spelling of spellings) {
    it(`is recognized as ${spelling}`, () => assert.ok(new LenientPath(spelling).isAt('/oauth/token')));
  }

  for (const other of ['/oauth/tokens', '/oauth', '/', '', '/x/oauth/token', '/oauth/token/info', '/oauthtoken']) {
    it(`is not ${other === '' ? 'empty' : other}`, () => assert.ok(!new LenientPath(other).isAt('/oauth/token')));
  }

  it('includes what is below it, and suffixes', () => {
    for (const below of ['/oauth/token/info', '/oauth/Token.json', '/oauth/token%2Finfo', '/oauth/token']) {
      assert.ok(new LenientPath(below).isAtOrBelow('/oauth/token'), below);
    }
    assert.ok(!new LenientPath('/oauth/tokens').isAtOrBelow('/oauth/token'));
  });
});
