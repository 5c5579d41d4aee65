/** Texts, as services find them. */
import { lengthOf, toInteger, toText } from '../guest/arguments.ts';
import { standInOf } from '../guest/builtins.ts';
import { lowerCase, upperCase } from '../guest/letter-case.ts';
import { RegularExpression } from '../guest/regexp.ts';
import { Growing, type Replaced, substitute } from '../guest/substitution.ts';
import { unavailable } from '../guest/unavailable.ts';
import { type Meter, textUnitsMax } from '../meter.ts';
import { count, type Method, refuse, serve } from './replace.ts';

const locale = 'it depends on where a replica runs';
const version = 'it depends on the version of Unicode that an engine knows';

export function serveText(): void {
  const text = String.prototype;
  const name = 'String.prototype';
  refuse(text, name, ['localeCompare', 'toLocaleLowerCase', 'toLocaleUpperCase'], locale);
  refuse(Number.prototype, 'Number.prototype', ['toLocaleString'], locale);
  refuse(BigInt.prototype, 'BigInt.prototype', ['toLocaleString'], locale);
  count(
    text,
    ['includes', 'indexOf', 'lastIndexOf', 'isWellFormed', 'toWellFormed', 'trim', 'trimEnd', 'trimStart'],
    units,
  );
  count(String, ['fromCharCode', 'fromCodePoint'], (_self, { length }) => length);
  serve(text, 'toUpperCase', (meter, self) => cased(meter, self, upperCase));
  serve(text, 'toLowerCase', (meter, self) => cased(meter, self, lowerCase));
  serve(text, 'normalize', (_meter, self, _parameters) => {
    const value = toText(self);
    // Text in ASCII is in every normal form.
    return /^[\0-\x7f]*$/.test(value) ? value : unavailable(`${name}.normalize`, version);
  });
  serve(text, 'concat', (meter, self, parts) => {
    const result = new Growing(meter);
    for (const part of [self, ...(parts as unknown[])]) result.add(toText(part));
    return result.text;
  });
  serve(text, 'repeat', (meter, self, [times], native) => {
    bounded(meter, units(self) * Math.max(0, toInteger(times)));
    return Reflect.apply(native, self, [times]);
  });
  for (const pad of ['padStart', 'padEnd']) {
    serve(text, pad, (meter, self, parameters, native) => {
      bounded(meter, toInteger(parameters[0]));
      return Reflect.apply(native, self, parameters);
    });
  }
  serve(String, 'raw', (meter, _self, [template, ...values]) => {
    const result = new Growing(meter);
    const { raw } = template as { raw: ArrayLike<unknown> };
    for (let i = 0; i < lengthOf(raw); i++) {
      result.add(toText(raw[i]));
      if (i < values.length && i + 1 < lengthOf(raw)) result.add(toText(values[i]));
    }
    return result.text;
  });
  for (const symbol of ['match', 'matchAll', 'search'] as const) {
    serve(text, symbol, (_meter, self, [pattern], native) => {
      const given: unknown = isPattern(pattern, Symbol[symbol])
        ? pattern
        : new RegularExpression(pattern, symbol === 'matchAll' ? 'g' : '');
      return Reflect.apply(native, self, [given]);
    });
  }
  for (const method of ['replace', 'replaceAll']) {
    serve(text, method, (meter, self, parameters, native) => {
      if (isPattern(parameters[0], Symbol.replace)) return Reflect.apply(native, self, parameters);
      return replaced(meter, toText(self), toText(parameters[0]), parameters[1], method === 'replaceAll');
    });
  }
  serve(text, 'split', (meter, self, parameters, native) => {
    meter.charge(1 + Math.floor(units(self) / 8));
    return Reflect.apply(native, self, parameters);
  });
  const html = [
    'anchor',
    'big',
    'blink',
    'bold',
    'fixed',
    'fontcolor',
    'fontsize',
    'italics',
    'link',
    'small',
    'strike',
  ];
  refuse(text, name, [...html, 'sub', 'sup'], 'it makes HTML as it was long ago');
}

function units(self: unknown): number {
  return typeof self === 'string' ? self.length : lengthOf(self);
}

/** Refuses to make a text that is too long, and counts it. */
function bounded(meter: Meter, length: number): void {
  if (length > textUnitsMax) meter.exhaust('size');
  meter.charge(1 + Math.floor(length / 64));
}

function cased(meter: Meter, self: unknown, map: (text: string) => string): string {
  const text = toText(self);
  meter.charge(1 + (text.length >>> 3));
  return map(text);
}

function isPattern(value: unknown, symbol: symbol): boolean {
  return typeof value === 'object' && value !== null && symbol in value;
}

/** `replace` and `replaceAll` of a text by a text. */
function replaced(meter: Meter, text: string, searched: string, replacement: unknown, all: boolean): string {
  const result = new Growing(meter);
  const template = typeof replacement === 'function' ? undefined : toText(replacement);
  meter.charge(1 + (text.length >>> 3));
  let end = 0;
  for (let index = text.indexOf(searched); index >= 0;) {
    meter.step();
    result.add(text.slice(end, index));
    const match: Replaced = { text, index, matched: searched, captures: [], groups: undefined };
    if (template !== undefined) substitute(result, template, match);
    else result.add(toText(standInOf(replacement as Method)(searched, index, text)));
    end = index + searched.length;
    if (!all) break;
    const from = searched === '' ? index + 1 : end;
    index = from > text.length ? -1 : text.indexOf(searched, from);
  }
  result.add(text.slice(end));
  return result.text;
}
