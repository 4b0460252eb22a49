import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { TestVolume } from '../../support/driver/test-volume.js';
import type { FlowFixture } from '../../support/e2e/flow-fixture.js';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.js';
import { rejectedVolume } from '../../support/e2e/rejected-volume.js';
import { eventually } from '../../support/poll.js';
import { secret } from '../../support/proxy/manifests.js';
import { ToolServer } from '../../support/proxy/tool-server.js';

const basic = `Basic ${Buffer.from(`robot:${toolPassword}`).toString('base64')}`;
/** What the proxy may remember of a right or a Secret, and then some for a busy machine. */
const forgottenMs = 60_000;

describe('programs that must not get through', function () {
  this.timeout(120_000);
  let tool: ToolServer;
  let elsewhere: ToolServer;
  let volume: TestVolume;
  const url = (): string => `${tool.url('tools.test')}/page`;
  const use = useFlowFixture({ hosts: ['tools.test', 'elsewhere.test'] }, ['curl'], async (fixture: FlowFixture) => {
    elsewhere = await ToolServer.start('http', undefined, ['elsewhere.test']);
    tool = await ToolServer.start(
      'https',
      ({ headers, url: where }, response) => {
        if (headers.authorization !== basic) response.writeHead(401).end('who are you?');
        else if (where !== '/redirect') response.end('welcome');
        else response.writeHead(302, { Location: elsewhere.url('elsewhere.test') }).end();
      },
      ['tools.test'],
    );
    fixture.onStop(() => Promise.all([tool.stop(), elsewhere.stop()]));
    fixture.put(secret('wrong', 'kubernetes.io/basic-auth', { username: 'robot', password: 'nope' }));
    fixture.put(secret('going', 'kubernetes.io/basic-auth', { username: 'robot', password: toolPassword }));
    fixture.connect('tool', tool.url('tools.test'), { secret: 'login' });
    fixture.connect('elsewhere', 'https://other.test', { secret: 'login' });
    fixture.connect('wrong', tool.url('tools.test'), { secret: 'wrong' });
    fixture.connect('going', tool.url('tools.test'), { secret: 'going' });
    fixture.connect('unknown', tool.url('tools.test'), { secret: 'login', caSecret: 'login' });
    fixture.allow(['tool', 'elsewhere', 'wrong', 'going', 'unknown']);
    volume = await fixture.volume({ attributes: { connectors: 'tool' } });
  });

  /** What a program prints, and the last status that it saw: that of the proxy's CONNECT where there is no other. */
  const curl = async (of: TestVolume, where = url(), ...more: readonly string[]): Promise<string> => {
    const format = `-w '\\n%{http_connect} %{http_code}'`;
    const script = `curl -sSi --cacert ca.crt ${format} ${more.join(' ')} ${where}`;
    return (await use.fixture.try(of, script)).output;
  };
  const isServed = (output: string): boolean => output.includes('welcome');

  it('for want of a volume', async () => {
    const before = tool.seen.length;
    const { port } = use.fixture.proxy;
    for (const proxy of ['', `-x http://127.0.0.1:${port}`, `-x http://ci%2Ftool:made-up@127.0.0.1:${port}`]) {
      assert.notEqual((await use.fixture.without(`curl -sSfk ${proxy} ${url()}`)).status, 0);
    }
    assert.equal(tool.seen.length, before);
  });

  it('for an expired token, until the file has the next: the program that reads it goes on', async () => {
    const short = use.fixture.node.volume();
    await eventually('the volume is mounted before its token has expired', async () => {
      await use.fixture.publish(short, { connectors: 'tool' }, 2).catch(() => undefined);
      return short.isMounted();
    });
    const log = path.join(use.fixture.work, 'statuses');
    const program = use.fixture.try(
      short,
      `code=
      until [ "$code" = 200 ] && grep -q 407 ${log}; do
        . ./.env
        code=$(curl -s -o /dev/null --cacert ca.crt -w '%{http_code}' ${url()}) ||
          curl -s -o /dev/null --cacert ca.crt -w '%{http_connect}\\n' ${url()} >>${log} || true
      done`,
    );
    await eventually(
      'the token is refused',
      () => existsSync(log) && readFileSync(log, 'utf8').includes('407'),
      60_000,
    );
    await use.fixture.publish(short, { connectors: 'tool' });
    assert.equal((await program).status, 0);
    assert.ok(isServed(await curl(short)));
  });

  it('for another account, which is told what would let it in', async () => {
    const revoke = use.fixture.allow(['tool'], 'stranger');
    const strange = await use.fixture.volume({ attributes: { connectors: 'tool' }, serviceAccountName: 'stranger' });
    revoke();
    const output = await curl(strange);
    assert.match(output, /403/);
    const plain = await curl(strange, url().replace('https:', 'http:'));
    assert.match(
      plain,
      /cannot use connector ci\/tool: .*ci:stranger cannot get .*"tool".*resourceNames: \["tool"\], verbs: \["get"\]/s,
    );
  });

  it('with the connector of another tool: the credential goes nowhere', async () => {
    const other = await use.fixture.volume({ attributes: { connectors: 'elsewhere' } });
    const seen = elsewhere.seen.length;
    await curl(other, elsewhere.url('elsewhere.test'));
    assert.equal(elsewhere.seen.length, seen + 1);
    assert.equal(elsewhere.seen.at(-1)?.headers.authorization, undefined);
    const before = tool.seen.length;
    // Through the blind tunnel, as nobody.
    assert.match(await curl(other, url(), '-k'), /who are you\?/);
    assert.equal(tool.seen.length, before + 1);
    assert.equal(tool.seen.at(-1)?.headers.authorization, undefined);
  });

  it('to where the tool sends them: the credential does not follow', async () => {
    const before = elsewhere.seen.length;
    const output = await curl(volume, `${tool.url('tools.test')}/redirect`, '-L');
    assert.match(output, /hello/);
    assert.equal(elsewhere.seen.length, before + 1);
    const { headers } = elsewhere.seen.at(-1)!;
    assert.equal(headers.authorization, undefined);
    assert.equal(headers['proxy-authorization'], undefined);
  });

  it('with a wrong password, which the tool says', async () => {
    const wrong = await use.fixture.volume({ attributes: { connectors: 'wrong' } });
    assert.match(await curl(wrong), /who are you\?\n200 401$/);
  });

  it('to a tool whose certificate nobody vouches for', async () => {
    const unknown = await use.fixture.volume({ attributes: { connectors: 'unknown' } });
    const before = tool.seen.length;
    assert.match(await curl(unknown), / 502$/);
    assert.equal(tool.seen.length, before);
  });

  it('once a right is revoked, or a Secret deleted', async () => {
    const { fixture } = use;
    const revoke = fixture.allow(['tool'], 'leaver');
    const revoked = await fixture.volume({ attributes: { connectors: 'tool' }, serviceAccountName: 'leaver' });
    const going = await fixture.volume({ attributes: { connectors: 'going' } });
    assert.ok(isServed(await curl(revoked)));
    assert.ok(isServed(await curl(going)));
    revoke();
    fixture.api.delete('secrets', { namespace: 'ci', name: 'going' });
    await eventually('the right is gone', async () => (await curl(revoked)).includes('403'), forgottenMs);
    await eventually('the Secret is gone', async () => (await curl(going)).endsWith(' 502'), forgottenMs);
    assert.match(await curl(going), /going/);
  });

  it('after a rejection, of which the volume tells', async () => {
    const refused = await rejectedVolume(use.fixture, { connectors: 'tool' });
    assert.deepEqual(Object.keys(refused.read()), ['.error.json']);
    assert.match(refused.read()['.error.json'] ?? '', /not on a Friday/);
    // Nor does a token that the pod has from before do without the permission.
    await eventually('the permission counts', async () => (await curl(volume)).includes('403'), forgottenMs);
  });
});
