import assert from 'node:assert/strict';
import { overridesMethod } from '../../../src/rules/read-only.js';
import { ruledRequest } from '../../support/rules/rule-sets.js';

const fetchHeaders = ['Content-Type', 'application/x-git-upload-pack-request'];

function isRead(method: string, path: string, rawHeaders: readonly string[] = []): boolean {
  return ruledRequest(method, path, { rawHeaders }).isRead;
}

describe('a read', () => {
  it('is a safe method, and no other', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) assert.ok(isRead(method, '/v2/app/manifests/1'), method);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'MKCOL', 'get', 'PROPFIND', 'QUERY', ''])
      assert.ok(!isRead(method, '/v2/app/manifests/1'), method);
  });

  it('has no body, which some tools read as the next request', () => {
    assert.ok(!isRead('GET', '/a', ['Content-Length', '5']));
    assert.ok(!isRead('HEAD', '/a', ['transfer-encoding', 'chunked']));
    assert.ok(isRead('GET', '/a', ['Content-Length', '0', 'X-A', 'content-length']));
  });

  it('is no request for a token that can do more than pull', () => {
    for (const scope of [
      'repository:g/p:push',
      'repository:g/p:push,x:pull',
      'repository:g/p:*,x:pull',
      'a:b:push:pull',
    ])
      assert.ok(!isRead('GET', `/jwt/auth?service=registry&scope=${scope}`), scope);
    for (const scope of ['repository:g/p:pull', 'repository:h:5000/p:pull', 'registry:catalog:*', 'openid+profile'])
      assert.ok(isRead('GET', `/jwt/auth?service=registry&scope=${scope}`), scope);
  });

  it('is not a change of the protocol', () => {
    assert.ok(!ruledRequest('GET', '/exec', { isUpgrade: true }).isRead);
  });

  it('is the clone and fetch of Git, not the push', () => {
    for (const repository of ['/team/app.git', '/app', '/a/b/c.wiki.git', '//team/app.git', '/api/app.git']) {
      assert.ok(isRead('GET', `${repository}/info/refs?service=git-upload-pack`), repository);
      assert.ok(isRead('POST', `${repository}/git-upload-pack`, fetchHeaders), repository);
      assert.ok(!isRead('GET', `${repository}/info/refs?service=git-receive-pack`), repository);
      assert.ok(!isRead('POST', `${repository}/git-receive-pack`, fetchHeaders), repository);
    }
    assert.ok(isRead('GET', '/team/app.git/info/refs'));
    assert.ok(isRead('GET', '/search?service=git-receive-pack'));
  });

  it('is not the start of a push in any spelling', () => {
    for (const query of [
      'service=git-receive-pack',
      'service=git%2Dreceive%2Dpack',
      '%73ervice=git-receive-pack',
      '%2573ervice=git-receive-pack',
      'service=git-upload-pack&service=git-receive-pack',
      'a=1;service=git-receive-pack',
      'a=1%26service=git-receive-pack',
      'service[]=git-receive-pack',
      'Service=git-receive-pack',
      'service=git-upload-pack%20',
      'service=',
    ])
      assert.ok(!isRead('GET', `/app.git/info/refs?${query}`), query);
    for (const path of [
      '/app.git/info%2Frefs',
      '/app.git/INFO/Refs/',
      '/app.git//info/./refs',
      '/app.git/info;x/refs;y',
      '/app.git/info%252Frefs',
      '/app.git/info%5Crefs',
      '/app.git/%69nfo/refs.json',
    ])
      assert.ok(!isRead('GET', `${path}?service=git-receive-pack`), path);
  });

  it('is not a POST that some tool routes elsewhere than to the fetch', () => {
    const notFetches: readonly (readonly [path: string, headers: readonly string[]])[] = [
      ['/app.git/git-upload-pack', []],
      ['/app.git/git-upload-pack', ['Content-Type', 'application/json']],
      ['/app.git/git-upload-pack', [...fetchHeaders, 'content-type', 'application/json']],
      ['/app.git/git-upload-pack?branch=main&content=x', fetchHeaders],
      ['/app.git/x%2Fgit-upload-pack', fetchHeaders],
      ['/app.git/git-upload-pack;x', fetchHeaders],
      ['/app.git/GIT-UPLOAD-PACK', fetchHeaders],
      ['/api/v4/projects/1/repository/files/git-upload-pack', fetchHeaders],
      ['/gitea/api/v1/repos/a/b/contents/git-upload-pack', fetchHeaders],
      ['/rest/api/1.0/projects/a/repos/b/git-upload-pack', fetchHeaders],
      ['/rest/api/latest/x/git-upload-pack', fetchHeaders],
      ['/API/v4/x/git-upload-pack', fetchHeaders],
      ['/git-upload-pack/x', fetchHeaders],
      [`${'/a'.repeat(200)}/git-upload-pack`, fetchHeaders],
    ];
    for (const [path, headers] of notFetches) assert.ok(!isRead('POST', path, headers), path);
  });

  it('asks the token service of a registry for no more than pull', () => {
    for (const scope of [
      'repository:team/app:pull',
      'repository:team/app:pull&scope=repository:lib/x:pull',
      'repository%3Ateam%2Fapp%3Apull',
      'repository:a:pull+repository:b:pull',
      'registry:catalog:*',
      'issues',
      '',
    ])
      assert.ok(isRead('GET', `/service/token?service=harbor-registry&scope=${scope}`), scope);
    for (const scope of [
      'repository:team/app:pull,push',
      'repository:team/app:push',
      'repository:team/app:*',
      'repository%3Ateam%2Fapp%3Apull%2Cpush',
      'repository:a:pull+repository:b:push',
      'repository:a:pull%20repository:b:delete',
      'repository:a:pull&scope=repository:b:push',
      'repository:a:pull&Scope[]=repository:b:push',
      'registry:other:*',
      'repository(plugin):a:push',
    ])
      assert.ok(!isRead('GET', `/service/token?account=x&scope=${scope}`), scope);
  });

  it('takes time in proportion to the request', () => {
    // Quadratic work would take minutes.
    for (const part of ['%25', '&scope=a:b:', '&service', ';%26', '+:'])
      isRead('GET', `/info/refs?scope=${part.repeat(200_000)}`);
  });
});

describe('an override of the method', () => {
  const overrides = (path: string, ...rawHeaders: readonly string[]): boolean =>
    overridesMethod(ruledRequest('GET', path, { rawHeaders }).parts);

  it('is a header in any spelling, or a parameter', () => {
    for (const name of ['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override', 'X_HTTP_Method_Override'])
      assert.ok(overrides('/', 'Accept', '*/*', name, 'DELETE'), name);
    for (const query of ['_method=delete', 'a=1&_METHOD=put', 'a=1;_method=put', '%5Fmethod=put', 'a%26_method=x'])
      assert.ok(overrides(`/?${query}`), query);
  });

  it('is no other header or parameter', () => {
    assert.ok(!overrides('/_method?method=GET&my_method=x', 'X-Methods', 'a', 'Accept', 'X-HTTP-Method-Override'));
  });
});
