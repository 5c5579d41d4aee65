/**
 * Seeded damage to JSON documents: small edits that keep some documents valid and spoil others in every way that a
 * schema can tell.
 */
import type { Random } from '../src/random.ts';
import type { Json } from './vectors.ts';

type Holder = { [key: string]: Json };
interface Place {
  readonly holder: Holder;
  readonly key: string;
}

/** Every value in `root` but itself. Lists count as objects whose keys are numbers. */
function places(root: Json): Place[] {
  const found: Place[] = [];
  const visit = (value: Json): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      found.push({ holder: value as Holder, key });
      visit((value as Holder)[key]!);
    }
  };
  visit(root);
  return found;
}

const eventTypes = ['ObjectEvent', 'AggregationEvent', 'AssociationEvent', 'TransactionEvent', 'TransformationEvent'];
const types = [...eventTypes, 'EPCISDocument', 'EPCISQueryDocument', 'example:OwnEvent', 'OwnEvent'];
const names = [
  'type', 'action', 'epcList', 'quantityList', 'childEPCs', 'childQuantityList', 'parentID', 'inputEPCList',
  'outputQuantityList', 'transformationID', 'ilmd', 'readPoint', 'bizLocation', 'sensorElementList', 'eventID',
  'recordTime', 'certificationInfo', 'errorDeclaration', 'correctiveEventIDs', 'reason', 'set', 'unset', 'id', 'uom',
  'quantity', '@context', 'sender', 'epcisHeader', 'vocabularyList', 'example:own', 'own', 'a b:c', 'urn:x:y', ':x', 'x:',
]; // prettier-ignore
const values: readonly Json[] = [
  null, true, false, 0, -0, 1, 1.5, -3, '', 'x', 'x:y', 'urn:epcglobal:cbv:bizstep:shipping', 'ADD', 'DELETE', 'OBSERVE',
  'https://ns.gs1.org/cbv/BizStep-shipping', 'HTTPS://ns.gs1.org/cbv/BizStep-x', 'https://gs1.org/voc/Temperature',
  'https://www.gs1.org/voc/x', 'http://www.gs1.org/vocabulary', 'shipping', 'in_transit', 'Temperature', 'KGM', 'kgm',
  'did_not_occur', '+14:00', '+14:30', '-00:00', '2.0', '2.', [], {}, [[]], [{}], ['x:y'], ['x:y', 'x:y'], [1], [''],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }], [{ a: [1] }, { a: [1, 0] }], [0, -0], { id: 'x:y' }, { id: 'x' }, { set: ['active'] },
  { 'x:y': 1 }, { x: 1 }, { epcClass: 'x:y' }, { type: 'po', bizTransaction: 'x:y' }, { sensorReport: [] },
  { sensorReport: [{ type: 'Temperature', value: 1 }] }, { vocabularyList: [{ type: 'x:y', vocabularyElementList: [] }] },
  { epcisMasterData: { vocabularyList: [{ type: 'x:y', vocabularyElementList: [{ id: 'x:y', attributes: [{ id: 'x:y' }] }] }] } },
  { epcisMasterData: { vocabularyList: [{ vocabularyElementList: [{ attributes: [{ id: 'x:y', attribute: true }] }] }] } },
]; // prettier-ignore
const times: readonly string[] = [
  '2026-02-29T10:00:00Z', '2024-02-29T10:00:00Z', '1900-02-29T10:00:00Z', '2000-02-29t10:00:00z', '2026-04-31T10:00:00Z',
  '2026-13-01T10:00:00Z', '2026-00-01T10:00:00Z', '2026-01-00T10:00:00Z', '2026-01-01T24:00:00Z', '2026-01-01T10:60:00Z',
  '2026-01-01T10:00:60Z', '2026-12-31T23:59:60Z', '2026-12-31T23:59:61Z', '2026-12-31T15:59:60.5-08:00', '2026-01-01 10:00:00Z',
  '2026-01-01\u00a010:00:00Z', '2026-01-01T10:00:00', '2026-01-01T10:00:00.Z', '2026-01-01T10:00:00.123456789+0130', '2026-01-01',
  '2026-01-01T10:00:00+01', '2026-01-01T10:00:00+24:00', '2026-01-01T10:00:00+23:60', '2026-01-01T24:59:60+01:00', '0000-02-29T00:00:00Z',
  '2026-01-01T23:60:10+00:01', '2026-01-01T10:00:59.99999999999999999999Z', '2026-1-01T10:00:00Z', '+002026-01-01T10:00:00Z', '2026-01-01T10:00:00Z\n',
]; // prettier-ignore
const scraps = [
  ' ', '%', '%2', '%2f', '%zz', '[', ']', '"', '<', '\\', '^', '`', '{', '|', 'é', '\n', ':', '/', '//', '?', '#', '@', '[::1]', '//[::1]',
  '//u@[1:2::3.4.5.6]:80/p', '//[v1.x:y]', '//[1111:2222:3333:4444:5555:6666:255.255.255.255]', '//[1::2::3]', '//[::1]x', 'T', 'Z', '0', '9', '.', '-', '+', 'a', 'Ż', '\u212a', '\u017f', '\u0000',
]; // prettier-ignore

