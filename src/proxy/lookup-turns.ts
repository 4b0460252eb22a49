import { DriverError } from '../errors.js';
import { FairGate } from '../load/fair-gate.js';
import { limits } from '../load/limits.js';
import type { LookupOwner } from './upstream/resolver.js';

/** The turns in which names are looked up, of those that clients choose or of those that Connectors do. */
export function lookupTurns(chosenBy: LookupOwner['chosenBy']): FairGate {
  const { [chosenBy]: bound, namespaceShare } = limits.lookups;
  return new FairGate({
    inFlight: bound.inFlight,
    namespaceShare,
    room: {
      waiting: bound.waiting,
      refusal: ({ namespace }, waiting) =>
        new DriverError('RESOURCE_EXHAUSTED', `${waiting} lookups for namespace "${namespace}" wait already`),
    },
  });
}
