import net from 'node:net';
import tls from 'node:tls';

/** Timeout of lookup, connection and response together, in milliseconds. */
const timeoutMs = 5_000;
/** Limit of the response's first line, in bytes. */
const maxLineBytes = 1024;
/** A host that no Connector can have (RFC 6761), so no credential is requested. */
const connectRequest = 'CONNECT doctor.invalid:443 HTTP/1.1\r\nHost: doctor.invalid:443\r\n\r\n';

/**
 * Sends a request without a token to a proxy, on the path of pods. A working proxy responds 407 before it does anything
 * else.
 * @param address `http` or `https` URL of the proxy; its path does not matter.
 * @param caCerts PEM to verify an `https` proxy, next to Node's CA certificates.
 * @returns the status of the response; undefined if it is not HTTP.
 * @throws {Error} the system's error if there is no connection or no response.
 */
export function sendConnect(address: string, caCerts: string | undefined): Promise<number | undefined> {
  const { protocol, hostname, port } = new URL(address);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const isSecure = protocol === 'https:';
  const plain = net.connect(Number(port) || (isSecure ? 443 : 80), host);
  const ca = caCerts === undefined ? undefined : [...tls.rootCertificates, caCerts];
  const name = net.isIP(host) === 0 ? { servername: host } : {};
  const socket = isSecure ? tls.connect({ socket: plain, host, ...name, ...(ca && { ca }) }) : plain;
  return new Promise<number | undefined>((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      const [, status] = /^HTTP\/1\.[01] (\d{3})\b/.exec(text) ?? [];
      resolve(status === undefined ? undefined : Number(status));
    };
    plain.once('error', reject);
    socket.once('error', reject);
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n') || text.length > maxLineBytes) settle();
    });
    socket.once('close', () =>
      text === '' ? reject(new Error('it closed the connection without an answer')) : settle(),
    );
    socket.write(connectRequest);
  }).finally(() => {
    socket.destroy();
    plain.destroy();
  });
}
