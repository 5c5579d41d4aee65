/**
 * Small documents with every part that the schema knows, so that single edits reach all of its rules.
 */
import type { Json } from './vectors.ts';

const context = 'https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld';
const when = { eventTime: '2026-11-24T09:30:00.000+01:00', eventTimeZoneOffset: '+01:00' };
const vocabularyList = [
  {
    type: 'urn:epcglobal:epcis:vtype:BusinessLocation',
    vocabularyElementList: [
      {
        id: 'urn:epc:id:sgln:9521001.00001.0',
        attributes: [
          { id: 'cbvmda:name', attribute: 'Grove' },
          { id: 'cbvmda:area', attribute: 12.5 },
        ],
        children: ['urn:epc:id:sgln:9521001.00001.1'],
      },
    ],
  },
];

const bare = (event: { [key: string]: Json }): Json => ({ '@context': context, ...when, ...event });

export const originals: readonly Json[] = [
  {
    '@context': [context, { example: 'https://example.com/' }],
    id: 'https://example.com/documents/1',
    type: 'EPCISDocument',
    schemaVersion: '2.0',
    creationDate: '2026-11-24T09:30:00Z',
    instanceIdentifier: '1',
    sender: 'a',
    receiver: 'b',
    epcisHeader: { epcisMasterData: { vocabularyList } },
    epcisBody: { eventList: [] },
  },
  {
    '@context': { example: 'https://example.com/' },
    id: 'https://example.com/documents/2',
    type: 'EPCISQueryDocument',
    schemaVersion: '2.0',
    creationDate: '2026-11-24T09:30:00Z',
    epcisBody: {
      queryResults: {
        queryName: 'SimpleEventQuery',
        subscriptionID: 's',
        resultsBody: { eventList: [{ type: 'example:Own', ...when }], vocabularyList },
      },
    },
  },
  bare({
    type: 'ObjectEvent',
    action: 'OBSERVE',
    recordTime: '2026-11-24T09:31:00Z',
    readPoint: { id: 'x:place' },
    sensorElementList: [
      {
        sensorMetadata: {
          time: when.eventTime,
          deviceID: 'x:1',
          deviceMetadata: 'x:2',
          rawData: 'x:3',
          startTime: when.eventTime,
          endTime: when.eventTime,
          dataProcessingMethod: 'x:4',
          bizRules: 'x:5',
        },
        sensorReport: [
          {
            type: 'Temperature',
            exception: 'ALARM_CONDITION',
            time: when.eventTime,
            coordinateReferenceSystem: 'x:6',
            component: 'latitude',
            value: 20.5,
            stringValue: 's',
            booleanValue: true,
            hexBinaryValue: 'fF0',
            uom: 'CEL',
          },
        ],
      },
    ],
  }),
  bare({
    type: 'ObjectEvent',
    action: 'ADD',
    epcList: ['x:1', 'x:2'],
    ilmd: { 'example:lot': 'L' },
    persistentDisposition: { set: ['active'] },
  }),
  bare({
    type: 'ObjectEvent',
    action: 'DELETE',
    quantityList: [{ epcClass: 'x:c', quantity: 2.5, uom: 'KGM' }],
    errorDeclaration: { declarationTime: when.eventTime, reason: 'did_not_occur', correctiveEventIDs: ['x:9'] },
  }),
  bare({ type: 'AggregationEvent', action: 'ADD', parentID: 'x:p', childEPCs: ['x:1'] }),
  bare({ type: 'AggregationEvent', action: 'DELETE', disposition: 'in_transit' }),
  bare({
    type: 'AssociationEvent',
    action: 'OBSERVE',
    parentID: 'x:p',
    childQuantityList: [{ epcClass: 'x:c' }],
    certificationInfo: ['x:1'],
  }),
  bare({
    type: 'TransactionEvent',
    action: 'ADD',
    bizTransactionList: [{ type: 'po', bizTransaction: 'x:t' }],
    epcList: [],
  }),
  bare({
    type: 'TransformationEvent',
    inputEPCList: ['x:1'],
    outputQuantityList: [{ epcClass: 'x:c', quantity: 1 }],
    persistentDisposition: { unset: ['active'] },
  }),
  bare({
    type: 'TransformationEvent',
    transformationID: 'x:run',
    inputQuantityList: [{ epcClass: 'x:c', quantity: 1 }],
    bizStep: 'mixing:x',
  }),
  bare({
    type: 'TransformationEvent',
    transformationID: 'x:run',
    outputEPCList: ['x:1'],
    sourceList: [{ type: 'location', source: 'x:s' }],
  }),
  bare({ type: 'example:OwnEvent', eventID: 'x:1', action: 'any', destinationList: 7 }),
];
