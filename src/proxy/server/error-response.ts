import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError } from '../../errors.js';
import type { ErrorCode } from '../../errors.js';
import { ProxyError } from '../proxy-error.js';
import type { ProxyErrorKind } from '../proxy-error.js';
import type { RequestBody } from '../upstream/request-body.js';

const ofCode: Readonly<Partial<Record<ErrorCode, readonly [number, ProxyErrorKind]>>> = {
  PERMISSION_DENIED: [403, 'denied'],
  FAILED_PRECONDITION: [502, 'misconfigured'],
  NOT_FOUND: [502, 'misconfigured'],
  RESOURCE_EXHAUSTED: [503, 'overload'],
  UNAVAILABLE: [503, 'unavailable'],
  DEADLINE_EXCEEDED: [503, 'unavailable'],
};

/** What a failure on the way is to the client. Those of the API server keep their message; others tell nothing. */
export function toProxyError(error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  if (error instanceof CodedError) {
    const [status, kind] = ofCode[error.code] ?? [500, 'internal'];
    return new ProxyError(status, kind, error.message, { cause: error });
  }
  return new ProxyError(500, 'internal', 'the proxy failed; its log says why', { cause: error });
}

/** What an unread body may still bring after the answer, before the connection is closed. */
const lingerBytes = 256 * 1024;
/** How long the client can take for that, and to read a last answer. */
const lingerMs = 5_000;

/** Tells an answer of the proxy's own from one of the tool. */
const source = { Server: 'connectors-proxy' } as const;
const maxReasonLength = 120;

/** Answers with one line of text. */
export function sendError(
  request: IncomingMessage,
  body: RequestBody,
  response: ServerResponse,
  refusal: ProxyError,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const text = bodyOf(refusal);
  response.writeHead(refusal.status, phraseOf(refusal), {
    ...source,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(text.length),
    // Nobody knows for sure where the next request begins.
    ...(refusal.kind === 'malformed' ? { Connection: 'close' } : {}),
    ...refusal.headers,
  });
  response.end(text);
  discardRest(request, body, response);
}

/**
 * What is left of a request's body after its answer is read for a while, so that the client gets to read the answer and
 * the connection stays usable; a body that does not end soon ends the connection.
 */
export function discardRest(request: IncomingMessage, body: RequestBody, response: ServerResponse): void {
  const { socket } = request;
  body.discard(lingerBytes, () => {
    if (response.writableFinished) socket.destroy();
  });
  if (request.complete || request.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  request.once('end', () => clearTimeout(timer));
  socket.once('close', () => clearTimeout(timer));
}

/** Drops the body of a request whose rejection can have to wait. A long body ends the connection. */
export function discardEarly({ socket }: IncomingMessage, body: RequestBody): void {
  body.discard(lingerBytes, () => socket.destroy());
}

/** The whole answer, for sockets that no longer belong to the HTTP server. */
export function rawErrorResponse(refusal: ProxyError, isLast: boolean): Buffer {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', ...refusal.headers };
  return rawAnswer(refusal.status, headers, bodyOf(refusal), isLast, phraseOf(refusal));
}

/** A whole answer, for sockets that no longer belong to the HTTP server. */
export function rawAnswer(
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
  isLast: boolean,
  phrase = STATUS_CODES[status] ?? '',
): Buffer {
  const head = [
    `HTTP/1.1 ${status} ${phrase}`,
    ...Object.entries({ ...source, ...headers }).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${body.length}`,
    ...(isLast ? ['Connection: close'] : []),
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

/** Sends a last answer, gives the client some time to read it, and closes the connection. */
export function endWith(socket: Socket, answer: Buffer): void {
  if (socket.destroyed) return;
  socket.on('error', () => undefined);
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
  socket.end(answer);
  // Unread bytes would turn the end into a reset, which can overtake the answer.
  socket.resume();
}

/**
 * The usual phrase, and what the message has before its first colon. Of an answer to CONNECT most programs show no more
 * than that. What is not printable in ASCII could end the status line.
 */
function phraseOf({ status, message }: ProxyError): string {
  const [reason = ''] = message.split(': ', 1);
  return `${STATUS_CODES[status] ?? ''}: ${reason.replaceAll(/[^ -~]/g, '?').slice(0, maxReasonLength)}`;
}

function bodyOf({ message }: ProxyError): Buffer {
  return Buffer.from(`${message}\n`);
}
