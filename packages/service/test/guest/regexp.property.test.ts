/** Random patterns on random texts: the matcher agrees with the engine's. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { RegularExpression } from '../../src/guest/regexp.ts';
import { counting } from './counting.ts';

const character = fc.constantFrom('a', 'b', 'A', '0', '_', '-', ' ', '\n', 'é', 'É', '\u{1f600}', '.');
const literal = fc.constantFrom('a', 'b', 'A', '0', '_', ' ', 'é', '\\.', '\\-', '\\n', '\\x61', '\\u0062', '-');
const classEscape = fc.constantFrom('\\d', '\\D', '\\w', '\\W', '\\s', '\\S');
const member = fc.oneof(literal, classEscape, fc.constantFrom('a-c', '0-9', 'A-Z', '\\b', 'à-ÿ'));
const set = fc
  .tuple(fc.constantFrom('', '^'), fc.array(member, { maxLength: 4 }))
  .map(([sign, members]) => `[${sign}${members.join('')}]`);
const quantifier = fc.constantFrom('*', '+', '?', '{2}', '{1,}', '{0,2}', '{1,3}', '*?', '+?', '??', '{1,2}?', '{0}');
const { pattern } = fc.letrec<{ pattern: string; term: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { depthSize: 'small' },
    literal,
    fc.constantFrom('.', '^', '$', '\\b', '\\B', '\\1', '\\2'),
    classEscape,
    set,
    tie('pattern').map((inner) => `(${inner})`),
    tie('pattern').map((inner) => `(?:${inner})`),
    tie('pattern').map((inner) => `(?=${inner})`),
    tie('pattern').map((inner) => `(?!${inner})`),
    tie('pattern').map((inner) => `(?<=${inner})`),
    tie('pattern').map((inner) => `(?<!${inner})`),
  ),
  term: fc.oneof(
    { weight: 3, arbitrary: tie('atom') },
    fc.tuple(tie('atom'), quantifier).map(([inner, count]) => `${inner}${count}`),
  ),
  pattern: fc.oneof(
    { weight: 4, arbitrary: fc.array(tie('term'), { maxLength: 4 }).map((terms) => terms.join('')) },
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `${a}|${b}`),
  ),
}));
const flags = fc.subarray(['g', 'i', 'm', 's', 'u', 'y']).map((some) => some.join(''));
const text = fc.array(character, { maxLength: 12 }).map((units) => units.join(''));

/** Both, or `undefined` where the engine takes it as no pattern, or one of them means an octal escape. */
function both(source: string, flag: string, input: string): { ours: RegularExpression; theirs: RegExp } | undefined {
  // With the flag u, V8 finds empty matches within characters of two units, where the language has none.
  if (flag.includes('u') && /[\ud800-\udfff]/.test(input)) return undefined;
  let theirs: RegExp;
  try {
    theirs = new RegExp(source, flag);
  } catch {
    assert.throws(() => new RegularExpression(source, flag), SyntaxError);
    return undefined;
  }
  try {
    return { ours: new RegularExpression(source, flag), theirs };
  } catch (error) {
    assert.match(String(error), /octal|reference/);
    return undefined;
  }
}

const plain = (match: readonly unknown[] | null): unknown => (match === null ? null : [...match]);

test('what matches, and where', () => {
  fc.assert(
    fc.property(pattern, flags, text, (source, flag, input) => {
      counting(() => {
        const pair = both(source, flag, input);
        if (pair === undefined) return;
        const { ours, theirs } = pair;
        for (let i = 0; i < 3; i++) {
          const [a, b] = [ours.exec(input), theirs.exec(input)];
          assert.deepEqual(plain(a), plain(b));
          assert.equal(a?.index, b?.index);
          assert.equal(ours.lastIndex, theirs.lastIndex);
        }
      });
    }),
    { numRuns: 1500 },
  );
});

test('the methods of text', () => {
  const template = fc.array(fc.constantFrom('x', '$', '$&', '$1', '$2', '$$', '$`', "$'", '$01', '$<a>'), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(pattern, flags, text, template, (source, flag, input, parts) => {
      counting(() => {
        const pair = both(source, flag, input);
        if (pair === undefined) return;
        const { ours, theirs } = pair;
        const method = ours as unknown as RegExp;
        const replacement = parts.join('');
        assert.equal(input.replace(method, replacement), input.replace(theirs, replacement));
        const show = (...found: unknown[]): string => JSON.stringify(found.slice(0, -1));
        assert.equal(input.replace(method, show), input.replace(theirs, show));
        assert.deepEqual(input.split(method), input.split(theirs));
        assert.deepEqual(input.split(method, 2), input.split(theirs, 2));
        assert.equal(input.search(method), input.search(theirs));
        assert.deepEqual(plain(input.match(method)), plain(input.match(theirs)));
        if (!flag.includes('g')) return;
        assert.deepEqual([...input.matchAll(method)].map(plain), [...input.matchAll(theirs)].map(plain));
      });
    }),
    { numRuns: 500 },
  );
});
