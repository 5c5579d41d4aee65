/**
 * Diversified programs do what the original does, look different, and follow from their seeds.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { diversify, levelsOf } from '../src/diversify/diversify.ts';
import { reorderMembers } from '../src/diversify/members.ts';
import { type Module, reordered, reorderModules } from '../src/diversify/order.ts';
import { parseProgram, statementsByModule } from '../src/diversify/program.ts';
import { Choices } from '../src/diversify/random.ts';
import { rename } from '../src/diversify/rename.ts';

const seeds = Array.from({ length: 40 }, (_, i) => `t${i}`);
const everywhere = (): boolean => true;

/** What a program writes by `log`. */
function logOf(source: string): string[] {
  const lines: string[] = [];
  const log = (value: unknown): void => void lines.push(JSON.stringify(value) ?? 'undefined');
  runInNewContext(`(() => { "use strict"; ${source}\n})()`, { log });
  return lines;
}

/** Every change, by many seeds, leaves what the program writes, and most give another text. */
function unchanged(source: string, change: (seed: string) => string): void {
  const expected = logOf(source);
  assert.ok(expected.length > 0);
  const texts = new Set<string>();
  for (const seed of seeds) {
    const text = change(seed);
    assert.equal(change(seed), text);
    assert.deepEqual(logOf(text), expected, text);
    texts.add(text);
  }
  assert.ok(texts.size > seeds.length / 4, `${texts.size} texts`);
}

test('names: shadowing, patterns, shorthands, hoisting, closures, labels, classes', () => {
  const source = `
    var a = 1, b = 2, { c, d: { e = a } = {}, ...rest } = { c: 3, f: 4 };
    var [g, , h = b, ...i] = [5, 6, undefined, 7, 8];
    function inner(a, { b, c: d = a } = { b: 9 }, ...rest) {
      if (a) { let a = 10; var hoisted = a; { let b = a; log({ a, b, d, rest }); } }
      for (let a of [1]) for (const b in { x: a }) log({ a, b });
      for (var k = 0, m = [1, 2]; k < m.length; k++) log(m[k]);
      outer: for (;;) { a: for (;;) { break outer; } }
      try { throw { a: 1, b: 2 }; } catch ({ a, b: c }) { log({ a, c }); }
      switch (a) { case 1: let a2 = 1; log(a2); }
      return { a, hoisted, b, f() { return a; }, get b2() { return b; }, [d]: arguments.length };
    }
    log([a, b, c, e, rest, g, h, i, inner(1), inner(2, { b: 3 }).f()]);
    var K = class { #p = 1; static s = 2; a = this.#p; m(K) { return [K, this.#p, #p in this]; } static { this.t = 3; } };
    class L extends K { constructor() { super(); this.n = new.target.name; } }
    log([new K().m(1), new L().n, new L().a, K.s, K.t, K.name, L.name]);
    var F = function own(n) { return n > 0 ? own(n - 1) : own.name; };
    log(F(2));
    var assigned; ({ a: assigned, b: [assigned = 4][0] } = { a: 11, b: 12 }); log(assigned);
    [a, b] = [b, a]; a++; b += 2; log({ a, b }); log(typeof nowhere);
    var t = (strings, ...values) => [strings.raw, values]; log(t\`\${a}x\${{ a }.a}\`);
    log(((a, b = a) => { var a; return [a, b]; })(1));
    log([1, 2].map((a) => ({ a })).map(({ a }) => a));
    var late = () => afterwards; let afterwards = 5; log(late());
    async function* generator() { yield* [a]; }
    log(generator.constructor.name);
  `;
  unchanged(source, (seed) => rename(parseProgram(source), new Choices(seed, 'names'), everywhere));
});

test('names: those that cannot be told apart are refused', () => {
  assert.throws(() => rename(parseProgram('eval("a")'), new Choices('s', 'names'), everywhere), /eval/);
  assert.throws(() => parseProgram('with (a) b'), SyntaxError);
  // Called by another name, it sees globals only.
  rename(parseProgram('const indirect = eval; indirect("a")'), new Choices('s', 'names'), everywhere);
});

