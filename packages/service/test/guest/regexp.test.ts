import assert from 'node:assert/strict';
import test from 'node:test';
import * as zodPatterns from 'zod/v4/core';
import { RegularExpression } from '../../src/guest/regexp.ts';
import { counting } from './counting.ts';

const expression = (source: string, flags = ''): RegExp => new RegularExpression(source, flags) as unknown as RegExp;

test('named groups', () => {
  counting(() => {
    const date = expression('(?<year>\\d{4})-(?<month>\\d\\d)(?:-\\k<month>)?');
    assert.deepEqual({ ...date.exec('on 2026-11-11')?.groups }, { year: '2026', month: '11' });
    assert.equal('2026-11'.replace(date, '$<month>/$<year>$<day>'), '11/2026');
    assert.equal(date.exec('2026-11-11')?.[0], '2026-11-11');
  });
});

test('a character of two units is one, with the flag u', () => {
  counting(() => {
    assert.equal(expression('^.$', 'u').test('\u{1f600}'), true);
    assert.equal(expression('^.$').test('\u{1f600}'), false);
    assert.equal(expression('^[\\u{1f600}-\\u{1f64f}]+$', 'u').test('\u{1f600}\u{1f601}'), true);
    assert.equal(expression('(?<=\\ud83d\\ude00)b', 'u').test('a\u{1f600}b'), true);
    assert.deepEqual('\u{1f600}\u{1f600}'.match(expression('', 'gu')), ['', '', '']);
  });
});

test('text, flags and kind', () => {
  counting(() => {
    const one = new RegularExpression('a/b', 'ig');
    assert.equal(one.toString(), '/a/b/gi');
    assert.equal(new RegularExpression(one, 'm').flags, 'm');
    assert.equal(new RegularExpression(one).flags, 'gi');
    assert.equal(new RegularExpression().source, '(?:)');
  });
});

test('a pattern that takes exponential time uses up the budget', () => {
  for (const source of ['^(a+)+$', '^(a|a)*$', '^(.*)*x', '(?:a?){30}a{30}', '^(?=(a+)+$)']) {
    assert.throws(
      () => counting(() => expression(source).test(`${'a'.repeat(40)}b`), 100_000),
      { message: /budget/ },
      source,
    );
  }
});

test('a run of characters takes time in proportion', () => {
  const steps = (length: number): number =>
    counting((meter) => {
      expression('^[a-z]*$').test('a'.repeat(length));
      return meter.steps;
    });
  assert.ok(steps(100_000) < 12 * steps(10_000));
});

test('what differs between engines is no pattern', () => {
  const refused = (source: string, flags: string, message: RegExp): void =>
    counting(() => assert.throws(() => new RegularExpression(source, flags), { name: 'SyntaxError', message }));
  refused('\\p{Lu}', 'u', /Unicode/);
  refused('\\01', '', /octal/);
  refused('(?i:a)', '', /not supported/);
  refused('a', 'v', /flag/);
  refused('a'.repeat(5000), '', /more than 4096/);
  refused('(?:a{0,2000}){0,2000}'.replace('a{', '(?:ab){'), '', /too large/);
  assert.equal(
    counting(() => expression('\\p').test('p')),
    true,
  );
});

test('the patterns of zod', () => {
  counting(() => {
    const all = Object.entries(zodPatterns.regexes).filter(
      (entry): entry is [string, RegExp] => entry[1] instanceof RegExp,
    );
    assert.ok(all.length > 20);
    const texts = [
      '',
      'a',
      'a@b.co',
      '10.0.0.1',
      '2026-11-24',
      'https://a.b',
      '::1',
      'YWJj',
      '+4915112345678',
      'a'.repeat(24),
    ];
    for (const [name, theirs] of all) {
      const ours = expression(theirs.source, theirs.flags);
      for (const text of texts) assert.equal(ours.test(text), theirs.test(text), `${name} on ${text}`);
    }
  });
});

test('what a pattern repeats is counted as often as it is written out, known or not', () => {
  const steps = (pattern: string, flags = ''): number =>
    counting((meter) => {
      try {
        // oxlint-disable-next-line no-new
        new RegularExpression(pattern, flags);
      } catch (error) {
        assert.match((error as Error).message, /too large/);
      }
      return meter.steps;
    });
  assert.equal(steps('ab+c'), 16 + 4);
  for (let i = 0; i < 2; i++) {
    assert.ok(steps('(?:\\w\\W){4000}', 'iu') >= 8000);
    assert.ok(steps('(?:(?:(?:a|b){30}){30}){30}', 'iu') >= 20_000);
    // Sets of many characters, in which every letter's counterparts are looked for.
    assert.ok(steps('[\\u{100}-\\u{10ffff}]', 'iu') > steps('[\\u{100}-\\u{10ffff}]', 'u'));
  }
});
