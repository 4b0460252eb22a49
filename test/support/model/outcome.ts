import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { ErrorCode } from '../../../src/shared/errors.ts';

/** How a call of the kubelet ended. */
export interface Outcome {
  readonly code: ErrorCode | 'OK';
  /** Empty for a success. */
  readonly message: string;
}

export async function outcomeOf(call: Promise<unknown>): Promise<Outcome> {
  try {
    await call;
    return { code: 'OK', message: '' };
  } catch (error) {
    const { code, details } = error as ServiceError;
    const name = (status as Record<number, string | undefined>)[code];
    if (name === undefined) throw error;
    return { code: name as ErrorCode, message: details };
  }
}

/** The caller's time was over, the connection broke or was refused: what the driver made of the call is not known. */
export function isUnknown({ code, message }: Outcome): boolean {
  if (code === 'DEADLINE_EXCEEDED' || code === 'CANCELLED') return true;
  return code === 'UNAVAILABLE' && /^(No connection established|Connection dropped|read ECONNRESET)/.test(message);
}

/** The driver waited in vain for the API server, for seconds. */
export function hasTimedOut({ message }: Outcome): boolean {
  return /cannot be reached \(TimedOut\)|has not answered in time/.test(message);
}

/** The driver was still at an earlier call for the volume. */
export function isBusy({ code, message }: Outcome): boolean {
  return code === 'ABORTED' || message.includes(': ABORTED: another call');
}
