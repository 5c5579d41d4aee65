/**
 * The `Math` of services.
 *
 * Engines agree on the arithmetic of IEEE 754 (+, -, *, /, the square root) and on nothing that is built on it: they
 * compute sines and powers by different methods, which differ in the last bit, and change with versions. Here
 * everything is built from that arithmetic alone, so it has the same bits everywhere. It is accurate to a few units in
 * the last place (powers: to some twenty), and slower than theirs.
 */
const { abs, ceil, clz32, floor, fround, imul, max, min, round, sign, sqrt, trunc } = Math;
const { E, LN10, LN2, LOG10E, LOG2E, PI, SQRT1_2, SQRT2 } = Math;

/** ln 2 in two parts: the first has zeros at its end, so that a small integer times it is exact. */
const ln2High = 0.69314718036912381649;
const ln2Low = 1.90821492927058770002e-10;
/** π/2 in parts, all but the last of 24 bits, so that an integer below 2^29 times one is exact. */
const halfPi = [
  1.570796251296997, 7.549789415861596e-8, 5.390302529957765e-15, 3.282003415807913e-22, 1.2706558760139879e-29,
];

/** 2 to an integer power, by doubling: exact where it is not 0 or infinite. */
function powerOfTwo(exponent: number): number {
  let result = 1;
  let base = exponent < 0 ? 0.5 : 2;
  for (let left = abs(exponent); left > 0; left = floor(left / 2)) {
    if (left % 2 === 1) result *= base;
    base *= base;
  }
  return result;
}

/** `value` · 2^`exponent`, without losing what lies in between. */
function scale(value: number, exponent: number): number {
  const half = trunc(exponent / 2);
  return value * powerOfTwo(half) * powerOfTwo(exponent - half);
}

/** Mantissa in [√½, √2) and exponent of a positive finite number. */
function split(value: number): [number, number] {
  let [mantissa, exponent] = [value, 0];
  for (const step of [512, 256, 128, 64, 32, 16, 8, 4, 2, 1]) {
    const factor = powerOfTwo(step);
    while (mantissa >= factor) [mantissa, exponent] = [mantissa / factor, exponent + step];
    while (mantissa * factor < 2) [mantissa, exponent] = [mantissa * factor, exponent - step];
  }
  return mantissa >= SQRT2 ? [mantissa / 2, exponent + 1] : [mantissa, exponent];
}

/** The sum of `terms` · x^0, x^1, …, from the smallest. */
function polynomial(terms: readonly number[], x: number): number {
  let sum = 0;
  for (let i = terms.length - 1; i >= 0; i--) sum = sum * x + terms[i]!;
  return sum;
}

function inverseFactorials(count: number, first: number, step: number, signs: 1 | -1): number[] {
  const terms: number[] = [];
  let factorial = 1;
  let alternating = 1;
  for (let n = 1, next = first; terms.length < count; n++) {
    if (next === 0) {
      terms.push(alternating);
      [next, alternating] = [step, alternating * signs];
    }
    factorial *= n;
    if (n !== next) continue;
    terms.push(alternating / factorial);
    [next, alternating] = [next + step, alternating * signs];
  }
  return terms;
}

const exponentialTerms = inverseFactorials(16, 1, 1, 1);
const sineTerms = inverseFactorials(10, 1, 2, -1);
const cosineTerms = inverseFactorials(10, 0, 2, -1);
const odd = Array.from({ length: 12 }, (_, i) => 1 / (2 * i + 1));
const oddAlternating = Array.from({ length: 26 }, (_, i) => (i % 2 === 0 ? 1 : -1) / (2 * i + 1));

/** e^x - 1. */
function expm1(x: number): number {
  if (x === 0 || x !== x || x === Infinity) return x;
  if (x < -745) return -1;
  const k = abs(x) < 0.35 ? 0 : round(x / LN2);
  if (k > 1024) return Infinity;
  const r = x - k * ln2High - k * ln2Low;
  const low = r * polynomial(exponentialTerms, r);
  return k === 0 ? low : scale(low + 1, k) - 1;
}

function exp(x: number): number {
  if (x !== x || x === Infinity) return x;
  if (x < -746) return 0;
  const k = round(x / LN2);
  if (k > 1024) return Infinity;
  const r = x - k * ln2High - k * ln2Low;
  return scale(1 + r * polynomial(exponentialTerms, r), k);
}

/** ln of a mantissa near 1: 2 artanh((m - 1) / (m + 1)). */
function logOfMantissa(m: number): number {
  const s = (m - 1) / (m + 1);
  return 2 * s * polynomial(odd, s * s);
}

