import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { zoneByName, type ZoneAt } from '../../../../src/shared/gotemplate/sprig/zone-history.ts';

interface Recorded {
  readonly zones: readonly string[];
  /** `SECONDS OFFSET ABBREVIATION` for each change, joined by commas. */
  readonly changes: string;
}

const recorded = readFileSync(path.join(import.meta.dirname, '../../../fixtures/zones/recorded.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);

function zoneAt(name: string, unix: number): string {
  const zone: ZoneAt | undefined = zoneByName(name)?.(BigInt(unix));
  return zone === undefined ? 'unknown' : `${zone.offset.toString()} ${zone.name}`;
}

/** The first thing that Go sees otherwise. */
function difference(zone: string, changes: string): string | undefined {
  let before: string | undefined;
  for (const change of changes.split(',')) {
    const [seconds = '', ...inForce] = change.split(' ');
    const unix = Number(seconds);
    const expected = inForce.join(' ');
    if (zoneAt(zone, unix) !== expected) return `${zone} at ${seconds}: ${zoneAt(zone, unix)}, not ${expected}`;
    if (before !== undefined && zoneAt(zone, unix - 1) !== before) return `${zone} before ${seconds}: not ${before}`;
    before = expected;
  }
  return undefined;
}

const seconds = (date: string): number => Date.parse(date) / 1000;

describe('time zones', () => {
  it('are those that Go knows', () => {
    assert.ok(recorded.flatMap(({ zones }) => zones).length > 580);
    assert.equal(zoneByName('Europe/Atlantis'), undefined);
    assert.equal(zoneByName('europe/berlin'), undefined);
  });

  it('change their offsets and names when Go saw them change, from 1970 on', () => {
    const differences = recorded.flatMap(({ zones, changes }) =>
      zones.map((zone) => difference(zone, changes)).filter((text) => text !== undefined),
    );
    assert.deepEqual(differences, []);
  });

  it('know of what is decided but not yet in force in older data', () => {
    assert.equal(zoneAt('America/Vancouver', seconds('2025-12-24T12:00Z')), '-28800 PST');
    assert.equal(zoneAt('America/Vancouver', seconds('2027-01-10T12:00Z')), '-25200 MST');
  });

  it('are as they first were before all that is known', () => {
    assert.equal(zoneAt('Europe/Berlin', seconds('1800-01-01')), '3208 LMT');
    assert.equal(zoneByName('Europe/Berlin')?.(-(1n << 63n)).name, 'LMT');
  });

  it('go on for ever as in the last years that are listed', () => {
    const year = 365 * 86_400;
    for (const [zone, winter, summer] of [
      ['Europe/Berlin', '3600 CET', '7200 CEST'],
      ['America/New_York', '-18000 EST', '-14400 EDT'],
    ] as const) {
      for (const [now, later] of [
        [2065, 2066],
        [2090, 2100],
        [2100, 2400],
        [2400, 9999],
      ] as const) {
        for (const at of [now, later]) {
          assert.equal(zoneAt(zone, seconds(`${at.toString()}-01-10`)), winter);
          assert.equal(zoneAt(zone, seconds(`${at.toString()}-07-10`)), summer);
        }
      }
      assert.match(zoneByName(zone)?.((1n << 63n) - 1n).name ?? '', /^[CE][ED]?S?T$/);
      assert.equal(zoneAt(zone, seconds('9999-01-10') - 5 * year), winter);
    }
  });

  it('change on the weekday that the rule names, in years far from the listed ones', () => {
    // The last Sundays of March and October 2400, 01:00 UTC: 26 and 29.
    assert.equal(zoneAt('Europe/Berlin', seconds('2400-03-26T00:59:59Z')), '3600 CET');
    assert.equal(zoneAt('Europe/Berlin', seconds('2400-03-26T01:00:00Z')), '7200 CEST');
    assert.equal(zoneAt('Europe/Berlin', seconds('2400-10-29T00:59:59Z')), '7200 CEST');
    assert.equal(zoneAt('Europe/Berlin', seconds('2400-10-29T01:00:00Z')), '3600 CET');
  });

  it('stay as they are where clocks are not changed any more', () => {
    assert.equal(zoneAt('Asia/Tokyo', seconds('2400-07-10')), '32400 JST');
    assert.equal(zoneAt('Etc/GMT+5', seconds('2400-07-10')), '-18000 -05');
  });
});
