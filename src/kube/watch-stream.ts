import { abortError } from '../errors.js';
import { jsonMember } from '../json.js';
import type { JsonObject, JsonValue } from '../json.js';
import { startDeadline } from '../abortable.js';
import { isJson, malformed, maxAnswerBytes, parseBytes } from './answer-body.js';
import { describe, timedOut, toKubeError } from './call-runner.js';
import type { CallRunner, CallTarget } from './call-runner.js';
import { KubeError, parseStatus } from './kube-error.js';
import { isKubeObject, metadataText } from './kube-object.js';
import { linesOf } from './lines.js';

export interface WatchOptions {
  readonly signal: AbortSignal;
  readonly resourceVersion: string;
  /** After which the server ends the stream. */
  readonly timeoutSeconds: number;
  /** Called once the server has accepted the watch. */
  readonly onOpen?: () => void;
}

/** `resourceVersion` is where a new watch goes on. A bookmark carries nothing else. */
export type WatchEvent =
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly resourceVersion: string; readonly object: JsonObject };

/**
 * The events of one WATCH request until the server ends it.
 * @throws {KubeError} also for an ERROR event, and TimedOut when nothing has come for too long.
 */
export async function* watchStream(
  runner: CallRunner,
  target: CallTarget,
  options: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const { attemptMs, watchIdleMs } = runner.timings;
  const path = describe(target);
  let limitMs = attemptMs;
  const deadline = startDeadline(options.signal, limitMs, runner.now);
  try {
    const answer = await runner.open(target, undefined, deadline.signal);
    // Read to its end all the same, or the exchange would stay open.
    if (answer.status !== 200 || !isJson(answer)) {
      await runner.read(answer, target);
      throw malformed(answer.status, path, 'the answer is no watch stream');
    }
    limitMs = watchIdleMs;
    deadline.restart(limitMs);
    options.onOpen?.();
    const chunks = tapped(answer.body, () => deadline.restart(limitMs));
    for await (const line of linesOf(chunks, maxAnswerBytes)) yield parseEvent(line, path);
  } catch (error) {
    if (options.signal.aborted) throw abortError(options.signal);
    if (deadline.isOver) throw timedOut(target, limitMs, error);
    if (error instanceof RangeError) throw tooLarge(error, path);
    throw toKubeError(error, target);
  } finally {
    deadline.done();
  }
}

async function* tapped(chunks: AsyncIterable<Buffer>, onChunk: () => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onChunk();
    yield chunk;
  }
}

function parseEvent(line: Buffer, path: string): WatchEvent {
  const event = parseBytes(line, 200, path);
  const type = jsonMember(event, 'type');
  const object = jsonMember(event, 'object');
  if (type === 'ERROR') throw errorEvent(object, path);
  if (type === 'BOOKMARK') {
    const resourceVersion = jsonMember(jsonMember(object, 'metadata'), 'resourceVersion');
    if (typeof resourceVersion === 'string' && resourceVersion !== '') return { type, resourceVersion };
  } else if ((type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') && isKubeObject(object)) {
    return { type, resourceVersion: metadataText(object, 'resourceVersion') ?? '', object };
  }
  throw malformed(200, path, 'the watch stream holds something that is no event');
}

function errorEvent(object: JsonValue | undefined, path: string): KubeError {
  const status = object === undefined ? undefined : parseStatus(object);
  return new KubeError({
    code: status?.code ?? 500,
    reason: status?.reason ?? '',
    message: status?.message ?? 'the watch stream ended with an error',
    path,
    mayHaveActed: true,
    ...(status?.details === undefined ? {} : { details: status.details }),
  });
}

function tooLarge(cause: RangeError, path: string): KubeError {
  const message = `an event is larger than ${maxAnswerBytes} bytes`;
  return new KubeError({ code: 200, reason: 'TooLarge', message, path, mayHaveActed: true }, { cause });
}
