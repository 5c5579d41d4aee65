/**
 * The command: the events of a document become part of the ledger, each under an id, once.
 *
 * - An event keeps its `eventID`. One without gets the number of events before it as id, in a namespace of this service:
 *   unique, whatever the content. (Hash ids, which EPCIS also knows, would make equal events one.)
 * - An event with an `errorDeclaration` withdraws the earlier one of the same id and content. Only who recorded that
 *   one may: otherwise, any member could make another's history disappear. If there is none, the event
 *   is recorded as the erroneous one that it says it is.
 * - The work is bounded by {@link eventsMax} and {@link identifiersMax}, whatever the document.
 */
import { type CommandTransaction, ServiceError } from '@coppice/service';
import { canonical, type Path, pathText } from './epcis/check.ts';
import { parseTime } from './epcis/time.ts';
import { type Document, type EpcisEvent, eventsOf, mentions, type Role, statement } from './event.ts';
import { type EventRecord, identifierCharactersMax, writable } from './state.ts';

/** Events of one document. */
export const eventsMax = 100;
/** Identifiers in one document's events: objects above all, and ids, places, steps, each as often as it is there. */
export const identifiersMax = 2000;

/** Ids of events that came without one begin so. */
const ownNamespace = 'urn:coppice:supply-chain:event:';

export function record(tx: CommandTransaction, { document }: { document: Document }): { events: string[] } {
  const listed = eventsOf(document);
  if (listed.length === 0 || listed.length > eventsMax) refuse('event-count', `must have 1 to ${eventsMax} events`, []);
  const totals = writable(tx, 'totals');
  let order = totals.get('events') ?? 0;
  let identifiersLeft = identifiersMax;

  const events = listed.map(({ event, path }) => {
    identifiersLeft -= checkIdentifiers(event, path);
    if (identifiersLeft < 0) refuse('too-many-identifiers', `the document names more than ${identifiersMax}`, path);
    const known = event.eventID === undefined ? undefined : writable(tx, 'orders').get(event.eventID);
    if (known !== undefined) return withdraw(tx, known, event, path);
    const id = event.eventID ?? `${ownNamespace}${order}`;
    if (event.eventID?.startsWith(ownNamespace)) {
      refuse('reserved-id', `${id} is not an event of this service`, [...path, 'eventID']);
    }
    keep(tx, order, id, withContext(event, document['@context']));
    order += 1;
    return id;
  });

  totals.set('events', order);
  tx.emit('recorded', { events });
  return { events };
}

/** Refuses identifiers that are too long, and counts them. */
function checkIdentifiers(event: EpcisEvent, path: Path): number {
  let count = 0;
  const check = (identifier: string | undefined, ...at: Path): void => {
    if (identifier === undefined) return;
    count += 1;
    if (identifier.length <= identifierCharactersMax) return;
    refuse('identifier-too-long', `must be at most ${identifierCharactersMax} characters`, [...path, ...at]);
  };
  check(event.eventID, 'eventID');
  check(event.bizStep, 'bizStep');
  check(event.disposition, 'disposition');
  check(event.readPoint?.id, 'readPoint', 'id');
  check(event.bizLocation?.id, 'bizLocation', 'id');
  check(event.transformationID, 'transformationID');
  for (const { epc, path: at } of mentions(event)) check(epc, ...at);
  const corrective = event.errorDeclaration?.correctiveEventIDs ?? [];
  corrective.forEach((id, i) => check(id, 'errorDeclaration', 'correctiveEventIDs', i));
  return count;
}

/** Writes a new event, and the entries by which it is found. */
function keep(tx: CommandTransaction, order: number, id: string, event: EpcisEvent): void {
  const { type, action, bizStep, disposition, parentID, transformationID, errorDeclaration } = event;
  const record: EventRecord = {
    id,
    time: parseTime(event.eventTime)!,
    order,
    type,
    action,
    bizStep,
    disposition,
    readPoint: event.readPoint?.id,
    bizLocation: event.bizLocation?.id,
    parentID,
    transformationID,
    recordedAt: tx.time,
    recordedBy: tx.caller.id,
    errorDeclaration,
  };
  writable(tx, 'orders').set(id, order);
  writable(tx, 'records').set(order, record);
  writable(tx, 'contents').set(order, { ...event, eventID: id });

  const rolesByItem = new Map<string, Role[]>();
  for (const { epc, role } of mentions(event)) {
    const roles = rolesByItem.get(epc);
    if (roles === undefined) rolesByItem.set(epc, [role]);
    else if (!roles.includes(role)) roles.push(role);
  }
  for (const [item, roles] of rolesByItem) writable(tx, 'mentions').set([item, record.time, order], roles);
  const empties = action === 'DELETE' && ![...rolesByItem.values()].some((roles) => roles.includes('child'));
  if (empties && parentID !== undefined) writable(tx, 'emptied').set([parentID, record.time, order], type);
  if (transformationID !== undefined) writable(tx, 'transformations').set([transformationID, order], true);

  if (errorDeclaration === undefined) count(tx, bizStep, 1);
  else erroneous(tx, record);
}

/** Marks the event recorded at `order` as erroneous, as `event` declares it. */
function withdraw(tx: CommandTransaction, order: number, event: EpcisEvent, path: Path): string {
  const { errorDeclaration } = event;
  const record = writable(tx, 'records').get(order)!;
  const { id } = record;
  if (errorDeclaration === undefined) refuse('duplicate-event', `${id} is already recorded`, [...path, 'eventID']);
  const declaration = [...path, 'errorDeclaration'];
  if (record.errorDeclaration !== undefined)
    refuse('already-declared', `${id} is already declared erroneous`, declaration);
  if (record.recordedBy !== tx.caller.id) refuse('not-recorder', `${id} was recorded by another client`, declaration);
  const content = writable(tx, 'contents').get(order)!;
  if (statement(content) !== statement(event)) refuse('different-event', `differs from ${id} as recorded`, path);

  const declared = { ...record, errorDeclaration };
  writable(tx, 'records').set(order, declared);
  writable(tx, 'contents').set(order, { ...content, errorDeclaration });
  count(tx, record.bizStep, -1);
  erroneous(tx, declared);
  return id;
}

function erroneous(tx: CommandTransaction, record: EventRecord): void {
  const totals = writable(tx, 'totals');
  totals.set('erroneous', (totals.get('erroneous') ?? 0) + 1);
  for (const id of record.errorDeclaration?.correctiveEventIDs ?? []) {
    writable(tx, 'corrections').set([id, record.order], true);
  }
}

function count(tx: CommandTransaction, bizStep: string | undefined, by: 1 | -1): void {
  if (bizStep === undefined) return;
  const steps = writable(tx, 'steps');
  const events = (steps.get(bizStep) ?? 0) + by;
  if (events === 0) steps.delete(bizStep);
  else steps.set(bizStep, events);
}

/** The event with all that its prefixed names need, so that it can stand alone. */
function withContext(event: EpcisEvent, around: unknown): EpcisEvent {
  const own = event['@context'];
  if (own === undefined || own === around) return { ...event, '@context': around };
  const all = [around, own].flat();
  const forms = all.map(canonical);
  return { ...event, '@context': all.filter((_item, i) => forms.indexOf(forms[i]!) === i) };
}

function refuse(code: string, message: string, path: Path): never {
  throw new ServiceError(code, path.length === 0 ? message : `${pathText(path)}: ${message}`, {
    path: ['document', ...path],
  });
}
