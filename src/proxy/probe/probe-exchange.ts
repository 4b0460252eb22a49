import type { IncomingMessage } from 'node:http';
import type { LookupOwner } from '../upstream/resolver.js';
import type { ToolClient } from '../upstream/tool-client.js';
import { toolFailure } from '../upstream/tool-failure.js';
import { nameOf } from '../upstream/tool-origin.js';
import type { Trust } from '../upstream/trust.js';
import type { ProbeRequest } from './probe-request.js';

/** Of what a probe looks at; more is not read. */
const maxBodyBytes = 64 << 10;

export interface ProbeAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly challenges: readonly string[];
  /** Empty where it was not asked for; undefined where it is too long. */
  readonly body: string | undefined;
}

/**
 * Sends a probe by the ways of a client's request: checked addresses, verified TLS. Redirects are answers, and not followed.
 * @param timeoutMs for all of it.
 * @throws {Refusal} what went wrong on the way, in words for whoever owns the Connector.
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
): Promise<ProbeAnswer> {
  const what = nameOf(origin);
  const ending = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const request = client.request({ origin, method, path, headers, trust, lookedUpFor: owner });
    const stop = (): void => void request.destroy(new TooSlow());
    ending.addEventListener('abort', stop, { once: true });
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request.on('error', reject);
        request.once('response', resolve);
        request.once('upgrade', (_, socket) => {
          socket.destroy();
          reject(new Error('an upgrade that nobody has asked for'));
        });
        request.end();
      });
      response.on('error', () => undefined);
      const body = wantsBody ? await readBody(response) : '';
      return {
        status: response.statusCode ?? 0,
        headers: Object.fromEntries(
          Object.entries(response.headers).map(([name, value = '']) => [name, [value].flat().join(', ')]),
        ),
        challenges: response.headersDistinct['www-authenticate'] ?? [],
        body,
      };
    } finally {
      ending.removeEventListener('abort', stop);
      // What is not read is not waited for.
      request.destroy();
    }
  } catch (error) {
    throw toolFailure(ending.aborted && !signal.aborted ? new TooSlow() : error, what);
  }
}

class TooSlow extends Error {
  override readonly name = 'TooSlow';
  readonly code = 'ETIMEDOUT';
}

async function readBody(response: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > maxBodyBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}
