import type { ByteString } from '../byte-string.ts';
import { zoneByName, type ZoneAt } from './zone-history.ts';

export type { ZoneAt } from './zone-history.ts';

/** Go's *time.Location. */
export interface Location {
  readonly name: ByteString;
  /** The zone in force at `unix` seconds since 1970. */
  at(unix: bigint): ZoneAt;
}

const utcZone: ZoneAt = { name: 'UTC', offset: 0 };

export const utc: Location = { name: 'UTC', at: () => utcZone };

/** The driver's local time is UTC by definition; Go keeps its Location apart from UTC's all the same. */
export const local: Location = { name: 'Local', at: () => utcZone };

/** time.FixedZone. */
export function fixedZone(name: ByteString, offset: number): Location {
  return { name, at: () => ({ name, offset }) };
}

/** time.LoadLocation; undefined for a name that Go's zone data does not have. */
export function loadLocation(name: ByteString): Location | undefined {
  if (name === '' || name === 'UTC') return utc;
  if (name === 'Local') return local;
  const at = zoneByName(name);
  return at === undefined ? undefined : { name, at };
}
