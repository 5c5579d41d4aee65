/**
 * What conformance.ts runs on each runtime: checks the vectors below the folder in the first argument, simulates a small
 * cluster, and prints how many vectors there were and what came of the cluster.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Edge } from '../packages/cryptography/test/edges.ts';
import { layout, newSigner, nodeCryptography } from '@coppice/cryptography';
import { nodeCrypto } from '../packages/cryptography/src/node-crypto.ts';
import { libsodium } from '../packages/cryptography/src/sodium.ts';
import { verifyReceipt } from '@coppice/ledger';
import { simulate } from '@coppice/simulator';
import { decodeWriteSet, encodeWriteSet, State } from '@coppice/state';
import {
  cborDiagnostic,
  configurationCodec,
  decode,
  decodeCbor,
  digestOf,
  type Domain,
  encodeCbor,
  fromHex,
  statement,
  toHex,
} from '@coppice/wire';

// Each run has a secret layout of its own, on which nothing that follows may depend.
newSigner();
layout().stir();

const folder = process.argv[2]!;
let vectors = 0;

function check(what: string, actual: unknown, expected: unknown): void {
  vectors += 1;
  const [is, was] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== was) throw new Error(`${what}: ${is}, not ${was}`);
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(`${folder}/${path}`, 'utf8'));
}

function bytes(hex: string): Uint8Array {
  const decoded = fromHex(hex);
  if (decoded === undefined) throw new Error(`not hexadecimal: ${hex}`);
  return decoded;
}

interface Cbor {
  readonly accepted: readonly { readonly diagnostic: string; readonly hex: string }[];
  readonly refused: readonly { readonly hex: string; readonly reason: string }[];
}

const cbor = read('wire/test/vectors/cbor.json') as Cbor;
for (const { diagnostic, hex } of cbor.accepted) {
  const decoded = decodeCbor(bytes(hex));
  check(`cbor ${hex}`, decoded.ok && [cborDiagnostic(decoded.value), toHex(encodeCbor(decoded.value))], [
    diagnostic,
    hex,
  ]);
}
for (const { hex, reason } of cbor.refused) check(`cbor ${hex}`, decodeCbor(bytes(hex)), { ok: false, reason });

interface Statement {
  readonly domain: Domain;
  readonly bytes: string;
  readonly statement: string;
  readonly digest: string;
}

for (const { domain, bytes: hex, statement: signed, digest } of read('wire/test/vectors/domain.json') as Statement[]) {
  const actual = [toHex(statement(domain, bytes(hex))), toHex(digestOf(nodeCryptography, domain, bytes(hex)))];
  check(`domain ${domain}`, actual, [signed, digest]);
}

for (const edge of read('cryptography/test/vectors/ed25519.json') as Edge[]) {
  const key = bytes(edge.key);
  for (const { validPublicKey, verify } of [libsodium, nodeCrypto]) {
    const actual = [verify(key, bytes(edge.message), bytes(edge.signature)), validPublicKey(key)];
    check(`Ed25519: ${edge.what}`, actual, [edge.verifies, edge.validKey]);
  }
}

interface X509Edge {
  readonly what: string;
  readonly algorithm: Parameters<typeof nodeCryptography.x509.verifySignature>[0];
  readonly spki: string;
  readonly signature: string;
  readonly verifies: boolean;
}

const makersMessage = new TextEncoder().encode('what a maker signs');
let spki = '';
for (const edge of read('cryptography/test/vectors/x509.json') as X509Edge[]) {
  // Empty: the key of the one before.
  spki = edge.spki === '' ? spki : edge.spki;
  const actual = nodeCryptography.x509.verifySignature(
    edge.algorithm,
    bytes(spki),
    makersMessage,
    bytes(edge.signature),
  );
  check(edge.what, actual, edge.verifies);
}

interface WriteSets {
  readonly accepted: readonly { readonly encoded: string }[];
  readonly refused: readonly { readonly encoded: string; readonly reason: string }[];
}

const writeSets = read('state/test/vectors/write-set.json') as WriteSets;
for (const { encoded } of writeSets.accepted) {
  const decoded = decodeWriteSet(bytes(encoded));
  check(`write set ${encoded}`, decoded.ok && toHex(encodeWriteSet(decoded.value)), encoded);
}
for (const { encoded, reason } of writeSets.refused) {
  check(`write set ${encoded}`, decodeWriteSet(bytes(encoded)), { ok: false, reason });
}

interface StateDigest {
  readonly what: string;
  readonly count: number;
  readonly bytes: number;
  readonly digest: string;
}

for (const { what, count, bytes: length, digest } of read('state/test/vectors/digest.json') as StateDigest[]) {
  const state = new State(nodeCryptography);
  const transaction = state.begin().transaction();
  for (let i = 0; i < count; i++) transaction.set('m', `key${i}`, new Uint8Array(length).fill(i));
  transaction.commit();
  state.fold();
  check(what, toHex(state.digest()), digest);
}

interface ReceiptCase {
  readonly check: string;
  readonly service: string;
  readonly known: { readonly configuration: string; readonly sequence: number; readonly time: number } | null;
  readonly receipt: string;
}

const receipts = 'ledger/test/vectors/receipts';
for (const file of readdirSync(`${folder}/${receipts}`).sort()) {
  const { check: expected, service, known, receipt } = read(`${receipts}/${file}`) as ReceiptCase;
  const configuration = known && decode(configurationCodec, bytes(known.configuration));
  const start = known && configuration?.ok === true ? { ...known, configuration: configuration.value } : undefined;
  const trust = { service: bytes(service), ...(start && { known: start }) };
  const verdict = verifyReceipt(nodeCryptography, bytes(receipt), trust);
  check(file, verdict.ok ? 'ok' : verdict.check, expected);
}

const { auditHash, operations, turns, violations } = simulate(1, {
  choices: { slots: 4, clients: 2, disturbedMs: 4000, undisturbedMs: 3000 },
});
if (violations.length > 0) throw new Error(JSON.stringify(violations));
console.log(JSON.stringify({ vectors, operations, turns, auditHash }));
