/**
 * Events: what the EPCIS 2.0 JSON schema demands of each of the five types, and of types that a user adds.
 */
import { issue, object, oneOf, time, uri } from './check.ts';
import type { Check, Fields, Issue } from './check.ts';
import {
  action,
  bizStep,
  certificationInfo,
  context,
  destinations,
  disposition,
  epcs,
  errorDeclaration,
  ilmd,
  persistentDisposition,
  place,
  quantities,
  sensorElements,
  sources,
  transactions,
  uris,
  zoneOffset,
} from './fields.ts';

const common: Record<string, Check> = {
  '@context': context,
  eventTime: time,
  recordTime: time,
  eventTimeZoneOffset: zoneOffset,
  eventID: uri,
  certificationInfo,
  errorDeclaration,
};

const situation: Record<string, Check> = {
  bizStep,
  disposition,
  readPoint: place,
  bizLocation: place,
  bizTransactionList: transactions(0),
  sourceList: sources,
  destinationList: destinations,
  sensorElementList: sensorElements,
};

function event(
  type: string,
  fields: Record<string, Check>,
  required: readonly string[],
  rule: (event: Fields) => Issue | undefined,
): Check {
  return object({
    fields: { ...common, ...situation, type: oneOf(new Set([type])), ...fields },
    required: ['type', 'eventTime', 'eventTimeZoneOffset', ...required],
    others: 'prefixed',
    rule,
  });
}

/** Whether a list, already checked, has an item. */
function some(list: unknown): boolean {
  return list !== undefined && (list as readonly unknown[]).length > 0;
}

const children: Record<string, Check> = { action, parentID: uri, childEPCs: uris, childQuantityList: quantities };
const hasChildren = (event: Fields): Issue | undefined =>
  some(event['childEPCs']) || some(event['childQuantityList']) || event['action'] === 'DELETE'
    ? undefined
    : issue('must have childEPCs or childQuantityList, unless its action is DELETE');

const objectEvent = event(
  'ObjectEvent',
  { action, epcList: epcs, quantityList: quantities, persistentDisposition, ilmd },
  ['action'],
  (event) => {
    const sensed = some(event['sensorElementList']) && event['readPoint'] !== undefined;
    if (event['epcList'] === undefined && !some(event['quantityList']) && !sensed) {
      return issue('must have epcList, quantityList, or sensorElementList with readPoint');
    }
    const described = event['ilmd'] !== undefined;
    return described && event['action'] !== 'ADD' ? issue('is allowed only where action is ADD', 'ilmd') : undefined;
  },
);

const transactionEvent = event(
  'TransactionEvent',
  { action, bizTransactionList: transactions(1), parentID: uri, epcList: uris, quantityList: quantities },
  ['bizTransactionList', 'action'],
  (event) =>
    event['epcList'] !== undefined || some(event['quantityList']) || event['action'] === 'DELETE'
      ? undefined
      : issue('must have epcList or quantityList, unless its action is DELETE'),
);

const transformationEvent = event(
  'TransformationEvent',
  {
    inputEPCList: epcs,
    inputQuantityList: quantities,
    outputEPCList: epcs,
    outputQuantityList: quantities,
    transformationID: uri,
    persistentDisposition,
    ilmd,
  },
  [],
  (event) => {
    const inputs = some(event['inputEPCList']) || some(event['inputQuantityList']);
    const outputs = some(event['outputEPCList']) || some(event['outputQuantityList']);
    if (inputs && outputs) return undefined;
    if (event['transformationID'] === undefined) return issue('must have inputs and outputs, or a transformationID');
    return inputs || outputs ? undefined : issue('must have inputs or outputs');
  },
);

const eventTypes = new Map<unknown, Check>([
  ['ObjectEvent', objectEvent],
  ['AggregationEvent', event('AggregationEvent', children, ['action'], hasChildren)],
  ['AssociationEvent', event('AssociationEvent', children, ['action', 'parentID'], hasChildren)],
  ['TransactionEvent', transactionEvent],
  ['TransformationEvent', transformationEvent],
]);

/** An event of a type that a user added, named by a URI. */
const extendedEvent = object({
  fields: { ...common, type: uri },
  required: ['type', 'eventTime', 'eventTimeZoneOffset'],
  others: 'any',
});

/** The check for events whose `type` is `type`. */
export function eventCheck(type: unknown): Check {
  return eventTypes.get(type) ?? extendedEvent;
}
