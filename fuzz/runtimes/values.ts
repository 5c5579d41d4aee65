/**
 * What made-up programs compute with: literals on which engines were seen to differ, or might.
 */
import type { Random } from '../../packages/simulator/src/random.ts';

const numbers = [
  '0',
  '-0',
  '1',
  '-1',
  '2',
  '3',
  '7',
  '10',
  '16',
  '31',
  '36',
  '64',
  '100',
  '255',
  '1e3',
  '4095',
  '65535',
  '65536',
  '0.1',
  '-0.1',
  '0.5',
  '1.5',
  '2.5',
  '-2.5',
  '0.30000000000000004',
  '1e-7',
  '1e21',
  '123456789.123',
  '1e15',
  '1e300',
  '1e-300',
  '2147483647',
  '2147483648',
  '-2147483649',
  '4294967295',
  '4294967296',
  '9007199254740991',
  '-9007199254740992',
  '9007199254740993',
  '5e-324',
  '2.2250738585072014e-308',
  '1.7976931348623157e308',
  'Infinity',
  '-Infinity',
  'NaN',
  '3.141592653589793',
  '2.718281828459045',
];

const pieces = [
  'a',
  'b',
  'Z',
  'abc',
  'ABC',
  '0',
  '1',
  '42',
  '-7',
  '1e5',
  '0x1f',
  '.5',
  ' ',
  '\t',
  '\n',
  '\u00a0',
  '\ufeff',
  '\u2028',
  '_',
  '-',
  '$',
  '$1',
  '$&',
  '$`',
  "$'",
  '$<n>',
  '\\',
  '/',
  '"',
  '\u0000',
  '\u007f',
  'é',
  'e\u0301',
  'ß',
  'ẞ',
  'ſ',
  'K',
  'İ',
  'ı',
  'Σ',
  'σ',
  'ς',
  'ǆ',
  'ǅ',
  'ﬁ',
  'ŉ',
  'ა',
  'Ა',
  'Ꭰ',
  'ꭰ',
  'Ж',
  'ж',
  'א',
  'ק',
  '한',
  '\u1100\u1161',
  '漢',
  'Å',
  '\u{1f600}',
  '\u{1d400}',
  '\u{10400}',
  '\u{10428}',
  '\u{1e900}',
  '\ud800',
  '\udc00',
  '\uffff',
  '\u{10ffff}',
  'ͅ',
  'Ɀ',
  'Ƛ',
  'ꟊ',
  '\u{16ea0}',
  '\u1c89',
  '\ua7cb',
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  ':',
  ',',
  'null',
  'true',
  '__proto__',
  'constructor',
  'length',
  '%41',
  '%C3%A9',
  '%',
  '2026-11-24',
  'T10:00Z',
  'Nov 24',
  'GMT',
];

const bigints = [
  '0n',
  '1n',
  '-1n',
  '7n',
  '-13n',
  '255n',
  '4294967296n',
  '18446744073709551615n',
  '-9223372036854775808n',
  '123456789012345678901234567890n',
];

export function number(random: Random): string {
  const kind = random.below(10);
  if (kind < 6) return random.pick(numbers);
  if (kind === 6) return String(random.below(2 ** 32) - 2 ** 31);
  if (kind === 7) return String((random.below(2 ** 32) - 2 ** 31) / 2 ** random.below(60));
  if (kind === 8) return `${random.below(1000)}e${random.between(-320, 308)}`;
  return `${random.below(100)}.${random.below(1_000_000)}`;
}

/** Any code point, lone surrogates included, more often than not of the first planes. */
function character(random: Random): string {
  const bound = random.pick([0x80, 0x250, 0x600, 0x3000, 0x1_0000, 0x2_0000, 0x11_0000]);
  return String.fromCodePoint(random.below(bound));
}

/** The source of a text: all but printable ASCII is escaped. */
export function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function rawText(random: Random): string {
  return Array.from({ length: random.below(6) }, () =>
    random.percent(75) ? random.pick(pieces) : character(random),
  ).join('');
}

