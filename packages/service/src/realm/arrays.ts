/** Arrays and byte arrays, as services find them. */
import { fromHex, toHex } from '@coppice/wire';
import { lengthOf, toInteger, toText } from '../guest/arguments.ts';
import { changing } from '../guest/kept.ts';
import { Growing } from '../guest/substitution.ts';
import { unavailable } from '../guest/unavailable.ts';
import { type Meter, textUnitsMax } from '../meter.ts';
import { count, countCalls, refuse, serve } from './replace.ts';
import { comparison, mergeSort } from './sort.ts';

const TypedArray = Object.getPrototypeOf(Uint8Array) as { prototype: object };

/** Whose work grows with the length of the array, calls of their callbacks aside. */
const calling = [
  ...['every', 'filter', 'find', 'findIndex', 'findLast', 'findLastIndex', 'flatMap', 'forEach', 'map', 'reduce'],
  ...['reduceRight', 'some'],
];
const reading = ['includes', 'indexOf', 'lastIndexOf', 'slice', 'toReversed', 'toSpliced', 'with'];
const writing = ['copyWithin', 'fill', 'reverse', 'set', 'shift', 'splice', 'unshift'];

export function serveArrays(): void {
  countCalls(Array.prototype, calling, lengthOf);
  count(Array.prototype, reading, lengthOf);
  for (const name of writing) {
    serve(Array.prototype, name, (meter, self, parameters, native) => {
      meter.charge(1 + Math.floor(lengthOf(self) / 8));
      // Arrays that are kept are frozen; other objects are not.
      if (!Array.isArray(self)) changing(meter, self);
      return Reflect.apply(native, self, parameters);
    });
  }
  count(Array.prototype, ['concat'], (self, items) =>
    items.reduce<number>((sum, item) => sum + lengthOf(item), lengthOf(self)),
  );
  countCalls(Array, ['from'], (_self, [items]) => lengthOf(items), 1);
  for (const holder of [Map, Object]) countCalls(holder, ['groupBy'], (_self, [items]) => lengthOf(items), 1);
  for (const { prototype } of [Map, Set])
    countCalls(prototype, ['forEach'], (self) => (self as Map<unknown, unknown>).size);
  refuse(Array, 'Array', ['fromAsync'], 'it would go on after the transaction');
  refuse(Array.prototype, 'Array.prototype', ['toLocaleString'], locale);
  serve(Array.prototype, 'join', (meter, self, [separator]) => join(meter, self as unknown[], separator));
  serve(Array.prototype, 'flat', (meter, self, [depth]) => {
    const flattened: unknown[] = [];
    flatten(meter, self as unknown[], depth === undefined ? 1 : toInteger(depth), flattened);
    return flattened;
  });
  serve(Array.prototype, 'sort', (meter, self, [comparator]) => sort(meter, self as unknown[], comparator));
  serve(Array.prototype, 'toSorted', (meter, self, [comparator]) => {
    const array = arrayOf(self);
    const copy: unknown[] = [];
    for (let i = 0; i < array.length; i++) {
      meter.step();
      copy.push(array[i]);
    }
    return sort(meter, copy, comparator);
  });
}

const locale = 'it depends on where a replica runs';

export function serveBytes(): void {
  countCalls(TypedArray.prototype, calling, lengthOf);
  count(
    TypedArray.prototype,
    [...reading, ...writing],
    (self, parameters) => lengthOf(self) / 8 + lengthOf(parameters[0]) / 8,
  );
  countCalls(TypedArray, ['from'], (_self, [items]) => lengthOf(items), 1);
  refuse(TypedArray.prototype, 'TypedArray.prototype', ['toLocaleString'], locale);
  serve(TypedArray.prototype, 'join', (meter, self, [separator]) => {
    const bytes = self as Uint8Array;
    return join(
      meter,
      Array.from({ length: bytes.length }, (_, i) => bytes[i]),
      separator,
    );
  });
  for (const name of ['sort', 'toSorted']) {
    serve(TypedArray.prototype, name, (meter, self, [comparator], native) => {
      const bytes = self as Uint8Array;
      meter.charge(sortingWork(bytes.length));
      if (comparator === undefined) return Reflect.apply(native, self, []);
      const target = name === 'sort' ? bytes : (Reflect.apply(native, self, []) as Uint8Array);
      const items = Array.from({ length: bytes.length }, (_, i) => bytes[i]!);
      mergeSort<unknown>(items, comparison(comparator));
      for (let i = 0; i < items.length; i++) target[i] = items[i]!;
      return target;
    });
  }
  count(ArrayBuffer.prototype, ['slice'], (self) => (self as ArrayBuffer).byteLength / 8);
  refuse(
    ArrayBuffer.prototype,
    'ArrayBuffer.prototype',
    ['resize', 'transfer', 'transferToFixedLength'],
    'it moves bytes uncounted',
  );
  // Newer engines have these, and older ones do not: here all have the first two, and none has the others.
  method(Uint8Array.prototype, 'toHex', (self) => toHex(self as Uint8Array));
  method(Uint8Array, 'fromHex', (_self, text) => fromHex(toText(text).toLowerCase()) ?? refuseText());
  const others = ['toBase64', 'setFromBase64', 'setFromHex', 'fromBase64'];
  for (const holder of [Uint8Array, Uint8Array.prototype]) {
    for (const name of others) Reflect.deleteProperty(holder, name);
  }
}

