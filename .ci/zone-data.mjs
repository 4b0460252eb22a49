// Creates src/shared/gotemplate/sprig/generated/zones.json from the IANA data of moment-timezone: the changes of offset and
// abbreviation in every zone. They are compressed, because drivers rarely need them.
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync } from 'node:zlib';

/** Package of the data. Its licence is shipped with the bundles. */
export const zonePackage = 'node_modules/moment-timezone';

/** Path of the data in the project's folder. */
export const zoneSource = `${zonePackage}/data/packed/latest.json`;

const digits = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX';

/** First year that is left out if it and all later years repeat the 28 years before. */
const firstRepeatedYear = 2066;
const firstRepeated = Date.UTC(firstRepeatedYear, 0, 1) / 1000;

/** Parses `-1b.k`, minutes to the base of 60 with a fraction, to seconds. */
function secondsOf(text) {
  const [, sign, whole, fraction = ''] = /^(-?)([^.]*)(?:\.(.*))?$/.exec(text);
  let value = 0;
  for (const digit of whole) value = value * 60 + digits.indexOf(digit);
  let unit = 1;
  for (const digit of fraction) value += digits.indexOf(digit) * (unit /= 60);
  return Math.round(value * 60) * (sign === '' ? 1 : -1);
}

function unpack(packed) {
  const [name, abbreviations, offsets, indexes, untils] = packed.split('|');
  let minutes = 0;
  const changes = (untils === '' || untils === undefined ? [] : untils.split(' ')).map((until) => {
    minutes += secondsOf(until) / 60;
    return Math.round(minutes * 60);
  });
  const names = abbreviations.split(' ');
  // Offsets in the data are west of Greenwich.
  const types = offsets.split(' ').map((offset, index) => `${-secondsOf(offset)} ${names[index]}`);
  return { name, types, indexes: Array.from(indexes, (digit) => digits.indexOf(digit)), changes };
}

const startOf = (year) => Date.UTC(year, 0, 1) / 1000;

function lengthAndWeekday(year) {
  return `${startOf(year + 1) - startOf(year)} ${new Date(startOf(year) * 1000).getUTCDay()}`;
}

/**
 * Reports whether each year that is left out repeats a kept year of the same length and first weekday, to the second.
 */
function repeats({ changes, indexes }) {
  const years = new Map();
  for (const [index, change] of changes.entries()) {
    const year = new Date(change * 1000).getUTCFullYear();
    years.set(year, `${years.get(year) ?? ''} ${change - startOf(year)} ${indexes[index + 1]}`);
  }
  const kinds = new Map();
  for (let year = firstRepeatedYear - 28; year <= Math.max(...years.keys()); year++) {
    const kind = lengthAndWeekday(year);
    const found = years.get(year) ?? '';
    if ((kinds.get(kind) ?? found) !== found) return false;
    kinds.set(kind, found);
  }
  return true;
}

function lineOf(zone, aliases) {
  const isCut = (zone.changes.at(-1) ?? 0) >= firstRepeated && repeats(zone);
  const changes = isCut ? zone.changes.filter((change) => change < firstRepeated) : zone.changes;
  const steps = changes.map((change, index) => (change - (changes[index - 1] ?? 0)).toString(36));
  const indexes = zone.indexes.slice(0, changes.length + 1).map((index) => index.toString(36));
  return [[zone.name, ...aliases].join(' '), zone.types.join(','), indexes.join(''), steps.join(' ')].join('|');
}

/**
 * @param root the project's folder.
 * @returns the JSON for the engine: `repeatFrom`, seconds since 1970, and `zones`, the compressed text, with a line for each zone: `NAME ALIAS …|OFFSET ABBREVIATION,…|INDEXES|CHANGES`. Offsets are seconds
 * east, indexes say which of them is in force before and after each change, changes are seconds since the one before.
 */
export function zoneData(root) {
  const { zones, links } = JSON.parse(readFileSync(path.join(root, zoneSource), 'utf8'));
  const aliases = new Map(zones.map((packed) => [packed.split('|')[0], []]));
  for (const [name, alias] of links.map((link) => link.split('|'))) aliases.get(name).push(alias);
  const lines = zones.map((packed) => {
    const zone = unpack(packed);
    return lineOf(zone, aliases.get(zone.name));
  });
  const text = brotliCompressSync(Buffer.from(lines.join('\n'), 'latin1')).toString('base64');
  return JSON.stringify({ repeatFrom: firstRepeated, zones: text });
}