export function text(random: Random): string {
  return quoted(rawText(random));
}

export function bigint(random: Random): string {
  return random.percent(70)
    ? random.pick(bigints)
    : `${random.percent(50) ? '-' : ''}${random.below(2 ** 32)}${random.below(2 ** 32)}n`.replace(
        /^(-?)0+(?=\d)/,
        '$1',
      );
}

/** JSON, more or less. */
export function jsonText(random: Random, depth = 0): string {
  const broken = random.percent(4)
    ? random.pick([
        ',',
        '"',
        '}',
        ']',
        '\\',
        '01',
        '+1',
        'undefined',
        "'",
        '\u00a0',
        '//',
        'NaN',
        '1.',
        '.1',
        '\t',
        '\u2028',
        '\u0000',
      ])
    : '';
  const kind = random.below(depth > 3 ? 5 : 8);
  const inner = (): string => jsonText(random, depth + 1);
  const many = <T>(make: () => T): T[] => Array.from({ length: random.below(4) }, make);
  const literal = (): string =>
    JSON.stringify(rawText(random)).replace('\\u0000', random.percent(20) ? '\u0000' : '\\u0000');
  switch (kind) {
    case 0:
      return `${random.pick(['null', 'true', 'false'])}${broken}`;
    case 1:
    case 2:
      return `${random.pick(['0', '-0', '1', '-1.5', '1e5', '1E+400', '1e-400', '123456789012345678901234567890', '0.1', '1.7976931348623159e308'])}${broken}`;
    case 3:
    case 4:
      return `${literal()}${broken}`;
    case 5:
    case 6:
      return `[${many(inner).join(random.percent(90) ? ',' : ' , ')}${broken}]`;
    default:
      return `{${many(() => `${random.percent(20) ? '"__proto__"' : random.percent(30) ? `"${random.below(12)}"` : literal()}:${inner()}`).join(',')}${broken}}`;
  }
}

const atoms = [
  'a',
  'b',
  '.',
  '\\d',
  '\\w',
  '\\s',
  '\\W',
  '\\S',
  '\\D',
  '[a-c]',
  '[^a-c]',
  '[\\w-]',
  '[^]',
  '[]',
  '\\b',
  '\\B',
  '^',
  '$',
  '\\1',
  '\\k<n>',
  '\\u00e9',
  '\\x41',
  '\\cJ',
  '\\0',
  '\\u{1f600}',
  '\\ud83d',
  '\\ude00',
  '[\\u{1f600}-\\u{1f64f}]',
  'é',
  'ß',
  'K',
  'ſ',
  'Σ',
  'İ',
  '\\p{L}',
  '\\.',
  '\\-',
  '\\/',
  '\\z',
  '{',
  '}',
  ']',
  '1',
];
const quantifiers = ['', '', '', '*', '+', '?', '*?', '+?', '??', '{2}', '{1,3}', '{0,2}?', '{2,}', '{3,1}', '{99999}'];

export function pattern(random: Random, depth = 0): string {
  const terms = Array.from({ length: 1 + random.below(4) }, () => {
    const group = depth < 3 && random.percent(25);
    const open = random.pick(['(', '(?:', '(?=', '(?!', '(?<=', '(?<!', '(?<n>', '(?<m>']);
    const atom = group ? `${open}${pattern(random, depth + 1)})` : random.pick(atoms);
    return atom + random.pick(quantifiers);
  });
  const joined = terms.join('');
  return random.percent(15) ? `${joined}|${random.pick(atoms)}` : joined;
}

export function flags(random: Random): string {
  return (
    ['g', 'i', 'm', 's', 'u', 'y'].filter(() => random.percent(25)).join('') +
    (random.percent(2) ? random.pick(['v', 'd', 'g', 'x']) : '')
  );
}

export function sequence(random: Random, make: () => string, most = 5): string {
  return Array.from({ length: random.below(most + 1) }, make).join(', ');
}
