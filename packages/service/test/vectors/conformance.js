// A service that does what engines do differently, and what they do alike, and tells all of it.
var service = (() => {
  const any = { '~standard': { version: 1, vendor: 'conformance', validate: (value) => ({ value }) } };
  const numbers = [0, -0, 1, -1, 0.1, -0.1, 0.5, 2, 3, 7.25, 10, -12.75, 100, 1e3, 123456.789, 1e9, 1e15, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, Infinity, -Infinity, NaN];
  const shown = (value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : Object.is(value, -0) ? '-0' : value);
  const tried = (work) => {
    try {
      return shown(work());
    } catch (error) {
      return [error.name, error.message, Object.getOwnPropertyNames(error), 'code' in error ? error.code : null];
    }
  };
  let counter = 0;
  const memo = new Map();
  const pattern = /(\w+)@(\w+)\.com/gi;

  const handlers = {
    mathematics: () =>
      Object.getOwnPropertyNames(Math)
        .filter((name) => typeof Math[name] === 'function')
        .map((name) => [name, numbers.map((x) => tried(() => Math[name](x))), numbers.map((x) => tried(() => Math[name](x, 2.5)))]),
    powers: () => numbers.map((x) => [...numbers.map((y) => shown(x ** y)), shown(x ** 2), shown(x ** -3)]),
    powersOfTen: () => Array.from({ length: 660 }, (_, i) => shown(10 ** (i - 340))),
    integers: () => [2n ** 200n, (-7n) ** 31n, 1n << 100n, -5n >> 1n, 10n ** 30n / 7n, 10n ** 30n % 7n, BigInt.asUintN(64, -1n), BigInt('0xff')].map(String),
    formats: () => numbers.map((x) => [String(x), tried(() => x.toFixed(3)), tried(() => x.toPrecision(12)), tried(() => x.toExponential(5)), tried(() => x.toString(36)), x | 0, x >>> 0]),
    readings: () => ['1e3', '0x1f', ' 42 ', '', 'x', '1_000', '.5', '-0', '9'.repeat(40)].map((text) => [shown(Number(text)), shown(parseFloat(text)), shown(parseInt(text)), ...[2, 3, 7, 16, 36].map((radix) => shown(parseInt('zyx1029384756kjihgfedcba102938475610293847561029384756'.slice(radix % 5), radix)))]),
    sorting: () => {
      const items = Array.from({ length: 60 }, (_, i) => (i * 37) % 61);
      const calls = [];
      const inconsistent = [...items].sort((a, b) => (calls.push([a, b]), a > b));
      const lying = [...items].sort((a, b) => ((a * b) % 3) - 1);
      const mixed = [3, undefined, 'b', null, 10, , 'a', true, -1].sort();
      return [inconsistent, lying, calls, Array.from(mixed, (x) => x ?? 'none'), ['é', 'z', 'a', 'Z', '\u{1f600}', '\uffff'].sort(), [...items].toSorted(), [5, 1, 4].toSorted((a, b) => b - a)];
    },
    bytes: () => {
      const b = new Uint8Array([5, 3, 250, 1]);
      return [b, [...b].join(), b.toHex(), Uint8Array.fromHex('00ff'), [...new Int16Array(b.buffer)], [...b.slice(1).sort()], [...b.toSorted((x, y) => (x > y ? -1 : 1))], new DataView(b.buffer).getUint32(0), [...b.map((x) => x * 2)]];
    },
    text: () => {
      const text = 'Straße ÄÖÜ ﬁ ΟΔΟΣ ა \u{1f600} Ж İ';
      return [text.toUpperCase(), text.toLowerCase(), [...text].length, JSON.stringify(text.split('')), text.split(' '), text.replace('Ä', '$&$`'), text.replaceAll(' ', () => '_'), text.padStart(50, 'ab'), text.at(-1), text.codePointAt(17), 'abc'.localeCompare === undefined, tried(() => 'a'.localeCompare('b')), tried(() => 'é'.normalize('NFD')), 'a'.normalize(), 'x'.isWellFormed(), encodeURIComponent(text), decodeURIComponent('%C3%A9'), escape === undefined];
    },
    patterns: () => [
      'Ann@Web.com, bob@site.COM'.replace(pattern, '<$2:$1>'),
      [...'a1b22c333'.matchAll(/(?<letter>[a-z])(\d+)/g)].map((m) => [m.index, m[0], { ...m.groups }]),
      '2026-11-24'.match(/^(\d{4})-(\d\d)-(\d\d)$/),
      'aaa'.match(/a*?$/),
      'one  two\tthree'.split(/\s+/),
      /(?<=\$)\d+(?!\d|\.)/.exec('cost $42 or $7.5'),
      /^.$/u.test('\u{1f600}'), /É/i.test('é'), /\bfoo\b/.test('a foo b'), pattern.lastIndex,
      tried(() => new RegExp('(')), tried(() => new RegExp('\\p{L}', 'u')), String(/a\/b/gi),
    ],
    json: () => [
      JSON.stringify({ b: 1, a: [undefined, () => 1, null, NaN, -0, 1e21, 'é\ud800"\u2028'], 2: 1, 1: 2, d: new Date(0), m: new Map([[1, 2]]) }, null, 1),
      JSON.parse('{"a":[1,2,{"b":1e400}],"__proto__":1}', (key, value) => (shown(value))),
      tried(() => JSON.parse('{"a":')), tried(() => JSON.stringify(1n)),
    ],
    order: () => {
      const object = { b: 1, 2: 1, a: 1, 1: 1, [Symbol('s')]: 1 };
      delete object.b;
      object.b = 2;
      const map = new Map([['x', 1], ['y', 2]]);
      for (const [key] of map) if (key === 'x' && map.size === 2 && map.get('x') === 1) { map.delete('x'); map.set('x', 3); }
      return [Object.keys(object), [...map], [...new Set([3, 1, 3, 2])], Object.entries(Object.assign({ z: 1 }, object)), Object.getOwnPropertyNames(class { static b() {} static a() {} })];
    },
    dates: (tx) => {
      const date = new Date(2026, 10, 24, 10, 30, 15, 7);
      return [tx.time, Date.now(), new Date().getTime(), date.toISOString(), String(date), date.toDateString(), date.toTimeString(), date.toUTCString(), date.toJSON(), date.getDay(), date.getHours(), date.getTimezoneOffset(), ...['2026-11-24', '2026-11-24T10:00', '2026-11-24T10:00:00.123456+05:30', '2026-02-30', 'Nov 24, 2026', '24 Nov 2026 GMT', '+012026-01-01', ''].map((text) => shown(Date.parse(text))), tried(() => new Date(NaN).toISOString()), tried(() => date.toLocaleString())];
    },
    errors: () => [() => null.x, () => undefined.f(), () => (1)(), () => BigInt(1.5), () => new Array(-1), () => 'a'.repeat(-1), () => { const c = 1; c = 2; }, () => ({}) instanceof 5, () => Symbol() + 1, () => decodeURIComponent('%'), () => { throw new RangeError('mine', { cause: 1 }); }, () => Object.freeze([]).push(1), () => Reflect.construct(1), () => Object.defineProperty(1, 'a', {}), () => new Promise(() => {}), () => (async () => 1)(), () => Function('return 1')(), () => Math.random(), () => [1].toLocaleString(), () => (1.5).toLocaleString(), () => Promise.resolve(1)].map(tried),
    functions: () => [String(() => 1), (function named(a, b = 1) {}).length, (() => {}).name, (class Named {}).name, ({ method() {} }).method.name, String(class {}), typeof Function, (() => {}) instanceof Function],
    random: (tx) => Array.from({ length: 20 }, () => tx.random()),
    state: (tx, input) => {
      const map = tx.map('things');
      for (const key of [['b', 2], ['a', 10], ['a', 9], ['a', -1], 'z', 'é', 5, -5, true, false, ['a', 'x', 1.5]]) map.set(key, { key, input });
      map.delete('z');
      tx.emit('stored', { count: 11 });
      return [[...map.entries()], [...map.entries(['a'], { reverse: true, limit: 2 })], [...map.entries(undefined, { from: 5, to: ['a', 9] })], map.has('z'), map.get(5)];
    },
    memory: () => {
      counter++;
      memo.set(counter, 'seen');
      return [counter, memo.size, pattern.test('a@b.com'), pattern.lastIndex];
    },
    generators: () => {
      function* walk(n) {
        if (n > 0) {
          const sent = yield n;
          yield* walk(sent ?? n - 1);
        }
        return 'end';
      }
      return [[...walk(5)], walk(0).next(), [...walk(3)].map((x) => x * 2), Array.from(walk(4), (x) => x + 1)];
    },
    bindings: () => {
      const { a, ...rest } = { a: 1, b: 2, c: 3 };
      const [x, , ...others] = [1, 2, 3, 4];
      const fns = [];
      for (let i = 0; i < 3; i++) fns.push(() => i++);
      label: for (const i of [1, 2]) for (const j of [1, 2]) if (j === 2) continue label;
      return [a, rest, x, others, fns.map((f) => f() + f()), ((p, q = p + 1, ...r) => [p, q, r])(1, undefined, 3, 4), `${a}-${x}`, (({ k: { l = 5 } = {} }) => l)({})];
    },
    classes: () => {
      class A { constructor(x) { this.x = x; } get double() { return this.x * 2; } static make(x) { return new this(x); } toString() { return `A(${this.x})`; } }
      class B extends A { get double() { return super.double + 1; } }
      const b = B.make(3);
      return [b.double, String(b), b instanceof A, Object.keys(b), b.constructor.name, new (class extends Array {})(3).length, `${new (class extends Error { get name() { return 'E'; } })('m')}`];
    },
    reflection: () => [
      ['Object', 'Array', 'String', 'Number', 'BigInt', 'Symbol', 'Function', 'Date', 'RegExp', 'Map', 'Set', 'WeakMap', 'WeakSet', 'Promise', 'Error', 'TypeError', 'ArrayBuffer', 'DataView', 'Uint8Array', 'BigInt64Array'].map((name) => [name, surface(globalThis[name]), surface(globalThis[name].prototype)]),
      ['Math', 'JSON', 'Reflect', 'console'].map((name) => [name, surface(globalThis[name])]),
      surface(globalThis), surface(Object.getPrototypeOf(Int8Array)), surface(Object.getPrototypeOf(Int8Array.prototype)), surface(Object.getPrototypeOf([].values())), surface(Object.getPrototypeOf(Object.getPrototypeOf([].values()))), surface(Object.getPrototypeOf(function* () {})),
    ],
    names: (tx) => [Math, JSON, Reflect, Date, RegExp.prototype, Map.prototype, Set.prototype, Promise, Error, console, tx, Object.getPrototypeOf(tx), tx.map('a'), Object.getPrototypeOf(tx.map('a')), Array.prototype, String.prototype, Object, Uint8Array].map((holder) =>
      Reflect.ownKeys(holder).map((key) => Object.getOwnPropertyDescriptor(holder, key).value).filter((value) => typeof value === 'function').map((value) => [value.name, value.length]).sort()).concat([['a'].map((x) => /a/.constructor.name + new Map().constructor.name + tried(() => tx.map(''))[0]), [globalThis.RegExp === /a/.constructor, Map === new Map().constructor]]),
    endless: () => { for (;;); },
    deep: () => { const f = (n) => 1 + f(n + 1); return f(0); },
    deepest: () => { let n = 0; const f = () => { n++; f(); }; try { f(); } finally { n = -n; } return n; },
    explosive: () => /^(a+)+$/.test('a'.repeat(60) + '!'),
    costly: () => { let s = 0; for (let i = 0; i < 1000; i++) { const a = Array.from({ length: i % 50 }, (_, j) => j); s += a.map((x) => x + 1).filter((x) => x % 2).reduce((p, q) => p + q, 0) + a.indexOf(7) + JSON.stringify(a).length + a.join().length; } return s; },
    broken: () => { throw new Error('text that stays here'); },
    rejected: (tx) => tx.reject('no-way', 'because', { a: [1] }),
    invalid: () => ({ a: new Map() }),
  };
  function surface(value) {
    return Reflect.ownKeys(value).map(String).sort();
  }
  const commands = {};
  for (const name of Object.keys(handlers)) commands[name] = { kind: 'command', input: any, handler: handlers[name] };
  return { default: { name: 'conformance', version: 1, roles: [], commands, queries: {} } };
})();
