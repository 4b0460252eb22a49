import http from 'node:http';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { headOf } from '../proxy-client.ts';
import { flood, oneByteChunks } from '../stalled-peers.ts';
import { slowChain, slowestChain } from './slow-chain.ts';

/** A pod that attacks. */
export interface AttackingPod {
  /** Its own on the loopback interface. */
  readonly address: string;
  /** The value of `Proxy-Authorization`; empty for none. */
  readonly authorization: string;
}

export interface AttackPlan {
  readonly port: number;
  readonly tlsPort?: number;
  readonly pods: readonly AttackingPod[];
  /** Attempts of each pod at once. */
  readonly lanes: number;
  /** What they ask for, in turn. */
  readonly urls?: readonly string[];
  /** Where the tool of the attackers listens. */
  readonly toolPort?: number;
  /** Of the key share in recorded handshakes. */
  readonly curve?: string;
}

/** What came back, by status or reason. */
export type AttackCounts = Record<string, number>;

/** @returns counts that grow until the signal aborts. */
type Attack = (plan: AttackPlan, signal: AbortSignal) => Promise<AttackCounts>;

/** Runs a step again and again, in lanes of all pods. */
function repeat(
  plan: AttackPlan,
  signal: AbortSignal,
  step: (pod: AttackingPod, at: number) => Promise<string>,
): AttackCounts {
  const counts: AttackCounts = {};
  let next = 0;
  const lane = async (pod: AttackingPod): Promise<void> => {
    while (!signal.aborted) {
      const outcome = await step(pod, next++).catch(reasonOf);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  for (const pod of plan.pods) for (let at = 0; at < plan.lanes; at += 1) void lane(pod);
  return counts;
}

function connect({ port }: AttackPlan, { address }: AttackingPod, to = port): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port: to, localAddress: address });
    socket.once('connect', () => resolve(socket)).on('error', reject);
  });
}

/** A request in absolute form. @returns its status. */
function request(plan: AttackPlan, pod: AttackingPod, url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = http.get({
      ...{ host: '127.0.0.1', port: plan.port, localAddress: pod.address, agent: false, path: url },
      headers: { host: new URL(url).host, 'proxy-authorization': pod.authorization },
    });
    sent.once('response', (response) => {
      response
        .resume()
        .once('close', () => resolve(String(response.statusCode)))
        .once('error', reject);
    });
    sent.once('error', reject);
  });
}

async function tunnel(plan: AttackPlan, pod: AttackingPod, authority: string): Promise<net.Socket> {
  const socket = await connect(plan, pod);
  socket.write(
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${pod.authorization}\r\n\r\n`,
  );
  const [, status = 'closed'] = /^HTTP\/1\.1 (\d+)/.exec(await headOf(socket)) ?? [];
  if (status === '200') return socket;
  socket.destroy();
  throw new Error(status);
}

/** The first flight of a TLS client, which can be sent any number of times without computing anything. */
async function recordedHello(curve: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({ read: () => undefined, write: (chunk: Buffer) => resolve(chunk) });
    tls.connect({ socket: wire, ecdhCurve: curve, servername: 'tool.example' }).on('error', () => undefined);
  });
}

/** Sends the recorded hello, and leaves when the server has answered. */
async function replay(socket: net.Socket, hello: Buffer): Promise<string> {
  socket.write(hello);
  const first = await new Promise<Buffer | undefined>((resolve) => {
    socket
      .once('data', resolve)
      .once('close', () => resolve(undefined))
      .on('error', () => undefined)
      .resume();
  });
  socket.destroy();
  if (first === undefined) return 'closed';
  return first[0] === 0x16 ? 'handshake' : 'alert';
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

const never = new Promise<never>(() => undefined);

export const attacks: Readonly<Record<string, Attack>> = {
  /** Handshakes in tunnels to a Connector's host. */
  async tunnelHandshakes(plan, signal) {
    const hello = await recordedHello(plan.curve ?? 'X25519');
    const [authority = ''] = plan.urls ?? [];
    return repeat(plan, signal, async (pod) => replay(await tunnel(plan, pod, authority), hello));
  },

  /** Handshakes with the proxy itself, without a token. */
  async listenerHandshakes(plan, signal) {
    const hello = await recordedHello(plan.curve ?? 'X25519');
    return repeat(plan, signal, async (pod) => replay(await connect(plan, pod, plan.tlsPort), hello));
  },

  /** Requests that a tool of theirs never answers. It is under way when some are refused. */
  async requestsInFlight(plan, signal) {
    http.createServer(() => undefined).listen(plan.toolPort, '127.0.0.1');
    const counts = repeat(plan, signal, (pod, at) => request(plan, pod, urlOf(plan, at)));
    while (Object.keys(counts).length === 0) await sleep(10);
    return counts;
  },

  /** Requests to a tool that answers at once. */
  requests: (plan, signal) => Promise.resolve(repeat(plan, signal, (pod, at) => request(plan, pod, urlOf(plan, at)))),

  /** Connections with headers that do not end. */
  incompleteHeaders: (plan, signal) =>
    Promise.resolve(
      repeat(plan, signal, async (pod) => {
        const socket = await connect(plan, pod);
        socket.write('GET http://tool.example/ HTTP/1.1\r\nHost: tool.example\r\nX-Part: ');
        await new Promise((resolve) =>
          socket
            .resume()
            .on('error', () => undefined)
            .once('close', resolve),
        );
        return 'closed';
      }),
    ),

  /** Transfers in chunks of one byte both ways, as fast as the proxy takes them. */
  oneByteChunks(plan, signal) {
    net
      .createServer((socket) => {
        socket
          .on('error', () => undefined)
          .once('data', () => {
            socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
            flood(socket.resume(), oneByteChunks);
          });
      })
      .listen(plan.toolPort, '127.0.0.1');
    return Promise.resolve(
      repeat(plan, signal, async (pod, at) => {
        const socket = await connect(plan, pod);
        const url = urlOf(plan, at);
        socket.write(
          `POST ${url} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nProxy-Authorization: ${pod.authorization}\r\nTransfer-Encoding: chunked\r\n\r\n`,
        );
        flood(socket.on('error', () => undefined).resume(), oneByteChunks);
        await new Promise((resolve) => socket.once('close', resolve));
        return 'closed';
      }),
    );
  },

  /** Connections to a tool whose certificates take long to verify. */
  slowChains(plan, signal) {
    const { cert, key } = slowChain(slowestChain);
    tls
      .createServer({ cert, key }, (socket) => socket.on('error', () => undefined))
      .on('tlsClientError', () => undefined)
      .listen(plan.toolPort, '127.0.0.1');
    return Promise.resolve(repeat(plan, signal, (pod, at) => request(plan, pod, urlOf(plan, at))));
  },

  /** Connections to a tool that accepts them and says nothing. */
  silentTools(plan, signal) {
    net.createServer((socket) => socket.on('error', () => undefined)).listen(plan.toolPort, '127.0.0.1');
    return Promise.resolve(repeat(plan, signal, (pod, at) => request(plan, pod, urlOf(plan, at))));
  },

  /** Tunnels to hosts that nobody knows. */
  unknownHosts: (plan, signal) =>
    Promise.resolve(
      repeat(plan, signal, async (pod, at) => {
        (await tunnel(plan, pod, `${at}.${urlOf(plan, at)}:443`)).destroy();
        return never;
      }),
    ),
};

function urlOf({ urls = [] }: AttackPlan, at: number): string {
  return urls[at % urls.length] ?? '';
}
