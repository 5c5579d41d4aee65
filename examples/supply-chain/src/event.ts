/**
 * Events as the service reads them: after the check, with the fields that it uses.
 *
 * {@link mentions} is where an event's lists become objects in roles; everything that is kept about an item, and every
 * question about it, starts from there.
 */
import { canonical, type Path } from './epcis/check.ts';

export interface Quantity {
  readonly epcClass: string;
  readonly quantity?: number;
  readonly uom?: string;
}

export interface ErrorDeclaration {
  readonly declarationTime: string;
  readonly reason?: string;
  readonly correctiveEventIDs?: readonly string[];
}

export interface EpcisEvent {
  readonly '@context'?: unknown;
  readonly type: string;
  readonly eventTime: string;
  readonly eventID?: string;
  readonly action?: 'OBSERVE' | 'ADD' | 'DELETE';
  readonly bizStep?: string;
  readonly disposition?: string;
  readonly readPoint?: { readonly id: string };
  readonly bizLocation?: { readonly id: string };
  readonly parentID?: string;
  readonly transformationID?: string;
  readonly errorDeclaration?: ErrorDeclaration;
  readonly [field: string]: unknown;
}

export interface EpcisDocument {
  readonly '@context': unknown;
  readonly type: 'EPCISDocument';
  readonly epcisBody: { readonly eventList: readonly EpcisEvent[] };
}

export interface EpcisQueryDocument {
  readonly '@context': unknown;
  readonly type: 'EPCISQueryDocument';
  readonly epcisBody: {
    readonly queryResults: { readonly resultsBody: { readonly eventList: readonly EpcisEvent[] } };
  };
}

export type Document = EpcisDocument | EpcisQueryDocument | EpcisEvent;

/** The part that an object plays in an event. */
export type Role = 'object' | 'parent' | 'child' | 'input' | 'output';

export interface Mention {
  /** An EPC, or a class of objects: a product, a lot. */
  readonly epc: string;
  readonly role: Role;
  readonly quantity?: number;
  readonly uom?: string;
  /** Where in the event it stands. */
  readonly path: Path;
}

/** For each type, the fields that name objects, and the role that they give. */
const rolesByType: Readonly<Record<string, Readonly<Record<string, Role>>>> = {
  ObjectEvent: { epcList: 'object', quantityList: 'object' },
  TransactionEvent: { parentID: 'object', epcList: 'object', quantityList: 'object' },
  AggregationEvent: { parentID: 'parent', childEPCs: 'child', childQuantityList: 'child' },
  AssociationEvent: { parentID: 'parent', childEPCs: 'child', childQuantityList: 'child' },
  TransformationEvent: {
    inputEPCList: 'input',
    inputQuantityList: 'input',
    outputEPCList: 'output',
    outputQuantityList: 'output',
  },
};

/** The objects that `event` names, in the order of its type's fields. Events of a user's own types name none. */
export function* mentions(event: EpcisEvent): Generator<Mention> {
  for (const [field, role] of Object.entries(rolesByType[event.type] ?? {})) {
    const value = event[field];
    if (typeof value === 'string') yield { epc: value, role, path: [field] };
    for (const [i, item] of Array.isArray(value) ? value.entries() : []) {
      if (typeof item === 'string') yield { epc: item, role, path: [field, i] };
      else yield { ...quantityOf(item as Quantity), role, path: [field, i, 'epcClass'] };
    }
  }
}

function quantityOf({ epcClass, quantity, uom }: Quantity): Pick<Mention, 'epc' | 'quantity' | 'uom'> {
  return { epc: epcClass, ...(quantity !== undefined && { quantity }), ...(uom !== undefined && { uom }) };
}

/** What an event says about the world, as text: without its declaration as erroneous, and what a repository may add. */
export function statement(event: object): string {
  const {
    '@context': _context,
    recordTime: _recordTime,
    errorDeclaration: _declaration,
    ...said
  } = event as EpcisEvent;
  return canonical(said);
}

export interface Listed {
  readonly event: EpcisEvent;
  readonly path: Path;
}

/** The events of a checked document, and where in it they stand. */
export function eventsOf(document: Document): Listed[] {
  if (isDocument(document)) return listed(document.epcisBody.eventList, ['epcisBody', 'eventList']);
  if (!isQueryDocument(document)) return [{ event: document, path: [] }];
  const results = document.epcisBody.queryResults.resultsBody.eventList;
  return listed(results, ['epcisBody', 'queryResults', 'resultsBody', 'eventList']);
}

function listed(events: readonly EpcisEvent[], path: Path): Listed[] {
  return events.map((event, i) => ({ event, path: [...path, i] }));
}

function isDocument(document: Document): document is EpcisDocument {
  return document.type === 'EPCISDocument';
}

function isQueryDocument(document: Document): document is EpcisQueryDocument {
  return document.type === 'EPCISQueryDocument';
}
