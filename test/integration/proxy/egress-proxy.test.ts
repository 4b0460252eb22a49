import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseProxyConfig } from '../../../src/proxy/config.ts';
import { UsageError } from '../../../src/shared/process/flags.ts';
import { eventually } from '../../support/poll.ts';
import { CompanyProxy } from '../../support/proxy/company-proxy.ts';
import type { CompanyProxyOptions } from '../../support/proxy/company-proxy.ts';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, grant, proxyService, secret } from '../../support/proxy/manifests.ts';
import { headOf } from '../../support/proxy/proxy-client.ts';
import {
  ProxyFixture,
  credentialCanary,
  portOf,
  robotBasic,
  toolWithLogin,
} from '../../support/proxy/proxy-fixture.ts';
import { TokenRegistry } from '../../support/proxy/registry.ts';
import { ToolServer, toolAuthority } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const login = { username: 'builds', password: credentialCanary };

/** Files for the proxy, as a volume of Secrets has them. */
function filesOf(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'egress-'));
  started({ remove: () => rmSync(directory, { recursive: true }) });
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(directory, name), content);
  return directory;
}

/** Names of tools, which the proxy itself cannot resolve. */
const names = Object.fromEntries(
  ['tool.example', 'registry.example', 'tokens.example', 'other.example'].map((name) => [
    name,
    () => Promise.reject(Object.assign(new Error('resolved by the proxy itself'), { code: 'ENOTFOUND' })),
  ]),
);