test('names: imports and exports keep theirs', () => {
  const source =
    'import { a, b as c } from "m"; import d, * as e from "n"; const f = a; export { f, c as g }; export { h } from "o";';
  const text = rename(parseProgram(source), new Choices('s', 'names'), everywhere);
  assert.match(
    text,
    /^import \{ a as (\w+), b as (\w+) \} from "m"; import (\w+), \* as (\w+) from "n"; const (\w+) = \1; export \{ \5 as f, \2 as g \}; export \{ h \} from "o";$/,
  );
});

test('names: code of others stays as it is, with what it uses', () => {
  const source = 'var ours = 1, used = 2; var theirs = () => used;';
  const text = rename(
    parseProgram(source),
    new Choices('s', 'names'),
    (offset) => offset < source.indexOf('var theirs'),
  );
  assert.match(text, /^var \w+\d = 1, used = 2; var theirs = \(\) => used;$/);
});

test('members: methods and private fields move, what runs or shows does not', () => {
  const source = `
    var made = [];
    var Base = class { constructor() { made.push("base"); } };
    var A = class extends Base {
      #a; #b = 2; #c = "c"; #d = -1;
      first = made.push("first");
      #e = this.#b + 1; #f = 6;
      second = this.#e;
      static x = made.push("x");
      get value() { return [this.#a, this.#b, this.#c, this.#d, this.#e, this.#f]; }
      set value(v) { this.#a = v; }
      [(made.push("key"), "computed")]() { return 1; }
      static y = made.push("y");
      one() { return this.#two(); }
      #two() { return 2; }
      static three() { return 3; }
      three() { return class { inner() { return 4; } other() { return 5; } }; }
      "four"() { return 4; } 5() { return 5; }
      async *six() {}
    };
    var a = new A(); a.value = 9;
    log([a.value, a.one(), A.three(), new (a.three())().inner(), a.four(), a[5](), a.computed(), a.second, made, Object.keys(a)]);
    var Twice = class { m() { return 1; } n() { return 2; } m() { return 3; } };
    log([new Twice().m(), Object.getOwnPropertyNames(Twice.prototype)]);
  `;
  unchanged(source, (seed) => reorderMembers(parseProgram(source), new Choices(seed, 'members'), everywhere));
});

test('declarations: those that only make something move, effects keep their order', () => {
  const source = `
    var effects = [];
    var effect = (name) => (effects.push(name), name);
    function late() { return [one, Two.name, table]; }
    var one = 1;
    var Two = class { static made = 2; };
    var table = { one, Two, three: [one, () => four] };
    log(late().length);
    var first = effect("first");
    var four = 4;
    var Five = class extends Two { [Symbol.iterator]() { return effects; } };
    var second = effect("second"), third = new Map();
    var counter = 1; counter++; var copy = counter; counter = 5;
    var sum = one + four;
    log([effects, sum, copy, counter, new Five()[Symbol.iterator] !== undefined, late().length, first, second, third.size]);
    var Failing = class extends Five { static made = effect("made"); };
    log([effects, Failing.made, table.three[1](), /a/.test("a"), \`t\`]);
  `;
  unchanged(source, (seed) => reordered(source, new Choices(seed, 'declarations')));
});

const moduleText = (path: string, text: string): string => `// ${path}\n${text}\n`;

