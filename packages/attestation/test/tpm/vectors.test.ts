/**
 * Real quotes and logs: every byte counts, but for the text of events, which nothing signs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeTpmEvidence,
  eventLogType,
  type EvidenceBundle,
  publicKeyType,
  tpmEvidenceType,
  verifyBundle,
} from '../../src/index.ts';
import { decodeEventLog, replayEvents } from '../../src/tpm/event-log.ts';
import { decodeTpmQuote, decodeTpmSignature } from '../../src/tpm/quote.ts';
import { hashes } from '../../src/tpm/reader.ts';
import { attestationKeySpki } from '../../src/tpm/key.ts';
import { nodeX509Cryptography } from '../../../cryptography/src/index.ts';
import { cryptography } from '../fixtures.ts';
import { read, skip } from '../vectors.ts';
import { bundleOf, eventLog } from './quotes.ts';

const sha256 = hashes[1];
const x509 = nodeX509Cryptography;
const folder = 'tpm/local-swtpm-quote';
const base64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

interface TrusteeEvidence {
  readonly ak_public: string;
  readonly tpm_quote: { readonly message: string; readonly signature: string; readonly pcrs: readonly string[] };
}

function bundle(quote: Uint8Array, signature: Uint8Array, registers: Uint8Array, key: Uint8Array): EvidenceBundle {
  const bytes = encodeTpmEvidence({ quote, signature, registers, launch: undefined });
  return {
    platform: 'tpm2',
    evidence: { mediaType: tpmEvidenceType, bytes },
    endorsements: [{ mediaType: publicKeyType, bytes: key }],
  };
}

function genuine(): EvidenceBundle[] {
  const text = (file: string): string => Buffer.from(read(file).bytes).toString('utf8');
  const pem = text(`${folder}/ak.pub`).replace(/-----[^-]+-----|\s/g, '');
  const registers = [...text(`${folder}/pcrs.txt`).matchAll(/0x([0-9A-F]{64})/g)].map(([, hex]) => hex).join('');
  const trustee = JSON.parse(text('tpm/trustee/tpm_evidence.json')) as TrusteeEvidence;
  return [
    bundle(
      read(`${folder}/quote.msg`).bytes,
      read(`${folder}/quote.sig`).bytes,
      new Uint8Array(Buffer.from(registers, 'hex')),
      base64(pem),
    ),
    bundle(
      base64(trustee.tpm_quote.message),
      base64(trustee.tpm_quote.signature),
      new Uint8Array(Buffer.from(trustee.tpm_quote.pcrs.join(''), 'hex')),
      base64(trustee.ak_public),
    ),
  ];
}

const verified = (one: EvidenceBundle): boolean => verifyBundle(one, { cryptography, x509, now: 0 }).ok;

test('real quotes are verified, and no byte of them can change', { skip }, () => {
  for (const one of genuine()) {
    assert.ok(verified(one));
    const { bytes } = one.evidence;
    for (let i = 0; i < bytes.length; i++) {
      const changed = Uint8Array.from(bytes);
      changed[i]! ^= 1 << (i % 8);
      assert.ok(!verified({ ...one, evidence: { ...one.evidence, bytes: changed } }), `byte ${i}`);
    }
    for (const changed of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])])
      assert.ok(!verified({ ...one, evidence: { ...one.evidence, bytes: changed } }));
  }
  const [first, second] = genuine();
  assert.ok(!verified({ ...first!, endorsements: second!.endorsements }));
});

test('a real log gives the registers that were read when it was', { skip }, () => {
  const log = decodeEventLog(read('tpm/local-ovmf-measured-boot/binary_bios_measurements').bytes);
  assert.ok(log.ok);
  const replayed = replayEvents(log.value, sha256, x509)!;
  const text = Buffer.from(read('tpm/local-ovmf-measured-boot/pcrs-sha256.txt').bytes).toString();
  const registers = new Map([...text.matchAll(/PCR(\d+) ([0-9A-F]{64})/g)].map(([, i, hex]) => [Number(i), hex]));
  assert.deepEqual(
    [...replayed.keys()].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 9],
  );
  for (const [register, value] of replayed)
    assert.equal(Buffer.from(value).toString('hex').toUpperCase(), registers.get(register), `register ${register}`);
});

test('a log of a cloud is read to its end, and a cut one is not', { skip }, () => {
  const { bytes } = read('tpm/go-tpm-tools/ubuntu-2404-amd-sevsnp.eventlog.bin');
  const log = decodeEventLog(bytes);
  assert.ok(log.ok && log.value.events.length > 100);
  assert.ok(!decodeEventLog(bytes.subarray(0, bytes.length - 40)).ok);
  assert.ok(!decodeEventLog(read('tpm/go-tpm-tools/debian-10.eventlog.bin').bytes).ok, 'of SHA-1 alone');
});

test('no input makes a decoder throw, and none that differs is verified', () => {
  const made = bundleOf({ log: eventLog([[4, 'release']]) });
  const seeds = [made.evidence, ...made.endorsements].map(({ bytes }) => bytes);
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.nat(8))
    .map(([seed, at, insert, drop]) => {
      const start = at % seed.length;
      return Buffer.concat([seed.subarray(0, start), insert, seed.subarray(start + drop)]);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      for (const decode of [decodeEventLog, decodeTpmQuote, decodeTpmSignature, attestationKeySpki])
        assert.equal(typeof decode(bytes).ok, 'boolean');
      assert.ok(
        Buffer.compare(bytes, made.evidence.bytes) === 0 ||
          !verified({ ...made, evidence: { ...made.evidence, bytes } }),
      );
      const [key, log] = made.endorsements;
      const other = { ...made, endorsements: [key!, { mediaType: eventLogType, bytes }] };
      assert.equal(typeof verified(other), 'boolean');
      assert.ok(log);
    }),
    { numRuns: Number(process.env['COPPICE_FUZZ_RUNS'] ?? 1000) },
  );
});
