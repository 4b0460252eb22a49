import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import https from 'node:https';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { missingPrograms } from '../../support/e2e/programs.ts';
import { CertificateAuthority } from '../../support/tls/certificate-authority.ts';
import { eventually } from '../../support/poll.ts';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, grant, proxyService, secret } from '../../support/proxy/manifests.ts';
import { headOf } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, portOf } from '../../support/proxy/proxy-fixture.ts';
import { toolAuthority, toolCa } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const authority = new CertificateAuthority('client authority');
const dayMs = 86_400_000;

/** A tool that requires a certificate, as of an API server: it responds with the name in it. */
class GuardedTool {
  readonly sockets = new Set<Socket>();
  readonly authorizations: (string | undefined)[] = [];
  /** Responds to the requests for `/slow`. */
  readonly waiting: (() => void)[] = [];
  readonly #server: https.Server;

  constructor() {
    const { certificate: cert, key } = toolAuthority.issue({ commonName: 'tool', hosts: ['tool.example'] });
    this.#server = https.createServer(
      { cert, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: true },
      ({ socket, headers, url }, response) => {
        this.authorizations.push(headers.authorization);
        const respond = (): void => void response.end(nameIn(socket));
        if (url === '/slow') this.waiting.push(respond);
        else respond();
      },
    );
    this.#server.on('upgrade', (_request, socket) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`);
      socket.pipe(socket.on('error', () => undefined)).write(`X-By: ${nameIn(socket)}\r\n\r\n`);
    });
    this.#server.on('connection', (socket: Socket) => {
      this.sockets.add(socket.once('close', () => this.sockets.delete(socket)));
    });
    this.#server.on('tlsClientError', () => undefined);
  }

  static async start(): Promise<GuardedTool> {
    const tool = new GuardedTool();
    await new Promise<void>((resolve) => tool.#server.listen(0, '127.0.0.1', resolve));
    return tool;
  }

  get url(): string {
    return `https://tool.example:${portOf(this.#server)}`;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

/** The name in the certificate of the client. */
function nameIn(socket: Duplex): string {
  return socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject.CN) : '';
}

interface PairOptions extends Partial<Parameters<CertificateAuthority['issue']>[0]> {
  /** The authority that signs. */
  readonly by?: CertificateAuthority;
  /** Certificates after the first one. */
  readonly chain?: string;
  readonly namespace?: string;
}

/** A Secret `NAME` of type `kubernetes.io/tls`, whose certificate is for the name. */
function pair(name: string, { by = authority, chain = '', namespace = 'ci', ...request }: PairOptions = {}): object {
  const { certificate, key } = by.issue({ commonName: name, ...request });
  return tlsSecret(name, `${certificate}${chain}`, key, namespace);
}

function tlsSecret(name: string, certificate: string, key: string, namespace = 'ci'): object {
  return secret(name, 'kubernetes.io/tls', { 'tls.crt': certificate, 'tls.key': key }, { namespace });
}

const rsaOf = (modulusLength: number): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } =>
  generateKeyPairSync('rsa', { modulusLength });
const ecOf = (namedCurve: string): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve });

describe('a client certificate', () => {
  let tool: GuardedTool;

  beforeEach(async () => {
    tool = started(await GuardedTool.start());
  });

  const bodyOf = async (fixture: ProxyFixture, where: string, headers = {}): Promise<string> => {
    const client = await fixture.client();
    const { status, body } = await client.reverse(`/namespaces/${where.replace('/', '/connectors/')}/`, { headers });
    return status === 200 ? body : `${status} ${body}`;
  };
  /** A Connector with the Secret of its name. */
  const withPair = (name: string, namespace = 'ci'): object =>
    connector(name, tool.url, { namespace, secret: name, caSecret: 'tool-ca' });

  it('of RSA or EC, with its chain, is presented instead of what the client sends', async () => {
    const root = new CertificateAuthority('intermediate', authority);
    const names = ['rsa', 'p384', 'p521', 'sec1', 'chain'];
    const { publicKey, privateKey } = ecOf('P-256');
    const ofSec1 = authority.issue({ commonName: 'sec1', keys: { publicKey, privateKey } });
    const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    const fixture = started(
      await ProxyFixture.start([
        ...names.map((name) => withPair(name)),
        pair('rsa', { keys: rsaOf(2048) }),
        pair('p384', { keys: ecOf('P-384') }),
        pair('p521', { keys: ecOf('P-521') }),
        tlsSecret('sec1', ofSec1.certificate, sec1),
        pair('chain', { by: root, chain: root.certificate }),
        ...grant('builder', names),
      ]),
    );
    for (const name of names) assert.equal(await bodyOf(fixture, `ci/${name}`, { 'private-token': 'x' }), name);
    const client = await fixture.client('ci/rsa');
    assert.equal((await client.getSecurely(tool.url, { headers: { authorization: 'Bearer mine' } })).body, 'rsa');
    assert.deepEqual(new Set(tool.authorizations), new Set([undefined]));
  });

  it('has connections that no other Connector and namespace use', async () => {
    const shared = authority.issue({ commonName: 'shared' });
    const fixture = started(
      await ProxyFixture.start([
        withPair('one'),
        withPair('two'),
        withPair('one', 'other'),
        connector('none', tool.url, { caSecret: 'tool-ca' }),
        ...[
          ['one', 'ci'],
          ['two', 'ci'],
          ['one', 'other'],
        ].map(([name = '', namespace]) => tlsSecret(name, shared.certificate, shared.key, namespace)),
        secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }, { namespace: 'other' }),
        ...grant('builder', ['one', 'two', 'none']),
        ...grant('builder', ['one'], { namespace: 'other' }),
      ]),
    );
    assert.equal(await bodyOf(fixture, 'ci/one'), 'shared');
    assert.equal(await bodyOf(fixture, 'ci/one'), 'shared');
    assert.equal(tool.sockets.size, 1);
    assert.equal(await bodyOf(fixture, 'ci/two'), 'shared');
    assert.equal(tool.sockets.size, 2);
    assert.equal(await bodyOf(fixture, 'other/one'), 'shared');
    assert.equal(tool.sockets.size, 3);
    assert.match(
      await bodyOf(fixture, 'ci/none'),
      /^502 TLS failed \(ERR_SSL_\w+\): \S+ requires another client certificate: /,
    );
  });

  it('is presented at the addresses of its Connector only', async () => {
    const address = `${tool.url}/api`;
    const objects = [connector('tool', address, { secret: 'tool', caSecret: 'tool-ca' }), pair('tool')];
    const fixture = started(await ProxyFixture.start([...objects, ...grant('builder', ['tool'])]));
    const client = await fixture.client();
    assert.equal((await client.getSecurely(`${address}/v1`)).body, 'tool');
    assert.match((await client.getSecurely(`${tool.url}/elsewhere`)).body, /^TLS failed /);
  });

  it('is replaced with its Secret, and its connections end, upgraded ones too, after requests in flight', async () => {
    const objects = [withPair('tool'), ...grant('builder', ['tool'])];
    const fixture = started(await ProxyFixture.start([...objects, pair('tool', { commonName: 'first' })]));
    const client = await fixture.client();
    const { host } = new URL(tool.url);
    const upgrade = async (socket: Socket, target: string, ...headers: readonly string[]): Promise<string> => {
      const lines = [
        `GET ${target} HTTP/1.1`,
        `Host: ${host}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        ...headers,
      ];
      socket.on('error', () => undefined).write(`${lines.join('\r\n')}\r\n\r\n`);
      return headOf(socket);
    };
    const where = '/namespaces/ci/connectors/tool/';
    const reversed = await client.raw();
    const tunnelled = await client.tunnel(host);
    assert.match(
      await upgrade(reversed, where, `Authorization: Bearer ${client.token}`),
      /^HTTP\/1\.1 101 .*By: first/s,
    );
    assert.match(await upgrade(tunnelled, '/'), /^HTTP\/1\.1 101 .*By: first/s);
    const slow = client.reverse(`${where}slow`);
    await eventually('a request is in flight', () => tool.waiting.length === 1);
    assert.equal(await bodyOf(fixture, 'ci/tool'), 'first');
    const old = [...tool.sockets];
    assert.equal(old.length, 4);

    fixture.put([...objects, pair('tool', { commonName: 'second' })]);
    await eventually('the next one is presented', async () => (await bodyOf(fixture, 'ci/tool')) === 'second');
    for (const socket of [reversed, tunnelled]) socket.resume();
    await eventually('clients see the end', () => reversed.destroyed && tunnelled.destroyed);
    const open = (): Socket[] => old.filter(({ destroyed }) => !destroyed);
    await eventually('all but the request in flight have ended', () => open().length === 1);
    for (const respond of tool.waiting.splice(0)) respond();
    assert.equal((await slow).body, 'first');
    await eventually('its connection ends too', () => open().length === 0);
  });

  const ec = authority.issue({ commonName: 'tool' });
  const encrypted = ecOf('P-256')
    .privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString();
  const legacy = rsaOf(2048)
    .privateKey.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString();
  const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 });
  const dsaKey = dsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const many = Array.from({ length: 10 }, () => authority.certificate).join('');
  for (const [what, secretOf, message] of [
    [
      'another key',
      () => tlsSecret('tool', ec.certificate, authority.issue({ commonName: 'x' }).key),
      /tls\.key is not that of the first certificate in tls\.crt: put both/,
    ],
    [
      'the chain first',
      () => tlsSecret('tool', `${authority.certificate}${ec.certificate}`, ec.key),
      /tls\.key is not that of the first certificate/,
    ],
    ['no key', () => tlsSecret('tool', ec.certificate, ''), /tls\.key is not one key in PEM: use RSA/],
    [
      'no certificate',
      () => tlsSecret('tool', ec.key, ec.key),
      /tls\.crt is no chain of certificates in PEM: begin with/,
    ],
    [
      'a broken chain',
      () =>
        tlsSecret('tool', `${ec.certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`, ec.key),
      /tls\.crt is no chain of certificates/,
    ],
    [
      'an expired one',
      () => pair('tool', { notAfter: new Date(Date.now() - dayMs) }),
      /tls\.crt expired on \d{4}-\d\d-\d\d: renew it/,
    ],
    [
      'one of tomorrow',
      () => pair('tool', { notBefore: new Date(Date.now() + dayMs) }),
      /tls\.crt is not valid before \d{4}-/,
    ],
    [
      'an encrypted key',
      () => tlsSecret('tool', ec.certificate, encrypted),
      /tls\.key is encrypted: store it without a passphrase/,
    ],
    ['an encrypted key of RSA', () => tlsSecret('tool', ec.certificate, legacy), /tls\.key is encrypted/],
    ['a short key', () => pair('tool', { keys: rsaOf(1024) }), /tls\.key has 1024 bits: use RSA of 2048 to 4096 bits/],
    ['another curve', () => pair('tool', { keys: ecOf('secp256k1') }), /tls\.key is not one key in PEM/],
    ['a key of DSA', () => tlsSecret('tool', ec.certificate, dsaKey), /tls\.key is not one key in PEM/],
    ['two keys', () => tlsSecret('tool', ec.certificate, `${ec.key}${ec.key}`), /tls\.key is not one key in PEM/],
    [
      'a long chain',
      () => tlsSecret('tool', `${ec.certificate}${many}`, ec.key),
      /tls\.crt has more than 10 certificates or 32 KiB: leave only/,
    ],
    [
      'a chain of 500 KB',
      () => tlsSecret('tool', ec.certificate.repeat(700), ec.key),
      /tls\.crt has more than 10 certificates or 32 KiB/,
    ],
  ] as const) {
    it(`with ${what} is an error with the fix`, async () => {
      const objects = [withPair('tool'), secretOf(), ...grant('builder', ['tool'])];
      const fixture = started(await ProxyFixture.start(objects));
      const body = await bodyOf(fixture, 'ci/tool');
      assert.match(body, /^502 Secret ci\/tool cannot be used: its /);
      assert.match(body, message);
      assert.equal(tool.sockets.size, 0);
    });
  }

  it('needs https', async () => {
    const objects = [connector('tool', 'http://tool.example', { secret: 'tool' }), pair('tool')];
    const fixture = started(await ProxyFixture.start([...objects, ...grant('builder', ['tool'])]));
    assert.match(
      await bodyOf(fixture, 'ci/tool'),
      /^502 Secret ci\/tool .* http address .*: set the address to one with https/,
    );
  });

  it('opens a registry that requires one, and has a message for another one', async function () {
    const missing = missingPrograms('docker-registry');
    if (missing.length > 0) this.skip();
    const directory = mkdtempSync(path.join(tmpdir(), 'registry-'));
    started({ remove: () => rmSync(directory, { recursive: true }) });
    const registry = await DockerRegistry.start({
      ...{ directory: path.join(directory, 'registry'), host: 'tool.example' },
      clientCa: authority.certificate,
    });
    started({ stop: () => registry.stop() });
    const at = (name: string, pairOf?: object): readonly object[] => [
      connector(name, `https://${registry.address}`, { caSecret: 'tool-ca', ...(pairOf && { secret: name }) }),
      ...(pairOf ? [pairOf] : []),
    ];
    const foreign = new CertificateAuthority('foreign authority');
    const fixture = started(
      await ProxyFixture.start([
        ...at('tool', pair('tool')),
        ...at('foreign', pair('foreign', { by: foreign })),
        ...at('none'),
        ...grant('builder', ['tool', 'foreign', 'none']),
      ]),
    );
    const client = await fixture.client();
    const answerOf = (name: string): Promise<{ readonly status: number; readonly body: string }> =>
      client.reverse(`/v2/namespaces/ci/connectors/${name}/_catalog`);
    assert.deepEqual(JSON.parse((await answerOf('tool')).body), { repositories: [] });
    for (const name of ['foreign', 'none']) {
      const { status, body } = await answerOf(name);
      assert.equal(status, 502);
      assert.match(
        body,
        /^TLS failed \(ERR_SSL_\w+\): https:\/\/tool\.example:\d+ requires another client certificate: use one that it accepts, /,
      );
    }
  });

  it('is presented by probes, and its problems are conditions', async () => {
    const fixture = started(await ClusterFixture.start());
    fixture.bindCredentials('ci');
    fixture.put(
      toolCa,
      connectorClass('any', { proxy: { ref: proxyService }, livenessProbe: { http: { path: '/' } } }),
      withPair('tool'),
      pair('tool'),
      withPair('expired'),
      pair('expired', { notAfter: new Date(Date.now() - dayMs) }),
    );
    await fixture.replica();
    await fixture.becomes('LivenessReady', 'True Answered');
    await fixture.becomes('Ready', 'True Ready');
    await fixture.becomes('SecretReady', 'False Unusable', 'expired');
    assert.match(fixture.message('SecretReady', 'expired'), /tls\.crt expired on .*: renew it/);
  });
});
