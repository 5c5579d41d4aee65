/**
 * Made-up programs of services: handlers over everything that a service finds, most of it in ways that nobody would write.
 *
 * A program is a list of statements over variables that the prelude declares; each tries something, and shows what came of it. So a program
 * whose outcome differs can be cut down statement by statement.
 */
import type { PlainValue } from '@coppice/wire';
import { Random } from '../../packages/simulator/src/random.ts';
import * as draw from './values.ts';

/** Statements of one program. */
export type Program = readonly string[];

/**
 * In each script, before its handlers. `show` writes a value so that nothing of it is hidden: signs of zeros, holes, order and kind of
 * properties, what an error has besides its name.
 */
const prelude = `
const any = { '~standard': { version: 1, vendor: 'fuzz', validate: (value) => ({ value }) } };
const kinds = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array];
const iteratorOf = (value) => Object.getPrototypeOf(value[Symbol.iterator]());
const generatorPrototype = Object.getPrototypeOf(function* () {});
const holders = [Object, Object.prototype, Function.prototype, Array, Array.prototype, String, String.prototype, Number, Number.prototype, Boolean.prototype, BigInt, BigInt.prototype,
  Symbol, Symbol.prototype, Math, JSON, Reflect, Date, Date.prototype, RegExp, RegExp.prototype, Map, Map.prototype, Set, Set.prototype, WeakMap.prototype, WeakSet.prototype, Error, Error.prototype, TypeError,
  AggregateError, AggregateError.prototype, Promise, ArrayBuffer, ArrayBuffer.prototype, DataView.prototype, Object.getPrototypeOf(Uint8Array), Object.getPrototypeOf(Uint8Array.prototype), Uint8Array, Uint8Array.prototype,
  iteratorOf([]), iteratorOf(''), iteratorOf(new Map()), iteratorOf(new Set()), Object.getPrototypeOf(iteratorOf([])), generatorPrototype, generatorPrototype.prototype,
  { parseInt, parseFloat, isNaN, isFinite, encodeURI, encodeURIComponent, decodeURI, decodeURIComponent, Object, Array, String, Number, Boolean, Symbol, BigInt, Date, RegExp, Map, Set, Error, RangeError, ArrayBuffer, DataView, Uint8Array, Int32Array, Function }];
const members = holders.map((holder) => Reflect.ownKeys(holder).map((key) => [key, Object.getOwnPropertyDescriptor(holder, key)]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
/** A built-in of a holder, called for something. */
const call = (holder, member, self, parameters) => {
  const [, { value, get }] = members[holder][member % members[holder].length];
  if (get) return Reflect.apply(get, self, []);
  if (typeof value !== 'function') return value;
  return Reflect.apply(value, self === undefined ? holders[holder] : self, parameters);
};
const construct = (holder, parameters) => {
  const constructors = Object.values(holders[holders.length - 1]);
  return Reflect.construct(constructors[holder % constructors.length], parameters);
};
/** JavaScriptCore refuses a symbol on the left before it looks at the right, the others afterwards: nobody can compare them. */
const less = (a, b) => (typeof a === 'symbol' ? 'symbol' : a < b);
const atLeast = (a, b) => (typeof a === 'symbol' ? 'symbol' : a >= b);
const show = (value, depth = 0) => {
  switch (typeof value) {
    case 'number': return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint': return value + 'n';
    case 'string': return JSON.stringify(value.length > 300 ? value.slice(0, 300) + value.length : value);
    case 'undefined': case 'boolean': return String(value);
    case 'symbol': return value.toString();
    case 'function': return 'function ' + show(value.name, 9) + value.length + (depth > 1 ? '' : show(Reflect.ownKeys(value).map(String).join()));
    default:
  }
  if (value === null) return 'null';
  if (depth > 4) return '…';
  const tag = Object.prototype.toString.call(value);
  const parts = [tag, Object.isExtensible(value) ? '' : 'fixed'];
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && i < 40; i++) parts.push(i in value ? show(value[i], depth + 1) : 'hole');
    parts.push(value.length);
  } else if (ArrayBuffer.isView(value)) parts.push(value.byteLength, value.byteOffset, tag === '[object DataView]' ? '' : Array.prototype.slice.call(value, 0, 40).join());
  else if (tag === '[object ArrayBuffer]') parts.push(new Uint8Array(value).join());
  else if (tag === '[object Map]') parts.push(show([...Map.prototype.entries.call(value)], depth + 1));
  else if (tag === '[object Set]') parts.push(show([...Set.prototype.values.call(value)], depth + 1));
  else if (tag === '[object Date]') parts.push(Date.prototype.getTime.call(value));
  let shown = 0;
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === 'string' && /^\\d+$/.test(key) && (Array.isArray(value) || ArrayBuffer.isView(value) || tag === '[object String]')) continue;
    if (++shown > 30) break;
    const own = Object.getOwnPropertyDescriptor(value, key);
    parts.push(String(key) + (own.enumerable ? 'e' : '') + (own.configurable ? 'c' : '') + ('value' in own ? (own.writable ? 'w' : '') + show(own.value, depth + 1) : 'accessor'));
  }
  return parts.join(' ');
};
/** Nothing that is no text of the state: lone surrogates would end the whole program. */
const shorten = (text) => (text.length > 900 ? text.slice(0, 700) + text.length + text.slice(-200) : text).toWellFormed();
`;

