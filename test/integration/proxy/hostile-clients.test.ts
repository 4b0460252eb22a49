import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { eventually } from '../../support/poll.ts';
import { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { grant } from '../../support/proxy/manifests.ts';
import { ProxyFixture, toolWithLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

/** What comes after the ambiguous request; whoever takes it for a request of its own has been smuggled. */
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: tool.example\r\n\r\n';

/** Messages that two parsers may read differently: the lines after the request line and Host, and the body. */
const ambiguous: readonly [string, readonly string[], string][] = [
  ['both a length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
  ['chunks and a length', ['Transfer-Encoding: chunked', 'Content-Length: 4'], `0\r\n\r\n${smuggled}`],
  ['two lengths', ['Content-Length: 0', `Content-Length: ${smuggled.length}`], smuggled],
  ['the same length twice', ['Content-Length: 3', 'Content-Length: 3'], `abc${smuggled}`],
  ['a list of lengths', ['Content-Length: 3, 3'], `abc${smuggled}`],
  ['a length with a sign', ['Content-Length: +3'], `abc${smuggled}`],
  ['a length in hexadecimal', ['Content-Length: 0x3'], `abc${smuggled}`],
  ['a negative length', ['Content-Length: -1'], smuggled],
  ['an empty length', ['Content-Length: '], smuggled],
  ['a space before the colon', ['Content-Length : 3'], `abc${smuggled}`],
  ['a coding before a space', ['Transfer-Encoding : chunked'], `0\r\n\r\n${smuggled}`],
  ['an unknown coding', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`],
  ['a coding that is not chunked last', ['Transfer-Encoding: chunked, gzip'], `0\r\n\r\n${smuggled}`],
  ['a coding besides chunked', ['Transfer-Encoding: gzip, chunked'], `0\r\n\r\n${smuggled}`],
  ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
  ['identity', ['Transfer-Encoding: identity', 'Content-Length: 3'], `abc${smuggled}`],
  ['a quoted coding', ['Transfer-Encoding: "chunked"'], `0\r\n\r\n${smuggled}`],
  ['a coding after a vertical tab', ['Transfer-Encoding: \x0bchunked'], `0\r\n\r\n${smuggled}`],
  ['a folded header', ['X-A: b', ' Content-Length: 3'], `abc${smuggled}`],
  ['a bare line feed', ['X-A: b\nContent-Length: 3'], `abc${smuggled}`],
  ['a bare carriage return', ['X-A: b\rContent-Length: 3'], `abc${smuggled}`],
  ['a zero byte', ['X-A: b\0c'], smuggled],
  ['no colon', ['X-A'], smuggled],
  ['a chunk size with 0x', ['Transfer-Encoding: chunked'], `0x3\r\nabc\r\n0\r\n\r\n${smuggled}`],
  ['a chunk size with a sign', ['Transfer-Encoding: chunked'], `+3\r\nabc\r\n0\r\n\r\n${smuggled}`],
  ['a negative chunk size', ['Transfer-Encoding: chunked'], `-1\r\n\r\n${smuggled}`],
  ['a chunk size of more than 64 bits', ['Transfer-Encoding: chunked'], `10000000000000003\r\nabc\r\n0\r\n\r\n`],
  ['chunks that end in line feeds', ['Transfer-Encoding: chunked'], `3\nabc\n0\n\n${smuggled}`],
  ['a chunk that is longer than its size', ['Transfer-Encoding: chunked'], `2\r\nabc\r\n0\r\n\r\n${smuggled}`],
  ['an extension with a line feed', ['Transfer-Encoding: chunked'], `3;a=\n\r\nabc\r\n0\r\n\r\n${smuggled}`],
  ['a length in the trailers', ['Transfer-Encoding: chunked'], `0\r\nContent-Length: 5\r\n\r\n${smuggled}`],
  ['two hosts', ['Host: elsewhere.example'], ''],
];

describe('a client that means harm', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;
  let client: ProxyClient;

  beforeEach(async () => {
    tool = started(
      await ToolServer.start('http', (request, response) => {
        request.resume().on('end', () => response.end('hello'));
      }),
    );
    fixture = started(await ProxyFixture.start(toolWithLogin(tool.url())));
    client = await fixture.client();
  });

  const message = (lines: readonly string[], body: string, first = `POST ${tool.url()}/ HTTP/1.1`): string =>
    [first, 'Host: tool.example', `Proxy-Authorization: ${client.authorization}`, ...lines, '', body].join('\r\n');

  for (const [what, lines, body] of ambiguous) {
    it(`smuggles nothing with ${what}`, async () => {
      const text = await client.exchange(message(lines, body));
      const answers = text.match(/^HTTP\/1\.1 \d+/gm) ?? [];
      assert.ok(answers.length <= 1, text);
      if (answers.length === 1) assert.match(text, /^HTTP\/1\.1 (400|501|502) /);
      assert.ok(!tool.seen.some(({ url }) => url.includes('smuggled')));
    });
  }

  it('smuggles nothing past HTTP/1.0, HTTP/0.9, or a request line of another form', async () => {
    const lines = ['Transfer-Encoding: chunked'];
    for (const first of [
      `POST ${tool.url()}/ HTTP/1.0`,
      'GET /',
      `GET ${tool.url()}/#a HTTP/1.1`,
      `GET ftp://tool.example/ HTTP/1.1`,
      `GET http:///x HTTP/1.1`,
      `GET http://tool.example:99999/ HTTP/1.1`,
      `GET ${tool.url()}/ HTTP/1.2`,
      `GET ${tool.url()}\\x HTTP/1.1`,
    ]) {
      const text = await client.exchange(message(lines, `0\r\n\r\n`, first));
      assert.match(text, /^HTTP\/1\.1 4\d\d /, first);
    }
    assert.deepEqual(tool.seen, []);
  });

  it('gets no credential back by TRACE', async () => {
    const text = await client.exchange(message(['Connection: close'], '', `TRACE ${tool.url()}/ HTTP/1.1`));
    assert.match(text, /^HTTP\/1\.1 405 /);
    assert.deepEqual(tool.seen, []);
  });

  it('cannot have headers that matter dropped by listing them in Connection', async () => {
    await client.get(tool.url(), {
      method: 'POST',
      body: 'abc',
      headers: { connection: 'close, authorization, content-length, host, x-own', 'x-own': '1', 'content-length': '3' },
    });
    const [seen] = tool.seen;
    assert.match(seen?.headers.authorization ?? '', /^Basic /);
    assert.equal(seen?.body, 'abc');
    assert.equal(seen.headers['x-own'], undefined);
  });

  it('gets 431 for headers without end', async () => {
    const text = await client.exchange(message([`X-A: ${'a'.repeat(100_000)}`], ''));
    assert.match(text, /^HTTP\/1\.1 431 /);
  });

  it('gets nothing by a CONNECT with a body, or one behind an unfinished request', async () => {
    const connect = message(['Content-Length: 3'], 'abc', 'CONNECT tool.example:443 HTTP/1.1');
    assert.match(await client.exchange(connect), /^HTTP\/1\.1 400 /);
    tool.answer = () => undefined;
    const pipelined = message([], '', `GET ${tool.url()}/ HTTP/1.1`);
    const text = await client.exchange(`${pipelined}${message([], '', 'CONNECT tool.example:443 HTTP/1.1')}`);
    assert.ok(!text.includes('HTTP/1.1 200'), text);
  });

  it('that sends many requests at once gets the answers in their order', async () => {
    tool.answer = (request, response) => void setTimeout(() => response.end(request.url), Math.random() * 20);
    const requests = Array.from({ length: 8 }, (_each, at) => message([], '', `GET ${tool.url()}/${at} HTTP/1.1`));
    const text = await client.exchange(requests.join(''));
    assert.deepEqual(
      [...text.matchAll(/\r\n\r\n(?:[0-9a-f]+\r\n)?\/(\d)/g)].map(([, at]) => at),
      ['0', '1', '2', '3', '4', '5', '6', '7'],
    );
  });

  it('that sends many requests at once has one of them served before others come', async () => {
    const count = 16;
    let isOver = false;
    const inOneTurn: number[] = [];
    const look = (seen: number): void => {
      const now = fixture.log.split('"msg":"Request finished"').length;
      inOneTurn.push(now - seen);
      if (!isOver) setImmediate(look, now);
    };
    look(1);
    const socket = await client.raw();
    socket.write(`GET ${tool.url()}/ HTTP/1.1\r\nHost: tool.example\r\n\r\n`.repeat(count));
    socket.resume();
    await eventually('all are rejected', () => fixture.requests.length === count);
    isOver = true;
    socket.destroy();
    assert.equal(Math.max(...inOneTurn), 1);
  });

  for (const [who, connecting] of [
    ['without a token', true],
    ['without a permission', false],
  ] as const) {
    it(`${who} gets rejections at a limited rate, while others at its address are served`, async () => {
      const { burst, everyMs } = proxyLimits.thread;
      const startMs = performance.now();
      const attackers = await Promise.all(Array.from({ length: 120 }, () => client.raw()));
      const denied = await fixture.client('ci/other', { pod: 'attacker' });
      const begun = connecting ? '' : `Proxy-Authorization: ${denied.authorization}\r\n`;
      const requests = [`GET ${tool.url()}/`, ...(connecting ? ['CONNECT tool.example:80'] : [])];
      let rejections = 0;
      attackers.forEach((socket, at) => {
        const next = `${requests[at % requests.length]} HTTP/1.1\r\nHost: tool.example:80\r\n${begun}\r\n`;
        socket.on('data', (chunk: Buffer) => {
          rejections += chunk.toString('latin1').split(/HTTP\/1\.1 40[37] /).length - 1;
          socket.write(next);
        });
        socket.write(next);
      });
      await eventually('the limit is reached', () => rejections >= burst);
      for (let at = 0; at < 30; at += 1) assert.equal((await client.get(tool.url())).status, 200);
      await eventually('rejections go on', () => rejections >= burst + 20);
      for (const socket of attackers) socket.destroy();
      const allowed = burst + Math.ceil((performance.now() - startMs) / everyMs);
      assert.ok(rejections <= allowed, `${rejections} of ${allowed}`);
      await eventually('the connections are closed', async () =>
        (await fixture.metrics()).includes('\nconnectors_proxy_limit_used{limit="connections"} 0\n'),
      );
    });
  }

  it('is told with 417 that an expectation is not met', async () => {
    const text = await client.exchange(message(['Expect: something'], '', `GET ${tool.url()}/ HTTP/1.1`));
    assert.match(text, /^HTTP\/1\.1 417 .*connection: close.*the only expectation/is);
    assert.deepEqual(tool.seen, []);
  });

  it('has nothing served that follows the request with which its connection ends', async () => {
    const next = message([], '', `GET ${tool.url()}/next HTTP/1.1`);
    for (const last of ['Expect: something', 'Host: elsewhere.example']) {
      const text = await client.exchange(message([last], '', `GET ${tool.url()}/last HTTP/1.1`) + next);
      assert.equal(text.split('HTTP/1.1 ').length - 1, 1, text);
    }
    await client.get(tool.url());
    assert.ok(!tool.seen.some(({ url }) => url === '/next'));
  });

  it('cannot have any number of expectations wait behind a request', async () => {
    tool.answer = () => undefined;
    const socket = await client.raw();
    socket.resume().write(message([], '', `GET ${tool.url()}/ HTTP/1.1`));
    socket.write(message(['Expect: something'], '', `GET ${tool.url()}/ HTTP/1.1`).repeat(100));
    await eventually('the connection is closed', () => socket.closed);
  });

  it('that leaves before its request reaches the tool is not counted any longer', async () => {
    tool.answer = () => undefined;
    for (let at = 0; at < 50; at += 1) {
      const socket = await client.raw();
      socket.write(message([], '', `GET ${tool.url()}/ HTTP/1.1`), () => socket.destroy());
    }
    const wanted = [
      'connectors_proxy_requests_total{mode="forward",outcome="aborted",code="0"} 50',
      'connectors_proxy_limit_used{limit="requests_in_flight"} 0',
    ];
    await eventually('all have ended', async () => {
      const lines = (await fixture.metrics()).split('\n');
      return wanted.every((line) => lines.includes(line));
    });
  });

  it('that leaves before a tool has switched protocols is not counted any longer', async () => {
    const socket = await client.raw();
    tool.server.on('upgrade', (_request, ofTool: Socket) => {
      ofTool.resume().once('end', () => ofTool.destroy());
      socket.end();
    });
    socket.write(message(['Connection: Upgrade', 'Upgrade: x'], '', `GET ${tool.url()}/ HTTP/1.1`));
    const wanted = 'connectors_proxy_requests_total{mode="forward",outcome="aborted",code="0"} 1\n';
    await eventually('it has ended', async () => (await fixture.metrics()).includes(wanted));
    assert.match(await fixture.metrics(), /_used\{limit="requests_in_flight"\} 0$/m);
  });

  it('that leaves in the middle of answers has none of them come to others', async () => {
    tool.answer = (request, response) => {
      const where = request.url ?? '';
      response.write(`${where} `.repeat(2_000));
      setImmediate(() => response.end(`${where} `.repeat(2_000)));
    };
    const agents = Array.from({ length: 200 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
    await Promise.all(
      agents.map(async (agent, at) => {
        for (let round = 0; round < 5; round += 1) {
          const where = `/${at}/${round}`;
          if (at % 3 === 0) {
            const socket = await client.raw();
            socket.once('data', () => socket.destroy());
            socket.write(message([], '', `GET ${tool.url()}${where} HTTP/1.1`));
            await new Promise((resolve) => socket.once('close', resolve));
          } else {
            const { body } = await client.get(`${tool.url()}${where}`, {}, agent);
            assert.equal(body, `${where} `.repeat(4_000));
          }
        }
      }),
    );
    for (const agent of agents) agent.destroy();
  });

  it('gets 431 for more than 256 header lines, also for those that a parser drops', async () => {
    for (const count of [300, 3_000]) {
      const lines = Array.from({ length: count }, (_, at) => `A${at % 7}:`);
      assert.match(await client.exchange(message(lines, '')), /^HTTP\/1\.1 431 /);
    }
    assert.deepEqual(tool.seen, []);
  });

  it('ends nothing but its own connection by an upgrade behind answers that it does not read', async () => {
    const unauthenticated = `GET ${tool.url()}/ HTTP/1.1\r\nHost: tool.example\r\n\r\n`;
    const upgrade = `GET ${tool.url()}/ HTTP/1.1\r\nHost: tool.example\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`;
    for (let round = 0; round < 3; round += 1) {
      const socket = await client.raw();
      socket.pause();
      for (let at = 0; at < 1_500 && !socket.destroyed; at += 1) {
        if (!socket.write(at % 8 === 7 ? unauthenticated.repeat(8) : unauthenticated))
          await Promise.race([once(socket, 'drain'), once(socket, 'close'), fixture.http('/healthz')]);
      }
      socket.write(upgrade);
      await fixture.http('/healthz');
      socket.destroy();
    }
    assert.equal((await client.get(tool.url())).body, 'hello');
  });

  it('cannot change the protocol by a request that more follows', async () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: x'];
    for (const [lines, body] of [[['Content-Length: 3'], 'abc'] as const, [[], smuggled] as const]) {
      const bytes = message([...upgrade, ...lines], body, `GET ${tool.url()}/ HTTP/1.1`);
      assert.match(await client.exchange(bytes), /^HTTP\/1\.1 400 /);
    }
    assert.deepEqual(tool.seen, []);
  });

  it('is answered without a response of Node where an upgrade is refused', async () => {
    const upgrade = message(['Connection: Upgrade', 'Upgrade: x'], '', `GET ${tool.url()}/ HTTP/1.1`);
    assert.match(await client.exchange(upgrade.replace(/Proxy-Authorization.*\r\n/, '')), /^HTTP\/1\.1 407 /);
  });

  it('has no more requests in flight than its share, while others are served', async () => {
    const [role, binding] = grant('builder', ['tool'], { name: 'use-other' });
    const subjects = [{ kind: 'ServiceAccount', name: 'builder', namespace: 'other' }];
    const objects = [...toolWithLogin(tool.url()), role!, { ...binding, subjects }];
    const small = started(await ProxyFixture.start(objects, { flags: ['--max-requests-in-flight', '8'] }));
    tool.answer = (request, response) => {
      if (request.url === '/hang') return;
      response.end('hello');
    };
    const greedy = await small.client('ci/tool', { pod: 'greedy' });
    const statuses: number[] = [];
    const asked = Array.from({ length: 6 }, () =>
      greedy.get(`${tool.url()}/hang`).then(
        ({ status }) => void statuses.push(status),
        () => undefined,
      ),
    );
    await eventually('two are rejected', () => statuses.length === 2);
    assert.deepEqual(statuses, [429, 429]);
    // Another pod of the namespace has no share of its own.
    assert.equal((await (await small.client('ci/tool', { pod: 'another' })).get(tool.url())).status, 429);
    const other = await small.client('ci/tool', { namespace: 'other', pod: 'other' });
    assert.equal((await other.get(`${tool.url()}/`)).body, 'hello');
    const lines = (await small.metrics()).split('\n');
    assert.ok(lines.includes('connectors_proxy_limit_used{limit="requests_in_flight"} 4'));
    assert.ok(lines.includes('connectors_proxy_limit_rejections_total{limit="requests_in_flight"} 3'));
    await small.stopProxy();
    await Promise.all(asked);
  });

  it('that sends thousands of tiny chunks beyond the share of its namespace is ended, while others are served', async () => {
    const [role, binding] = grant('builder', ['tool'], { name: 'use-other' });
    const subjects = [{ kind: 'ServiceAccount', name: 'builder', namespace: 'other' }];
    const objects = [...toolWithLogin(tool.url()), role!, { ...binding, subjects }];
    // The share is not refilled.
    const still = started(await ProxyFixture.start(objects, { monotonicNow: () => 0 }));
    client = await still.client();
    const text = await client.exchange(message(['Transfer-Encoding: chunked'], '1\r\na\r\n'.repeat(300_000)), 60_000);
    assert.match(text, /^HTTP\/1\.1 429 /);
    assert.match(text, /too many chunks of a few bytes, send larger ones: try again in 5 s/);
    await eventually('the log says so', () => still.requests.some(({ outcome }) => outcome === 'rate_limited'));
    const token = await still.token({ namespace: 'other' });
    const other = new ProxyClient(still.port, 'ci/tool', token, still.authority, '127.0.0.2');
    assert.equal((await other.get(`${tool.url()}/`)).body, 'hello');
  });

  it('has connections to tools limited in total, however many addresses a connector has', async () => {
    const names = Array.from({ length: 40 }, (_, at) => `tool-${at}.example`);
    const small = started(
      await ProxyFixture.start(toolWithLogin(tool.url(), { extensions: names.map((name) => tool.url(name)) }), {
        flags: ['--max-tool-connections', '20'],
      }),
    );
    const one = await small.client();
    for (const name of names) assert.equal((await one.get(tool.url(name))).body, 'hello');
    await eventually('the others are closed', () => tool.connections <= 20);
    assert.ok(tool.connections >= 5, `${tool.connections} connections are kept`);
  });

  it('has a transfer ended an hour after its token has expired', async () => {
    let nowMs = Date.now();
    const clocked = started(await ProxyFixture.start(toolWithLogin(tool.url()), { now: () => nowMs }));
    tool.answer = (_request, response) => {
      const drip = setInterval(() => response.write('drop'), 50);
      response.once('close', () => clearInterval(drip));
    };
    const one = await clocked.client();
    const socket = await one.raw();
    socket.write(`GET ${tool.url()}/ HTTP/1.1\r\nHost: tool\r\nProxy-Authorization: ${one.authorization}\r\n\r\n`);
    await once(socket, 'data');
    nowMs += 1_800_000 + 3_500_000;
    await once(socket, 'data');
    nowMs += 101_000;
    socket.resume();
    await once(socket, 'close');
  });
});
