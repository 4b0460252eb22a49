import { CodedError } from '../shared/errors.js';
import { FairSemaphore } from '../shared/limits/fair-semaphore.js';
import { proxyLimits } from './limits.js';
import type { LookupOwner } from './tool/resolver.js';

/** Limits concurrent DNS lookups, separately for names that clients choose and for names in Connectors. */
export function dnsLookupLimiter(chosenBy: LookupOwner['chosenBy']): FairSemaphore {
  const { [chosenBy]: bound, namespaceShare } = proxyLimits.lookups;
  return new FairSemaphore({
    permits: bound.inFlight,
    namespaceShare,
    queue: {
      length: bound.waiting,
      rejection: ({ namespace }, waiting) =>
        new CodedError('RESOURCE_EXHAUSTED', `${waiting} lookups for namespace "${namespace}" wait already`),
    },
  });
}
