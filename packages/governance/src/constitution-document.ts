/**
 * The two forms of a constitution. Members write JSON, in which much may be left out. What is agreed on, and lies in
 * the state, is the complete document in deterministic CBOR: defaults are filled in first, so that a later version with
 * other defaults reads the same bytes to the same effect. One constitution has one byte string, and so one digest.
 */
import { type Cryptography, decodeCbor, type Digest, digestOf, encodeCbor, limits, sameBytes } from '@coppice/wire';
import { inconsistencies } from './consistency.ts';
import { complete, type Constitution } from './constitution.ts';
import { constitutionForm } from './constitution-form.ts';
import type { JsonSchema, Parsed, Problem } from './form.ts';

export const constitutionSchema: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Coppice constitution',
  ...constitutionForm.schema,
};

/** Reads what JSON.parse gave: the complete constitution, or everything that is wrong with it. Never throws. */
export function parseConstitution(source: unknown): Parsed<Constitution> {
  const problems: Problem[] = [];
  const read = constitutionForm.read(source, '', problems);
  if (read === undefined) return { ok: false, problems };
  const constitution = complete(read);
  problems.push(...inconsistencies(constitution));
  if (problems.length === 0 && encodeConstitution(constitution).length > limits.constitutionBytes) {
    problems.push({ path: '', reason: `is longer than ${limits.constitutionBytes} bytes` });
  }
  return problems.length === 0 ? { ok: true, value: constitution } : { ok: false, problems };
}

/** The canonical bytes: deterministic CBOR (RFC 8949, section 4.2.1) of the complete document. */
export function encodeConstitution(constitution: Constitution): Uint8Array {
  return encodeCbor(constitution);
}

/** The constitution whose canonical bytes these are, or why there is none. Never throws. */
export function decodeConstitution(bytes: Uint8Array): Parsed<Constitution> {
  const decoded = decodeCbor(bytes, { bytesMax: limits.constitutionBytes });
  if (!decoded.ok) return { ok: false, problems: [{ path: '', reason: decoded.reason }] };
  const parsed = parseConstitution(decoded.value);
  // The same form reads JSON, so text may stand for bytes and defaults be left out: not so in canonical bytes.
  if (parsed.ok && !sameBytes(encodeConstitution(parsed.value), bytes)) {
    return { ok: false, problems: [{ path: '', reason: 'is not in canonical form' }] };
  }
  return parsed;
}

export function constitutionDigest(cryptography: Cryptography, constitution: Constitution): Digest {
  return digestOf(cryptography, 'constitution', encodeConstitution(constitution));
}
