import { driverLimits } from '../limits.ts';
import type { AttributeName } from './attribute-table.ts';

/** The parts of a NodePublishVolume request whose size a pod's author chooses. */
interface RequestTexts {
  readonly volume_context: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Attributes of which a volume keeps parts. */
const kept: readonly AttributeName[] = ['connectors', 'configuration.names', 'configuration.params'];

/**
 * Returns the memory that a request counts for: the most that the message, the parsed request and its parsed params use
 * in the heap, weighted.
 */
export function memoryOfRequest({ volume_context: context, secrets }: RequestTexts): number {
  const { weight, callBytes, entryBytes } = driverLimits.volumeMemory.heap;
  let bytes = callBytes;
  for (const entries of [context, secrets]) {
    for (const [key, value] of Object.entries(entries)) bytes += entryBytes + 2 * (key.length + value.length);
  }
  for (const name of kept) bytes += 2 * (context[name]?.length ?? 0);
  return weight * bytes;
}
