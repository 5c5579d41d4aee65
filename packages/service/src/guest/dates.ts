/**
 * The `Date` of services: UTC, and the agreed time.
 *
 * The methods of dates that ask for the local time are replaced in the realm (`realm/dates.ts`); here is what makes
 * dates. Text is read in the format that `toISOString` writes, and its shorter forms; engines differ on other formats.
 */
import { active } from '../meter.ts';
import { toText } from './arguments.ts';
import { unavailable } from './unavailable.ts';

const NativeDate = Date;

const iso =
  /^(\d{4}|[+-]\d{6})(?:-(\d\d)(?:-(\d\d))?)?(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Milliseconds since 1970, or NaN. Where no offset is given, it is UTC. */
function parse(text: string): number {
  const parts = iso.exec(text);
  if (parts === null || parts[1] === '-000000') return NaN;
  const [, year, month = '1', day = '1', hour = '0', minute = '0', second = '0', fraction = '', offset = 'Z'] = parts;
  const fields = [month, day, hour, minute, second].map(Number) as [number, number, number, number, number];
  const [m, d, h, min, s] = fields;
  if (m < 1 || m > 12 || d < 1 || h > 24 || min > 59 || s > 59 || (h === 24 && (min > 0 || s > 0))) return NaN;
  const date = new NativeDate(0);
  date.setUTCFullYear(Number(year), m - 1, d);
  if (date.getUTCMonth() !== m - 1) return NaN;
  date.setUTCHours(h, min, s, Number(fraction.padEnd(3, '0').slice(0, 3)));
  if (offset === 'Z') return date.getTime();
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4));
  return date.getTime() - (offset[0] === '-' ? -minutes : minutes) * 60_000;
}

function now(): number {
  return active?.time ?? unavailable('the time', 'a service is loaded at any time; ask in a handler');
}

function timeOf(parameters: unknown[]): number {
  if (parameters.length === 0) return now();
  if (parameters.length > 1) return NativeDate.UTC(...(parameters.slice(0, 7).map(Number) as [number, number]));
  const [value] = parameters;
  if (value instanceof NativeDate) return value.getTime();
  const primitive = typeof value === 'object' && value !== null ? value.valueOf() : value;
  const isText = typeof primitive === 'string' || typeof primitive === 'object';
  return isText ? parse(toText(primitive)) : Number(primitive);
}

/** `new Date(…)`, and `Date()`, which is text. */
const construct = function (this: unknown, ...parameters: unknown[]): unknown {
  if (new.target === undefined) return new NativeDate(now()).toString();
  return Reflect.construct(NativeDate, [timeOf(parameters)], new.target);
};

export const ServiceDate = Object.defineProperties(construct, {
  name: { value: 'Date' },
  length: { value: 7 },
  prototype: { value: NativeDate.prototype, writable: false },
  now: { value: () => now() },
  parse: { value: (text: unknown) => parse(toText(text)) },
  UTC: { value: (...parameters: number[]) => NativeDate.UTC(...(parameters as [number, number])) },
});