const edits: ((random: Random, root: Json, all: Place[]) => void)[] = [
  function drop(random, _root, all) {
    const { holder, key } = random.of(all);
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  },
  function replace(random, _root, all) {
    const { holder, key } = random.of(all);
    holder[key] = structuredClone(random.of(values));
  },
  function rename(random, _root, all) {
    const { holder, key } = random.of(all);
    if (Array.isArray(holder)) return;
    const value = holder[key]!;
    delete holder[key];
    holder[random.below(2) === 0 ? random.of(names) : spoil(random, key)] = value;
  },
  function extra(random, root, all) {
    const objects = [root, ...all.map(({ holder, key }) => holder[key]!)].filter(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    );
    (random.of(objects) as Holder)[random.of(names)] = structuredClone(random.of(values));
  },
  function time(random, _root, all) {
    const timed = all.filter(({ holder, key }) => /time|date/i.test(key) && typeof holder[key] === 'string');
    if (timed.length > 0) overwrite(random.of(timed), random.of(times));
  },
  function text(random, _root, all) {
    const texts = all.filter(({ holder, key }) => typeof holder[key] === 'string');
    if (texts.length === 0) return;
    const place = random.of(texts);
    overwrite(place, spoil(random, place.holder[place.key] as string));
  },
  function type(random, root, all) {
    const typed = all.filter(({ holder, key }) => key === 'type' && types.includes(holder[key] as string));
    if (random.below(4) === 0) (root as Holder)['type'] = random.of(types);
    else if (typed.length > 0) overwrite(random.of(typed), random.of(types));
  },
  function repeat(random, _root, all) {
    const lists = all
      .map(({ holder, key }) => holder[key]!)
      .filter((value) => Array.isArray(value) && value.length > 0);
    if (lists.length === 0) return;
    const list = random.of(lists) as Json[];
    list.push(structuredClone(random.of(list)));
  },
  function empty(random, _root, all) {
    const lists = all.filter(({ holder, key }) => Array.isArray(holder[key]));
    if (lists.length > 0) overwrite(random.of(lists), []);
  },
  function swap(random, _root, all) {
    const [a, b] = [random.of(all), random.of(all)];
    const [valueA, valueB] = [structuredClone(a.holder[a.key]!), structuredClone(b.holder[b.key]!)];
    a.holder[a.key] = valueB;
    b.holder[b.key] = valueA;
  },
  function wrap(random, _root, all) {
    const place = random.of(all);
    const value = place.holder[place.key]!;
    overwrite(place, random.below(2) === 0 ? [value] : { 'x:y': value });
  },
  function move(random, _root, all) {
    const from = random.of(all);
    const to = random.of(all);
    if (!Array.isArray(to.holder)) to.holder[from.key] = structuredClone(from.holder[from.key]!);
  },
];

