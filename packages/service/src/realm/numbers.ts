/** Numbers, as services find them. */
import { toInteger, toText } from '../guest/arguments.ts';
import type { Meter } from '../meter.ts';
import { serve } from './replace.ts';

const bitsMax = 16384;

export function serveNumbers(): void {
  serve(Number, 'parseInt', (meter, _self, [text, radix]) => parseInteger(meter, text, radix));
  serve(Number.prototype, 'toString', (meter, self, [radix], native) => {
    const base = radix === undefined ? 10 : toInteger(radix);
    // Checked by the engine, which is left to write what has no fraction and is exact.
    const value = Number.prototype.valueOf.call(self);
    const exact = base === 10 || base < 2 || base > 36 || Number.isSafeInteger(value) || !Number.isFinite(value);
    if (exact) return Reflect.apply(native, self, [radix]);
    meter.charge(64);
    return inBase(value, base);
  });
  for (const name of ['asIntN', 'asUintN']) {
    serve(BigInt, name, (meter, self, [bits, value], native) => {
      if (Number(bits) > bitsMax) meter.exhaust('size');
      return Reflect.apply(native, self, [bits, value]);
    });
  }
}

const nativeParseInt = globalThis.parseInt;

/**
 * `parseInt`, exact also where it need not be: in a base that is no power of 2, engines round the digits of long
 * numbers in different ways.
 */
export function parseInteger(meter: Meter, value: unknown, radix: unknown): number {
  const text = toText(value).trimStart();
  meter.charge(1 + (text.length >>> 3));
  const base = Number(radix) | 0;
  if (base === 0 || base === 10 || (base & (base - 1)) === 0) return nativeParseInt(text, base);
  const digits = /^[+-]?([0-9a-z]*)/i.exec(text)![1]!;
  let magnitude = 0n;
  let count = 0;
  for (const digit of digits.slice(0, 1100)) {
    const worth = nativeParseInt(digit, 36);
    if (worth >= base) break;
    magnitude = magnitude * BigInt(base) + BigInt(worth);
    count++;
  }
  if (count === 0 || base < 2 || base > 36) return NaN;
  // Beyond 1,100 digits there is nothing but infinity.
  const size = count === 1100 ? Infinity : Number(magnitude);
  return text[0] === '-' ? -size : size;
}

const bits = new DataView(new ArrayBuffer(8));

/**
 * A finite number in a base other than 10, with as many digits of its fraction as tell it from its neighbours: ECMA-262
 * leaves the digits to engines. Computed in integers, in units of 2^-1074, of which every number is a multiple.
 */
export function inBase(value: number, base: number): string {
  bits.setFloat64(0, Math.abs(value));
  const exponent = bits.getUint16(0) >> 4;
  const fraction = bits.getBigUint64(0) & 0xf_ffff_ffff_ffffn;
  const units = exponent === 0 ? fraction : (fraction | 0x10_0000_0000_0000n) << BigInt(exponent - 1);
  const whole = (units >> 1074n).toString(base);
  // Half of the distance to the next number, doubled with everything else so that it is an integer.
  let tolerance = 1n << BigInt(Math.max(0, exponent - 1));
  let rest = (units & ((1n << 1074n) - 1n)) << 1n;
  const one = 1n << 1075n;
  const digits: number[] = [];
  while (rest > 0n && rest >= tolerance) {
    rest *= BigInt(base);
    tolerance *= BigInt(base);
    digits.push(Number(rest / one));
    rest %= one;
    // Rounding up is as near, and ends here.
    if (one - rest <= tolerance && rest * 2n >= one) return `${sign(value)}${roundedUp(whole, digits, base)}`;
  }
  const written = digits.map((digit) => digit.toString(base)).join('');
  return `${sign(value)}${whole}${written === '' ? '' : `.${written}`}`;
}

function sign(value: number): string {
  return value < 0 ? '-' : '';
}

/** One more in the last place. */
function roundedUp(whole: string, digits: number[], base: number): string {
  let last = digits.pop()!;
  while (last === base - 1 && digits.length > 0) last = digits.pop()!;
  if (last === base - 1) {
    let next = 0n;
    for (const digit of whole) next = next * BigInt(base) + BigInt(nativeParseInt(digit, base));
    return (next + 1n).toString(base);
  }
  return `${whole}.${[...digits, last + 1].map((digit) => digit.toString(base)).join('')}`;
}
