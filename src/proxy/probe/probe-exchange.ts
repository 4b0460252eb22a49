import type { IncomingMessage } from 'node:http';
import { GatheredStream } from '../upstream/gathered-stream.js';
import type { LookupOwner } from '../upstream/resolver.js';
import type { ToolClient } from '../upstream/tool-client.js';
import { toolFailure } from '../upstream/tool-failure.js';
import { nameOf } from '../upstream/tool-origin.js';
import type { Trust } from '../upstream/trust.js';
import type { ProbeRequest } from './probe-request.js';
import { limits } from '../../limits/defaults.js';

const maxBodyBytes = limits.probes.bodyBytes;

export interface ProbeResponse {
  readonly status: number;
  /** Headers by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly challenges: readonly string[];
  /** Empty if it was not requested; undefined if it is too long. */
  readonly body: string | undefined;
}

/** A response whose body is gathered: a tool that sends chunks of one byte must not exhaust the heap. */
interface PendingResponse {
  readonly message: IncomingMessage;
  readonly body: GatheredStream;
}

/**
 * Sends a probe through the code path of a client's request: checked addresses, verified TLS. Redirects are not
 * followed.
 * @param timeoutMs limit of the whole exchange.
 * @throws {ProxyError} the failure, in terms that the owner of the Connector understands.
 */
export async function sendProbe(
  client: ToolClient,
  { origin, method, path, headers }: ProbeRequest,
  trust: Trust,
  {
    owner,
    wantsBody,
    timeoutMs,
    signal,
  }: {
    readonly owner: LookupOwner;
    readonly wantsBody: boolean;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<ProbeResponse> {
  const tool = nameOf(origin);
  const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const request = client.request({ origin, method, path, headers, trust, lookedUpFor: owner });
    const stop = (): void => void request.destroy(new TooSlow());
    ending.addEventListener('abort', stop, { once: true });
    try {
      const { message, body } = await new Promise<PendingResponse>((resolve, reject) => {
        request.on('error', reject);
        request.once('response', (response) => {
          resolve({ message: response, body: new GatheredStream(response, client.chunkRate) });
        });
        request.once('upgrade', (_, socket) => {
          socket.destroy();
          reject(new Error('an upgrade that was not requested'));
        });
        request.end();
      });
      return {
        status: message.statusCode ?? 0,
        headers: Object.fromEntries(
          Object.entries(message.headers).map(([name, value = '']) => [name, [value].flat().join(', ')]),
        ),
        challenges: message.headersDistinct['www-authenticate'] ?? [],
        body: wantsBody ? (await body.whole(maxBodyBytes, ending))?.toString() : '',
      };
    } finally {
      ending.removeEventListener('abort', stop);
      // Closes the connection instead of waiting for the rest of the body.
      request.destroy();
    }
  } catch (error) {
    throw toolFailure(ending.aborted && !signal.aborted ? new TooSlow() : error, tool);
  }
}

class TooSlow extends Error {
  override readonly name = 'TooSlow';
  readonly code = 'ETIMEDOUT';
}