/** Variables that every program has, of a kind each: some of them are drawn anew for each execution. */
const variables = `
let [n0, n1, n2] = input.n.map(Number), [s0, s1, s2] = input.s.map((units) => String.fromCharCode(...units)), [b0, b1] = input.b.map(BigInt), a0 = input.n.map(Number), a1 = input.v, a2 = [], o0 = { a: n0, b: s0 }, o1 = {},
  m0 = new Map([['k', 1]]), t0 = new Set([1, 2]), r0 = /a(b)?/g, d0 = new Date(n1), y0 = new Uint8Array([1, 2, n0]), e0 = new TypeError(s1), f0 = (x) => x, v0 = null, v1 = undefined, x0 = Symbol('x');
const out = [];
const t = (work) => { let shown; try { shown = shorten(show(work())); } catch (error) { shown = '!' + shorten(show(error)); } out.push(shown); };
`;

/** What the variables of a program are made of. */
export function inputOf(label: string): PlainValue {
  const random = new Random(label);
  const units = (): number[] => {
    const text = draw.rawText(random);
    return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  };
  return {
    n: Array.from({ length: 3 }, () => draw.number(random)),
    s: Array.from({ length: 3 }, units),
    b: Array.from({ length: 2 }, () => draw.bigint(random).slice(0, -1)),
    v: [
      draw.rawText(random).toWellFormed(),
      random.below(100),
      null,
      random.percent(50),
      { a: [random.below(10) / 8] },
    ],
  };
}

type Kind = 'n' | 's' | 'a' | 'o' | 'b' | 'm' | 't' | 'r' | 'd' | 'y' | 'e' | 'f' | 'v';
const names: Record<Kind, readonly string[]> = {
  n: ['n0', 'n1', 'n2'],
  s: ['s0', 's1', 's2'],
  a: ['a0', 'a1', 'a2'],
  o: ['o0', 'o1'],
  b: ['b0', 'b1'],
  m: ['m0'],
  t: ['t0'],
  r: ['r0'],
  d: ['d0'],
  y: ['y0'],
  e: ['e0'],
  f: ['f0'],
  v: ['v0', 'v1'],
};
const kinds = Object.keys(names) as Kind[];

