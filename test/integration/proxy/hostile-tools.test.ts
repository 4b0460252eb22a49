import assert from 'node:assert/strict';
import http from 'node:http';
import type { Socket } from 'node:net';
import { eventually } from '../../support/poll.ts';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { headOf } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, credentialCanary, toolWithLogin } from '../../support/proxy/proxy-fixture.ts';
import { RawTool } from '../../support/proxy/raw-tool.ts';
import { started } from '../../support/started.ts';

const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';

/** Answers that two parsers may read differently, or that are none: the lines after the status line, and what follows. */
const wrong: readonly [string, string][] = [
  ['both a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['chunks and a length', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
  ['a length with a sign', 'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello'],
  ['a length in hexadecimal', 'HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello'],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello'],
  ['a bare carriage return', 'HTTP/1.1 200 OK\r\nX-A: b\rX-B: c\r\nContent-Length: 5\r\n\r\nhello'],
  ['a zero byte', 'HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 5\r\n\r\nhello'],
  ['a status that is no number', 'HTTP/1.1 yes OK\r\nContent-Length: 5\r\n\r\nhello'],
  ['another protocol', 'ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
  ['what is no HTTP', '220 mail.example ready\r\n'],
  [
    'another protocol than was asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  ],
];

describe('a tool that means harm', () => {
  let tool: RawTool;
  let fixture: ProxyFixture;
  let client: ProxyClient;

  /** In the time of the proxy alone. */
  let passedMs: number;

  beforeEach(async () => {
    passedMs = 0;
    tool = started(await RawTool.start());
    fixture = started(
      await ProxyFixture.start(toolWithLogin(tool.url), {
        flags: ['--idle-timeout', '1s', '--response-header-timeout', '1s'],
        monotonicNow: () => performance.now() + passedMs,
      }),
    );
    client = await fixture.client();
  });

  const answerWith = (text: string): void => {
    tool.answer = (socket) => socket.write(text, 'latin1');
  };
  const wellBehaved = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
  /** What everybody else gets meanwhile, and after it. */
  const assertServesOn = async (): Promise<void> => {
    answerWith(wellBehaved);
    assert.equal((await client.get(tool.url)).body, 'hello');
  };

  for (const [what, answer] of wrong) {
    it(`is answered for with 502: ${what}`, async () => {
      answerWith(answer);
      const { status, body } = await client.get(tool.url);
      assert.equal(status, 502);
      assert.doesNotMatch(body, /^the exchange with/);
      await assertServesOn();
      assert.doesNotMatch(fixture.log, /"level":"error"/);
    });
  }

  it('is named if it speaks no HTTP, with the reason', async () => {
    answerWith('220 mail.example ready\r\n');
    const { body } = await client.get(tool.url);
    assert.match(body, /^invalid HTTP response of http:\/\/tool\.example:\d+ \(Expected HTTP\/.*\)\n$/);
  });

  it('cannot put an answer in front of the next request of a kept connection', async () => {
    answerWith(`${wellBehaved}${poison}`);
    for (let round = 0; round < 20; round += 1) {
      const { status, body } = await client.get(`${tool.url}/${round}`);
      assert.ok(body === 'hello' || status === 502, `${status} ${body}`);
      assert.notEqual(body, 'poison');
    }
  });

  it('cannot put the beginning of an answer in front of the next request of a kept connection', async () => {
    for (const extra of ['H', poison.slice(0, 30), poison.slice(0, -1)]) {
      const { connections } = tool;
      answerWith(`${wellBehaved}${extra}`);
      const { status, body } = await client.get(tool.url);
      assert.ok(body === 'hello' || status === 502, `${status} ${body}`);
      await assertServesOn();
      assert.ok(tool.connections > connections, 'the connection is closed');
    }
    answerWith(`${wellBehaved}\r\n`);
    assert.equal((await client.get(tool.url)).body, 'hello');
    await assertServesOn();
  });

  it('cannot have an answer ready that nobody has asked for', async () => {
    let kept: Socket | undefined;
    tool.answer = (socket) => {
      kept = socket;
      socket.write(wellBehaved);
    };
    assert.equal((await client.get(tool.url)).body, 'hello');
    await new Promise((resolve) => kept?.write(poison, resolve));
    // The proxy is in this process: it has read what was there before it answers this.
    await fixture.http('/healthz');
    await assertServesOn();
  });

  it('is cut off when its headers do not end', async () => {
    tool.answer = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const more = setInterval(() => socket.write(`X-A: ${'a'.repeat(8_000)}\r\n`), 1);
      socket.once('close', () => clearInterval(more));
    };
    assert.equal((await client.get(tool.url)).status, 502);
    await assertServesOn();
  });

  it('is cut off when it says "wait" for ever', async () => {
    tool.answer = (socket) => {
      const more = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 50);
      socket.once('close', () => clearInterval(more));
    };
    const { status, body } = await client.get(tool.url);
    assert.equal(status, 504);
    assert.match(body, /nothing has moved between the client and /);
    await assertServesOn();
  });

  it('is cut off when it says "wait" for ever, and the body of the request stops coming', async () => {
    tool.answer = (socket) => {
      const more = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 50);
      socket.once('close', () => clearInterval(more));
    };
    const socket = await client.raw();
    socket.write(
      `PUT ${tool.url}/ HTTP/1.1\r\nHost: tool\r\nContent-Length: 200000\r\nProxy-Authorization: ${client.authorization}\r\n\r\nhalf`,
    );
    assert.match(await headOf(socket), /^HTTP\/1\.1 504 /);
    socket.destroy();
    await assertServesOn();
  });

  it('is cut off when it says "wait" as fast as it can', async () => {
    const many = 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(1_000);
    tool.answer = (socket) => {
      socket.write(many);
      socket.write(many);
    };
    const { status, body } = await client.get(tool.url);
    assert.equal(status, 502);
    assert.match(body, /sent informational responses \(1xx\) without end: fix the tool$/m);
    await assertServesOn();
  });

  it('costs its namespace its share of the thread when it says "wait" as fast as it can again and again', async () => {
    fixture.put([connector('tool', tool.url, { auth: 'none' }), ...grant('builder', ['tool'])]);
    tool.answer = (socket) => socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(1_000));
    const limited = 'namespace ci has used up its share of CPU time: try again in 5 s\n';
    await eventually('the share is used up', async () => {
      const floods = await Promise.all(Array.from({ length: 64 }, () => client.get(tool.url)));
      return floods.some(({ status, body }) => status === 429 && body === limited);
    });
    answerWith(wellBehaved);
    passedMs = 10 * 60_000;
    await assertServesOn();
  });

  it('is cut off when it says "wait" with more headers than a response can have', async () => {
    const headers = Array.from({ length: 200 }, (_, at) => `X-${at}: a\r\n`).join('');
    tool.answer = (socket) => {
      for (let times = 0; times < 5; times += 1) socket.write(`HTTP/1.1 103 Early Hints\r\n${headers}\r\n`);
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone');
    };
    assert.equal((await client.get(tool.url)).status, 502);
    await assertServesOn();
  });

  it('may say "wait" as often as it likes before it answers in time', async () => {
    tool.answer = (socket) => {
      for (let times = 0; times < 100; times += 1) socket.write('HTTP/1.1 102 Processing\r\n\r\n');
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone');
    };
    assert.equal((await client.get(tool.url)).body, 'done');
  });

  it('has its answer broken off where it breaks off, or is longer than it said', async () => {
    answerWith('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello');
    const first = client.get(tool.url);
    await eventually('the request has arrived', () => tool.heads.length === 1);
    await assert.rejects(first, 'after the idle time');
    tool.answer = (socket) => void socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    await assert.rejects(client.get(tool.url));
    answerWith('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more');
    assert.equal((await client.get(tool.url)).body, 'hello');
    answerWith('HTTP/1.1 204 No Content\r\n\r\nbut there is');
    assert.equal((await client.get(tool.url)).body, '');
    answerWith('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello');
    assert.equal((await client.get(tool.url)).body, '');
    await assertServesOn();
  });

  it('that closes at once, resets or keeps silent is a 502 or a 504, and holds up nobody else', async () => {
    tool.answer = (socket, head) => {
      if (head.includes('/close')) socket.destroy();
      else if (head.includes('/reset')) socket.resetAndDestroy();
      else if (!head.includes('/silent')) socket.write(wellBehaved);
    };
    const silent = client.get(`${tool.url}/silent`);
    const agents = Array.from({ length: 20 }, () => new http.Agent({ keepAlive: true }));
    const statuses = await Promise.all(
      agents.map(
        async (agent, at) => (await client.get(`${tool.url}/${['close', 'reset', 'good'][at % 3]}`, {}, agent)).status,
      ),
    );
    assert.deepEqual([...new Set(statuses)].sort(), [200, 502]);
    assert.equal((await silent).status, 504);
    for (const agent of agents) agent.destroy();
  });

  it('gets no header that a Secret or a client would inject', async () => {
    answerWith(wellBehaved);
    fixture.put([
      connector('tool', tool.url, { secret: 'login' }),
      secret('login', 'connectors.cpaas.io/bearer-token', { token: `${credentialCanary}\r\nX-Injected: 1` }),
      ...grant('builder', ['tool']),
    ]);
    const { status, body } = await client.get(tool.url);
    assert.equal(status, 502);
    assert.ok(!body.includes(credentialCanary));
    fixture.put([connector('tool', tool.url, { auth: 'none' }), ...grant('builder', ['tool'])]);
    await client.get(`${tool.url}/%0d%0aX-Injected:%201?%0d%0aX-Injected:%201`);
    assert.ok(!tool.heads.some((head) => /^x-injected/im.test(head)));
  });

  it('cannot choose the reason phrase, in whichever way its answer goes', async () => {
    answerWith('HTTP/1.1 200 a\x01b\r\nContent-Length: 5\r\n\r\nhello');
    assert.equal((await client.get(tool.url)).body, 'hello');
    assert.equal((await client.get(tool.url, { method: 'HEAD' })).status, 200);
    assert.equal((await client.reverse('/namespaces/ci/connectors/tool/')).body, 'hello');
    const upgrade = ['GET / HTTP/1.1', 'Host: tool', 'Connection: Upgrade', 'Upgrade: websocket', '\r\n'].join('\r\n');
    const asking = upgrade.replace('GET /', `GET ${tool.url}/`).replace('\r\n\r\n', () => '\r\n');
    const text = await client.exchange(`${asking}Proxy-Authorization: ${client.authorization}\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    await assertServesOn();
  });

  for (const status of ['000', '099', '101', '199']) {
    it(`has its connection closed after status ${status}`, async () => {
      answerWith(`HTTP/1.1 ${status} Odd\r\nContent-Length: 5\r\n\r\nhello`);
      const { status: answered } = await client.get(tool.url);
      assert.ok(answered === 502 || answered === 504, String(answered));
      await assertServesOn();
      const used = tool.requests.filter((count) => count > 0);
      assert.deepEqual(used, [1, 1], 'each request has a connection of its own');
    });
  }

  it('has its connection closed after an answer that comes before the end of the request', async () => {
    answerWith(wellBehaved);
    for (const [begun, ...lines] of [
      ['half', 'Content-Length: 200000'],
      ['4\r\nhalf\r\n', 'Transfer-Encoding: chunked'],
      ['', 'Content-Length: 5', 'Expect: 100-continue'],
    ] as const) {
      const socket = await client.raw();
      const head = [
        `PUT ${tool.url}/ HTTP/1.1`,
        'Host: tool',
        `Proxy-Authorization: ${client.authorization}`,
        ...lines,
      ];
      socket.write(`${head.join('\r\n')}\r\n\r\n${begun}`);
      assert.match(await headOf(socket), /^HTTP\/1\.1 200 /);
      socket.destroy();
      await eventually(`the connection is closed: ${lines.join(', ')}`, () => tool.openConnections === 0);
    }
    await assertServesOn();
  });

  it('has an answer with more than 16 KiB of headers, or more than 256 of them, refused', async () => {
    const headers = [
      `X-A: ${'a'.repeat(17_000)}\r\n`,
      Array.from({ length: 300 }, (_, at) => `X-${at}: a\r\n`).join(''),
    ];
    for (const text of headers) {
      answerWith(`HTTP/1.1 200 OK\r\n${text}Content-Length: 5\r\n\r\nhello`);
      assert.equal((await client.get(tool.url)).status, 502);
    }
    await assertServesOn();
    assert.equal(tool.connections, 3, 'each request has another connection');
  });

  it('has a connection on which it sent something unasked closed instead of used again', async () => {
    const used: Socket[] = [];
    tool.answer = (socket) => {
      used.push(socket);
      socket.write(wellBehaved);
    };
    assert.equal((await client.get(tool.url)).body, 'hello');
    const [first] = used;
    // It is read before the next request reaches the proxy: both are in this process, and that takes more turns of its loop.
    await new Promise((resolve) => first?.write(wellBehaved.replace('hello', 'other'), resolve));
    assert.equal((await client.get(tool.url)).body, 'hello');
    assert.notEqual(used[1], first);
    await eventually('the connection is closed', () => first?.destroyed === true);
    await assertServesOn();
  });

  it('has no Transfer-Encoding of a 204 passed on, and no Trailer of an answer without chunks', async () => {
    answerWith('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n');
    const { status, rawHeaders } = await client.get(tool.url);
    assert.equal(status, 204);
    assert.ok(!rawHeaders.includes('Transfer-Encoding'));
    answerWith('HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 5\r\n\r\nhello');
    assert.equal((await client.get(tool.url)).body, 'hello');
    await assertServesOn();
  });

  it('gets and gives no trailers that are named like credentials', async () => {
    answerWith(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: session=1\r\nPrivate-Token: x\r\nX-Sum: 1\r\n\r\n',
    );
    assert.deepEqual((await client.get(tool.url, { headers: { te: 'trailers' } })).rawTrailers, ['X-Sum', '1']);
  });

  it('that authenticates connections does so for the one request', async () => {
    const ports: (number | undefined)[] = [];
    tool.answer = (socket, head) => {
      ports.push(socket.remotePort);
      socket.write(
        /^authorization: ntlm/im.test(head) || head.includes('/plain')
          ? wellBehaved
          : 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="a", Negotiate\r\nContent-Length: 5\r\n\r\nhello',
      );
    };
    fixture.put([connector('tool', tool.url, { auth: 'none' }), ...grant('builder', ['tool'])]);
    await client.get(`${tool.url}/plain`);
    await client.get(`${tool.url}/plain`);
    assert.equal(ports[0], ports[1], 'an ordinary connection is kept');
    await client.get(tool.url, { headers: { authorization: 'NTLM TlRMTVNTUAAB' } });
    await client.get(`${tool.url}/plain`);
    await client.get(tool.url);
    await client.get(`${tool.url}/plain`);
    const [, ordinary, withLogin, after, challenged, last] = ports;
    assert.notEqual(withLogin, ordinary);
    assert.notEqual(after, withLogin);
    assert.notEqual(last, challenged);
  });
});
