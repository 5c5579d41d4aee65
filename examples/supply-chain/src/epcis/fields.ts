/**
 * The parts of events: quantities, places, parties, sensor readings, error declarations.
 *
 * What the EPCIS 2.0 JSON schema demands of each, no more and no less.
 */
import {
  boolean,
  decimal,
  isFields,
  issue,
  listOf,
  matching,
  object,
  oneOf,
  text,
  time,
  uri,
  wordOrUri,
} from './check.ts';
import type { Check } from './check.ts';
import * as words from './vocabulary.ts';

const standard = /^(?:urn:epcglobal:cbv|https?:\/\/ns\.gs1\.org\/cbv\/)/;
const webVocabulary = /^https?:\/\/(?:www\.)?gs1\.org\/voc\//;

export const action = oneOf(words.actions);
export const bizStep = wordOrUri(words.bizSteps, standard);
export const disposition = wordOrUri(words.dispositions, standard);
export const zoneOffset = matching(
  /^[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)$/,
  'must be an offset from UTC between -14:00 and +14:00, such as +01:00',
);
export const version = matching(/^\d+(?:\.\d+)*$/, 'must be a version, such as 2.0');

/** Where prefixes come from: a URI, an object that defines them, or a list of those. */
export const context: Check = (value) => {
  if (typeof value === 'string') return uri(value);
  return Array.isArray(value) ? contexts(value) : contextItem(value);
};
const contextItem: Check = (value) =>
  isFields(value) || uri(value) === undefined ? undefined : issue('must be a URI or an object');
const contexts = listOf(contextItem, { unique: true });

export const uris = listOf(uri);
export const epcs = listOf(uri, { unique: true });

export const quantities = listOf(
  object({
    fields: {
      epcClass: uri,
      quantity: decimal,
      uom: matching(/^[A-Z0-9]{2,3}$/, 'must be a unit code of two or three capitals or digits'),
    },
    required: ['epcClass'],
    others: 'none',
  }),
);

export const place = object({ fields: { id: uri }, required: ['id'], others: 'any' });

export const transactions = (min: number): Check =>
  listOf(
    object({
      fields: { type: wordOrUri(words.transactionTypes, standard), bizTransaction: uri },
      required: ['bizTransaction'],
      others: 'none',
    }),
    { min },
  );

const partyType = wordOrUri(words.partyTypes, standard);
export const sources = listOf(
  object({ fields: { type: partyType, source: uri }, required: ['type', 'source'], others: 'none' }),
);
export const destinations = listOf(
  object({ fields: { type: partyType, destination: uri }, required: ['type', 'destination'], others: 'none' }),
);

const someDispositions = listOf(disposition, { min: 1, unique: true });
export const persistentDisposition = object({
  fields: { set: someDispositions, unset: someDispositions },
  others: 'none',
  rule: ({ set, unset }) => (set === undefined && unset === undefined ? issue('must have set or unset') : undefined),
});

const sensorSource: Record<string, Check> = {
  time,
  deviceID: uri,
  deviceMetadata: uri,
  rawData: uri,
  dataProcessingMethod: uri,
  bizRules: uri,
};

const sensorReport = object({
  fields: {
    ...sensorSource,
    type: wordOrUri(words.measurements, webVocabulary),
    exception: wordOrUri(words.alerts, webVocabulary),
    microorganism: uri,
    chemicalSubstance: uri,
    coordinateReferenceSystem: uri,
    component: wordOrUri(words.components, standard),
    value: decimal,
    stringValue: text,
    booleanValue: boolean,
    hexBinaryValue: matching(/^[A-Fa-f0-9]+$/, 'must be hexadecimal digits'),
    uriValue: uri,
    minValue: decimal,
    maxValue: decimal,
    meanValue: decimal,
    sDev: decimal,
    percRank: decimal,
    percValue: decimal,
    uom: text,
  },
  required: ['type'],
  others: 'prefixed',
});

export const sensorElements = listOf(
  object({
    fields: {
      sensorMetadata: object({ fields: { ...sensorSource, startTime: time, endTime: time }, others: 'prefixed' }),
      sensorReport: listOf(sensorReport, { min: 1 }),
    },
    required: ['sensorReport'],
    others: 'prefixed',
  }),
);

/** Instance and lot master data: everything in it is an extension. */
export const ilmd = object({ fields: {}, others: 'prefixed' });

export const certificationInfo: Check = (value) => (Array.isArray(value) ? uris(value) : uri(value));

export const errorDeclaration = object({
  fields: {
    declarationTime: time,
    reason: wordOrUri(words.errorReasons, standard),
    correctiveEventIDs: uris,
  },
  required: ['declarationTime'],
  others: 'prefixed',
});

const attributeValue: Check = (value) =>
  typeof value === 'string' || isFields(value) || decimal(value) === undefined
    ? undefined
    : issue('must be text, a number or an object');

const vocabulary = object({
  fields: {
    type: uri,
    vocabularyElementList: listOf(
      object({
        fields: {
          id: uri,
          attributes: listOf(
            object({ fields: { id: uri, attribute: attributeValue }, required: ['id'], others: 'any' }),
          ),
          children: uris,
        },
        required: ['id'],
        others: 'any',
      }),
    ),
  },
  required: ['type'],
  others: 'any',
});

/** Master data. */
export const vocabularies = listOf(vocabulary);