/** Every copy of `document` with one edit: a value dropped or replaced, a field added. */
export function* singleEdits(document: Json): Generator<Json> {
  const count = places(document).length;
  for (let at = 0; at < count; at++) {
    for (const value of [undefined, ...values]) {
      const copy = structuredClone(document);
      const { holder, key } = places(copy)[at]!;
      if (value !== undefined) holder[key] = structuredClone(value);
      else if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      yield copy;
    }
  }
  for (const { holder, key } of [{ holder: { '': document }, key: '' }, ...places(document)]) {
    const object = holder[key];
    if (typeof object !== 'object' || object === null || Array.isArray(object)) continue;
    for (const name of names) {
      if (name in object) continue;
      object[name] = 'x:y';
      yield document;
      delete object[name];
    }
  }
}

function overwrite({ holder, key }: Place, value: Json): void {
  holder[key] = value;
}

/** `text` with a character dropped, changed, inserted or in another case. */
function spoil(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const rest = text.slice(at + random.below(2));
  const changed = text.slice(0, at) + (random.below(3) === 0 ? '' : random.of(scraps)) + rest;
  return random.below(8) === 0 ? text.toUpperCase() : changed;
}

/** A damaged copy of `document`: one to four edits, sometimes of a single event of it. */
export function mutate(random: Random, document: Json): Json {
  let copy = structuredClone(document);
  if (random.below(5) === 0) copy = bareEvent(random, copy);
  for (let i = 1 + random.below(4); i > 0; i--) {
    const all = places(copy);
    if (all.length > 0) random.of(edits)(random, copy, all);
  }
  return random.below(500) === 0 ? random.of(values) : copy;
}

function bareEvent(random: Random, document: Json): Json {
  const events = places(document)
    .filter(({ key }) => key === 'eventList')
    .flatMap(({ holder, key }) => holder[key] as Json[]);
  if (events.length === 0) return document;
  const event = random.of(events) as Holder;
  if (random.below(10) > 0) event['@context'] = (document as Holder)['@context']!;
  return event;
}

/** Text that is nearly a URI. */
export function nearUri(random: Random): string {
  let made = random.of(['', 'x:', 'http://', 'urn:', 'a+b.c-1:', '1x:', 'x:/', 'x://[', 'x://u@[', 'x:///']);
  for (let i = random.below(6); i > 0; i--) made += random.of(scraps);
  return made;
}

/** A URI with an address in brackets that has about as many groups as it may. */
export function nearAddress(random: Random): string {
  const groups = (count: number): string[] =>
    Array.from({ length: count }, () => random.of(['0', '1', 'ab', 'FFFF', '12']));
  const last = random.of([[], [], ['1.2.3.4'], ['255.01.100.9'], ['1.2.3.256'], ['v1.x'], ['12345'], ['g']]);
  const right = [...groups(random.below(5)), ...last].join(':');
  const address =
    random.below(4) === 0
      ? [...groups(5 + random.below(3)), right].join(':')
      : `${groups(random.below(5)).join(':')}::${right}`;
  return `x://[${random.below(8) === 0 ? spoil(random, address) : address}]${random.of(['', '', ':80', '/p', '?q', ':x'])}`;
}

/** A date-time near the edges of hour, minute, second and zone, or of another form. */
export function nearTime(random: Random): string {
  if (random.below(3) === 0) return random.of(times);
  if (random.below(3) === 0) return spoil(random, random.of(times));
  const clock = [
    random.of(['00', '01', '22', '23', '24']),
    random.of(['00', '01', '59', '60']),
    random.of(['00', '59', '60', '61']),
  ];
  const zone = random.of([
    'Z',
    `${random.of(['+', '-'])}${random.of(['00', '01', '23', '24'])}:${random.of(['00', '01', '59', '60'])}`,
  ]);
  return `2026-12-31T${clock.join(':')}${zone}`;
}