function log(x: number): number {
  if (x !== x || x < 0) return NaN;
  if (x === 0) return -Infinity;
  if (x === Infinity) return x;
  const [m, k] = split(x);
  return k * ln2High + (k * ln2Low + logOfMantissa(m));
}

function log1p(x: number): number {
  if (abs(x) > 0.25) return log(1 + x);
  const s = x / (2 + x);
  return x === 0 ? x : 2 * s * polynomial(odd, s * s);
}

/** Exact for powers of the base that are exact, as engines have it. */
function logOf(x: number, base: 2 | 10): number {
  if (!(x > 0) || x === Infinity) return log(x);
  if (base === 2) {
    const [m, k] = split(x);
    return k + logOfMantissa(m) / LN2;
  }
  const quotient = log(x) / LN10;
  const whole = round(quotient);
  return powerOfTen(whole) === x ? whole : quotient;
}

/** x^y, for an integer y by squaring. */
export function power(x: number, y: number): number {
  if (y === 0) return 1;
  if (x !== x || y !== y) return NaN;
  if (abs(y) === Infinity) {
    if (abs(x) === 1) return NaN;
    return abs(x) > 1 === y > 0 ? Infinity : 0;
  }
  if (y === trunc(y)) return integerPower(x, y);
  if (x < 0 && x !== -Infinity) return NaN;
  if (x === 0 || abs(x) === Infinity) return (x === 0) === y > 0 ? 0 : Infinity;
  if (abs(y) === 0.5) return y > 0 ? sqrt(x) : 1 / sqrt(x);
  // The integer part exactly, the rest by logarithms: so little of it that the last places stay right.
  const whole = trunc(y);
  return integerPower(x, whole) * exp((y - whole) * log(x));
}

/** Correctly rounded, as reading numbers is everywhere. */
function powerOfTen(exponent: number): number {
  return Number(`1e${exponent}`);
}

function integerPower(x: number, y: number): number {
  if (x === 10 && abs(y) < 400) return powerOfTen(y);
  if (abs(y) > 0x20_0000_0000_0000) return integerPower(abs(x), y > 0 ? 0x1f_ffff_ffff_fffe : -0x1f_ffff_ffff_fffe);
  let result = 1;
  let base = x;
  for (let left = abs(y); left > 0; left = floor(left / 2)) {
    if (left % 2 === 1) result *= base;
    base *= base;
  }
  if (y > 0) return result;
  // Where the positive power is beyond the range, its inverse may still be within.
  return abs(result) === Infinity && abs(x) !== Infinity ? integerPower(1 / x, -y) : 1 / result;
}

/** The remainder of x by π/2, and the quadrant. Beyond 2^29 too little of an angle is left to speak of one. */
function quadrant(x: number): [number, number] {
  if (!(abs(x) < 0x2000_0000)) return [NaN, 0];
  const k = round(x / (PI / 2));
  let r = x;
  for (const part of halfPi) r -= k * part;
  return [r, ((k % 4) + 4) % 4];
}

function sine(r: number): number {
  return r * polynomial(sineTerms, r * r);
}

function cosine(r: number): number {
  return polynomial(cosineTerms, r * r);
}

function sin(x: number): number {
  if (x === 0) return x;
  const [r, k] = quadrant(x);
  return (k < 2 ? 1 : -1) * (k % 2 === 0 ? sine(r) : cosine(r));
}

function cos(x: number): number {
  const [r, k] = quadrant(x);
  return (k === 0 || k === 3 ? 1 : -1) * (k % 2 === 0 ? cosine(r) : sine(r));
}

function tan(x: number): number {
  if (x === 0) return x;
  const [r, k] = quadrant(x);
  return k % 2 === 0 ? sine(r) / cosine(r) : -cosine(r) / sine(r);
}

const tanEighth = SQRT2 - 1;

function atan(x: number): number {
  if (x === 0 || x !== x) return x;
  if (x < 0) return -atan(-x);
  if (x > 1) return PI / 2 - atan(1 / x);
  // tan(a + π/4) = (1 + tan a) / (1 - tan a), and once more, so that the series is short.
  if (x > tanEighth) return PI / 4 - atanSmall((1 - x) / (1 + x));
  return atanSmall(x);
}

function atanSmall(x: number): number {
  // Half the angle: its tangent is below 0.2.
  const t = x / (1 + sqrt(1 + x * x));
  return 2 * t * polynomial(oddAlternating, t * t);
}

