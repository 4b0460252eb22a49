import { CodedError } from '../errors.js';
import { FairSemaphore } from '../limits/fair-semaphore.js';
import { limits } from '../limits/defaults.js';
import type { LookupOwner } from './upstream/resolver.js';

/** Limits concurrent DNS lookups, separately for names that clients choose and for names in Connectors. */
export function dnsLookupLimiter(chosenBy: LookupOwner['chosenBy']): FairSemaphore {
  const { [chosenBy]: bound, namespaceShare } = limits.lookups;
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
