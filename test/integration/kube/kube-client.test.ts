import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { CodedError } from '../../../src/shared/errors.ts';
import type { JsonObject } from '../../../src/shared/json.ts';
import type { ClusterConfig, TlsMaterial } from '../../../src/shared/kube/cluster-config.ts';
import type { KubeClient } from '../../../src/shared/kube/kube-client.ts';
import { KubeError } from '../../../src/shared/kube/kube-error.ts';
import { KubeApi } from '../../support/kube-api/kube-api.ts';
import { serverCertificate } from '../../support/kube-api/server-certificate.ts';
import { adminConfig, configFor, connector, connectors, testClient } from '../../support/kube-client/test-client.ts';
import { quickTimings } from '../../support/kube-client/quick-timings.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

const never = new AbortController().signal;
const git = { type: connectors, namespace: 'team-a', name: 'git' };
const path = '/apis/connectors.alauda.io/v1alpha1/namespaces/team-a/connectors/git';

describe('the Kubernetes client', () => {
  let api: KubeApi;
  let config: ClusterConfig;
  let client: KubeClient;

  beforeEach(async () => {
    api = started(await KubeApi.start());
    config = adminConfig(api);
    client = testClient(config);
    api.put(connector('git', 'https://git.example'));
  });

  const get = (signal: AbortSignal = never, timeoutMs = 5000): Promise<JsonObject> =>
    client.get(git, { signal, timeoutMs });
  const failure = async (call: Promise<unknown>): Promise<KubeError> => {
    const error: unknown = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof KubeError, String(error));
    return error;
  };

  it('changes a status by a merge patch, and nothing that another has changed meanwhile', async () => {
    const status = { ...git, subresource: 'status' };
    const { metadata, spec } = api.get('connectors', git)!;
    const first = { metadata: { resourceVersion: metadata.resourceVersion }, status: { a: 1n, b: { c: 'd' } } };
    const answer = await client.patch(status, { ...first, spec: { address: 'elsewhere' } }, { signal: never });
    assert.deepEqual(answer['status'], { a: 1n, b: { c: 'd' } });
    assert.deepEqual(api.get('connectors', git)?.['spec'], spec);
    assert.deepEqual([api.get('connectors', git)?.metadata.generation, metadata.generation], [1, 1]);

    const conflict = await failure(client.patch(status, first, { signal: never }));
    assert.equal(conflict.code, 409);
    assert.ok(conflict.message.startsWith(`PATCH ${path}/status: `), conflict.message);
    await client.patch(status, { status: { b: null } }, { signal: never });
    assert.deepEqual(api.get('connectors', git)?.['status'], { a: 1 });
    assert.equal(api.count({ verb: 'patch', subresource: 'status' }), 3);
  });

  it('gets objects over one connection, integers exact', async () => {
    api.put({ ...connector('git', 'a'), spec: { big: 9_007_199_254_740_993n, half: 0.5 } });
    const objects = await Promise.all(Array.from({ length: 20 }, () => get()));
    for (const object of objects) assert.deepEqual(object['spec'], { big: 9_007_199_254_740_993n, half: 0.5 });
    for (let turn = 0; turn < 20; turn += 1) await get();
    assert.equal(api.openConnections, 1);
  });

  it('keeps the reason, code, message and path of a Status', async () => {
    const error = await failure(client.get({ ...git, name: 'other' }, { signal: never }));
    assert.equal(error.code, 404);
    assert.equal(error.reason, 'NotFound');
    assert.equal(
      error.message,
      `GET ${path.replace('/git', '/other')}: connectors.connectors.alauda.io "other" not found`,
    );
  });

  it('retries what is transient, at the pace that the server asks for', async () => {
    api.faults.add({ verb: 'get', count: 1, effect: { kind: 'status', code: 500 } });
    api.faults.add({ verb: 'get', count: 1, effect: { kind: 'status', code: 503 } });
    api.faults.add({ verb: 'get', count: 2, effect: { kind: 'reset' } });
    api.faults.add({ verb: 'get', count: 1, effect: { kind: 'cut', afterBytes: 30 } });
    api.faults.add({ verb: 'get', count: 1, effect: { kind: 'reset', scope: 'stream' } });
    api.faults.add({ verb: 'get', count: 1, effect: { kind: 'status', code: 429, retryAfterSeconds: 1 } });
    await get();
    const requests = api.requestsOf({ verb: 'get' });
    const throttled = requests.findIndex(({ code }) => code === 429);
    // Both ends are whole milliseconds.
    assert.ok(requests[throttled + 1]!.at - requests[throttled]!.at >= 998);
    assert.equal(requests.at(-1)!.code, 200);
  });

  it('gives up at once when the server asks for more patience than there is time', async () => {
    api.faults.add({ verb: 'get', effect: { kind: 'status', code: 429, retryAfterSeconds: 60 } });
    const error = await failure(get());
    assert.deepEqual([error.code, error.reason, error.retryAfterMs], [429, 'TooManyRequests', 60_000]);
    assert.equal(api.count({ verb: 'get' }), 1);
  });

  it('gives up after a few error answers', async () => {
    api.faults.add({ verb: 'get', effect: { kind: 'status', code: 500 } });
    assert.equal((await failure(get())).code, 500);
    assert.equal(api.count({ verb: 'get' }), quickTimings.maxAttempts);
  });

  it('does not repeat a create that the server may have acted on', async () => {
    for (const effect of [{ kind: 'status', code: 500 }, { kind: 'reset' }] as const) {
      api.clearRequests();
      api.faults.add({ verb: 'create', count: 1, effect });
      const body = connector('new', 'a') as unknown as JsonObject;
      const error = await failure(client.create({ type: connectors, namespace: 'team-a' }, body, { signal: never }));
      assert.equal(error.mayHaveActed, true);
      assert.equal(api.count({ verb: 'create' }), 1);
    }
    await get();
    api.faults.add({ verb: 'create', effect: { kind: 'hang' } });
    const body = connector('new', 'a') as unknown as JsonObject;
    const options = { signal: never, timeoutMs: 60 };
    const error = await failure(client.create({ type: connectors, namespace: 'team-a' }, body, options));
    assert.deepEqual([error.reason, error.mayHaveActed], ['TimedOut', true]);
  });

  it('repeats a create that was turned away unread, and any that the caller calls idempotent', async () => {
    const body = connector('new', 'a') as unknown as JsonObject;
    const location = { type: connectors, namespace: 'team-a' };
    api.faults.add({ verb: 'create', count: 1, effect: { kind: 'status', code: 429 } });
    await client.create(location, body, { signal: never });
    assert.equal(api.count({ verb: 'create' }), 2);
    assert.equal((await failure(client.create(location, body, { signal: never }))).reason, 'AlreadyExists');
    api.faults.add({ verb: 'create', count: 1, effect: { kind: 'reset' } });
    api.delete('connectors', { namespace: 'team-a', name: 'new' });
    await client.create(location, body, { signal: never, isIdempotent: true });
  });

  it('names the path when the answer is not what was asked for', async () => {
    const garbage = [
      { body: 'moo' },
      { body: '{"kind":"Connector"', contentType: 'application/json' },
      { body: '<html>', contentType: 'text/html' },
      { body: '{"kind":"Pod"}' },
      { body: '[]' },
      { body: '"\u{d800}"' },
      { body: `{"kind":${'['.repeat(100_000)}` },
      { body: '{}', code: 302 },
    ];
    for (const effect of garbage) {
      api.faults.add({ verb: 'get', count: 1, effect: { kind: 'garbage', ...effect } });
      const error = await failure(get());
      assert.ok(error.message.startsWith(`GET ${path}: `), error.message);
      assert.ok(!error.message.includes('moo') && !error.message.includes('html'), error.message);
    }
    assert.equal(api.count({ verb: 'get' }), garbage.length);
  });

  it('tells an error that is no Status by its HTTP status alone', async () => {
    for (const effect of [
      { body: '{"kind":' },
      { body: '{"kind":"Pod","message":"moo"}' },
      { contentType: 'text/plain' },
    ]) {
      api.faults.add({ verb: 'get', count: 1, effect: { kind: 'garbage', code: 502, ...effect } });
      const error = await failure(client.get(git, { signal: never, retry: false }));
      assert.deepEqual([error.code, error.reason, error.isTransient], [502, '', true]);
      assert.equal(error.message, `GET ${path}: the server answered with status 502`);
    }
  });

  it('lists nothing that has no revision or holds something that is no object', async () => {
    const location = { type: connectors, namespace: 'team-a' };
    const bodies = {
      '{"kind":"PodList"}': 'the answer is no ConnectorList',
      '{"kind":"ConnectorList","items":[]}': 'metadata.resourceVersion of the list is missing',
      '{"kind":"ConnectorList","metadata":{"resourceVersion":"1"},"items":{}}': 'items of the list is no list',
      '{"kind":"ConnectorList","metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a"}}]}':
        'the answer holds something that is no Connector with metadata',
      '{"kind":"ConnectorList","metadata":{"resourceVersion":"1"},"items":[1]}':
        'the answer holds something that is no Connector with metadata',
    };
    for (const [body, told] of Object.entries(bodies)) {
      api.faults.add({ verb: 'list', count: 1, effect: { kind: 'garbage', body } });
      const error = await failure(client.list(location, {}, { signal: never }));
      assert.deepEqual([error.reason, error.message], ['Malformed', `GET ${path.replace('/git', '')}: ${told}`]);
    }
    api.faults.add({
      verb: 'list',
      count: 1,
      effect: { kind: 'garbage', body: '{"kind":"ConnectorList","metadata":{"resourceVersion":"7"},"items":null}' },
    });
    assert.deepEqual(await client.list(location, {}, { signal: never }), []);
  });

  it('does not take a watch event without bounds', async () => {
    api.faults.add({ verb: 'watch', count: 1, effect: { kind: 'garbage', body: '{'.repeat(9 << 20) } });
    const options = { signal: never, resourceVersion: api.revision, timeoutSeconds: 60 };
    const events = client.watch({ type: connectors, namespace: 'team-a' }, {}, options);
    assert.equal((await failure(events.next())).reason, 'TooLarge');
  });

  it('lets go of what was no watch', async () => {
    const effect = { kind: 'garbage', body: '<html>', contentType: 'text/html' } as const;
    api.faults.add({ verb: 'watch', effect });
    const location = { type: connectors, namespace: 'team-a' };
    for (let turn = 0; turn < 8; turn += 1) {
      const options = { signal: never, resourceVersion: api.revision, timeoutSeconds: 60 };
      assert.equal((await failure(client.watch(location, {}, options).next())).reason, 'Malformed');
    }
    assert.ok(api.openConnections <= 4, `${api.openConnections} connections`);
  });

  it('leaves no connection open that it will not use again', async () => {
    await Promise.all(Array.from({ length: 4 }, () => get()));
    api.faults.add({ verb: 'get', count: 1, effect: { kind: 'reset' } });
    await get();
    await eventually('one is left', () => api.openConnections === 1);
  });

  it('expects another name in the certificate, or none at all, when it is told to', async () => {
    const ca = api.authority.certificate;
    const check = async (choice: 'wrong-host' | 'expired', tls: Partial<TlsMaterial>): Promise<void> => {
      api.useCertificate(choice);
      const other = testClient({ ...config, readTls: () => ({ ca, isInsecure: false, ...tls }) });
      await other.get(git, { signal: never, retry: false }).finally(() => other.close());
    };
    await check('wrong-host', { serverName: 'elsewhere.example' });
    assert.match((await failure(check('expired', { serverName: 'localhost' }))).message, /expired/);
    await check('expired', { isInsecure: true });
  });

  it('does not take an answer without bounds', async () => {
    api.faults.add({ verb: 'get', count: 1, effect: { kind: 'garbage', body: ' '.repeat(9 << 20) } });
    assert.equal((await failure(get())).reason, 'TooLarge');
    await get();
  });

  it('stops when the caller does', async () => {
    await get();
    api.faults.add({ verb: 'get', effect: { kind: 'hang' } });
    const caller = new AbortController();
    const call = get(caller.signal);
    await eventually('the request is there', () => api.count({ verb: 'get' }) === 2);
    caller.abort(new CodedError('DEADLINE_EXCEEDED', 'enough'));
    await assert.rejects(call, { name: 'CodedError', code: 'DEADLINE_EXCEEDED', message: 'enough' });
    await assert.rejects(get(AbortSignal.abort()), { name: 'CodedError', code: 'CANCELLED' });
    assert.equal(api.count({ verb: 'get' }), 2);
  });

  it('stops at its own time and says what has happened until then', async () => {
    api.faults.add({ verb: 'get', effect: { kind: 'hang' } });
    const error = await failure(get(never, 50));
    assert.deepEqual([error.code, error.reason], [0, 'TimedOut']);
    assert.equal(error.message, `GET ${path}: no answer within 50 ms`);
  });

  it('does not try again once it is closed, so that nothing of it keeps the process', async () => {
    const hang = api.faults.add({ effect: { kind: 'hang' } });
    const timings = { ...quickTimings, attemptMs: 600_000, callMs: 600_000 };
    const closing = testClient(config, { timings });
    const failed = assert.rejects(
      closing.get({ type: connectors, namespace: 'team-a', name: 'harbor' }, { signal: never }),
      {
        name: 'KubeError',
      },
    );
    await eventually('it is asked', () => hang.hits === 1);
    closing.close();
    await failed;
  });

  it('tries again when one attempt takes too long', async () => {
    client = testClient(config, { timings: { ...quickTimings, attemptMs: 200 } });
    const hanging = api.faults.add({ verb: 'get', count: 1, effect: { kind: 'hang' } });
    await get();
    assert.equal(hanging.hits, 1);
    assert.equal(api.requests.at(-1)!.code, 200);
  });

  it('says that a server does not offer HTTP/2', async () => {
    const { certificate: cert, key } = serverCertificate(api.authority, 'valid');
    const server = createServer({ cert, key });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const other = testClient({ ...config, port });
    const error = await failure(other.get(git, { signal: never, retry: false })).finally(() => {
      other.close();
      server.close();
    });
    assert.equal(error.message, `GET ${path}: the server does not offer HTTP/2`);
  });

  it('waits for a server that is away, and says why when it does not come', async () => {
    await api.goOffline();
    const error = await failure(client.get(git, { signal: never, retry: false }));
    assert.deepEqual([error.code, error.reason, error.mayHaveActed], [0, 'Unreachable', false]);
    assert.match(error.message, /ECONNREFUSED/);
    const call = get();
    await api.goOnline();
    await call;
  });

  it('trusts no other certificate, and comes back when the right one does', async () => {
    for (const choice of ['expired', 'not-yet-valid', 'wrong-host', 'unknown-authority'] as const) {
      api.useCertificate(choice);
      api.closeConnections();
      const error = await failure(client.get(git, { signal: never, retry: false }));
      assert.match(error.message, /certificate|altnames/i, choice);
    }
    assert.equal(api.requests.length, 0);
    api.useCertificate('valid');
    await get();
  });

  it('never shows its token', async () => {
    const token = api.tokenFor('nobody');
    client = testClient(configFor(api, token));
    api.faults.add({ verb: 'get', count: 1, effect: { kind: 'status', code: 403, message: `Bearer ${token}?` } });
    for (let turn = 0; turn < 2; turn += 1) {
      const error = await failure(get());
      assert.equal(error.code, 403);
      assert.ok(!JSON.stringify(error, Object.getOwnPropertyNames(error)).includes(token));
    }
  });
});
