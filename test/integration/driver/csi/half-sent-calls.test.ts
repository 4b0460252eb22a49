import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { sendUnaryData } from '@grpc/grpc-js';
import { SocketServer } from '../../../../src/driver/csi/server.js';
import type { SocketBound } from '../../../../src/driver/csi/server.js';
import { csi } from '../../../../src/driver/csi/services.js';
import { limits } from '../../../../src/load/limits.js';
import { silentLog } from '../../../../src/log.js';
import { KubeletClient } from '../../../support/driver/kubelet-client.js';
import { NodeSandbox } from '../../../support/driver/node-sandbox.js';
import { callHeaders, callMessage, clientPreface } from '../../../support/http2-frames.js';
import { eventually } from '../../../support/poll.js';

const bound = 6;
/** Of one connection. */
const streams = 4;
const emptyMessage = Buffer.alloc(0);

describe('calls of which half is sent', () => {
  let node: NodeSandbox;
  let server: SocketServer;
  let ended: SocketBound[];
  /** Ends the call that runs. */
  let answer: (() => void) | undefined;
  const clients: net.Socket[] = [];

  beforeEach(async () => {
    node = new NodeSandbox();
    ended = [];
    answer = undefined;
    const atOnce = (_call: unknown, done: sendUnaryData<object>): void => done(null, {});
    server = new SocketServer({
      socketPath: node.socketPath,
      ownsFolder: true,
      drainMs: 1000,
      socket: { ...limits.csiSocket, halfSentCalls: bound },
      connection: { ...limits.grpcConnection, streams },
      observer: { ended: (what) => ended.push(what) },
      log: silentLog,
      services: [
        {
          definition: csi.Identity.service,
          implementation: {
            GetPluginInfo: (_call: unknown, done: sendUnaryData<object>): void => {
              answer = () => done(null, { name: 'answered' });
            },
            GetPluginCapabilities: atOnce,
            Probe: atOnce,
          },
        },
      ],
    });
    await server.start();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await server.stop();
    node.remove();
  });

  const dial = async (): Promise<net.Socket> => {
    const client = net.connect(node.socketPath).on('error', () => undefined);
    clients.push(client);
    client.resume().write(clientPreface);
    await once(client, 'data');
    return client;
  };
  const halfOf = (calls: readonly number[], method = 'Probe'): Buffer =>
    Buffer.concat(calls.map((call) => callHeaders(2 * call + 1, `/csi.v1.Identity/${method}`)));
  const counted = (): number => server.load['half-sent-calls'].used;

  it('are bounded over all connections, and no other call is ended or kept waiting for them', async () => {
    const busy = await dial();
    busy.write(Buffer.concat([halfOf([0], 'GetPluginInfo'), callMessage(1, emptyMessage), halfOf([1])]));
    await eventually('one call runs, and half of another one has come', () => answer !== undefined && counted() === 1);

    const flood = 5;
    for (let connection = 0; connection < flood; connection += 1) (await dial()).write(halfOf([0, 1, 2, 3]));
    const sent = 1 + flood * streams;
    await eventually('the oldest have made room', () => ended.length === sent - bound);
    assert.equal(counted(), bound);
    assert.deepEqual(new Set(ended), new Set(['half-sent-calls']));
    assert.equal(server.load.connections.used, 1 + flood);

    const kubelet = new KubeletClient(node.socketPath);
    await kubelet.probe();
    assert.equal(counted(), bound - 1, 'one has made room for it');
    answer?.();
    const [bytes] = (await once(busy, 'data')) as [Buffer];
    assert.ok(bytes.includes('answered'));
  });

  it('count no more once the rest has come, or their client has gone', async () => {
    const client = await dial();
    client.write(halfOf([0, 1, 2]));
    await eventually('they are counted', () => counted() === 3);
    client.write(callMessage(1, emptyMessage));
    await eventually('one is whole', () => counted() === 2);
    client.destroy();
    await eventually('none is left', () => counted() === 0);
    assert.deepEqual(ended, []);
  });
});