/** One draw of expressions. */
class Author {
  readonly #random: Random;
  #depth = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  program(): Program {
    return Array.from({ length: this.#random.between(2, 5) }, () => this.#statement());
  }

  #statement(): string {
    const random = this.#random;
    const kind = random.pick(kinds);
    switch (random.below(14)) {
      case 0:
      case 1:
      case 2:
        return `t(() => (${random.pick(names[kind])} = ${this.#of(kind)}));`;
      case 3:
        return `t(() => { for (const item of ${this.#of(random.pick(['a', 's', 'm', 't', 'y']))}) { n0 += 1; if (n0 > 1e6) break; v0 = item; } return v0; });`;
      case 4:
        return `t(() => { try { ${random.pick(['throw', 'return'])} ${this.any()}; } ${random.percent(60) ? `catch (error) { v1 = error; ${random.percent(50) ? 'return show(error) + error;' : ''} }` : `finally { ${random.percent(30) ? `return ${this.any()};` : `v0 = ${this.any()};`} }`} });`;
      case 5:
        return `t(() => tx.map('m').${random.pick([`set(${this.#key()}, ${this.any()})`, `get(${this.#key()})`, `delete(${this.#key()})`, `has(${this.#key()})`])});`;
      case 6:
        return `t(() => [...tx.map('m').entries(${random.percent(50) ? '' : `[${this.#key()}], { reverse: ${random.percent(50)}, limit: ${draw.number(random)} }`})]);`;
      case 7:
        return `t(() => { const { a = ${this.any()}, ...rest } = ${this.any()}; const [p, , q = ${this.any()}, ...others] = ${this.any()}; return [a, rest, p, q, others]; });`;
      case 8:
        return `t(() => ${this.#reflective()});`;
      case 9:
        return `t(() => construct(${random.below(30)}, [${draw.sequence(random, () => this.any(), 3)}]));`;
      case 10:
        return `t(() => { class A { constructor(x) { this.x = x; } get g() { return ${this.any()}; } static s() { return ${this.any()}; } [${this.any()}]() { return 1; } toString() { return ${this.#of('s')}; } } class B extends ${random.pick(['A', 'Array', 'Error', 'Map', 'Object', 'Uint8Array', 'Date', 'RegExp', 'Function', 'null'])} { constructor(...p) { super(...p); } m() { return super.toString(); } } const b = new B(${this.any()}); return [b, b.g, A.s(), b.m(), String(b), Reflect.ownKeys(A.prototype).map(String), B.name, b instanceof B]; });`;
      case 11:
        return `t(() => { function* g() { try { const sent = yield ${this.any()}; yield* ${this.any()}; return sent; } finally { v0 = ${this.any()}; } } const i = g(); return [i.next(), i.next(${this.any()}), i.${random.pick(['return', 'throw', 'next'])}(${this.any()}), i.next()]; });`;
      case 12:
        return `t(() => { label: for (let i = 0; i < ${random.between(1, 20)}; i++) { switch (${this.any()}) { case ${this.any()}: continue label; case ${draw.number(random)}: break label; default: n1 = ${this.#of('n')}; } } return [n1, ${this.any()}]; });`;
      default:
        return `t(() => ${this.any()});`;
    }
  }

  any(): string {
    const random = this.#random;
    if (random.percent(6))
      return random.pick([
        'null',
        'undefined',
        'true',
        'false',
        'x0',
        'input',
        'tx.time',
        'tx.random()',
        'out.length',
        'globalThis',
        '(typeof nobody)',
        'nobody',
      ]);
    return this.#of(random.pick(kinds));
  }

  #key(): string {
    const random = this.#random;
    return random.pick([
      '"k"',
      '5',
      '-5',
      '["a", 1]',
      'true',
      this.#of('s'),
      this.#of('n'),
      `[${this.#of('s')}, ${this.#of('n')}]`,
    ]);
  }

  /** A built-in, found by its place: nobody says which ones exist. */
  #reflective(): string {
    const random = this.#random;
    const self = random.percent(20) ? 'undefined' : this.any();
    return `call(${random.below(48)}, ${random.below(1000)}, ${self}, [${draw.sequence(random, () => this.any(), 3)}])`;
  }

  #of(kind: Kind): string {
    const random = this.#random;
    if (this.#depth > 3 || random.percent(25))
      return random.percent(60) ? random.pick(names[kind]) : this.#literal(kind);
    if (random.percent(4)) return this.#reflective();
    this.#depth++;
    const made = this.#made(kind);
    this.#depth--;
    return made;
  }

  #literal(kind: Kind): string {
    const random = this.#random;
    switch (kind) {
      case 'n':
        return `(${draw.number(random)})`;
      case 's':
        return draw.text(random);
      case 'b':
        return `(${draw.bigint(random)})`;
      case 'a':
        return `[${draw.sequence(random, () => (random.percent(50) ? draw.number(random) : draw.text(random)))}]`;
      case 'o':
        return `({ ${draw.sequence(random, () => `${draw.quoted(random.pick(['a', 'b', 'c', '1', '0', 'toString', 'valueOf', 'length']))}: ${random.percent(50) ? draw.number(random) : draw.text(random)}`)} })`;
      case 'r':
        return `new RegExp(${draw.quoted(draw.pattern(random))}, ${draw.quoted(draw.flags(random))})`;
      case 'd':
        return `new Date(${random.percent(50) ? draw.number(random) : draw.text(random)})`;
      default:
        return random.pick(names[kind]);
    }
  }

  #made(kind: Kind): string {
    const random = this.#random;
    const n = (): string => this.#of('n');
    const s = (): string => this.#of('s');
    const a = (): string => this.#of('a');
    const o = (): string => this.#of('o');
    const b = (): string => this.#of('b');
    const r = (): string => this.#of('r');
    const d = (): string => this.#of('d');
    const y = (): string => this.#of('y');
    const f = (): string => this.#of('f');
    const v = (): string => this.any();
    const make: Record<Kind, readonly (() => string)[]> = {
      n: [
        () => `(${n()} ${random.pick(['+', '-', '*', '/', '%', '**', '&', '|', '^', '<<', '>>', '>>>'])} ${n()})`,
        () =>
          `(${v()} ${random.pick(['+', '-', '*', '/', '%', '**', '==', '===', '<<', '&&', '||', '??', 'in', 'instanceof'])} ${v()})`,
        () =>
          `Math.${random.pick(['sin', 'cos', 'tan', 'exp', 'log', 'log2', 'log10', 'log1p', 'expm1', 'pow', 'atan2', 'hypot', 'cbrt', 'sinh', 'tanh', 'acosh', 'asin', 'round', 'fround', 'trunc', 'sqrt', 'max', 'min', 'imul', 'clz32', 'sign', 'abs', 'floor', 'f16round', 'sumPrecise'])}(${n()}, ${n()})`,
        () => `(${random.pick(['Number', 'parseFloat', '+', '-', '~', 'parseInt', 'Date.parse', '!'])}(${v()}))`,
        () => `parseInt(${s()}, ${n()})`,
        () => `${random.pick(['less', 'atLeast'])}(${v()}, ${v()})`,
        () =>
          `${s()}.${random.pick(['length', `charCodeAt(${n()})`, `codePointAt(${n()})`, `indexOf(${s()}, ${n()})`, `lastIndexOf(${s()})`, `search(${r()})`, `localeCompare(${s()})`])}`,
        () =>
          `${a()}.${random.pick(['length', `indexOf(${v()})`, `push(${v()})`, `unshift(${v()})`, `reduce((p, q) => p + q, ${v()})`, `findLastIndex(${f()})`, `lastIndexOf(${v()}, ${n()})`])}`,
        () =>
          `${d()}.${random.pick(['getTime', 'getDay', 'getFullYear', 'getTimezoneOffset', 'valueOf', 'getUTCMilliseconds', 'getMonth', 'getHours'])}()`,
        () =>
          `${d()}.${random.pick(['setTime', 'setMonth', 'setUTCFullYear', 'setHours', 'setDate', 'setMilliseconds'])}(${n()}, ${n()})`,
        () => `Date.UTC(${draw.sequence(random, n, 7)})`,
        () =>
          `(${random.pick(names.n)}${random.pick(['++', '--', ` += ${v()}`, ` *= ${n()}`, ` **= ${n()}`, ` >>>= ${n()}`, ` ??= ${v()}`])})`,
        () => `Number(${b()})`,
        () =>
          `new DataView(${y()}.buffer).${random.pick(['getUint8', 'getInt16', 'getUint32', 'getFloat32', 'getFloat64', 'getBigInt64'])}(${random.below(4)}, ${random.percent(50)})`,
        () =>
          `${y()}.${random.pick([`at(${n()})`, 'length', `indexOf(${n()})`, 'byteLength', `[${n()}]`.slice(0, 0) + `fill(${v()}).length`])}`,
      ],
      s: [
        () => `(${s()} + ${v()})`,
        () => `\`\${${v()}}-\${${v()}}\``,
        () => `String(${v()})`,
        () =>
          `${n()}.${random.pick(['toFixed', 'toPrecision', 'toExponential', 'toString'])}(${random.percent(70) ? String(random.below(37)) : n()})`,
        () => `${b()}.toString(${random.between(1, 37)})`,
        () =>
          `${s()}.${random.pick(['toUpperCase()', 'toLowerCase()', 'trim()', 'trimStart()', 'isWellFormed()', 'toWellFormed()', `normalize(${random.pick(['', '"NFC"', '"NFD"', '"NFKC"'])})`, `slice(${n()}, ${n()})`, `substring(${n()}, ${n()})`, `substr(${n()}, ${n()})`, `at(${n()})`, `charAt(${n()})`, `repeat(${random.below(6)})`, `padStart(${random.below(30)}, ${s()})`, `padEnd(${n()}, ${s()})`, `concat(${v()}, ${v()})`, `replace(${s()}, ${s()})`, `replace(${r()}, ${s()})`, `replaceAll(${r()}, ${f()})`, `replaceAll(${s()}, ${s()})`, `toLocaleUpperCase()`, `anchor(${s()})`])}`,
        () => `JSON.stringify(${v()}, ${random.pick(['undefined', f(), a()])}, ${random.pick(['0', '2', s(), n()])})`,
        () =>
          `(${random.pick(['encodeURI', 'encodeURIComponent', 'decodeURI', 'decodeURIComponent', 'String.fromCodePoint', 'String.fromCharCode', 'typeof ', 'escape'])}(${v()}))`,
        () => `${a()}.${random.pick(['join', 'toString', 'toLocaleString'])}(${v()})`,
        () =>
          `${d()}.${random.pick(['toISOString', 'toString', 'toUTCString', 'toDateString', 'toTimeString', 'toJSON', 'toLocaleString', 'toGMTString'])}()`,
        () =>
          `${this.#of('e')}.${random.pick(['message', 'name', 'stack', 'toString()', 'cause', 'fileName', 'line', 'constructor.name'])}`,
        () => `${r()}.${random.pick(['source', 'flags', 'toString()', 'lastIndex', 'global', `test(${s()})`])}`,
        () => `${f()}.${random.pick(['name', 'length', 'toString()', 'prototype', 'caller', 'arguments'])}`,
        () => `String.raw\`\${${v()}}\\n\${${v()}}\``,
        () => `Object.prototype.toString.call(${v()})`,
        () => `${y()}.${random.pick(['toHex()', 'join()', 'toString()', 'toBase64'])}`,
      ],
      a: [
        () =>
          `[${draw.sequence(random, () => (random.percent(10) ? '' : random.percent(15) ? `...${this.#of(random.pick(['a', 's', 't', 'm', 'y']))}` : v()))}]`,
        () =>
          `${a()}.${random.pick([`map(${f()})`, `filter(${f()})`, `flatMap(${f()})`, `flat(${n()})`, `slice(${n()}, ${n()})`, `splice(${n()}, ${n()}, ${v()})`, `concat(${v()}, ${a()})`, 'reverse()', 'toReversed()', `with(${n()}, ${v()})`, `toSpliced(${n()}, ${n()}, ${v()})`, `fill(${v()}, ${n()})`, `copyWithin(${n()}, ${n()})`, 'keys().next()', 'entries().next()', `includes(${v()})`, `at(${n()})`])}`,
        () =>
          `${a()}.${random.pick(['sort', 'toSorted'])}(${random.pick(['', '(p, q) => p - q', '(p, q) => p > q', '(p, q) => (p < q ? 1 : -1)', '() => n0++ % 3 - 1', f(), v()])})`,
        () => `${s()}.split(${random.pick([s(), r(), '""', v()])}, ${random.pick(['undefined', n()])})`,
        () =>
          `Object.${random.pick(['keys', 'values', 'entries', 'getOwnPropertyNames', 'getOwnPropertySymbols'])}(${v()})`,
        () => `Reflect.ownKeys(Object(${v()})).map(String)`,
        () => `Array.${random.pick(['from', 'of'])}(${v()}, ${random.pick(['undefined', f()])})`,
        () =>
          `Array.from({ length: ${random.below(30)} }, (_, i) => ${random.pick(['i', 'i * 7 % 5', 'i ** 0.5', 'String(i)', v()])})`,
        () => `[...${s()}.matchAll(${r()})]`,
        () => `${s()}.match(${r()})`,
        () => `${r()}.exec(${s()})`,
        () => `new Array(${v()})`,
        () => `[...${this.#of(random.pick(['m', 't', 'y', 's']))}]`,
        () => `((...p) => p)(...${a()}, ${v()})`,
        () => `(function () { return Array.prototype.slice.call(arguments); })(${v()}, ${v()})`,
      ],
      o: [
        () =>
          `({ ${draw.sequence(random, () => random.pick([`[${v()}]: ${v()}`, `...${v()}`, `a: ${v()}`, `get b() { return ${v()}; }`, `b(x) { return x; }`, `1: ${v()}`]))} })`,
        () =>
          `Object.${random.pick([`assign(${o()}, ${v()})`, `fromEntries(${random.pick(['m0', a(), v()])})`, `create(${random.pick(['null', o(), v()])})`, `getOwnPropertyDescriptors(${v()})`, `freeze(${o()})`, `getPrototypeOf(${v()})`, `groupBy(${a()}, ${f()})`, `setPrototypeOf(${o()}, ${v()})`, `defineProperty(${o()}, ${v()}, ${o()})`])}`,
        () =>
          `JSON.parse(${random.percent(60) ? draw.quoted(draw.jsonText(random)) : s()}, ${random.percent(70) ? 'undefined' : f()})`,
        () => `(delete ${random.pick(names.o)}[${v()}], ${random.pick(names.o)})`,
        () => `(${random.pick(names.o)}[${v()}] = ${v()}, ${random.pick(names.o)})`,
        () => `new Proxy(${o()}, {})`,
        () =>
          `Reflect.${random.pick([`construct(${f()}, ${a()})`, `apply(${f()}, ${v()}, ${a()})`, `getOwnPropertyDescriptor(Object(${v()}), ${v()})`, `has(Object(${v()}), ${v()})`, `set(${o()}, ${v()}, ${v()})`])}`,
        () => `new ${random.pick(['Number', 'String', 'Boolean', 'Object'])}(${v()})`,
      ],
      b: [
        () =>
          `(${b()} ${random.pick(['+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>', '**'])} ${random.percent(85) ? b() : v()})`,
        () => `BigInt.${random.pick(['asIntN', 'asUintN'])}(${random.below(130)}, ${b()})`,
        () => `BigInt(${random.percent(50) ? `Math.trunc(${n()})` : v()})`,
        () => `(${random.pick(['-', '~'])}${random.pick(names.b)})`,
      ],
      m: [
        () => `new Map(${random.pick([`[[${v()}, ${v()}], [${v()}, ${v()}]]`, a(), v()])})`,
        () =>
          `m0.${random.pick([`set(${v()}, ${v()})`, `get(${v()})`, `delete(${v()})`, `has(${v()})`, 'size', 'keys()', `forEach(${f()})`, 'clear()', `getOrInsert(${v()}, 1)`])}`,
      ],
      t: [
        () => `new Set(${random.pick([a(), s(), v()])})`,
        () =>
          `t0.${random.pick([`add(${v()})`, `delete(${v()})`, `has(${v()})`, 'size', 'values().next()', `union(t0)`, `forEach(${f()})`])}`,
        () => `Map.groupBy(${a()}, ${f()})`,
      ],
      r: [
        () => this.#literal('r'),
        () =>
          `/${random.pick(['(a)(b)?', '[\\w.]+', '(?<n>\\d+)', '^\\s*', 'é|ß', '(?:x|y)*?z', '\\bt', '(.)\\1'])}/${random.pick(['', 'g', 'i', 'u', 'gi', 'y', 's', 'gm'])}`,
        () => `new RegExp(${random.pick([s(), r(), v()])}, ${random.pick(['undefined', '"g"', s()])})`,
        () => `Object.assign(r0, { lastIndex: ${n()} })`,
      ],
      d: [
        () => this.#literal('d'),
        () => `new Date(${draw.sequence(random, n, 7)})`,
        () =>
          `new Date(${draw.quoted(`${random.pick(['2026-02-30', '2026-11-24', '-000001-01-01', '+275760-09-13', '2026', '2026-13-01', '24 Nov 2026'])}${random.pick(['', 'T10:00', 'T10:00:00Z', 'T24:00', ' 10:00', 'T10:00:00.123456+05:30'])}`)})`,
        () => `new Date(${v()})`,
      ],
      y: [
        () =>
          `new kinds[${random.below(9)}](${random.pick([a(), String(random.below(20)), y(), v(), `${y()}.buffer`, `[${draw.sequence(random, n)}]`])})`,
        () =>
          `${y()}.${random.pick([`map(${f()})`, `slice(${n()}, ${n()})`, `subarray(${random.below(4)}, ${random.below(9)})`, 'sort()', 'sort((p, q) => p > q)', 'toSorted()', 'reverse()', `fill(${v()})`, `with(0, ${v()})`, `filter(${f()})`, 'toReversed()', `copyWithin(${n()}, ${n()})`])}`,
        () => `(y0.set(${a()}, ${random.below(3)}), y0)`,
        () => `Uint8Array.${random.pick(['from', 'of', 'fromHex', 'fromBase64'])}(${v()})`,
        () =>
          `new Uint8Array(new ArrayBuffer(${random.pick([n(), String(random.below(64))])}, ${random.pick(['undefined', '{ maxByteLength: 64 }'])}))`,
        () =>
          `(() => { const view = new DataView(new ArrayBuffer(16)); view.${random.pick(['setFloat64', 'setFloat32', 'setInt16', 'setUint32', 'setFloat16'])}(${random.below(8)}, ${n()}, ${random.percent(50)}); view.setBigInt64(8, BigInt(${b()})); return new Uint8Array(view.buffer); })()`,
      ],
      e: [
        () =>
          `new ${random.pick(['Error', 'TypeError', 'RangeError', 'SyntaxError', 'ReferenceError', 'EvalError', 'URIError'])}(${v()}, ${random.pick(['undefined', `{ cause: ${v()} }`, o()])})`,
        () => `new AggregateError(${v()}, ${s()})`,
        () =>
          `(() => { try { ${random.pick([`null[${v()}]`, `undefined.x`, `(${v()})()`, `new (${v()})()`, `${v()}.a.b.c`, `nobody2.x`, `[].reduce((p) => p)`, `BigInt(${v()})`, `new Array(${n()})`, `'x'.repeat(${n()})`, `JSON.parse(${draw.quoted(draw.jsonText(random))})`, `x0 + ''`, `${v()} instanceof ${v()}`, `${v()} in ${v()}`, `Object.defineProperty(Object.freeze({}), 'a', { value: 1 })`, `(() => { const c = 1; c = 2; })()`, `(() => { q; let q; })()`, `[...${v()}]`, `new Uint8Array(${n()})`, `(class A { constructor() { this.x; } }).call()`, `super0`, `decodeURIComponent('%ff')`, `n0.toFixed(${n()})`, `Symbol()()`, `(function f() { f(); })()`, `new RegExp(${draw.quoted(draw.pattern(random))})`, `'a'.normalize(${v()})`, `structuredClone(${v()})`])}; } catch (error) { return error; } })()`,
      ],
      f: [
        () => `((x) => ${v()})`,
        () => `((x, y = ${v()}, ...z) => [x, y, z.length])`,
        () => `(function named(x) { return this === undefined ? ${v()} : x; })`,
        () => `((x) => x > ${n()})`,
        () => `((x) => String(x) + ${s()})`,
        () => `((x) => ({ x }))`,
        () => `f0.bind(${v()}, ${v()})`,
        () => `(class Named { static m() { return ${v()}; } })`,
        () =>
          random.pick([
            'String',
            'Number',
            'Boolean',
            'parseInt',
            'Math.max',
            'Array.isArray',
            'Object',
            'Symbol',
            'BigInt',
            'Date',
            'RegExp',
            'Error',
            'Array',
            'Promise',
            'Function',
          ]),
      ],
      v: [
        v,
        () => `(${v()}, ${v()})`,
        () => `(${v()} ? ${v()} : ${v()})`,
        () => `${this.#of(random.pick(kinds))}?.[${v()}]`,
        () =>
          `${this.#of(random.pick(kinds))}?.${random.pick(['a', 'length', 'constructor', '__proto__', 'size', 'name', 'valueOf()', 'toString()', 'map', 'then'])}`,
        () => this.#reflective(),
      ],
    };
    return random.pick(make[kind])();
  }
}

/** The program of this label. */
export function programOf(label: string): Program {
  return new Author(new Random(label)).program();
}

function handler(name: string, program: Program): string {
  return `${name}: { kind: 'command', input: any, handler: (tx, input) => {${variables}${program.join('\n')}\nreturn out; } }`;
}

/** A script with a command for each program: p0, p1, … */
export function scriptOf(programs: readonly Program[]): string {
  const commands = programs.map((program, i) => handler(`p${i}`, program)).join(',\n');
  return `var service = (() => {${prelude}
return { default: { name: 'fuzz', version: 1, roles: [], commands: {
${commands} }, queries: {} } };
})();`;
}
