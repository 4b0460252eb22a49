import type { ServerUnaryCall, handleUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { onceAborted } from '../../abortable.js';
import type { ErrorCode } from '../../errors.js';
import { CodedError, toCodedError } from '../../errors.js';
import type { Log, LogFields } from '../../log.js';
import { grpcStatus } from './status.js';

/** What an RPC tells about itself for its one log line; filled in while it runs. */
export type RpcReport = { -readonly [Field in keyof LogFields]: LogFields[Field] };

export type RpcHandler<Request, Response> = (
  request: Request,
  signal: AbortSignal,
  report: RpcReport,
) => Response | Promise<Response>;

/** Counts RPCs; implemented by the metrics. */
export interface RpcObserver {
  started(rpc: string): void;
  finished(rpc: string, code: ErrorCode | 'OK', durationMs: number): void;
}

export interface RpcEdge {
  readonly log: Log;
  readonly observer: RpcObserver;
  /** Milliseconds after which an RPC stops waiting, even when its caller set no deadline. */
  readonly maxDurationMs: number;
  /** Fires with a CodedError when the driver stops and can wait for its calls no longer. */
  readonly stopping: AbortSignal;
}

/** More than a person reads; what volumes and classes list in it may be any number of names. */
const maxMessageLength = 4000;

/** RPCs that the kubelet makes all the time; their successes are logged at debug level. */
const quietRpcs: ReadonlySet<string> = new Set([
  'GetPluginInfo',
  'GetPluginCapabilities',
  'Probe',
  'NodeGetCapabilities',
  'NodeGetInfo',
  'NodeGetVolumeStats',
  'ListVolumes',
]);

/**
 * Makes a gRPC handler of a function: gives it a signal that fires when the caller has gone or the time is up, answers
 * with the status of the CodedError it throws, logs one line, and counts.
 */
export function unary<Request, Response>(
  rpc: string,
  edge: RpcEdge,
  handler: RpcHandler<Request, Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    void serve(rpc, edge, handler, call, callback);
  };
}

async function serve<Request, Response>(
  rpc: string,
  edge: RpcEdge,
  handler: RpcHandler<Request, Response>,
  call: ServerUnaryCall<Request, Response>,
  callback: sendUnaryData<Response>,
): Promise<void> {
  const startMs = performance.now();
  const controller = new AbortController();
  const gone = (): void => controller.abort(new CodedError('CANCELLED', `the caller of ${rpc} has gone`));
  call.on('cancelled', gone);
  const timer = setTimeout(
    () => controller.abort(new CodedError('DEADLINE_EXCEEDED', `${rpc} ran out of time; it will be tried again`)),
    timeLeftMs(call, edge.maxDurationMs),
  );
  const stop = (): void => controller.abort(edge.stopping.reason);
  if (edge.stopping.aborted) stop();
  const forget = onceAborted(edge.stopping, stop);
  const report: RpcReport = { rpc };
  edge.observer.started(rpc);
  let code: ErrorCode | 'OK' = 'OK';
  try {
    callback(null, await handler(call.request, controller.signal, report));
  } catch (error) {
    const failure = toCodedError(error, `${rpc} failed unexpectedly; see the driver's log`);
    code = failure.code;
    report.error = failure;
    callback({ code: grpcStatus[failure.code], details: headerText(failure.message) });
  } finally {
    clearTimeout(timer);
    // It is also told when a call that has its answer ends.
    call.off('cancelled', gone);
    forget();
  }
  const durationMs = performance.now() - startMs;
  edge.observer.finished(rpc, code, durationMs);
  logOnce(edge.log, { ...report, code, durationMs: Math.round(durationMs * 100) / 100 });
}

/**
 * gRPC sends a message in a header: one too large for that would reach the kubelet as another failure than it is, and
 * half of a surrogate pair, as cutting may leave it, not at all.
 */
function headerText(message: string): string {
  const text = message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message;
  return Buffer.from(text).toString();
}

/** A little less than the caller allows, so that it gets our reason and not its own timeout. */
function timeLeftMs(call: ServerUnaryCall<unknown, unknown>, maxDurationMs: number): number {
  const deadline = call.getDeadline();
  const leftMs = Number(deadline) - Date.now();
  if (!Number.isFinite(leftMs)) return maxDurationMs;
  return Math.max(0, Math.min(maxDurationMs, leftMs * 0.95));
}

function logOnce(log: Log, fields: LogFields): void {
  // What was refused has been logged by who refused it, in fewer lines.
  if (fields.outcome === 'refused') log.debug('RPC rejected', fields);
  else if (fields.code !== 'OK') log.warn('RPC failed', fields);
  else if (quietRpcs.has(fields.rpc ?? '') || fields.outcome === 'unchanged') log.debug('RPC finished', fields);
  else log.info('RPC finished', fields);
}
