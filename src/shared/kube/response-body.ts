import { isJsonObject, jsonMember, parseJson } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Secret } from '../secret.ts';
import type { HttpResponse } from './api-connection.ts';
import { KubeError, parseStatus } from './kube-error.ts';
import { limits } from '../limits/defaults.ts';

/** Reads a response to its end. @param path method and path, for errors. @param credential see `readResponse`. */
export type ResponseReader<T> = (response: HttpResponse, path: string, credential: Secret | undefined) => Promise<T>;

/** Runs a parser, and charges its time to the namespace of the object. */
export type Measure = <T>(parse: () => T) => T;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a JSON response to its end.
 * @param path method and path, for errors.
 * @param credential removed from the server's message, in case it repeats it.
 * @param measure runs the parser.
 * @throws {KubeError} the Status of the response, or Malformed or TooLarge; TransportError if it breaks off.
 */
export async function readResponse(
  response: HttpResponse,
  path: string,
  credential: Secret | undefined,
  measure: Measure = (parse) => parse(),
): Promise<JsonValue> {
  const bytes = await readSuccess(response, path, credential, limits.api.responseBytes);
  return measure(() => parseText(bytes, response.status, path, parseJson));
}

/**
 * Reads a JSON response to its end, without parsing it.
 * @throws {KubeError} as `readResponse`; TooLarge over `maxBytes`.
 */
export async function readSuccess(
  response: HttpResponse,
  path: string,
  credential: Secret | undefined,
  maxBytes: number,
): Promise<Buffer> {
  const isSuccess = response.status >= 200 && response.status <= 299;
  const bytes = await readBytes(response, path, isSuccess ? maxBytes : limits.api.responseBytes);
  if (!isSuccess) throw errorResponse(response, bytes, path, credential);
  if (!isJson(response)) throw malformed(response.status, path, 'the answer is no JSON by its content type');
  return bytes;
}

/** Decodes bytes and parses their text. @throws {KubeError} Malformed unless the bytes are JSON in UTF-8. */
export function parseText<T>(bytes: Uint8Array, status: number, path: string, parse: (text: string) => T): T {
  try {
    return parse(utf8.decode(bytes));
  } catch (error) {
    // The decoder's message could quote a token from the text.
    throw error instanceof KubeError ? error : malformed(status, path, 'the answer is not JSON');
  }
}

/** @throws {KubeError} Malformed unless the value is an object of the kind. */
export function objectOfKind(value: JsonValue, kind: JsonValue | undefined, path: string): JsonObject {
  if (!isJsonObject(value) || jsonMember(value, 'kind') !== kind) {
    throw malformed(200, path, `the answer is no ${typeof kind === 'string' ? kind : 'object of that kind'}`);
  }
  return value;
}

export function malformed(code: number, path: string, message: string): KubeError {
  return new KubeError({ code, reason: 'Malformed', message, path, mayHaveActed: true });
}

async function readBytes(response: HttpResponse, path: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(response.status, path, `the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

export function tooLarge(code: number, path: string, message: string): KubeError {
  return new KubeError({ code, reason: 'TooLarge', message, path, mayHaveActed: true });
}

export function isJson({ contentType }: HttpResponse): boolean {
  return /^application\/json\b/i.test(contentType);
}

/** Returns the Status in an error response. Another body (such as a proxy's page) is reduced to its HTTP status. */
function errorResponse(response: HttpResponse, bytes: Buffer, path: string, credential: Secret | undefined): KubeError {
  const retryAfterMs = parseRetryAfterMs(response.retryAfter);
  const status = isJson(response) ? statusIn(bytes) : undefined;
  const statusMessage = status?.message ?? '';
  const message = statusMessage === '' ? `the server answered with status ${response.status}` : statusMessage;
  return new KubeError({
    code: response.status,
    reason: status?.reason ?? '',
    message: credential === undefined ? message : message.replaceAll(credential.expose(), String(credential)),
    path,
    // Below 500 the server has rejected the request.
    mayHaveActed: response.status >= 500,
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
