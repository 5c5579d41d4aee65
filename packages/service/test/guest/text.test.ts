import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { json } from '../../src/guest/json.ts';
import { canonical, lowerCase, upperCase } from '../../src/guest/letter-case.ts';
import { counting } from './counting.ts';

test('case is that of the engine, for letters that have long had one', () => {
  const letters = 'Straße ÄÖÜ éÉ ǰ Ωσς Жж Բբ ŉ ﬁ İıſ';
  assert.equal(upperCase(letters), letters.toUpperCase().replace('FI', 'ﬁ').replace('J̌', 'ǰ'));
  for (let code = 0; code <= 0x52f; code++) {
    if (code > 0x17f && code < 0x370) continue;
    const letter = String.fromCharCode(code);
    assert.equal(upperCase(letter), letter.toUpperCase());
    assert.equal(lowerCase(letter), letter.toLowerCase());
  }
});

test('letters that got a counterpart lately stay what they are', () => {
  // Unicode 11, 14, 16, 16 and 17.
  for (const letter of ['ა', '\u{a7d8}', '\u{264}', '\u{19b}', '\u{a7ce}']) {
    assert.equal(upperCase(letter), letter);
    assert.equal(lowerCase(letter), letter);
  }
  assert.equal(lowerCase('ΟΔΟΣ'), 'οδοσ');
});

test('letters are compared as ECMA-262 says', () => {
  assert.equal(canonical(0x73, false), 0x53);
  assert.equal(canonical(0x17f, false), 0x17f);
  assert.equal(canonical(0x17f, true), 0x53);
  assert.equal(canonical(0xdf, false), 0xdf);
});

const anything = fc.anything({
  withBigInt: false,
  withDate: true,
  withNullPrototype: true,
  withBoxedValues: true,
  maxDepth: 4,
});

test('JSON is that of the engine', () => {
  fc.assert(
    fc.property(anything, fc.constantFrom(undefined, 0, 2, 20, '--', 'indented by much'), (value, space) => {
      counting(() => assert.equal(json.stringify(value, undefined, space), JSON.stringify(value, undefined, space)));
    }),
    { numRuns: 150 },
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const reviver = (key: string, item: unknown): unknown =>
        key === 'b' ? undefined : Array.isArray(item) ? [key, item] : item;
      const replacer = (key: string, item: unknown): unknown => (key === '1' ? `${key}!` : item);
      counting(() => {
        const text = JSON.stringify(value);
        assert.deepEqual(json.parse(text), JSON.parse(text));
        assert.deepEqual(json.parse(text, reviver), JSON.parse(text, reviver));
        assert.equal(json.stringify(value, replacer), JSON.stringify(value, replacer));
        assert.equal(json.stringify(value, ['a', 'b', 1]), JSON.stringify(value, ['a', 'b', 1]));
      });
    }),
    { numRuns: 150 },
  );
});

test('JSON calls toJSON, and refuses what has no text', () => {
  counting(() => {
    const asked = { toJSON: (key: string) => `<${key}>` };
    assert.equal(
      json.stringify({ a: asked, b: [asked, new Date(0)], c: () => {}, d: Symbol('d') }),
      '{"a":"<a>","b":["<0>","1970-01-01T00:00:00.000Z"]}',
    );
    const circle: unknown[] = [];
    circle.push(circle);
    assert.throws(() => json.stringify(circle), TypeError);
    assert.throws(() => json.stringify({ a: 1n }), TypeError);
    assert.throws(() => json.parse('{'), SyntaxError);
  });
});

test('a small value can have a text beyond any bound', () => {
  let value: unknown = 'x';
  for (let i = 0; i < 40; i++) value = [value, value];
  assert.throws(() => counting(() => json.stringify(value)), { message: /budget/ });
});
