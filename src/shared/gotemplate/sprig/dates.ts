import type { ByteString } from '../byte-string.ts';
import { goFunction, GoError, stepsPerFailure, type CallContext, type GoFunction } from '../function.ts';
import { GoInt, isObject, wrapInt, type GoValue } from '../values.ts';
import { durationText, parseDuration, roughDuration, roundDuration, second } from './duration-text.ts';
import { Instant } from './instant.ts';
import { parseGoInt } from './numbers.ts';
import { formatTime } from './time-format.ts';
import { parseTime } from './time-parse.ts';
import { timeObject, timeType } from './time-type.ts';
import { loadLocation, local, utc } from './time-zone.ts';

const any = 'interface {}';

function now(context: CallContext): Instant {
  const milliseconds = context.now();
  const whole = Math.floor(milliseconds);
  const nanoseconds = BigInt(whole) * 1_000_000n + BigInt(Math.floor((milliseconds - whole) * 1e6));
  const seconds = Math.floor(milliseconds / 1000);
  return new Instant(BigInt(seconds), Number(nanoseconds - BigInt(seconds) * second), local, nanoseconds);
}

/** A date, or seconds since 1970 in one of the integer kinds that the function takes; anything else is now. */
function instantOf(context: CallContext, value: GoValue, kinds: readonly string[]): Instant {
  if (isObject(value, timeType)) return value.data;
  if (value instanceof GoInt && kinds.includes(value.kind)) return Instant.ofUnix(value.value);
  return now(context);
}

/** A zone that Go does not know counts as UTC. */
function dateInZone(context: CallContext, layout: ByteString, value: GoValue, zone: ByteString): ByteString {
  context.allocate(8 * layout.length);
  context.charge(300 + 10 * layout.length);
  const instant = instantOf(context, value, ['int', 'int32', 'int64']);
  return formatTime(instant.in(loadLocation(zone) ?? utc), layout);
}

function ago(context: CallContext, value: GoValue): ByteString {
  const elapsed = now(context).since(instantOf(context, value, ['int', 'int64']));
  return durationText(roundDuration(elapsed, second));
}

/** Seconds, of a string or an int64 and nothing else, as a duration. */
function durationOf(value: GoValue): ByteString {
  let seconds = 0n;
  if (typeof value === 'string') seconds = parseGoInt(value, 10).value;
  else if (value instanceof GoInt && value.kind === 'int64') seconds = value.value;
  return durationText(wrapInt('int64', seconds * second));
}

function durationRound(context: CallContext, value: GoValue): ByteString {
  if (typeof value === 'string') {
    context.charge(stepsPerFailure + 8 * value.length);
    return roughDuration(orElse(() => parseDuration(value), 0n));
  }
  if (value instanceof GoInt && value.kind === 'int64') return roughDuration(value.value);
  return roughDuration(isObject(value, timeType) ? now(context).since(value.data) : 0n);
}

/** Returns the parser's result, or the fallback when Go would ignore its error. */
function orElse<T>(parse: () => T, fallback: T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof GoError) return fallback;
    throw error;
  }
}

function charged<T>(context: CallContext, texts: readonly ByteString[], parse: () => T): T {
  for (const text of texts) context.charge(50 + 8 * text.length);
  return parse();
}

const formatting: readonly GoFunction[] = [
  goFunction({ name: 'date', params: ['string', any] }, (context, layout, value) =>
    dateInZone(context, layout, value, 'Local'),
  ),
  goFunction({ name: 'htmlDate', params: [any] }, (context, value) =>
    dateInZone(context, '2006-01-02', value, 'Local'),
  ),
  goFunction({ name: 'htmlDateInZone', params: [any, 'string'] }, (context, value, zone) =>
    dateInZone(context, '2006-01-02', value, zone),
  ),
  ...['dateInZone', 'date_in_zone'].map((name) => goFunction({ name, params: ['string', any, 'string'] }, dateInZone)),
  goFunction({ name: 'unixEpoch', params: [timeType] }, (_, { data }) => data.unix.toString()),
  goFunction({ name: 'ago', params: [any] }, ago),
  goFunction({ name: 'duration', params: [any] }, (_, value) => durationOf(value)),
  goFunction({ name: 'durationRound', params: [any] }, durationRound),
];

const making: readonly GoFunction[] = [
  goFunction({ name: 'now', params: [] }, (context) => timeObject(now(context))),
  goFunction({ name: 'toDate', params: ['string', 'string'] }, (context, layout, text) =>
    timeObject(charged(context, [layout, text], () => orElse(() => parseTime(layout, text), Instant.zero))),
  ),
  goFunction({ name: 'mustToDate', params: ['string', 'string'] }, (context, layout, text) =>
    timeObject(charged(context, [layout, text], () => parseTime(layout, text))),
  ),
  ...['dateModify', 'date_modify'].map((name) =>
    goFunction({ name, params: ['string', timeType] }, (context, span, { data }) => {
      const nanoseconds = charged(context, [span], () => orElse(() => parseDuration(span), undefined));
      return timeObject(nanoseconds === undefined ? data : data.add(nanoseconds));
    }),
  ),
  ...['mustDateModify', 'must_date_modify'].map((name) =>
    goFunction({ name, params: ['string', timeType] }, (context, span, { data }) =>
      timeObject(data.add(charged(context, [span], () => parseDuration(span)))),
    ),
  ),
];

export const dateFunctions: readonly GoFunction[] = [...formatting, ...making];
