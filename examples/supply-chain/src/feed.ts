/**
 * An endless supply of fresh documents, for demonstrations and load: a story told again and again, each time of other
 * goods, at a later time.
 *
 * Each telling replaces the ids of events and the serial and lot numbers of goods, the same everywhere in the story, so
 * that nothing is a duplicate and each telling can be traced by itself; places and parties stay. Several tellings are
 * under way at once, each in its own order: what depends on an earlier document comes after it. Everything follows
 * from the seed. Not a part of the service.
 */
import { formatTime, parseTime } from './epcis/time.ts';
import { statement } from './event.ts';
import { Random } from './random.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface FeedOptions {
  /** Feeds of different seeds, from 0 to 999, share no id. */
  readonly seed?: number;
  /**
   * Tellings that are under way at once. Two documents of one telling are at least half as many apart: with no more
   * than that outstanding, none overtakes the one it depends on.
   */
  readonly tellings?: number;
  /** From the beginning of one telling to that of the next. */
  readonly spacingMs?: number;
}

const goods = new Set([
  'epcList',
  'childEPCs',
  'inputEPCList',
  'outputEPCList',
  'parentID',
  'epcClass',
  'transformationID',
  'bizTransaction',
  'deviceID',
  'instanceIdentifier',
  'cbvmda:lotNumber',
]);
const times = new Set(['eventTime', 'recordTime', 'creationDate', 'declarationTime', 'time', 'startTime', 'endTime']);

/** Documents like `story`, without end. */
export function* feed(story: readonly Json[], options: FeedOptions = {}): Generator<Json, never> {
  const { seed = 1, tellings = 128, spacingMs = 600_000 } = options;
  const random = new Random(seed);
  let told = 0;
  let units = 0;
  const begin = (): Telling => {
    const shiftMs = told * spacingMs + random.below(spacingMs);
    return new Telling(seed, told++, shiftMs, () => units++);
  };
  // The one that waited longest comes first.
  const underWay = Array.from({ length: tellings }, begin);
  for (;;) {
    const [telling] = underWay.splice(random.below(Math.ceil(tellings / 2)), 1);
    yield telling!.next(story);
    underWay.push(telling!.chapters === story.length ? begin() : telling!);
  }
}

class Telling {
  chapters = 0;
  /** Goods of the story → goods of this telling. */
  readonly #renamed = new Map<string, string>();
  /** Event ids of the story → of this telling; which of them an event has; what stands under which. */
  readonly #ids = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #standing = new Map<string, string>();
  #given = 0;
  readonly #seed: number;
  readonly #number: number;
  readonly #shiftMs: number;
  readonly #nextUnit: () => number;

  constructor(seed: number, number: number, shiftMs: number, nextUnit: () => number) {
    this.#seed = seed;
    this.#number = number;
    this.#shiftMs = shiftMs;
    this.#nextUnit = nextUnit;
  }

  next(story: readonly Json[]): Json {
    return this.#retold(story[this.chapters++]!, '');
  }

  #retold(value: Json, key: string): Json {
    if (typeof value === 'string') return this.#text(value, key);
    if (typeof value !== 'object' || value === null) return value;
    if (isList(value)) return value.map((item) => this.#retold(item, key));
    const entries = Object.entries(value).map(([name, inner]): [string, Json] => {
      const id = name === 'eventID' && typeof inner === 'string' ? this.#idOf(value, inner) : undefined;
      return [name, id ?? this.#retold(inner, name)];
    });
    return Object.fromEntries(entries);
  }

  #text(text: string, key: string): string {
    if (times.has(key)) return this.#later(text);
    if (key === 'correctiveEventIDs') return this.#announced(text);
    if (!goods.has(key)) return text;
    const renamed = this.#renamed.get(text) ?? this.#other(text);
    this.#renamed.set(text, renamed);
    return renamed;
  }

  /**
   * The id of an event: a withdrawal has that of the event it withdraws, a correction the one that was announced. Any
   * other has a fresh one, also where the story itself uses an id twice.
   */
  #idOf(event: object, text: string): string {
    const said = statement(event);
    const standing = this.#standing.get(said);
    if ('errorDeclaration' in event && standing !== undefined) {
      this.#standing.delete(said);
      return standing;
    }
    const id = this.#taken.has(text) ? this.#freshId() : this.#announced(text);
    this.#taken.add(text);
    if (!('errorDeclaration' in event)) this.#standing.set(said, id);
    return id;
  }

  #announced(text: string): string {
    const id = this.#ids.get(text) ?? this.#freshId();
    this.#ids.set(text, id);
    return id;
  }

  /** The time of the same moment in this telling, in the zone of the original. */
  #later(text: string): string {
    const ms = parseTime(text);
    if (ms === undefined) return text;
    return formatTime(ms + this.#shiftMs, offsetOf(text));
  }

  /** A UUID of the "custom" kind (RFC 9562, version 8): seed, telling, and place in the telling. */
  #freshId(): string {
    const [seed, number, place] = [this.#seed, this.#number, this.#given++].map((n) => n.toString(16));
    return `urn:uuid:${seed!.padStart(8, '0')}-0000-8000-8000-${(number! + place!.padStart(4, '0')).padStart(12, '0')}`;
  }

  /** Other goods of the same kind. A class without a lot stays what it is. */
  #other(text: string): string {
    if (text.includes('*') || /\/01\/\d{14}$/.test(text)) return text;
    const unit = /^(urn:epc:id:sscc:\d{6,12}\.)(\d+)$/.exec(text);
    if (unit === null) return `${text}-${this.#seed.toString(36)}.${this.#number.toString(36)}`;
    // The serial number of a logistic unit is digits, as many as before.
    const [, company, serial] = unit;
    const count = String(this.#nextUnit());
    return `${company}${String(this.#seed).padStart(3, '0')}${count.padStart(serial!.length - 3, '0')}`;
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** Minutes that the zone of a date-time is ahead of UTC. */
function offsetOf(text: string): number {
  const zone = /([+-])(\d\d):?(\d\d)$/.exec(text);
  return zone === null ? 0 : (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3]));
}
