import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { eventually } from '../../support/poll.ts';
import { connector, grant } from '../../support/proxy/manifests.ts';
import { ProcessFixture } from '../../support/proxy/process-fixture.ts';
import { headOf } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const main = path.join(import.meta.dirname, '..', '..', '..', 'dist', 'main.js');

describe('the proxy as a process', () => {
  it('serves with a CA of its own making, and stops when told to', async () => {
    const fixture = started(await ProcessFixture.start([]));
    const proxy = await fixture.replica([]);
    assert.match(fixture.authority, /^-----BEGIN CERTIFICATE/);
    await proxy.stop();
    assert.equal(proxy.exitCode, 0);
  });

  it('says how it is called, and what a flag takes', async () => {
    const run = (...args: readonly string[]): Promise<{ readonly status: unknown; readonly text: string }> => {
      const child = spawn(process.execPath, [main, 'proxy', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      return new Promise((resolve) => child.once('close', (status) => resolve({ status, text })));
    };
    const help = await run('--help');
    assert.equal(help.status, 0);
    assert.match(help.text, /^Usage: connectors-csi proxy \[flags\]\n[^]*\nFlags:\n/);
    const wrong = await run('--advertise', 'https');
    assert.equal(wrong.status, 2);
    assert.match(wrong.text, /^connectors-csi proxy: --advertise https needs --tls-address/);
    const range = await run('--allow-upstream-cidrs', '10.0.0.0/99');
    assert.match(range.text, /--allow-upstream-cidrs "10\.0\.0\.0\/99": "10\.0\.0\.0\/99": the prefix is longer/);
  });
});

describe('a proxy that stops', () => {
  it('is not ready, refuses new connections, and lets what is under way end', async () => {
    const tool = await ToolServer.start('http');
    const fixture = await ProxyFixture.start([connector('tool', tool.url()), ...grant('builder', ['tool'])], {
      flags: ['--drain-timeout', '30s'],
    });
    let finish = (): void => undefined;
    tool.answer = (_request, response) => {
      response.write('begun ');
      finish = () => void response.end('ended');
    };
    const client = await fixture.client();
    const socket = await client.raw();
    const idle = await client.raw();
    const idleClosed = new Promise((resolve) => idle.resume().once('close', resolve));
    socket.write(`GET ${tool.url()}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${client.authorization}\r\n\r\n`);
    assert.match(await headOf(socket), /^HTTP\/1\.1 200 /);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const stopped = fixture.stopProxy();
    await eventually('new connections are refused', () => isRefused(fixture.port));
    await idleClosed;
    finish();
    await eventually('the transfer has ended', () => text.includes('ended'));
    await stopped;
    await tool.stop();
    rmSync(fixture.directory, { recursive: true });
  });
});

describe('the limit of connections', () => {
  it('closes the oldest without a request, of the address that has most, for a new one', async () => {
    const tool = started(await ToolServer.start('http', () => undefined));
    const fixture = started(
      await ProxyFixture.start([connector('tool', tool.url()), ...grant('builder', ['tool'])], {
        flags: ['--max-connections', '16'],
      }),
    );
    const from = (localAddress: string): net.Socket => {
      const socket = net.connect({ port: fixture.port, host: '127.0.0.1', localAddress });
      return started({ socket: socket.on('error', () => undefined).resume(), stop: () => socket.destroy() }).socket;
    };
    const open = async (): Promise<number> =>
      Number(/_limit_used\{limit="connections"\} (\d+)$/m.exec(await fixture.metrics())?.[1]);
    const inFlight = from('127.0.0.1');
    const { authorization } = await fixture.client();
    inFlight.write(
      `GET ${tool.url()}/ HTTP/1.1\r\nHost: tool.example\r\nProxy-Authorization: ${authorization}\r\n\r\n`,
    );
    await eventually('the tool has a request', () => tool.seen.length === 1);
    const few = [from('127.0.0.2'), from('127.0.0.2')];
    const many: net.Socket[] = [];
    while ((await open()) < 16) {
      many.push(from('127.0.0.1'));
      await eventually('it is accepted', async () => (await open()) === 3 + many.length);
    }
    const third = [from('127.0.0.3'), from('127.0.0.3')];
    await eventually('two are closed', () => many.filter(({ closed }) => closed).length === 2);
    assert.deepEqual(
      many.slice(0, 2).map(({ closed }) => closed),
      [true, true],
      'the oldest',
    );
    assert.deepEqual(
      [inFlight, ...few, ...third].filter(({ closed }) => closed),
      [],
    );
    assert.ok((await fixture.metrics()).includes('\nconnectors_proxy_limit_rejections_total{limit="connections"} 2\n'));
    third[0]?.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually('it is served', () => (third[0]?.bytesRead ?? 0) > 0);
  });
});

async function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}
