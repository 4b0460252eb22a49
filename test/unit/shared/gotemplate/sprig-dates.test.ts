import assert from 'node:assert/strict';
import { compileTemplate } from '../../../../src/shared/gotemplate/template.ts';

const clock = (): number => Date.UTC(2024, 1, 29, 12, 30, 15, 250);

function render(template: string): string {
  return compileTemplate('t', template).render({}, { clock }).toString('utf8');
}

describe("sprig's dates", () => {
  it('take now from the render', () => {
    assert.equal(render('{{ now | date "2006-01-02T15:04:05.000Z07:00" }}'), '2024-02-29T12:30:15.250Z');
    assert.equal(render('{{ htmlDate "no date" }}'), '2024-02-29');
  });

  it('tell how long ago a date is', () => {
    assert.equal(render('{{ ago (toDate "2006-01-02 15:04:05" "2024-02-29 11:00:00") }}'), '1h30m15s');
    assert.equal(render('{{ durationRound (toDate "2006-01-02" "2023-01-01") }}'), '1y');
  });

  it('know daylight saving time and odd offsets of named zones', () => {
    const at = (unix: number, zone: string): string =>
      render(`{{ dateInZone "15:04 MST -0700" ${unix.toString()} "${zone}" }}`);
    assert.equal(at(1_711_846_799, 'Europe/Berlin'), '01:59 CET +0100');
    assert.equal(at(1_711_846_800, 'Europe/Berlin'), '03:00 CEST +0200');
    assert.equal(at(0, 'Asia/Kathmandu'), '05:30 +0530 +0530');
    assert.equal(at(1_711_846_800, 'Asia/Kathmandu'), '06:45 +0545 +0545');
  });

  it('call a zone by the name that it had at the time', () => {
    const at = (time: string, zone: string): string =>
      render(`{{ dateInZone "MST -0700" ${(Date.parse(time) / 1000).toString()} "${zone}" }}`);
    assert.equal(at('2025-07-01T00:00Z', 'America/Vancouver'), 'PDT -0700');
    assert.equal(at('2025-01-01T00:00Z', 'America/Vancouver'), 'PST -0800');
    assert.equal(at('2020-07-01T00:00Z', 'America/Whitehorse'), 'PDT -0700');
    assert.equal(at('2021-07-01T00:00Z', 'America/Whitehorse'), 'MST -0700');
    assert.equal(at('2022-07-01T00:00Z', 'America/Chihuahua'), 'MDT -0600');
    assert.equal(at('2023-07-01T00:00Z', 'America/Chihuahua'), 'CST -0600');
    assert.equal(at('2022-10-27T21:59Z', 'Asia/Amman'), 'EEST +0300');
    assert.equal(at('2022-10-27T22:00Z', 'Asia/Amman'), '+03 +0300');
    assert.equal(at('2015-07-01T00:00Z', 'Europe/Istanbul'), 'EEST +0300');
  });

  it('spell zones as Go does, and take others for UTC', () => {
    assert.equal(render('{{ dateInZone "MST" 0 "europe/berlin" }} {{ dateInZone "MST" 0 "" }}'), 'UTC UTC');
  });

  it('keep years far away', () => {
    assert.equal(render('{{ date "2006-01-02" 99999999999999 }}'), '3170843-11-07');
    assert.equal(render('{{ date "2006-01-02" -99999999999999 }}'), '-3166904-02-24');
  });
});
