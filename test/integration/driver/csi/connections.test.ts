import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { SocketServer } from '../../../../src/driver/csi/server.ts';
import { csi } from '../../../../src/driver/csi/services.ts';
import { driverLimits } from '../../../../src/driver/limits.ts';
import { silentLog } from '../../../../src/shared/log.ts';
import { connectRaw } from '../../../support/csi/raw-client.ts';
import { KubeletClient } from '../../../support/driver/kubelet-client.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { callHeaders, clientPreface, frame, frameFlag, frameType } from '../../../support/http2-frames.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

/** With limits of milliseconds, where the driver's are minutes. */
describe('a connection to the driver', () => {
  let node: NodeSandbox;
  let server: SocketServer;
  let answer: (() => void) | undefined;
  let rejected: number;
  const asked = () => new Promise<void>((resolve) => (answer = resolve));

  const start = async (times: {
    idleMs: number;
    ageMs: number;
    ageGraceMs: number;
    keepaliveMs?: number;
    keepaliveTimeoutMs?: number;
  }): Promise<void> => {
    server = started(
      new SocketServer({
        socketPath: node.socketPath,
        ownsFolder: true,
        drainMs: 1000,
        socket: { ...driverLimits.csiSocket, connections: 8 },
        onRejected: () => (rejected += 1),
        connection: { streams: 4, requestBytes: 65_536, keepaliveMs: 600_000, keepaliveTimeoutMs: 1000, ...times },
        log: silentLog,
        services: [
          {
            definition: csi.Identity.service,
            implementation: {
              GetPluginInfo: (_call: unknown, done: (error: null, response: object) => void) =>
                void asked().then(() => done(null, { name: 'answered' })),
              GetPluginCapabilities: (_call: unknown, done: (error: null, response: object) => void) => done(null, {}),
              Probe: (_call: unknown, done: (error: null, response: object) => void) => done(null, {}),
            },
          },
        ],
      }),
    );
    await server.start();
  };

  const connect = (): http2.ClientHttp2Session =>
    http2.connect('http://localhost', { createConnection: () => net.connect(node.socketPath) });

  beforeEach(() => {
    node = started(new NodeSandbox());
    rejected = 0;
  });

  it('on which nothing happens is closed by the driver', async () => {
    await start({ idleMs: 200, ageMs: 600_000, ageGraceMs: 1000 });
    const session = connect();
    await once(session, 'close');
    assert.ok(session.closed);
  });

  it('over the limit is closed at once and counted, and one is accepted when another has gone', async () => {
    await start({ idleMs: 600_000, ageMs: 600_000, ageGraceMs: 1000 });
    const clients = await Promise.all(Array.from({ length: 8 }, () => connectRaw(node.socketPath)));
    await eventually('all are accepted', () => server.use.used === 8);
    const surplus = await connectRaw(node.socketPath);
    await once(surplus.resume(), 'end');
    surplus.destroy();
    assert.equal(rejected, 1);
    assert.deepEqual(server.use, { used: 8, capacity: 8 });
    clients.pop()?.destroy();
    await eventually('one has gone', () => server.use.used === 7);
    const kubelet = new KubeletClient(node.socketPath);
    await kubelet.probe();
    for (const client of clients) client.destroy();
  });

  it('that grows old is closed by the driver', async () => {
    await start({ idleMs: 600_000, ageMs: 200, ageGraceMs: 1000 });
    await once(connect(), 'close');
  });

  it('with a call that runs stays until the call has its answer, however long nothing else happens', async () => {
    await start({ idleMs: 200, ageMs: 600, ageGraceMs: 600_000 });
    const kubelet = new KubeletClient(node.socketPath, { shared: true });
    const call = kubelet.pluginInfo();
    await eventually('the call has come', () => answer !== undefined);
    await once(connect(), 'close');
    await once(connect(), 'close');
    answer?.();
    assert.equal((await call).name, 'answered');
    kubelet.close();
  });

  it('whose client broke the protocol in the middle of a call, and has gone, is closed by the driver', async () => {
    await start({ idleMs: 600_000, ageMs: 600_000, ageGraceMs: 1000, keepaliveMs: 200, keepaliveTimeoutMs: 200 });
    const client = net.connect(node.socketPath).resume();
    const call = callHeaders(1, '/csi.v1.Identity/Probe', frameFlag.endHeaders | frameFlag.endStream);
    const lastWords = frame(frameType.goAway, 0, 0, Buffer.alloc(8));
    const tooLarge = Buffer.alloc(9, 0xff);
    client.write(Buffer.concat([clientPreface, call, lastWords, tooLarge]));
    await once(client, 'data');
    client.destroy();
    await eventually('no connection is left', () => server.use.used === 0);
  });

  it('whose client answers stays, however often it is asked', async () => {
    await start({ idleMs: 600_000, ageMs: 600_000, ageGraceMs: 1000, keepaliveMs: 20, keepaliveTimeoutMs: 600_000 });
    const session = connect();
    let asked = 0;
    session.on('ping', () => (asked += 1));
    await eventually('it was asked often', () => asked > 10);
    assert.ok(!session.destroyed && server.use.used === 1);
    session.destroy();
  });
});