test('modules: each after what it imports, those with effects in their places', () => {
  const free = (...imports: string[]): Module => ({ imports, free: true });
  const graph = new Map<string, Module>([
    ['p/a.ts', free()],
    ['p/b.ts', free('p/a.ts')],
    ['p/c.ts', free()],
    ['node_modules/x/lock.js', { imports: ['p/c.ts'], free: false }],
    ['p/lock.ts', { imports: [], free: false }],
    ['p/d.ts', free('p/a.ts')],
    ['p/e.ts', free('p/f.ts')],
    ['p/f.ts', free('p/e.ts')],
    ['p/g.ts', free('p/d.ts', 'p/e.ts')],
    ['p/main.ts', { imports: ['p/g.ts'], free: false }],
  ]);
  const source = ['var banner = 1;\n\n', ...[...graph.keys()].map((path) => moduleText(path, `log("${path}");`))].join(
    '',
  );
  const orders = new Set<string>();
  for (const seed of seeds) {
    const text = reorderModules(source, graph, new Choices(seed, 'modules'));
    assert.ok(text.startsWith('var banner = 1;\n'));
    const order = logOf(text).map((line) => JSON.parse(line) as string);
    assert.deepEqual(order.toSorted(), [...graph.keys()].toSorted());
    const at = (path: string): number => order.indexOf(path);
    assert.ok(at('p/a.ts') < at('p/b.ts') && at('p/d.ts') < at('p/g.ts') && at('p/e.ts') < at('p/g.ts'));
    assert.equal(at('p/f.ts'), at('p/e.ts') + 1, 'modules that import each other stay together');
    assert.deepEqual([at('node_modules/x/lock.js'), at('p/lock.ts'), at('p/main.ts')], [3, 4, 9]);
    orders.add(order.join());
  }
  assert.ok(orders.size > 5);
});

test('a whole program: the seed decides, texts stay, programs differ', async () => {
  const script = 'text with var a = 1; and \\u2028 \\n lines';
  const graph = new Map<string, Module>([
    ['p/a.ts', { imports: [], free: true }],
    ['node_modules/x/b.js', { imports: [], free: false }],
    ['p/main.ts', { imports: ['p/a.ts', 'node_modules/x/b.js'], free: false }],
  ]);
  const source = [
    moduleText(
      'p/a.ts',
      'function increment(value) { return value + 1; }\nvar Thing = class { a() { return 1; } b() { return 2; } };',
    ),
    moduleText('node_modules/x/b.js', 'var theirs = { name: () => "theirs" };'),
    moduleText(
      'p/main.ts',
      `log([increment(1), new Thing().b(), theirs.name(), Thing.name, "${script}", \`a\n  b\`]);`,
    ),
  ].join('');
  const texts = new Set<string>();
  for (const seed of seeds.slice(0, 12)) {
    const text = await diversify(source, graph, seed);
    assert.equal(await diversify(source, graph, seed), text);
    assert.deepEqual(logOf(text), logOf(source));
    assert.ok(!/\bincrement\b/.test(text) && /\btheirs\b/.test(text), text);
    texts.add(text);
  }
  assert.equal(texts.size, 12);
  const levels = new Set(seeds.map((seed) => JSON.stringify(levelsOf(seed))));
  assert.equal(levels.size, 4);
});

test('choices follow from seed and purpose, and are fair', () => {
  const draw = (seed: string, purpose: string): number[] => {
    const choices = new Choices(seed, purpose);
    return Array.from({ length: 20 }, () => choices.below(1000));
  };
  assert.deepEqual(draw('a', 'x'), draw('a', 'x'));
  assert.notDeepEqual(draw('a', 'x'), draw('b', 'x'));
  assert.notDeepEqual(draw('a', 'x'), draw('a', 'y'));
  // Frozen: whoever rebuilds a release later must get the same.
  assert.deepEqual(draw('a', 'x').slice(0, 4), [686, 918, 676, 964]);
  const counts = new Map<string, number>();
  const choices = new Choices('fair', 'order');
  for (let i = 0; i < 6000; i++) {
    const order = choices.shuffled([1, 2, 3]).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.equal(counts.size, 6);
  for (const count of counts.values()) assert.ok(count > 850 && count < 1150, String(count));
});

test('statements are of the module whose note stands above them', () => {
  const { modules } = statementsByModule(
    'var a;\n// p/a.ts\nvar b;\n  // p/not.ts\nvar c; // p/not.ts\n// about b.ts\n// p/b.js\nvar d;\n',
  );
  assert.deepEqual(
    [...modules].map(([path, statements]) => [path, statements.length]),
    [
      ['', 1],
      ['p/a.ts', 2],
      ['p/b.js', 1],
    ],
  );
});
