/**
 * Our validator against GS1's schema, as Ajv reads it: the same verdict on every document, whole or damaged.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import { checkDocument } from '../src/epcis/document.ts';
import { parseTime } from '../src/epcis/time.ts';
import { isUri } from '../src/epcis/uri.ts';
import { Random } from '../src/random.ts';
import { mutate, nearAddress, nearTime, nearUri, singleEdits } from './mutations.ts';
import { originals } from './originals.ts';
import { documents, schema, vectorsAbsent } from './vectors.ts';

const ajv = new Ajv({ strict: false, validateFormats: true });
formats.default(ajv);
const seed = Number(process.env['SEED'] ?? 1);
const runs = Number(process.env['RUNS'] ?? 4000);

describe('formats', () => {
  it('agree with ajv-formats on URIs', () => {
    const accepts = ajv.compile({ type: 'string', format: 'uri' });
    const random = new Random(seed);
    compare(runs, () => (random.below(2) === 0 ? nearUri(random) : nearAddress(random)), accepts, isUri);
  });

  it('agree with ajv-formats on times', () => {
    const accepts = ajv.compile({ type: 'string', format: 'date-time' });
    const random = new Random(seed);
    compare(
      runs,
      () => nearTime(random),
      accepts,
      (text) => parseTime(text) !== undefined,
    );
  });
});

describe('documents', { skip: vectorsAbsent }, () => {
  let accepts: ValidateFunction;
  before(() => {
    accepts = ajv.compile(schema());
  });

  it('accepts every document that GS1 published', () => {
    for (const { name, document } of documents()) {
      assert.equal(accepts(document), true, name);
      assert.deepEqual(checkDocument(document), undefined, name);
    }
  });

  it('agrees with the schema on every single edit of small documents', () => {
    for (const original of originals) {
      assert.equal(accepts(original), true, JSON.stringify(accepts.errors));
      for (const edited of singleEdits(original)) sameVerdict(edited, accepts, isValid);
    }
  });

  it('agrees with the schema on documents with several edits', () => {
    const random = new Random(seed);
    const whole = [...originals, ...documents().map(({ document }) => document)];
    compare(runs, () => mutate(random, random.of(whole)), accepts, isValid);
  });
});

function isValid(value: unknown): boolean {
  return checkDocument(value) === undefined;
}

/** Demands one verdict of both on every value, and a fair share of each verdict. */
function compare<T>(count: number, next: () => T, theirs: (value: T) => unknown, ours: (value: T) => boolean): void {
  let accepted = 0;
  for (let i = 0; i < count; i++) if (sameVerdict(next(), theirs, ours)) accepted++;
  assert.ok(
    accepted > count / 10 && accepted < count * 0.9,
    `${accepted} of ${count} accepted: the mutations prove little`,
  );
}

function sameVerdict<T>(value: T, theirs: (value: T) => unknown, ours: (value: T) => boolean): boolean {
  const verdict = theirs(value) === true;
  if (ours(value) !== verdict) assert.fail(`seed ${seed}: the schema says ${verdict} of ${JSON.stringify(value)}`);
  return verdict;
}
