import { parseJson } from '../json.js';
import type { JsonValue } from '../json.js';
import type { Secret } from '../secret.js';
import type { HttpResponse } from './connection.js';
import { KubeError, parseStatus } from './kube-error.js';
import { ObjectSplitter } from './object-splitter.js';
import type { SplitDocument } from './object-splitter.js';
import { limits } from '../limits/defaults.js';

/**
 * Limit of a list or a watch event as received. Objects have at most 1.5 MiB (etcd's limit), and lists a handful of
 * them.
 */
export const maxDocumentBytes = 8 << 20;
const maxResponseBytes = limits.api.responseBytes;

/** Reads a response to its end. @param path method and path, for errors. @param credential see `readResponse`. */
export type ResponseReader<T> = (answer: HttpResponse, path: string, credential: Secret | undefined) => Promise<T>;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a JSON response to its end.
 * @param path method and path, for errors.
 * @param credential removed from the server's message, in case it repeats it.
 * @throws {KubeError} the Status of the response, or Malformed or TooLarge; TransportError if it breaks off.
 */
export async function readResponse(
  answer: HttpResponse,
  path: string,
  credential: Secret | undefined,
): Promise<JsonValue> {
  const bytes = await readBytes(answer, path);
  if (answer.status < 200 || answer.status > 299) throw errorResponse(answer, bytes, path, credential);
  if (!isJson(answer)) throw malformed(answer.status, path, 'the answer is no JSON by its content type');
  return parseBytes(bytes, answer.status, path);
}

/**
 * Reads a list to its end, without storing objects over the limit.
 * @throws {KubeError} as `readResponse`.
 */
export async function readSplitList(
  answer: HttpResponse,
  path: string,
  credential: Secret | undefined,
  maxObjectBytes: number,
): Promise<SplitDocument & { readonly readBytes: number }> {
  if (answer.status < 200 || answer.status > 299 || !isJson(answer)) {
    await readResponse(answer, path, credential);
    throw malformed(answer.status, path, 'the answer is no JSON by its content type');
  }
  const splitter = new ObjectSplitter('items', { maxObjectBytes, maxDocumentBytes });
  let readBytes = 0;
  try {
    for await (const chunk of answer.body) {
      readBytes += chunk.length;
      splitter.write(chunk);
    }
  } catch (error) {
    throw error instanceof RangeError ? tooLarge(answer, path, error.message) : error;
  }
  return { ...(splitter.finish() ?? { envelope: Buffer.alloc(0), objects: [] }), readBytes };
}

/** Parses JSON. @throws {KubeError} Malformed unless the bytes are JSON in UTF-8. */
export function parseBytes(bytes: Uint8Array, status: number, path: string): JsonValue {
  try {
    return parseJson(utf8.decode(bytes));
  } catch {
    // The parser's message could quote a token from the text.
    throw malformed(status, path, 'the answer is not JSON');
  }
}

export function malformed(code: number, path: string, message: string): KubeError {
  return new KubeError({ code, reason: 'Malformed', message, path, mayHaveActed: true });
}

async function readBytes(answer: HttpResponse, path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > maxResponseBytes) throw tooLarge(answer, path, `the answer is larger than ${maxResponseBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function tooLarge({ status }: HttpResponse, path: string, message: string): KubeError {
  return new KubeError({ code: status, reason: 'TooLarge', message, path, mayHaveActed: true });
}

export function isJson({ contentType }: HttpResponse): boolean {
  return /^application\/json\b/i.test(contentType);
}

/** Returns the Status in an error response. Another body (such as a proxy's page) is reduced to its HTTP status. */
function errorResponse(answer: HttpResponse, bytes: Buffer, path: string, credential: Secret | undefined): KubeError {
  const retryAfterMs = parseRetryAfterMs(answer.retryAfter);
  const status = isJson(answer) ? statusIn(bytes) : undefined;
  const statusMessage = status?.message ?? '';
  const message = statusMessage === '' ? `the server answered with status ${answer.status}` : statusMessage;
  return new KubeError({
    code: answer.status,
    reason: status?.reason ?? '',
    message: credential === undefined ? message : message.replaceAll(credential.expose(), String(credential)),
    path,
    // Below 500 the server has rejected the request.
    mayHaveActed: answer.status >= 500,
    ...(status?.details === undefined ? {} : { details: status.details }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function statusIn(bytes: Buffer): ReturnType<typeof parseStatus> {
  try {
    return parseStatus(parseJson(utf8.decode(bytes)));
  } catch {
    return undefined;
  }
}

/** Parses Retry-After. Kubernetes sends whole seconds; the date form of HTTP is ignored. */
function parseRetryAfterMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}