function method(holder: object, name: string, work: (self: unknown, parameter: unknown) => unknown): void {
  if (!Object.hasOwn(holder, name)) {
    const { [name]: missing } = {
      [name](this: unknown, parameter?: unknown): unknown {
        return work(this, parameter);
      },
    };
    // As the language has them: methods of arrays take nothing, the constructor's takes a text.
    Object.defineProperty(missing, 'length', { value: holder === Uint8Array ? 1 : 0, configurable: true });
    Object.defineProperty(holder, name, { value: missing, writable: true, configurable: true });
  }
  serve(holder, name, (meter, self, [parameter]) => {
    meter.charge(1 + Math.floor((lengthOf(self) + lengthOf(parameter)) / 8));
    return work(self, parameter);
  });
}

function refuseText(): never {
  throw new SyntaxError('not hexadecimal');
}

function arrayOf(self: unknown): unknown[] {
  return Array.isArray(self) ? (self as unknown[]) : unavailable('a method of arrays', 'this is no array');
}

/** Arrays within the one that is being joined, because an array may contain itself. */
const joining: unknown[] = [];

function join(meter: Meter, self: unknown[], separator: unknown): string {
  if (joining.includes(self)) return '';
  const between = separator === undefined ? ',' : toText(separator);
  const joined = new Growing(meter);
  meter.enter();
  joining.push(self);
  try {
    const length = lengthOf(self);
    meter.charge(Math.floor(length / 8));
    if (between.length * (length - 1) > textUnitsMax) meter.exhaust('size');
    for (let i = 0; i < length; i++) {
      const item = self[i];
      joined.add(`${i === 0 ? '' : between}${item === null || item === undefined ? '' : toText(item)}`);
    }
    return joined.text;
  } finally {
    joining.pop();
    meter.depth--;
  }
}

function flatten(meter: Meter, items: unknown[], depth: number, into: unknown[]): void {
  meter.enter();
  for (let i = 0; i < items.length; i++) {
    meter.step();
    const item = items[i];
    if (depth > 0 && Array.isArray(item)) flatten(meter, item, depth - 1, into);
    else if (item !== undefined || i in items) into.push(item);
  }
  meter.depth--;
}

function sort(meter: Meter, self: unknown[], comparator: unknown): unknown[] {
  const after = comparison(comparator);
  const array = arrayOf(self);
  const { length } = array;
  meter.charge(sortingWork(length));
  const items: unknown[] = [];
  let undefineds = 0;
  for (let i = 0; i < length; i++) {
    const item = array[i];
    if (item !== undefined) items.push(item);
    else if (i in array) undefineds++;
  }
  if (comparator === undefined) {
    const texts = items.map((item): [string, unknown] => [toText(item), item]);
    mergeSort(texts, ([a], [b]) => a > b);
    texts.forEach(([, item], i) => (items[i] = item));
  } else mergeSort(items, after);
  for (let i = 0; i < items.length; i++) array[i] = items[i];
  for (let i = items.length; i < items.length + undefineds; i++) array[i] = undefined;
  for (let i = items.length + undefineds; i < length; i++) Reflect.deleteProperty(array, i);
  return array;
}

function sortingWork(length: number): number {
  return 1 + Math.floor((length * (32 - Math.clz32(length))) / 8);
}
