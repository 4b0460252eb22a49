import type { ByteString } from '../byte-string.ts';
import { GoError, goMethod, type GoMethod, type MethodType } from '../function.ts';
import { GoInt, GoObject, GoSlice, int, int64, NilPointer, type GoValue } from '../values.ts';
import { duration, durationType } from './duration-type.ts';
import { dayNames, Instant, monthNames } from './instant.ts';
import { formatTime, timeText } from './time-format.ts';
import { quoteTime } from './time-quote.ts';
import { local, utc, type Location } from './time-zone.ts';

function bytes(text: ByteString): GoSlice {
  return new GoSlice(
    'uint8',
    Array.from(text, (byte) => new GoInt('uint8', BigInt(byte.charCodeAt(0)))),
  );
}

function methodMap<T>(list: readonly GoMethod<T>[]): Map<string, GoMethod<T>> {
  return new Map(list.map((method) => [method.name, method]));
}

/** An integer type whose values have names, counted from `first`. */
function namedIntegers(name: string, names: readonly string[], first: bigint): MethodType<bigint> {
  const text = (value: bigint): string =>
    names[Number(value - first)] ?? `%!${name.replace('time.', '')}(${BigInt.asUintN(64, value).toString()})`;
  return {
    name,
    kind: 'int',
    methods: methodMap([goMethod({ name: 'String', params: [] }, (_, value: bigint) => text(value))]),
    text,
    integer: (value) => value,
    fromInteger: (value) => value,
    equals: (a, b) => a === b,
  };
}

const monthType = namedIntegers('time.Month', monthNames, 1n);
const weekdayType = namedIntegers('time.Weekday', dayNames, 0n);

const locationType: MethodType<Location> = {
  name: '*time.Location',
  kind: 'ptr',
  methods: methodMap([goMethod({ name: 'String', params: [] }, (_, location: Location) => location.name)]),
  text: (location) => location.name,
  nilComplaint: 'time: missing Location in call to Time.In',
  fields: (location) => [['name', location.name]],
};

/** Location of a time in UTC. */
const noLocation = new NilPointer(locationType.name);

/** One object for each location, since pointers compare by identity. */
const locationObjects = new WeakMap<Location, GoObject<Location>>();

function locationObject(location: Location): GoObject<Location> {
  const object = locationObjects.get(location) ?? new GoObject(locationType, location);
  locationObjects.set(location, object);
  return object;
}

/** Seconds from Go's zero time to 1970. */
const zeroTimeSeconds = 62_135_596_800n;

function goString(instant: Instant): ByteString {
  const { year, month, day } = instant.date;
  const { hour, minute, second } = instant.clock;
  const { location } = instant;
  const place =
    location === utc ? 'time.UTC' : location === local ? 'time.Local' : `time.Location(${quoteTime(location.name)})`;
  const rest = [day, hour, minute, second, instant.nanosecond].join(', ');
  return `time.Date(${year.toString()}, time.${monthNames[month - 1] ?? ''}, ${rest}, ${place})`;
}

/**
 * RFC 3339 with nanoseconds, as JSON has it.
 * @throws {GoError} for a year that it cannot write.
 */
export function rfc3339(instant: Instant, method = 'MarshalJSON'): ByteString {
  const { year } = instant.date;
  if (year < 0 || year > 9999) throw new GoError(`Time.${method}: year outside of range [0,9999]`);
  return formatTime(instant, '2006-01-02T15:04:05.999999999Z07:00');
}

const methods = new Map<string, GoMethod<Instant>>();

export const timeType: MethodType<Instant> = {
  name: 'time.Time',
  kind: 'struct',
  methods,
  text: timeText,
  goString,
  fields: (instant) => [
    ['wall', new GoInt('uint64', BigInt(instant.nanosecond))],
    ['ext', int64(instant.unix + zeroTimeSeconds)],
    ['loc', instant.location === utc ? noLocation : locationObject(instant.location)],
  ],
  equals: (a, b) => a.unixNanoseconds === b.unixNanoseconds && a.location === b.location,
};

export function timeObject(instant: Instant): GoObject<Instant> {
  return new GoObject(timeType, instant);
}

function getter(name: string, read: (instant: Instant) => GoValue): GoMethod<Instant> {
  return goMethod({ name, params: [] }, (_, instant: Instant) => read(instant));
}

function comparison(name: string, decide: (order: number) => GoValue): GoMethod<Instant> {
  return goMethod({ name, params: [timeType] }, (_, instant: Instant, other) => decide(instant.compare(other.data)));
}

function uncallable(name: string, complaint: string): GoMethod<Instant> {
  return goMethod({ name, params: [], uncallable: complaint }, () => null);
}

function returnsTwo(name: string, second: string): GoMethod<Instant> {
  return uncallable(name, `invalid function signature for ${name}: second return value should be error; is ${second}`);
}

