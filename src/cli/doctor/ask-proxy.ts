import net from 'node:net';
import type { Socket } from 'node:net';
import tls from 'node:tls';

/** For the whole of it: name, connection and answer, in milliseconds. */
const answerTimeoutMs = 5_000;
/** Of an answer, up to the end of its first line. */
const maxLineBytes = 1024;
/** A host that no Connector can have (RFC 6761): nobody's credential is asked for. */
const question = 'CONNECT doctor.invalid:443 HTTP/1.1\r\nHost: doctor.invalid:443\r\n\r\n';

/** Opens a TCP connection; tests lead names of Services elsewhere. */
export type Dial = (port: number, host: string) => Socket;

/**
 * Asks a proxy without a token, as pods reach it. One that serves answers 407 before it does anything else.
 * @param address `http` or `https` URL of the proxy; its path does not matter.
 * @param caCerts PEM that an `https` proxy is verified with, beside the roots that Node has.
 * @returns the status of its answer; undefined when what answers does not speak HTTP.
 * @throws {Error} what the system says when there is no connection or no answer.
 */
export function askProxy(
  address: string,
  caCerts: string | undefined,
  dial: Dial = net.connect,
): Promise<number | undefined> {
  const { protocol, hostname, port } = new URL(address);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const isSecure = protocol === 'https:';
  const plain = dial(Number(port) || (isSecure ? 443 : 80), host);
  const ca = caCerts === undefined ? undefined : [...tls.rootCertificates, caCerts];
  const name = net.isIP(host) === 0 ? { servername: host } : {};
  const socket = isSecure ? tls.connect({ socket: plain, host, ...name, ...(ca && { ca }) }) : plain;
  return new Promise<number | undefined>((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`no answer within ${answerTimeoutMs / 1000} s`)), answerTimeoutMs);
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
    socket.write(question);
  }).finally(() => {
    socket.destroy();
    plain.destroy();
  });
}
