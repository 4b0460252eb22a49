import assert from 'node:assert/strict';
import { isLfsBatch } from '../../../../src/proxy/rules/read-only.ts';
import { requestForRules } from '../../../support/rules/rule-sets.ts';

const fetchOfGit = 'application/x-git-upload-pack-request';
const batchOfLfs = 'application/vnd.git-lfs+json';

function isRead(method: string, path: string, contentType?: string, isGit = true): boolean {
  return requestForRules(method, path, { contentType, hasBody: contentType !== undefined }, isGit).isRead;
}

describe('a read', () => {
  it('is a safe method, and no other', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) assert.ok(isRead(method, '/v2/app/manifests/1'), method);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'MKCOL', 'get', 'PROPFIND', 'QUERY', ''])
      assert.ok(!isRead(method, '/v2/app/manifests/1'), method);
  });

  it('has no body, which some tools read as the next request', () => {
    assert.ok(!requestForRules('GET', '/a', { hasBody: true }).isRead);
  });

  it('has no more parameters than are looked at', () => {
    assert.ok(!isRead('GET', `/a?${'&a'.repeat(256)}`));
    assert.ok(isRead('GET', `/a?${'&a'.repeat(255)}`));
  });

  it('is not a change of the protocol', () => {
    assert.ok(!requestForRules('GET', '/exec', { isUpgrade: true }).isRead);
  });

  it('is the clone and fetch of Git, not the push', () => {
    for (const repository of ['/team/app.git', '/app', '/a/b/c.wiki.git', '/api/app.git', '/a%2Fb']) {
      assert.ok(isRead('GET', `${repository}/info/refs?service=git-upload-pack`), repository);
      assert.ok(isRead('POST', `${repository}/git-upload-pack`, fetchOfGit), repository);
      assert.ok(!isRead('GET', `${repository}/info/refs?service=git-receive-pack`), repository);
      assert.ok(!isRead('POST', `${repository}/git-receive-pack`, fetchOfGit), repository);
    }
    assert.ok(isRead('GET', '/team/app.git/info/refs'));
    assert.ok(isRead('GET', '/search?service=git-receive-pack'));
  });

  it('is no POST at other tools than Git servers, which can start anything', () => {
    assert.ok(!isRead('POST', '/job/deploy/git-upload-pack', fetchOfGit, false));
    assert.ok(isRead('GET', '/app.git/info/refs?service=git-receive-pack', undefined, false));
    assert.ok(!requestForRules('POST', '/a/info/lfs/objects/batch', { contentType: batchOfLfs }).isRead);
  });

  it('is not the start of a push, whatever else is asked for', () => {
    for (const query of [
      'service=git-receive-pack',
      'service=git%2Dreceive%2Dpack',
      '%73ervice=git-receive-pack',
      'service=git-upload-pack&service=git-receive-pack',
      'a=1;service=git-receive-pack',
      'service[]=git-receive-pack',
      'Service=git-receive-pack',
      'service=',
    ])
      assert.ok(!isRead('GET', `/app.git/info/refs?${query}`), query);
  });

  it('is not a POST that some Git server routes elsewhere than to the fetch', () => {
    const notFetches: readonly (readonly [path: string, contentType?: string])[] = [
      ['/app.git/git-upload-pack'],
      ['/app.git/git-upload-pack', 'application/json'],
      ['/app.git/git-upload-pack?branch=main&content=x', fetchOfGit],
      ['/app.git/x%2Fgit-upload-pack', fetchOfGit],
      ['/app.git//git-upload-pack', fetchOfGit],
      ['/app.git/x%5Cgit-upload-pack', fetchOfGit],
      ['/app.git/git-upload-pack;x', fetchOfGit],
      ['/app.git/GIT-UPLOAD-PACK', fetchOfGit],
      ['/api/v4/projects/1/repository/files/git-upload-pack', fetchOfGit],
      ['/api%2Fv4%2Fprojects/1/repository/files/git-upload-pack', fetchOfGit],
      ['/gitea/api/v1/repos/a/b/contents/git-upload-pack', fetchOfGit],
      ['/rest/api/1.0/projects/a/repos/b/git-upload-pack', fetchOfGit],
      ['/rest/api/latest/x/git-upload-pack', fetchOfGit],
      ['/API/v4/x/git-upload-pack', fetchOfGit],
      ['/git-upload-pack/x', fetchOfGit],
      [`${'/a'.repeat(200)}/git-upload-pack`, fetchOfGit],
    ];
    for (const [path, contentType] of notFetches) assert.ok(!isRead('POST', path, contentType), path);
  });

  it('asks the token service of a registry for no more than pull, at any tool', () => {
    for (const scope of [
      'repository:team/app:pull',
      'repository:team/app:pull&scope=repository:lib/x:pull',
      'repository%3Ateam%2Fapp%3Apull',
      'repository:a:pull+repository:b:pull',
      'repository:h:5000/p:pull',
      'registry:catalog:*',
      'openid+profile',
      'issues',
      '',
    ])
      assert.ok(isRead('GET', `/service/token?service=harbor-registry&scope=${scope}`, undefined, false), scope);
    for (const scope of [
      'repository:team/app:pull,push',
      'repository:team/app:push',
      'repository:team/app:*',
      'repository:g/p:push,x:pull',
      'a:b:push:pull',
      'repository%3Ateam%2Fapp%3Apull%2Cpush',
      'repository:a:pull+repository:b:push',
      'repository:a:pull%20repository:b:delete',
      'repository:a:pull&scope=repository:b:push',
      'repository:a:pull&Scope[]=repository:b:push',
      'repository:a%26b:push',
      'registry:other:*',
      'repository(plugin):a:push',
    ])
      assert.ok(!isRead('GET', `/service/token?account=x&scope=${scope}`, undefined, false), scope);
  });
});

describe('a batch request of Git LFS', () => {
  const isBatch = (method: string, path: string, contentType?: string): boolean =>
    isLfsBatch(requestForRules(method, path, { contentType }));

  it('has its path, method and type', () => {
    assert.ok(isBatch('POST', '/a.git/info/lfs/objects/batch', batchOfLfs));
    assert.ok(isBatch('POST', '/a.git/info/lfs/objects/batch', `${batchOfLfs}; charset=utf-8`));
    assert.ok(!isBatch('PUT', '/a.git/info/lfs/objects/batch', batchOfLfs));
    assert.ok(!isBatch('POST', '/a.git/info/lfs/objects/batch', 'application/json'));
    assert.ok(!isBatch('POST', '/a.git/info/lfs/objects/batch?x', batchOfLfs));
    assert.ok(!isBatch('POST', '/api/v1/repos/a/b/contents/info/lfs/objects/batch', batchOfLfs));
  });
});