function returnsThree(name: string): GoMethod<Instant> {
  return uncallable(name, `function ${name} has 3 return values; should be 1 or 2`);
}

/** The rest when time since the zero time is divided by `unit`. */
function remainder(instant: Instant, unit: bigint): bigint {
  const total = instant.unixNanoseconds + zeroTimeSeconds * 1_000_000_000n;
  return ((total % unit) + unit) % unit;
}

function rounded(instant: Instant, unit: bigint, up: boolean): Instant {
  const plain = instant.in(instant.location);
  if (unit <= 0n) return plain;
  const rest = remainder(instant, unit);
  return plain.add(up && 2n * rest >= unit ? unit - rest : -rest);
}

/** Whether a zone's offset is above the lesser of the year's two, which is what daylight saving time does. */
function isDst(instant: Instant): boolean {
  const { year } = instant.date;
  const offsets = [1, 7].map((month) => {
    const midnight = { hour: 0, minute: 0, second: 0 };
    return Instant.ofCivil({ year, month, day: 1 }, midnight, 0, instant.location).zone.offset;
  });
  return instant.zone.offset > Math.min(...offsets);
}

const partMethods: readonly GoMethod<Instant>[] = [
  getter('Year', ({ date }) => int(date.year)),
  getter('Month', ({ date }) => new GoObject(monthType, BigInt(date.month))),
  getter('Day', ({ date }) => int(date.day)),
  getter('YearDay', ({ date }) => int(date.yearDay)),
  getter('Weekday', ({ weekday }) => new GoObject(weekdayType, BigInt(weekday))),
  getter('Hour', ({ clock }) => int(clock.hour)),
  getter('Minute', ({ clock }) => int(clock.minute)),
  getter('Second', ({ clock }) => int(clock.second)),
  getter('Nanosecond', ({ nanosecond }) => int(nanosecond)),
  getter('Unix', ({ unix }) => int64(unix)),
  getter('UnixMilli', ({ unixNanoseconds }) => int64(floorDivide(unixNanoseconds, 1_000_000n))),
  getter('UnixMicro', ({ unixNanoseconds }) => int64(floorDivide(unixNanoseconds, 1000n))),
  getter('UnixNano', ({ unixNanoseconds }) => int64(unixNanoseconds)),
  getter('IsZero', ({ isZero }) => isZero),
  getter('IsDST', isDst),
  getter('Location', ({ location }) => locationObject(location)),
  returnsThree('Date'),
  returnsThree('Clock'),
  returnsTwo('ISOWeek', 'int'),
  returnsTwo('Zone', 'int'),
  returnsTwo('ZoneBounds', 'time.Time'),
];

function floorDivide(value: bigint, divisor: bigint): bigint {
  return (value - (((value % divisor) + divisor) % divisor)) / divisor;
}

const changeMethods: readonly GoMethod<Instant>[] = [
  goMethod({ name: 'Add', params: [durationType] }, (_, instant: Instant, span) => timeObject(instant.add(span.data))),
  goMethod({ name: 'AddDate', params: ['int', 'int', 'int'] }, (_, instant: Instant, years, months, days) =>
    timeObject(instant.addDate(Number(years), Number(months), Number(days))),
  ),
  goMethod({ name: 'Sub', params: [timeType] }, (_, instant: Instant, other) => duration(instant.since(other.data))),
  goMethod({ name: 'Round', params: [durationType] }, (_, instant: Instant, unit) =>
    timeObject(rounded(instant, unit.data, true)),
  ),
  goMethod({ name: 'Truncate', params: [durationType] }, (_, instant: Instant, unit) =>
    timeObject(rounded(instant, unit.data, false)),
  ),
  goMethod({ name: 'In', params: [locationType] }, (_, instant: Instant, location) =>
    timeObject(instant.in(location.data)),
  ),
  getter('UTC', (instant) => timeObject(instant.in(utc))),
  getter('Local', (instant) => timeObject(instant.in(local))),
];

const textMethods: readonly GoMethod<Instant>[] = [
  goMethod({ name: 'Format', params: ['string'] }, (context, instant: Instant, layout) => {
    context.allocate(8 * layout.length);
    return formatTime(instant, layout);
  }),
  getter('String', timeText),
  getter('GoString', goString),
  getter('MarshalJSON', (instant) => bytes(`"${rfc3339(instant)}"`)),
  getter('MarshalText', (instant) => bytes(rfc3339(instant, 'MarshalText'))),
];

for (const method of [
  ...partMethods,
  ...changeMethods,
  ...textMethods,
  comparison('Compare', int),
  comparison('Equal', (order) => order === 0),
  comparison('Before', (order) => order < 0),
  comparison('After', (order) => order > 0),
]) {
  methods.set(method.name, method);
}
