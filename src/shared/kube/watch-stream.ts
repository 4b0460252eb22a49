import { abortError } from '../errors.ts';
import type { Owner } from '../limits/owner.ts';
import { jsonMember, jsonMembers, jsonText, parseJson } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { Deadline } from '../abortable.ts';
import { isJson, malformed, parseText, readResponse, tooLarge } from './response-body.ts';
import { requestLine, timedOut, toKubeError } from './call-runner.ts';
import type { CallRunner, CallTarget } from './call-runner.ts';
import { KubeError, parseStatus } from './kube-error.ts';
import { parseIfAdmitted, parseRawObject } from './object-admission.ts';
import type { AdmittedObject, ObjectAdmission, RejectedObject } from './object-admission.ts';

const newline = 0x0a;

export interface WatchOptions {
  readonly signal: AbortSignal;
  readonly resourceVersion: string;
  /** Lifetime after which the server ends the stream. */
  readonly timeoutSeconds: number;
  /** Limit of one event as received. */
  readonly maxEventBytes: number;
  /** Called once the server has accepted the watch. */
  readonly onOpen?: () => void;
  /** The pod that needs the watch; absent: the driver itself. */
  readonly owner?: Owner;
}

/** A change of one object, or a bookmark. */
type WatchChange =
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
 * @throws {KubeError} also for an ERROR event, TooLarge for an event over the limit, and TimedOut if nothing has arrived
 * for too long.
 */
export async function* watchStream(
  runner: CallRunner,
  target: CallTarget,
  admission: ObjectAdmission,
  options: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const { callMs, attemptMs, watchIdleMs } = runner.timings;
  const path = requestLine(target);
  let limitMs = callMs;
  const deadline = Deadline.start(options.signal, limitMs, runner.now);
  try {
    const response = await runner.runWithinLimit(options.owner, deadline.signal, () => {
      limitMs = attemptMs;
      deadline.restart(limitMs);
      return runner.open(target, undefined, deadline.signal);
    });
    // The response is read to its end, or the exchange would stay open.
    if (response.status !== 200 || !isJson(response)) {
      await runner.read(response, target, readResponse);
      throw malformed(response.status, path, 'the answer is no watch stream');
    }
    limitMs = watchIdleMs;
    deadline.restart(limitMs);
    options.onOpen?.();
    const chunks = tapped(response.body, () => deadline.restart(limitMs));
    for await (const line of splitLines(chunks, options.maxEventBytes, path)) {
      const event = parseText(line, 200, path, (text) => parseEvent(text, target, admission, path));
      yield { ...event, readBytes: line.length };
    }
  } catch (error) {
    if (options.signal.aborted) throw abortError(options.signal);
    if (deadline.isOver) throw runner.named(timedOut(target, limitMs, error));
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

/** Splits a stream into lines, across chunks. Empty lines and an incomplete last line are dropped. */
async function* splitLines(chunks: AsyncIterable<Buffer>, maxBytes: number, path: string): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length;) {
      const newlineAt = chunk.indexOf(newline, start);
      const end = newlineAt === -1 ? chunk.length : newlineAt;
      parts.push(chunk.subarray(start, end));
      sizeBytes += end - start;
      if (sizeBytes > maxBytes) throw tooLarge(200, path, `an event is larger than ${maxBytes} bytes`);
      start = end + 1;
      if (newlineAt === -1) continue;
      if (sizeBytes > 0) yield Buffer.concat(parts, sizeBytes);
      parts = [];
      sizeBytes = 0;
    }
  }
}

function parseEvent(
  text: string,
  target: CallTarget,
  admission: ObjectAdmission,
  path: string,
): WatchChange & Pick<WatchEvent, 'resourceVersion'> {
  const members = jsonMembers(text);
  const type = parseJson(members.get('type') ?? 'null');
  const object = members.get('object') ?? 'null';
  if (type === 'ERROR') throw errorEvent(parseJson(object), path);
  if (type === 'BOOKMARK') {
    const resourceVersion = jsonText(jsonMember(parseJson(object), 'metadata'), 'resourceVersion');
    if (resourceVersion !== undefined) return { type, resourceVersion };
  }
  const raw = parseRawObject(object, target.location.type.kind, path);
  const { namespace, name, resourceVersion } = raw.identity;
  if (type === 'DELETED') return { type, namespace, name, resourceVersion };
  if (type === 'ADDED' || type === 'MODIFIED') {
    const parse = (): AdmittedObject => parseIfAdmitted(raw, target.location.type, admission);
    const admitted = admission.parseChanged?.(raw, parse) ?? parse();
    if (admitted.object === undefined) return { type: 'REJECTED', rejected: admitted.rejected, resourceVersion };
    return { type, object: admitted.object, resourceVersion };
  }
  throw malformed(200, path, 'the watch stream holds something that is no event');
}

function errorEvent(object: JsonValue, path: string): KubeError {
  const status = parseStatus(object);
  return new KubeError({
    code: status?.code ?? 500,
    reason: status?.reason ?? '',
    message: status?.message ?? 'the watch stream ended with an error',
    path,
    mayHaveActed: true,
  });
}