describe('an egress proxy', () => {
  let tool: ToolServer;

  /** Squid, and a proxy that uses it. */
  async function start(
    objects: readonly object[],
    options: CompanyProxyOptions & { readonly files?: Readonly<Record<string, string>> } = {},
    flags: readonly string[] = [],
  ): Promise<{ readonly fixture: ProxyFixture; readonly company: CompanyProxy }> {
    const company = started(await CompanyProxy.start({ names: Object.keys(names), ...options }));
    const { files } = options;
    const own = ['--egress-proxy', company.url, ...(files ? ['--egress-proxy-files', filesOf(files)] : [])];
    const fixture = started(await ProxyFixture.start(objects, { flags: [...own, ...flags], names }));
    return { fixture, company };
  }

  beforeEach(async () => {
    tool = started(await ToolServer.start('https'));
  });

  it('carries requests and uploads, whose connection is used again', async () => {
    tool.answer = (request, response) => void request.on('end', () => response.end('hello'));
    const { fixture, company } = await start(toolWithLogin(tool.url(), { caSecret: 'tool-ca' }));
    const client = await fixture.client();
    const body = 'x'.repeat(300_000);
    assert.equal((await client.getSecurely(`${tool.url()}/one`)).body, 'hello');
    const upload = await client.getSecurely(`${tool.url()}/two`, { method: 'PUT', body });
    assert.equal(upload.body, 'hello');
    const waiting = await client.getSecurely(`${tool.url()}/three`, {
      method: 'POST',
      body,
      headers: { expect: '100-continue' },
    });
    assert.equal(waiting.body, 'hello');
    assert.deepEqual(
      tool.seen.map(({ url, headers, body: { length } }) => [url, headers.authorization, length]),
      [
        ['/one', robotBasic, 0],
        ['/two', robotBasic, body.length],
        ['/three', robotBasic, body.length],
      ],
    );
    await fixture.stopProxy();
    await eventually('both tunnels are logged', () => company.asked.length === 2);
    for (const line of company.asked) assert.match(line, /^CONNECT tool\.example:\d+ 200 -$/);
  });

  it('carries http tools, upgraded connections and tunnels of clients', async () => {
    const plain = started(await ToolServer.start('http'));
    plain.server.on('upgrade', (_request: IncomingMessage, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst');
      socket.pipe(socket);
    });
    const { fixture } = await start(toolWithLogin(plain.url()));
    const client = await fixture.client();
    assert.equal((await client.get(plain.url())).body, 'hello');

    const upgraded = await client.raw();
    const authorization = `Proxy-Authorization: ${client.authorization}\r\n`;
    upgraded.write(
      `GET ${plain.url()}/ws HTTP/1.1\r\nHost: tool.example:${plain.port}\r\n${authorization}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    assert.match(await headOf(upgraded), /^HTTP\/1\.1 101 /);
    await echoes(upgraded, 'first');
    upgraded.destroy();

    // Speaks first, as SSH.
    const banner = started(
      net.createServer(
        (socket) =>
          void socket
            .on('error', () => undefined)
            .pipe(socket)
            .write('SSH-'),
      ),
    );
    await once(banner.listen(0, '127.0.0.1'), 'listening');
    const { head, socket } = await client.connect(`other.example:${portOf(banner)}`);
    assert.match(head, /^HTTP\/1\.1 200 /);
    await echoes(socket, 'SSH-');
    socket.destroy();
  });

  it('carries the login of a registry to its token service', async () => {
    const registry = started(await TokenRegistry.start(`robot:${credentialCanary}`));
    const { fixture, company } = await start([
      connector('tool', registry.url, { secret: 'login', caSecret: 'tool-ca' }),
      secret('login', 'cpaas.io/distribution-registry-token', { username: 'robot', password: credentialCanary }),
      ...grant('builder', ['tool']),
    ]);
    const client = await fixture.client();
    assert.equal((await client.getSecurely(`${registry.url}/v2/app/manifests/latest`)).body, 'layer');
    assert.deepEqual(registry.asked, [['repository:app:pull']]);
    await fixture.stopProxy();
    await eventually('it has had a tunnel', () => company.asked.length > 0);
  });

  it('gets the user and the password of a Secret, and TLS', async () => {
    const files = { ...login, username: `${login.username}\n`, 'ca.crt': toolAuthority.certificate };
    const objects = toolWithLogin(tool.url(), { caSecret: 'tool-ca' });
    const { fixture, company } = await start(objects, { scheme: 'https', login, files });
    const client = await fixture.client();
    assert.equal((await client.getSecurely(tool.url())).body, 'hello');
    assert.equal(tool.seen[0]?.headers['proxy-authorization'], undefined);
    await fixture.stopProxy();
    await eventually('the tunnel is logged', () => company.asked.length === 1);
    assert.match(company.asked[0] ?? '', /^CONNECT tool\.example:\d+ 200 builds$/);
  });

  it('that is not trusted, or rejects the password, is an error that names it', async () => {
    const objects = toolWithLogin(tool.url(), { caSecret: 'tool-ca' });
    const failing = async (options: Parameters<typeof start>[1]): Promise<string> => {
      const { fixture, company } = await start(objects, options);
      const { status, body } = await (await fixture.client()).getSecurely(tool.url());
      assert.equal(status, 502);
      return body.replaceAll(`egress.example:${company.port}`, 'PROXY');
    };
    const answered = 'egress proxy PROXY answered 407: ';
    assert.equal(
      await failing({ login }),
      `${answered}it requires a user and a password: put them into a Secret (proxy.egress.credentialsSecret of the chart)\n`,
    );
    assert.equal(
      await failing({ login, files: { ...login, password: 'wrong' } }),
      `${answered}check the user and the password in the Secret of proxy.egress.credentialsSecret\n`,
    );
    assert.match(
      await failing({ login, files: { username: 'builds' } }),
      /^the Secret .* of egress proxy PROXY has no password/,
    );
    assert.match(await failing({ scheme: 'https' }), /^TLS failed \(\w+\): check .* of egress proxy PROXY; .*caSecret/);
  });

  it('that is away, denies a port or finds no tool is an error that names it', async () => {
    const denied = started(await ToolServer.start('https'));
    const { fixture, company } = await start(
      [
        ...toolWithLogin(tool.url(), { caSecret: 'tool-ca' }),
        connector('denied', denied.url(), { caSecret: 'tool-ca' }),
        connector('away', 'https://other.example:1'),
        ...grant('builder', ['denied', 'away'], { name: 'others' }),
      ],
      { deniedPorts: [denied.port] },
    );
    const client = await fixture.client();
    const name = `egress proxy egress.example:${company.port}`;
    const bodyOf = async (at: string): Promise<string> =>
      (await client.reverse(`/namespaces/ci/connectors/${at}/`)).body;
    assert.equal(
      await bodyOf('denied'),
      `${name} answered 403: permit CONNECT to tool.example:${denied.port} there, or add the host to --no-egress-proxy\n`,
    );
    assert.equal(await bodyOf('away'), `${name} answered 503: it has no connection to other.example:1\n`);
    await company.stop();
    assert.equal(await bodyOf('tool'), `no connection to ${name} (ECONNREFUSED)\n`);
    assert.match(fixture.log, /"outcome":"connect"/);
  });

  it('is not used for direct hosts, and literal addresses are blocked as ever', async () => {
    const address = `https://127.0.0.1:${tool.port}`;
    const { fixture, company } = await start(
      [
        connector('tool', address, { caSecret: 'tool-ca' }),
        ...[
          '169.254.169.254',
          '0xa9fea9fe',
          '2852039166',
          '169.254.43518',
          '0251.0376.0251.0376',
          '[::ffff:a9fe:a9fe]',
        ].map((host, at) => connector(`blocked-${at}`, `http://${host}`)),
        connector('listed', 'https://tool.example:1'),
        connector('service', 'https://tool.ci.svc.cluster.local:1'),
        ...grant('builder', ['tool', 'listed', 'service', ...[0, 1, 2, 3, 4, 5].map((at) => `blocked-${at}`)]),
      ],
      {},
      ['--no-egress-proxy', 'tool.example:1'],
    );
    const client = await fixture.client();
    const asked = async (name: string): Promise<string> => {
      const { status, body } = await client.reverse(`/namespaces/ci/connectors/${name}/`);
      return `${status} ${body}`;
    };
    // The name of its certificate is another one.
    assert.match(
      await asked('tool'),
      /^502 TLS failed \(ERR_TLS_CERT_ALTNAME_INVALID\): check the certificate of https:\/\/127/,
    );
    assert.match(
      await asked('listed'),
      /^502 unknown host: the proxy cannot resolve the name of https:\/\/tool\.example:1 /,
    );
    assert.match(
      await asked('service'),
      /^502 no connection to https:\/\/tool\.ci\.svc\.cluster\.local:1 \(ECONNREFUSED\)/,
    );
    for (const at of [0, 1, 2, 3, 4, 5]) assert.match(await asked(`blocked-${at}`), /^403 \S+ is blocked: /);
    await fixture.stopProxy();
    assert.deepEqual(company.asked, []);
  });
});

describe('the condition of a Connector', () => {
  it('has the error of the egress proxy', async () => {
    const company = started(await CompanyProxy.start({ login }));
    const fixture = started(await ClusterFixture.start());
    fixture.put(
      connectorClass('any', { proxy: { ref: proxyService }, livenessProbe: { http: { path: '/' } } }),
      connector('tool', 'https://tool.example'),
    );
    await fixture.replica({ flags: ['--egress-proxy', company.url] });
    await fixture.becomes('LivenessReady', 'False Unreachable');
    assert.match(fixture.message('LivenessReady'), /egress proxy egress\.example:\d+ answered 407: it requires a user/);
  });
});

describe('the flags of an egress proxy', () => {
  const problemOf = (...flags: readonly string[]): string => {
    try {
      parseProxyConfig(flags, {});
    } catch (error) {
      return error instanceof UsageError ? error.message : String(error);
    }
    return '';
  };
  for (const [flags, problem] of [
    [['--egress-proxy', 'http://a.example:3128/'], /^$/],
    [['--egress-proxy', 'HTTPS://[fd00::1]:3128', '--no-egress-proxy', ' .b.example , 10.0.0.0/8'], /^$/],
    [['--egress-proxy', 'a.example:3128'], /: must be http:\/\/HOST:PORT or https:\/\/HOST:PORT$/],
    [['--egress-proxy', 'http://a.example'], /: must be http:/],
    [['--egress-proxy', 'http://a.example:0'], /: must be http:/],
    [['--egress-proxy', 'http://a.example:1/path'], /: must be http:/],
    [
      ['--egress-proxy', 'http://u:secret@a.example:1'],
      /^--egress-proxy "http:\/\/…@a\.example:1": has a user: put .*files/,
    ],
    [['--egress-proxy', 'http://a:1', '--no-egress-proxy', 'b,http://c'], /"http:\/\/c" is no /],
    [['--no-egress-proxy', 'b'], /^--no-egress-proxy and --egress-proxy-files need --egress-proxy URL$/],
    [['--egress-proxy-files', '/etc/egress-proxy'], /need --egress-proxy URL$/],
  ] as const) {
    it(`are ${String(problem) === '/^$/' ? 'accepted' : 'rejected'} as ${flags.join(' ')}`, () => {
      assert.match(problemOf(...flags), problem);
    });
  }
});

/** Reads what the peer sends first, and what it sends back. */
async function echoes(socket: Socket, first: string): Promise<void> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await eventually('the peer has begun', () => text === first);
  socket.write('ping');
  await eventually('the peer has answered', () => text === `${first}ping`);
}

