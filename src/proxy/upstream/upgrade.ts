import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { endToEnd, hasWord, valuesOf } from './headers.js';
import type { RawHeaders } from './headers.js';

/** A tool that has changed the protocol. */
export interface Switched {
  /** The headers of its `101`. */
  readonly message: IncomingMessage;
  readonly socket: Socket;
  /** What the tool has sent after them. */
  readonly first: Buffer;
}

/** Whether the request asks for a protocol that may pass: HTTP/2 would be one in which nobody looks at requests. */
export function isPassableUpgrade({ rawHeaders }: IncomingMessage): boolean {
  const protocols = valuesOf(rawHeaders, 'upgrade').flatMap((value) => value.split(','));
  return (
    protocols.length > 0 &&
    hasWord(rawHeaders, 'connection', 'upgrade') &&
    protocols.every((protocol) => !/^(h2c?|tls|http)\b/i.test(protocol.trim()))
  );
}

/** The headers by which a request asks for another protocol, for the next hop. */
export function upgradeHeaders(rawHeaders: RawHeaders): readonly string[] {
  return ['Connection', 'Upgrade', ...valuesOf(rawHeaders, 'upgrade').flatMap((value) => ['Upgrade', value])];
}

/** The `101` as it goes to the client. @param without headers that it does not get, in lower case. */
export function switchedHead({ rawHeaders }: IncomingMessage, without: ReadonlySet<string>): Buffer {
  const headers = [...upgradeHeaders(rawHeaders), ...endToEnd(rawHeaders, without)];
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ''}`] : []));
  // As Node has read it: bytes of headers are Latin-1.
  return Buffer.from(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
