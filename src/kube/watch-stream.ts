import { abortError } from '../errors.js';
import type { FlowKey } from '../limits/flow-key.js';
import { jsonMember } from '../json.js';
import type { JsonObject, JsonValue } from '../json.js';
import { Deadline } from '../abortable.js';
import { isJson, malformed, maxDocumentBytes, parseBytes, readResponse } from './response-body.js';
import { describe, timedOut, toKubeError } from './call-runner.js';
import type { CallRunner, CallTarget } from './call-runner.js';
import { KubeError, parseStatus } from './kube-error.js';
import { parseIfAdmitted } from './object-admission.js';
import type { ObjectAdmission, RejectedObject } from './object-admission.js';
import { ObjectSplitter } from './object-splitter.js';
import type { SplitDocument } from './object-splitter.js';

const newline = 0x0a;

export interface WatchOptions {
  readonly signal: AbortSignal;
  readonly resourceVersion: string;
  /** Lifetime after which the server ends the stream. */
  readonly timeoutSeconds: number;
  /** Called once the server has accepted the watch. */
  readonly onOpen?: () => void;
  /** The pod that needs the watch; absent: the driver itself. */
  readonly owner?: FlowKey;
}

/** A change of one object, or a bookmark. */
export type WatchChange =
  | { readonly type: 'BOOKMARK' }
  | { readonly type: 'ADDED' | 'MODIFIED'; readonly object: JsonObject }
  | { readonly type: 'DELETED'; readonly namespace: string | undefined; readonly name: string | undefined }
  | { readonly type: 'REJECTED'; readonly rejected: RejectedObject };

export type WatchEvent = WatchChange & {
  /** Revision from which a new watch continues; undefined if the event has none. */
  readonly resourceVersion: string | undefined;
  /** Size of the event as received. */
  readonly readBytes: number;
};

/**
 * Yields the events of one WATCH request until the server ends it.
 * @throws {KubeError} also for an ERROR event, and TimedOut if nothing has arrived for too long.
 */
export async function* watchStream(
  runner: CallRunner,
  target: CallTarget,
  admission: ObjectAdmission,
  options: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const { callMs, attemptMs, watchIdleMs } = runner.timings;
  const path = describe(target);
  let limitMs = callMs;
  const deadline = Deadline.start(options.signal, limitMs, runner.now);
  try {
    const answer = await runner.runWithinLimit(options.owner, deadline.signal, () => {
      limitMs = attemptMs;
      deadline.restart(limitMs);
      return runner.open(target, undefined, deadline.signal);
    });
    // The response is read to its end, or the exchange would stay open.
    if (answer.status !== 200 || !isJson(answer)) {
      await runner.read(answer, target, readResponse);
      throw malformed(answer.status, path, 'the answer is no watch stream');
    }
    limitMs = watchIdleMs;
    deadline.restart(limitMs);
    options.onOpen?.();
    const chunks = tapped(answer.body, () => deadline.restart(limitMs));
    const splitter = new ObjectSplitter('object', { maxObjectBytes: admission.maxObjectBytes, maxDocumentBytes });
    for await (const { line, readBytes } of splitLines(chunks, splitter)) {
      yield { ...parseEvent(line, target, admission, path), readBytes };
    }
  } catch (error) {
    if (options.signal.aborted) throw abortError(options.signal);
    if (deadline.isOver) throw runner.named(timedOut(target, limitMs, error));
    if (error instanceof RangeError) throw runner.named(tooLarge(error, path));
    throw runner.named(toKubeError(error, target));
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

/** Splits a stream into lines, across chunks. An incomplete last line is dropped. */
async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  splitter: ObjectSplitter,
): AsyncGenerator<{ readonly line: SplitDocument; readonly readBytes: number }> {
  let readBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      splitter.write(chunk.subarray(start, end));
      readBytes += end + 1 - start;
      start = end + 1;
      const line = splitter.finish();
      if (line !== undefined) yield { line, readBytes };
      readBytes = 0;
    }
    splitter.write(chunk.subarray(start));
    readBytes += chunk.length - start;
  }
}

function parseEvent(
  { envelope, objects }: SplitDocument,
  target: CallTarget,
  admission: ObjectAdmission,
  path: string,
): WatchChange & Pick<WatchEvent, 'resourceVersion'> {
  const type = jsonMember(parseBytes(envelope, 200, path), 'type');
  const [raw, ...more] = objects;
  if (raw !== undefined && more.length === 0) {
    const { namespace, name, resourceVersion } = raw.identity;
    const at = { resourceVersion: resourceVersion === '' ? undefined : resourceVersion };
    if (type === 'ERROR')
      throw errorEvent(raw.bytes === undefined ? undefined : parseBytes(raw.bytes, 200, path), path);
    if (type === 'BOOKMARK' && at.resourceVersion !== undefined) return { type, ...at };
    if (type === 'DELETED') return { type, namespace, name, ...at };
    if (type === 'ADDED' || type === 'MODIFIED') {
      const { object, rejected } = parseIfAdmitted(raw, target.location.type, admission, path);
      return object === undefined ? { type: 'REJECTED', rejected, ...at } : { type, object, ...at };
    }
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
  const message = `an event is larger than ${maxDocumentBytes} bytes`;
  return new KubeError({ code: 200, reason: 'TooLarge', message, path, mayHaveActed: true }, { cause });
}
