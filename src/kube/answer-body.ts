import { parseJson } from '../json.js';
import type { JsonValue } from '../json.js';
import type { Secret } from '../secret.js';
import type { HttpAnswer } from './connection.js';
import { KubeError, parseStatus } from './kube-error.js';

/** Objects are at most 1.5 MiB (etcd's limit); lists here are of a handful of them. */
export const maxAnswerBytes = 8 << 20;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a JSON answer to its end.
 * @param path method and path, for errors.
 * @param credential taken out of the server's message, should it repeat it.
 * @throws {KubeError} the Status that the answer is, or Malformed or TooLarge; TransportError when it breaks off.
 */
export async function readAnswer(answer: HttpAnswer, path: string, credential: Secret | undefined): Promise<JsonValue> {
  const bytes = await readBytes(answer, path);
  if (answer.status < 200 || answer.status > 299) throw errorAnswer(answer, bytes, path, credential);
  if (!isJson(answer)) throw malformed(answer.status, path, 'the answer is no JSON by its content type');
  return parseBytes(bytes, answer.status, path);
}

/** @throws {KubeError} Malformed when the bytes are not JSON in UTF-8. */
export function parseBytes(bytes: Uint8Array, status: number, path: string): JsonValue {
  try {
    return parseJson(utf8.decode(bytes));
  } catch {
    // The parser's message quotes the text, which may hold a token.
    throw malformed(status, path, 'the answer is not JSON');
  }
}

export function malformed(code: number, path: string, message: string): KubeError {
  return new KubeError({ code, reason: 'Malformed', message, path, mayHaveActed: true });
}

async function readBytes(answer: HttpAnswer, path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > maxAnswerBytes) {
      const message = `the answer is larger than ${maxAnswerBytes} bytes`;
      throw new KubeError({ code: answer.status, reason: 'TooLarge', message, path, mayHaveActed: true });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

export function isJson({ contentType }: HttpAnswer): boolean {
  return /^application\/json\b/i.test(contentType);
}

/** The Status in the answer; anything else (a proxy's page) is told by its HTTP status alone. */
function errorAnswer(answer: HttpAnswer, bytes: Buffer, path: string, credential: Secret | undefined): KubeError {
  const retryAfterMs = parseRetryAfterMs(answer.retryAfter);
  const status = isJson(answer) ? statusIn(bytes) : undefined;
  const told = status?.message ?? '';
  const message = told === '' ? `the server answered with status ${answer.status}` : told;
  return new KubeError({
    code: answer.status,
    reason: status?.reason ?? '',
    message: credential === undefined ? message : message.replaceAll(credential.expose(), String(credential)),
    path,
    // What the server blames on the request it has turned away.
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

/** Kubernetes sends whole seconds; the date form of HTTP is ignored. */
function parseRetryAfterMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}