/** A tenant can choose none, but what a proxy of a company sends is as foreign as what a tool sends. */
describe('a harmful egress proxy', () => {
  const sockets = new Set<Socket>();

  async function errorAfter(
    answer: (socket: Socket) => void,
  ): Promise<{ readonly status: number; readonly body: string }> {
    const company = started(
      net.createServer((socket) => {
        sockets.add(socket.on('error', () => undefined));
        socket.once('data', () => answer(socket));
      }),
    );
    await once(company.listen(0, '127.0.0.1'), 'listening');
    const flags = ['--egress-proxy', `http://egress.example:${portOf(company)}`];
    const fixture = started(await ProxyFixture.start(toolWithLogin('https://tool.example'), { flags, names }));
    const client = await fixture.client();
    const { status, body } = await client.reverse('/namespaces/ci/connectors/tool/');
    await eventually('its connection is closed', () => [...sockets].every((socket) => socket.destroyed));
    return { status, body: body.replaceAll(`:${portOf(company)}`, '') };
  }

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  });

  it('with headers without end is an error after 16 KiB', async () => {
    const line = Buffer.from(`X-More: ${'x'.repeat(10_000)}\r\n`.repeat(100));
    let sent = 0;
    const { status, body } = await errorAfter((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const more = (): void => {
        while (socket.writable && sent < 100_000_000 && socket.write(line)) sent += line.length;
      };
      socket.on('drain', more);
      more();
    });
    assert.equal(
      `${status} ${body}`,
      '502 invalid HTTP response of egress proxy egress.example (HPE_HEADER_OVERFLOW)\n',
    );
    assert.ok(sent < 50_000_000);
  });

  for (const [what, head, expected] of [
    [
      'a redirect',
      'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n',
      /^egress proxy egress\.example answered 302: permit CONNECT/,
    ],
    ['100 Continue', 'HTTP/1.1 100 Continue\r\n\r\n', /^egress proxy egress\.example answered 100: /],
    [
      'another protocol',
      'SSH-2.0-OpenSSH_9.9\r\n',
      /^invalid HTTP response of egress proxy egress\.example \(HPE_\w+\)/,
    ],
    ['nothing', '', /^connection closed by egress proxy egress\.example /],
    [
      'plain text in the tunnel',
      'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
      /^TLS failed \(\w+\): check the certificate of https:\/\/tool\.example/,
    ],
  ] as const) {
    it(`with ${what} is an error`, async () => {
      const { status, body } = await errorAfter((socket) => void socket.end(head));
      assert.equal(status, 502);
      assert.match(body, expected);
    });
  }
});