function atan2(y: number, x: number): number {
  if (x !== x || y !== y) return NaN;
  const left = x < 0 || Object.is(x, -0);
  const down = y < 0 || Object.is(y, -0);
  let angle: number;
  if (y === 0) angle = 0;
  else if (x === 0) angle = PI / 2;
  else if (abs(y) === Infinity) angle = abs(x) === Infinity ? PI / 4 : PI / 2;
  else angle = atan(abs(y) / abs(x));
  if (left) angle = PI - angle;
  return down ? -angle : angle;
}

function asin(x: number): number {
  if (x === 0) return x;
  return abs(x) > 1 ? NaN : atan2(x, sqrt((1 - x) * (1 + x)));
}

function acos(x: number): number {
  return abs(x) > 1 ? NaN : atan2(sqrt((1 - x) * (1 + x)), x);
}

function sinh(x: number): number {
  if (x === 0) return x;
  if (abs(x) > 20) return (x < 0 ? -0.5 : 0.5) * (abs(x) > 709 ? exp(abs(x) / 2) * exp(abs(x) / 2) : exp(abs(x)));
  const e = expm1(abs(x));
  return (sign(x) * (e + e / (e + 1))) / 2;
}

function cosh(x: number): number {
  if (abs(x) > 709) return (exp(abs(x) / 2) / 2) * exp(abs(x) / 2);
  const e = exp(abs(x));
  return (e + 1 / e) / 2;
}

function tanh(x: number): number {
  if (x === 0) return x;
  if (abs(x) > 22) return sign(x);
  const e = expm1(2 * x);
  return e / (e + 2);
}

function asinh(x: number): number {
  if (x === 0 || abs(x) === Infinity) return x;
  const a = abs(x);
  return sign(x) * (a > 1e150 ? log(a) + LN2 : log1p(a + (a * a) / (1 + sqrt(1 + a * a))));
}

function acosh(x: number): number {
  if (x < 1) return NaN;
  return x > 1e150 ? log(x) + LN2 : log1p(x - 1 + sqrt((x - 1) * (x + 1)));
}

function atanh(x: number): number {
  return x === 0 ? x : (sign(x) * log1p((2 * abs(x)) / (1 - abs(x)))) / 2;
}

function cbrt(x: number): number {
  if (x === 0 || x !== x || abs(x) === Infinity) return x;
  const [m, k] = split(abs(x));
  const third = floor(k / 3);
  const rest = scale(m, k - 3 * third);
  let root = 1;
  // Newton's method, until it does not come closer.
  for (let i = 0; i < 8; i++) root = (2 * root + rest / (root * root)) / 3;
  // The nearest integer, where the cube is one.
  const near = round(root * 1024) / 1024;
  if (near * near * near === rest) root = near;
  return sign(x) * scale(root, third);
}

function hypot(values: readonly number[]): number {
  const sizes = values.map((value) => abs(value));
  const largest = max(0, ...sizes);
  if (sizes.includes(Infinity)) return Infinity;
  if (largest === 0 || largest !== largest) return largest;
  let sum = 0;
  for (const size of sizes) sum += (size / largest) * (size / largest);
  return largest * sqrt(sum);
}

type Unary = (x: number) => number;

/** As built-ins have it, arguments of any kind are made numbers first. */
function unary(compute: Unary): Unary {
  return (x: unknown) => compute(Number(x));
}

function binary(compute: (x: number, y: number) => number): (x: number, y: number) => number {
  return (x: unknown, y: unknown) => compute(Number(x), Number(y));
}

/** All of `Math` but `random`, whose place `tx.random()` takes. */
export const mathematics = {
  ...{ E, LN10, LN2, LOG10E, LOG2E, PI, SQRT1_2, SQRT2 },
  ...{ abs, ceil, clz32, floor, fround, imul, max, min, round, sign, sqrt, trunc },
  acos: unary(acos),
  acosh: unary(acosh),
  asin: unary(asin),
  asinh: unary(asinh),
  atan: unary(atan),
  atan2: binary(atan2),
  atanh: unary(atanh),
  cbrt: unary(cbrt),
  cos: unary(cos),
  cosh: unary(cosh),
  exp: unary(exp),
  expm1: unary(expm1),
  hypot: (...values: unknown[]): number => hypot(values.map(Number)),
  log: unary(log),
  log10: unary((x) => logOf(x, 10)),
  log1p: unary(log1p),
  log2: unary((x) => logOf(x, 2)),
  pow: binary(power),
  sin: unary(sin),
  sinh: unary(sinh),
  tan: unary(tan),
  tanh: unary(tanh),
} as const;
