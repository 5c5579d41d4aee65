/**
 * Documents: an envelope around events, the answer to a query, or a single event.
 *
 * {@link checkDocument} gives the verdict of GS1's EPCIS 2.0 JSON schema on every value within {@link bounds}, as a
 * comparison with a schema validator in the tests shows, and in time linear in the document.
 */
import { isFields, issue, listOf, object, text, time, uri } from './check.ts';
import type { Check, Issue } from './check.ts';
import { eventCheck } from './events.ts';
import { context, version, vocabularies } from './fields.ts';

export const bounds = {
  /** Characters of a document as compact JSON, escapes not counted. */
  characters: 256 * 1024,
  /** Objects and lists inside one another. */
  depth: 32,
} as const;

/** An event in a list, where the document around it may hold the context. */
const listed: Check = (value) => {
  if (!isFields(value)) return issue('must be an object');
  if (value['type'] === undefined) return issue('is required', 'type');
  return eventCheck(value['type'])(value);
};
const eventList = listOf(listed);

const epcisHeader = object({
  fields: { epcisMasterData: object({ fields: { vocabularyList: vocabularies }, others: 'any' }) },
  others: 'prefixed',
});

const type: Check = text;

const epcisDocument = object({
  fields: {
    '@context': context,
    id: uri,
    type,
    schemaVersion: version,
    creationDate: time,
    instanceIdentifier: text,
    sender: text,
    receiver: text,
    epcisHeader,
    epcisBody: object({ fields: { eventList }, required: ['eventList'], others: 'any' }),
  },
  required: ['@context', 'type', 'schemaVersion', 'creationDate', 'epcisBody'],
  others: 'prefixed',
});

const resultsBody = object({
  fields: { eventList, vocabularyList: vocabularies },
  required: ['eventList'],
  others: 'prefixed',
});

const epcisQueryDocument = object({
  fields: {
    '@context': context,
    id: uri,
    type,
    schemaVersion: version,
    creationDate: time,
    epcisBody: object({
      fields: {
        queryResults: object({
          fields: { queryName: text, subscriptionID: text, resultsBody },
          required: ['queryName', 'resultsBody'],
          others: 'prefixed',
        }),
      },
      required: ['queryResults'],
      others: 'prefixed',
    }),
  },
  required: ['@context', 'type', 'epcisBody'],
  others: 'prefixed',
});

/** What is wrong with `value` as an EPCIS document, and where; `undefined` if nothing is. */
export function checkDocument(value: unknown): Issue | undefined {
  if (charactersOf(value, bounds.depth, bounds.characters) > bounds.characters) {
    return issue(`must be JSON of at most ${bounds.characters} characters and ${bounds.depth} levels`);
  }
  if (!isFields(value)) return issue('must be an object');
  if (typeof value['type'] !== 'string')
    return issue(value['type'] === undefined ? 'is required' : 'must be text', 'type');
  if (value['type'] === 'EPCISDocument') return epcisDocument(value);
  if (value['type'] === 'EPCISQueryDocument') return epcisQueryDocument(value);
  if (value['@context'] === undefined) return issue('is required', '@context');
  return eventCheck(value['type'])(value);
}

/**
 * The size of `value` as compact JSON. Of what is larger than `most`, deeper than `depth` or no JSON: some number above
 * `most`, found without reading on.
 */
function charactersOf(value: unknown, depth: number, most: number): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return String(value).length;
  if (depth === 0) return most + 1;
  let sum = 2;
  if (Array.isArray(value)) {
    for (const item of value) {
      sum += 1 + charactersOf(item, depth - 1, most - sum);
      if (sum > most) return sum;
    }
  } else if (value instanceof Uint8Array) {
    // Byte strings can be sent, and mean nothing here.
    return most + 1;
  } else {
    for (const key of Object.keys(value)) {
      sum += key.length + 4 + charactersOf((value as Record<string, unknown>)[key], depth - 1, most - sum);
      if (sum > most) return sum;
    }
  }
  return sum;
}
