import { status } from '@grpc/grpc-js';
import type { ServerUnaryCall, handleUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { onceAborted } from '../../shared/abortable.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import { CodedError, toCodedError } from '../../shared/errors.ts';
import type { Log, LogFields } from '../../shared/log.ts';
import { driverLimits } from '../limits.ts';

/** Fields of an RPC's log line; filled in while it runs. */
export type RpcReport = { -readonly [Field in keyof LogFields]: LogFields[Field] };

export type RpcHandler<Request, Response> = (
  request: Request,
  signal: AbortSignal,
  report: RpcReport,
) => Response | Promise<Response>;

/** Counts RPCs; implemented by the metrics. */
interface RpcObserver {
  started(rpc: string): void;
  finished(rpc: string, code: ErrorCode | 'OK', durationMs: number): void;
}

export interface RpcEdge {
  readonly log: Log;
  readonly observer: RpcObserver;
  /** Timeout of an RPC in milliseconds, for callers without a shorter deadline. */
  readonly maxDurationMs: number;
  /** Aborts with a CodedError when the driver stops and its drain timeout has passed. */
  readonly stopping: AbortSignal;
}

/** RPCs that the kubelet repeats continuously. Their successes are logged at debug level. */
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
 * Wraps a function as a gRPC handler. The function gets a signal that aborts when the caller leaves or the deadline
 * passes. The response has the status of the CodedError it throws; each call is counted and logged as one line.
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
  const cancel = (): void => controller.abort(new CodedError('CANCELLED', `the caller of ${rpc} has left`));
  call.on('cancelled', cancel);
  const timer = setTimeout(
    () => controller.abort(new CodedError('DEADLINE_EXCEEDED', `${rpc} ran out of time; the kubelet will retry`)),
    timeLeftMs(call, edge.maxDurationMs),
  );
  const stop = (): void => controller.abort(edge.stopping.reason);
  if (edge.stopping.aborted) stop();
  const unsubscribe = onceAborted(edge.stopping, stop);
  const report: RpcReport = { rpc };
  edge.observer.started(rpc);
  let code: ErrorCode | 'OK' = 'OK';
  try {
    callback(null, await handler(call.request, controller.signal, report));
  } catch (error) {
    const failure = toCodedError(error, `${rpc} failed unexpectedly; see the driver's log`);
    code = failure.code;
    report.error = failure;
    callback({ code: status[failure.code], details: headerText(failure.message) });
  } finally {
    clearTimeout(timer);
    // The event also fires when a finished call ends.
    call.off('cancelled', cancel);
    unsubscribe();
  }
  const durationMs = performance.now() - startMs;
  edge.observer.finished(rpc, code, durationMs);
  logOnce(edge.log, { ...report, code, durationMs: Math.round(durationMs * 100) / 100 });
}

/**
 * Limits and normalizes a message, which gRPC sends in a header. If it exceeds a header, the kubelet gets another
 * error. Truncation can leave half of a surrogate pair, which gRPC does not send.
 */
function headerText(message: string): string {
  const { responseCharacters } = driverLimits.messages;
  const text = message.length > responseCharacters ? `${message.slice(0, responseCharacters)}…` : message;
  return Buffer.from(text).toString();
}

/**
 * Returns slightly less than the caller's remaining time, so that the caller gets this driver's reason instead of its
 * own timeout.
 */
function timeLeftMs(call: ServerUnaryCall<unknown, unknown>, maxDurationMs: number): number {
  const deadline = call.getDeadline();
  const leftMs = Number(deadline) - Date.now();
  if (!Number.isFinite(leftMs)) return maxDurationMs;
  return Math.max(0, Math.min(maxDurationMs, leftMs * 0.95));
}

function logOnce(log: Log, fields: LogFields): void {
  // Rejections have been logged by the limiter, in fewer lines.
  if (fields.outcome === 'rejected') log.debug('RPC rejected', fields);
  else if (fields.code !== 'OK') log.warn('RPC failed', fields);
  else if (quietRpcs.has(fields.rpc ?? '') || fields.outcome === 'unchanged') log.debug('RPC finished', fields);
  else log.info('RPC finished', fields);
}
