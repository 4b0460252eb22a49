import { goMethod, type GoMethod, type MethodType } from '../function.ts';
import { GoObject, int64, wrapInt, type GoValue } from '../values.ts';
import { durationText, hour, minute, roundDuration, second } from './duration-text.ts';

/** Whole units and the rest apart, as Go does it, so that large durations keep their precision. */
function inUnits(nanoseconds: bigint, unit: bigint): number {
  return Number(nanoseconds / unit) + Number(nanoseconds % unit) / Number(unit);
}

function absolute(nanoseconds: bigint): bigint {
  const max = (1n << 63n) - 1n;
  return nanoseconds >= 0n ? nanoseconds : -nanoseconds > max ? max : -nanoseconds;
}

function truncated(nanoseconds: bigint, unit: bigint): bigint {
  return unit <= 0n ? nanoseconds : nanoseconds - (nanoseconds % unit);
}

const methods = new Map<string, GoMethod<bigint>>();

/** Go's time.Duration; the data is nanoseconds. */
export const durationType: MethodType<bigint> = {
  name: 'time.Duration',
  kind: 'int64',
  methods,
  text: durationText,
  integer: (nanoseconds) => nanoseconds,
  fromInteger: (value) => wrapInt('int64', value),
  equals: (a, b) => a === b,
};

export function duration(nanoseconds: bigint): GoObject<bigint> {
  return new GoObject(durationType, wrapInt('int64', nanoseconds));
}

function getter(name: string, read: (nanoseconds: bigint) => GoValue): GoMethod<bigint> {
  return goMethod({ name, params: [] }, (_, nanoseconds: bigint) => read(nanoseconds));
}

function adjuster(name: string, adjust: (nanoseconds: bigint, unit: bigint) => bigint): GoMethod<bigint> {
  return goMethod({ name, params: [durationType] }, (_, nanoseconds: bigint, unit) =>
    duration(adjust(nanoseconds, unit.data)),
  );
}

for (const method of [
  getter('Hours', (nanoseconds) => inUnits(nanoseconds, hour)),
  getter('Minutes', (nanoseconds) => inUnits(nanoseconds, minute)),
  getter('Seconds', (nanoseconds) => inUnits(nanoseconds, second)),
  getter('Milliseconds', (nanoseconds) => int64(nanoseconds / 1_000_000n)),
  getter('Microseconds', (nanoseconds) => int64(nanoseconds / 1000n)),
  getter('Nanoseconds', int64),
  getter('String', durationText),
  getter('Abs', (nanoseconds) => duration(absolute(nanoseconds))),
  adjuster('Round', roundDuration),
  adjuster('Truncate', truncated),
]) {
  methods.set(method.name, method);
}
