import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { endToEnd, hasWord, valuesOf } from './headers.js';
import type { RawHeaders } from './headers.js';
import type { Outgoing } from './exchange.js';
import type { ToolClient } from './tool-client.js';
import type { ToolCredential } from './tool-credential.js';
import { withheldFromAnswer } from './tool-credential.js';
import { authorityOf, nameOf } from './tool-origin.js';
import { toolFailure } from './tool-failure.js';

/** What the tool said to a request to change the protocol. */
export type UpgradeAnswer =
  | { readonly kind: 'switched'; readonly head: string; readonly socket: Socket; readonly first: Buffer }
  | { readonly kind: 'answered'; readonly request: ClientRequest; readonly response: IncomingMessage };

/** Whether the request asks for a protocol that may pass: HTTP/2 would be one in which nobody looks at requests. */
export function isPassableUpgrade({ rawHeaders }: IncomingMessage): boolean {
  const protocols = valuesOf(rawHeaders, 'upgrade').flatMap((value) => value.split(','));
  return (
    protocols.length > 0 &&
    hasWord(rawHeaders, 'connection', 'upgrade') &&
    protocols.every((protocol) => !/^(h2c?|tls|http)\b/i.test(protocol.trim()))
  );
}

/**
 * Sends a request to change the protocol (websockets, SPDY) to the tool.
 * @throws {Refusal}
 */
export async function askForUpgrade(
  client: ToolClient,
  incoming: IncomingMessage,
  { origin, path, trust, credential, withoutHeaders, lookedUpFor, via }: Outgoing,
  answerMs: number,
  signal: AbortSignal,
): Promise<UpgradeAnswer> {
  const { rawHeaders, method = 'GET' } = incoming;
  const shown = await credential.headersFor({ method, path, isUnrepeatable: true }, signal);
  const headers = [
    'Host',
    authorityOf(origin),
    ...endToEnd(rawHeaders, new Set(['host', ...(withoutHeaders ?? [])]), credential.replaces),
    'Connection',
    'Upgrade',
    ...valuesOf(rawHeaders, 'upgrade').flatMap((value) => ['Upgrade', value]),
    ...shown,
    ...via,
  ];
  try {
    return await new Promise<UpgradeAnswer>((resolve, reject) => {
      const request = client.request({ origin, method, path, headers, trust, lookedUpFor });
      const stop = (): void => void request.destroy();
      const timer = setTimeout(stop, answerMs);
      signal.addEventListener('abort', stop, { once: true });
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
      };
      request.on('error', reject);
      request.once('close', () => {
        settle();
        reject(new Error('the tool did not answer'));
      });
      request.once('upgrade', (response, socket, first) => {
        settle();
        resolve({ kind: 'switched', head: switchedHead(response, credential), socket, first });
      });
      request.once('response', (response) => {
        settle();
        response.on('error', () => undefined);
        resolve({ kind: 'answered', request, response });
      });
      request.end();
    });
  } catch (error) {
    throw toolFailure(error, nameOf(origin));
  }
}

/** The head of the `101` answer, as it goes to the client. */
function switchedHead(
  { rawHeaders, statusMessage = 'Switching Protocols' }: IncomingMessage,
  credential: ToolCredential,
): string {
  const headers: RawHeaders = [
    'Connection',
    'Upgrade',
    ...valuesOf(rawHeaders, 'upgrade').flatMap((value) => ['Upgrade', value]),
    ...endToEnd(rawHeaders, withheldFromAnswer(credential)),
  ];
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ''}`] : []));
  return `HTTP/1.1 101 ${statusMessage}\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** Writes text as Node has read it: bytes of headers are Latin-1. */
export function writeHead(socket: Duplex, head: string): void {
  socket.write(head, 'latin1');
}
