import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatTime, parseTime } from '../src/epcis/time.ts';

const yearZero = -62_167_219_200_000;
const year10000 = 253_402_300_800_000;
const ms = fc.integer({ min: yearZero, max: year10000 - 1 });

describe('parseTime', () => {
  it('gives what a calendar gives, for every day of the years 0 to 9999', () => {
    fc.assert(
      fc.property(ms, (time) => assert.equal(parseTime(new Date(time).toISOString().replace(/^\+00/, '')), time)),
    );
  });

  it('takes zones, fractions and short forms', () => {
    const noon = Date.UTC(2026, 10, 24, 12);
    for (const [text, expected] of [
      ['2026-11-24T12:00:00Z', noon],
      ['2026-11-24t12:00:00z', noon],
      ['2026-11-24T13:00:00+01:00', noon],
      ['2026-11-24T06:30:00-0530', noon],
      ['2026-11-24T22:00:00+10', noon],
      ['2026-11-25T11:59:00+23:59', noon],
      ['2026-11-24T12:00:00.5Z', noon + 500],
      ['2026-11-24T12:00:00.0019Z', noon + 1],
      ['2026-11-24T12:00:01.001000-00:00', noon + 1001],
    ] as const) {
      assert.equal(parseTime(text), expected, text);
    }
  });

  it('counts a leap second as the first second of the next day', () => {
    assert.equal(parseTime('2016-12-31T23:59:60Z'), Date.UTC(2017, 0, 1));
    assert.equal(parseTime('2016-12-31T15:59:60.250-08:00'), Date.UTC(2017, 0, 1, 0, 0, 0, 250));
  });
});

describe('formatTime', () => {
  it('gives what a calendar gives', () => {
    fc.assert(fc.property(ms, (time) => assert.equal(formatTime(time), new Date(time).toISOString())));
  });

  it('is read back as the same time, whatever the zone', () => {
    const offset = fc.integer({ min: -14 * 60, max: 14 * 60 });
    const inner = fc.integer({ min: yearZero + 86_400_000, max: year10000 - 86_400_000 });
    fc.assert(fc.property(inner, offset, (time, minutes) => assert.equal(parseTime(formatTime(time, minutes)), time)));
    assert.equal(formatTime(Date.UTC(2026, 10, 24, 8, 30), 60), '2026-11-24T09:30:00.000+01:00');
    assert.equal(formatTime(Date.UTC(2026, 10, 24, 8, 30), -210), '2026-11-24T05:00:00.000-03:30');
  });
});
