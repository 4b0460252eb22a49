import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import tls from 'node:tls';

/** Where a measurement goes: through a proxy, or straight to the tool. */
export interface Way {
  readonly name: string;
  /** Undefined: straight. */
  readonly proxy: { readonly port: number; readonly login: string } | undefined;
  /** What signs the certificate that clients see, PEM. */
  readonly authority: string;
  readonly host: string;
  readonly port: number;
}

/** A connection with TLS to the tool, through the proxy where there is one. */
export async function open({ proxy, authority, host, port }: Way): Promise<Socket> {
  const socket = proxy === undefined ? undefined : await connectThrough(proxy, `${host}:${port}`);
  const where = socket === undefined ? { host: '127.0.0.1', port } : { socket };
  const secure = tls.connect({ ...where, servername: host, ca: authority });
  await new Promise<void>((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject));
  secure.setNoDelay(true);
  return secure;
}

function connectThrough({ port, login }: NonNullable<Way['proxy']>, authority: string): Promise<Socket> {
  const headers = {
    Host: authority,
    'Proxy-Authorization': `Basic ${Buffer.from(login).toString('base64')}`,
  };
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1',
      port,
      method: 'CONNECT',
      path: authority,
      headers,
      agent: false,
    });
    request.once('error', reject).once('connect', (answer, socket) => {
      if (answer.statusCode === 200) resolve(socket);
      else reject(new Error(`CONNECT: ${answer.statusCode}`));
    });
    request.end();
  });
}

/** An agent whose only connection is this one. */
export function agentOf(socket: Socket): https.Agent {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  return agent;
}

/** One request on a connection. @returns the number of bytes of the answer. */
export function get({ host, port }: Way, agent: https.Agent, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = https.get({ host, port, path, agent }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => (bytes += chunk.length));
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve(bytes);
        else reject(new Error(`answered ${answer.statusCode}`));
      });
    });
    request.once('error', reject);
  });
}
