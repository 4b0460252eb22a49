import { stringify } from 'lossless-json';
import type { FaultEffect } from './faults.ts';
import type { Reply } from './reply.ts';
import { StatusError } from './status.ts';

/** The effects that replace the answer, in the order in which they are tried. */
export async function applyFaults(effects: readonly FaultEffect[], reply: Reply): Promise<'answered' | 'go on'> {
  reply.spoil(effects);
  for (const effect of effects) {
    if (effect.kind === 'delay') await new Promise((resolve) => setTimeout(resolve, effect.ms));
  }
  for (const effect of effects) {
    if (effect.kind === 'hang') return 'answered';
    if (effect.kind === 'reset') {
      reply.reset(effect.scope ?? 'connection');
      return 'answered';
    }
    if (effect.kind === 'garbage') {
      const contentType = effect.contentType ?? 'application/json';
      reply.send(effect.code ?? 200, effect.body ?? '<html>\u0000{"kind":', { 'content-type': contentType });
      return 'answered';
    }
    if (effect.kind === 'status') {
      const { code, retryAfterSeconds } = effect;
      const status = new StatusError(
        code,
        effect.reason ?? standardReason(code),
        effect.message ?? 'injected by the test',
      );
      const headers = retryAfterSeconds === undefined ? undefined : { 'retry-after': String(retryAfterSeconds) };
      reply.send(code, stringify(status.toStatus()) ?? '', headers);
      return 'answered';
    }
  }
  return 'go on';
}

function standardReason(code: number): string {
  const reasons: Readonly<Record<number, string>> = {
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'NotFound',
    409: 'Conflict',
    410: 'Expired',
    429: 'TooManyRequests',
    500: 'InternalError',
    503: 'ServiceUnavailable',
    504: 'Timeout',
  };
  return reasons[code] ?? '';
}
