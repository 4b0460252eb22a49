import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { sendUnaryData } from '@grpc/grpc-js';
import { SocketServer } from '../../../../src/driver/csi/server.js';
import { csi } from '../../../../src/driver/csi/services.js';
import { loadAccept } from '../../../../src/driver/host/accept.js';
import { limits } from '../../../../src/load/limits.js';
import { silentLog } from '../../../../src/log.js';
import { NodeSandbox } from '../../../support/driver/node-sandbox.js';
import { callHeaders, callMessage, clientPreface } from '../../../support/http2-frames.js';
import { eventually } from '../../../support/poll.js';

const crowdSize = 500;
/** As the kubelet makes for a mount. */
const callsEach = 3;

/**
 * What is counted are calls, not time: client and server share one event loop, so that the order does not depend on the
 * machine.
 */
describe('a crowd of connections', () => {
  let node: NodeSandbox;
  let server: SocketServer;
  /** Calls of the crowd that were answered. */
  let served: number;
  const answer = (_call: unknown, done: sendUnaryData<object>): void => done(null, {});

  beforeEach(async () => {
    node = new NodeSandbox();
    served = 0;
    server = new SocketServer({
      socketPath: node.socketPath,
      ownsFolder: true,
      drainMs: 1000,
      socket: limits.csiSocket,
      connection: limits.grpcConnection,
      accept: loadAccept(),
      observer: { ended: () => undefined },
      log: silentLog,
      services: [
        {
          definition: csi.Identity.service,
          implementation: {
            GetPluginInfo: answer,
            GetPluginCapabilities: answer,
            Probe: (call: unknown, done: sendUnaryData<object>): void => {
              served += 1;
              answer(call, done);
            },
          },
        },
      ],
    });
    await server.start();
  });
  afterEach(async () => {
    await server.stop();
    node.remove();
  });

  /** One call on a connection of its own; says nothing before the server does, as the kubelet's gRPC library. */
  const callOnce = async (method: string): Promise<void> => {
    const client = net.connect(node.socketPath);
    client.write(clientPreface);
    await once(client, 'data');
    client.write(Buffer.concat([callHeaders(1, `/csi.v1.Identity/${method}`), callMessage(1, Buffer.alloc(0))]));
    for (let isAnswered = false; !isAnswered;) {
      const [bytes] = (await once(client, 'data')) as [Buffer];
      isAnswered = bytes.includes('grpc-status') || bytes.includes(Buffer.from([0x9a, 0xca])) || bytes.length > 30;
    }
    client.destroy();
  };
  const callsInTurn = async (method: string): Promise<void> => {
    for (let call = 0; call < callsEach; call += 1) await callOnce(method);
  };

  it('does not have those wait who come later, and is served itself', async () => {
    const crowd = Promise.all(Array.from({ length: crowdSize }, () => callsInTurn('Probe')));
    for (let newcomer = 0; newcomer < 5; newcomer += 1) {
      const before = served + 20;
      await eventually('the crowd is being served', () => served > before);
      const servedBefore = served;
      await callsInTurn('GetPluginInfo');
      const meanwhile = served - servedBefore;
      assert.ok(meanwhile < crowdSize / 2, `${meanwhile} calls of the crowd were answered before three of a newcomer`);
    }
    assert.ok(served < crowdSize * callsEach, 'there was no crowd any more');
    await crowd;
    assert.equal(served, crowdSize * callsEach);
    await eventually('no connection is left', () => server.load.connections.used === 0);
  });
});
