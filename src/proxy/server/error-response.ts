import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { sleep } from '../../shared/abortable.ts';
import { CodedError } from '../../shared/errors.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import { proxyLimits } from '../limits.ts';
import { limits } from '../../shared/limits/defaults.ts';
import { ProxyError } from '../proxy-error.ts';
import type { ProxyErrorKind } from '../proxy-error.ts';
import type { ThreadShares } from '../thread-shares.ts';
import type { RequestBody } from '../tool/request-body.ts';
import { addressOf } from './authenticated-client.ts';
import type { ExchangeSlot } from './exchange-slots.ts';

const ofCode: Readonly<Partial<Record<ErrorCode, readonly [number, ProxyErrorKind]>>> = {
  PERMISSION_DENIED: [403, 'denied'],
  FAILED_PRECONDITION: [502, 'misconfigured'],
  NOT_FOUND: [502, 'misconfigured'],
  RESOURCE_EXHAUSTED: [503, 'overload'],
  UNAVAILABLE: [503, 'unavailable'],
  DEADLINE_EXCEEDED: [503, 'unavailable'],
};

/**
 * Converts an error to a response. Errors of the API server keep their message; others are replaced by a generic one.
 */
export function toProxyError(error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  if (error instanceof CodedError) {
    const [status, kind] = ofCode[error.code] ?? [500, 'internal'];
    return new ProxyError(status, kind, error.message, { cause: error });
  }
  return new ProxyError(500, 'internal', 'the proxy failed; its log says why', { cause: error });
}

/** Returns the response to a request that Node's parser rejects. @param code of the parser's error. */
export function parserError(code: string | undefined): ProxyError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const longest = `${proxyLimits.headers.bytes >> 10} KiB`;
    return new ProxyError(431, 'malformed', `the headers are longer than ${longest}: send fewer or shorter ones`);
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const longest = `${limits.connections.headersMs / 1000} s`;
    return new ProxyError(408, 'timeout', `the headers did not arrive within ${longest}: send the request again`);
  }
  const message = 'the request is not valid HTTP/1.1: connect with https to the TLS port only, or fix the client';
  return new ProxyError(400, 'malformed', message);
}

const { restBytes, restMs } = proxyLimits.transfers;
const maxReasonLength = 120;

/** Sends an error as one line of text. */
export function sendError(
  request: IncomingMessage,
  body: RequestBody,
  response: ServerResponse,
  error: ProxyError,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  response.writeHead(error.status, phraseOf(error), headersOf(error, error.endsConnection));
  response.end(bodyOf(error));
  discardRest(request, body, response);
}

/**
 * Reads the rest of a request's body after its response, so that the client reads the response and the connection stays
 * usable. If the body is too long or too slow, the connection is closed.
 */
export function discardRest(request: IncomingMessage, body: RequestBody, response: ServerResponse): void {
  const { socket } = request;
  body.discard(restBytes, () => {
    if (response.writableFinished) socket.destroy();
  });
  if (request.complete || request.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), restMs);
  request.once('end', () => clearTimeout(timer));
  socket.once('close', () => clearTimeout(timer));
}

/**
 * Waits until the response to a rejected request can be sent, or the client leaves. The attacker is a pod with hundreds of
 * connections that sends a request as soon as it gets a response. A waiting request is not in flight: it counts only for its
 * connection.
 */
export async function delayRejection(
  request: IncomingMessage,
  slot: ExchangeSlot,
  threads: ThreadShares,
  clientGone: AbortSignal,
): Promise<void> {
  slot.release();
  const { rejectionMs, longestMs } = proxyLimits.thread;
  const waiting = threads.waitForTurn(addressOf(request), '', clientGone, rejectionMs);
  await waiting.catch(() => sleep(longestMs, clientGone)).catch(() => undefined);
}

/** Discards the body of a request while its rejection is delayed. A long body closes the connection. */
export function discardEarly({ socket }: IncomingMessage, body: RequestBody): void {
  body.discard(restBytes, () => socket.destroy());
}

/** Returns a whole error response, for sockets that no longer belong to the HTTP server. */
export function rawErrorResponse(error: ProxyError, isLast: boolean): Buffer {
  const headers = Object.entries(headersOf(error, isLast)).map(([name, value]) => `${name}: ${value}`);
  const head = [`HTTP/1.1 ${error.status} ${phraseOf(error)}`, ...headers];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bodyOf(error)]);
}

/** Sends a last error response and closes the connection. */
export function endWith(socket: Socket, error: ProxyError): void {
  if (socket.destroyed) return;
  socket.on('error', () => undefined);
  socket.write(rawErrorResponse(error, true));
  endGently(socket);
}

/** Closes a connection after its last response, which the client gets some time to read. */
export function endGently(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), restMs);
  socket.once('close', () => clearTimeout(timer));
  socket.end();
  // Unread bytes would turn the end into a reset, which can overtake the response.
  socket.resume();
}

/**
 * Returns the usual phrase and the message up to its first colon: most programs show no more of a response to CONNECT.
 * Characters that are not printable ASCII are replaced, because they could end the status line.
 */
function phraseOf({ status, message }: ProxyError): string {
  const [reason = ''] = message.split(': ', 1);
  return `${STATUS_CODES[status] ?? ''}: ${reason.replaceAll(/[^ -~]/g, '?').slice(0, maxReasonLength)}`;
}

/** The header `Server` distinguishes responses of the proxy from those of the tool. */
function headersOf(error: ProxyError, isLast: boolean): Readonly<Record<string, string>> {
  return {
    Server: 'connectors-proxy',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(bodyOf(error).length),
    ...(isLast ? { Connection: 'close' } : {}),
    ...error.headers,
  };
}

function bodyOf({ message }: ProxyError): Buffer {
  return Buffer.from(`${message}\n`);
}
