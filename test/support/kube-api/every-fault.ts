import type { FaultEffect } from './faults.ts';

/** How the answer to a request may fail, by the kinds of faults that the test server has: a new kind does not compile. */
const byKind: Readonly<Record<FaultEffect['kind'], readonly FaultEffect[]>> = {
  status: [401, 403, 410, 429, 500, 503, 504].map((code) => ({ kind: 'status', code })),
  reset: [
    { kind: 'reset', scope: 'connection' },
    { kind: 'reset', scope: 'stream' },
  ],
  hang: [{ kind: 'hang' }],
  garbage: [{ kind: 'garbage' }, { kind: 'garbage', body: '{}' }, { kind: 'garbage', body: '', code: 200 }],
  cut: (['end', 'connection', 'stream'] as const).map((how) => ({ kind: 'cut', afterBytes: 20, how })),
  // These two spoil nothing: slow is not wrong.
  delay: [{ kind: 'delay', ms: 20 }],
  chunk: [{ kind: 'chunk', bytes: 3 }],
};

export const everyFault: readonly FaultEffect[] = Object.values(byKind).flat();

export function isHarmless({ kind }: FaultEffect): boolean {
  return kind === 'delay' || kind === 'chunk';
}

export function toldOf({ kind, ...how }: FaultEffect): string {
  return [kind, ...Object.values(how)].join(' ');
}
