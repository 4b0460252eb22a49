import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { clientHeaders } from './exchange-headers.ts';
import { endToEnd, hasWord, valuesOf } from './headers.ts';
import type { RawHeaders } from './headers.ts';
import type { ToolCredential } from './tool-credential.ts';
import { withheldFromResponse } from './tool-credential.ts';

/** A tool that has switched protocols. */
export interface Switched {
  /** The headers of its `101`. */
  readonly message: IncomingMessage;
  readonly socket: Socket;
  /** Bytes that the tool sent after them. */
  readonly first: Buffer;
}

/**
 * Reports whether the request asks for a permitted protocol. In HTTP/2 the client could send requests that the proxy
 * does not check.
 */
export function isPassableUpgrade({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): boolean {
  const values = valuesOf(rawHeaders, 'upgrade');
  if (values.length === 0 || !hasWord(rawHeaders, 'connection', 'upgrade')) return false;
  const protocols = values.flatMap((value) => value.split(','));
  return protocols.every((protocol) => !/^(h2c?|tls|http)\b/i.test(protocol.trim()));
}

/** Returns the headers that ask the next hop for another protocol. */
export function upgradeHeaders(rawHeaders: RawHeaders): readonly string[] {
  return ['Connection', 'Upgrade', ...valuesOf(rawHeaders, 'upgrade').flatMap((value) => ['Upgrade', value])];
}

/** Returns the `101` for the client, without what the credential must not show. */
export function switchedHead({ rawHeaders }: IncomingMessage, credential: ToolCredential): Buffer {
  const kept = clientHeaders(endToEnd(rawHeaders, withheldFromResponse(credential)), credential);
  const headers = [...upgradeHeaders(rawHeaders), ...kept];
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ''}`] : []));
  // Latin-1, as Node has decoded the headers.
  return Buffer.from(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
