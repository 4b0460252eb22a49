import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import { DriverError } from '../../errors.js';
import type { ErrorCode } from '../../errors.js';
import { Refusal } from '../refusal.js';
import type { RefusalKind } from '../refusal.js';

const ofCode: Readonly<Partial<Record<ErrorCode, readonly [number, RefusalKind]>>> = {
  PERMISSION_DENIED: [403, 'denied'],
  FAILED_PRECONDITION: [502, 'misconfigured'],
  NOT_FOUND: [502, 'misconfigured'],
  RESOURCE_EXHAUSTED: [503, 'overload'],
  UNAVAILABLE: [503, 'unavailable'],
  DEADLINE_EXCEEDED: [503, 'unavailable'],
};

/** What a failure on the way is to the client. Those of the API server keep their message; others tell nothing. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof DriverError) {
    const [status, kind] = ofCode[error.code] ?? [500, 'internal'];
    return new Refusal(status, kind, error.message, { cause: error });
  }
  return new Refusal(500, 'internal', 'the proxy failed; its log says why', { cause: error });
}

/** What an unread body may still bring after the answer, before the connection is closed. */
const lingerBytes = 256 * 1024;
const lingerMs = 5_000;

/** Answers with one line of text. */
export function answerRefusal(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = bodyOf(refusal);
  response.writeHead(refusal.status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(body.length),
    // Nobody knows for sure where the next request begins.
    ...(refusal.kind === 'malformed' ? { Connection: 'close' } : {}),
    ...refusal.headers,
  });
  response.end(body);
  discardRest(request, response);
}

/**
 * What is left of a request's body after its answer is read for a while, so that the client gets to read the answer and
 * the connection stays usable; a body that does not end soon ends the connection.
 */
export function discardRest(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete || request.destroyed) return;
  const { socket } = request;
  const limit = socket.bytesRead + lingerBytes;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  request.unpipe();
  request.on('data', () => {
    if (socket.bytesRead > limit && response.writableFinished) socket.destroy();
  });
  request.once('end', () => clearTimeout(timer));
  socket.once('close', () => clearTimeout(timer));
}

/** The whole answer, for sockets that no longer belong to the HTTP server. */
export function rawRefusal(refusal: Refusal, isLast: boolean): Buffer {
  const body = bodyOf(refusal);
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
    ...Object.entries(refusal.headers).map(([name, value]) => `${name}: ${value}`),
    ...(isLast ? ['Connection: close'] : []),
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

function bodyOf({ message }: Refusal): Buffer {
  return Buffer.from(`connectors-proxy: ${message}\n`);
}
