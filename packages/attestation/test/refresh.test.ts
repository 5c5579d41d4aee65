/**
 * Endorsements by themselves, and evidence judged by newer ones than it came with; by an Intel of the tests' own.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeX509Cryptography } from '../../cryptography/src/index.ts';
import { type Endorsement, eventLogType, refreshBundle, verifyBundle, verifyEndorsementFiles } from '../src/index.ts';
import { day, issue, now, pinOf, revocationList } from './certificates.ts';
import { cryptography } from './fixtures.ts';
import { bundleOf, level, module, platformAuthority, root, signer } from './intel.ts';
import { eventLog } from './tpm/quotes.ts';

const anchors = ['tdx', 'sgx'].map((platform) => ({ platform, spki: pinOf(root) }));
const context = { cryptography, x509: nodeX509Cryptography, now, anchors };
const plenty = () => ({ ...context, signatures: { left: 100 } });

function imported(files: readonly Uint8Array[]): readonly Endorsement[] {
  const verdict = verifyEndorsementFiles(files, plenty());
  assert.ok(verdict.ok, JSON.stringify(verdict));
  return verdict.endorsements;
}

const later = { issueDate: new Date(now - day / 2).toISOString().replace('.000', '') };
const documentsOf = (kind: 'TDX' | 'SGX', tcbInfo: object, identity: object = {}): Uint8Array[] =>
  bundleOf(kind, { tcbInfo: { ...later, ...tcbInfo }, identity: { ...later, ...identity } })
    .endorsements.slice(0, 2)
    .map(({ bytes }) => bytes);

/** Status, or fault, of a quote that came with the old endorsements, once these are known. */
function outcome(kind: 'TDX' | 'SGX', files: readonly Uint8Array[]): string {
  const endorsements = imported([...files, root.certificate, platformAuthority.certificate, signer.certificate]);
  const refreshed = refreshBundle(
    bundleOf(kind),
    (source) => endorsements.find((one) => one.source === source),
    cryptography,
  );
  const verdict = verifyBundle(refreshed, context);
  return verdict.ok ? verdict.evidence.tcb.status : verdict.error;
}

test('a quote is judged by the newer levels', () => {
  const outOfDate = { tcbLevels: [level('OutOfDate')] };
  assert.equal(outcome('SGX', documentsOf('SGX', outOfDate)), 'OutOfDate');
  assert.equal(outcome('TDX', documentsOf('TDX', outOfDate)), 'OutOfDate');
  const modules = { tdxModuleIdentities: [module('TDX_01', 4, 'OutOfDate')] };
  assert.equal(outcome('TDX', documentsOf('TDX', modules)), 'OutOfDate');
  const enclave = { tcbLevels: [{ tcb: { isvsvn: 4 }, tcbStatus: 'Revoked' }] };
  assert.equal(outcome('SGX', documentsOf('SGX', {}, enclave)), 'Revoked');
});

test('documents about others change nothing', () => {
  const outOfDate = { tcbLevels: [level('OutOfDate')] };
  assert.equal(outcome('SGX', documentsOf('SGX', { ...outOfDate, tcbEvaluationDataNumber: 18 })), 'UpToDate');
  assert.equal(outcome('SGX', documentsOf('TDX', outOfDate)), 'UpToDate');
  assert.equal(outcome('SGX', documentsOf('SGX', { ...outOfDate, fmspc: 'C0'.repeat(6) })), 'UpToDate');
});

test('older documents and lists change nothing', () => {
  const old = { issueDate: new Date(now - 2 * day).toISOString().replace('.000', ''), tcbLevels: [level('OutOfDate')] };
  assert.equal(outcome('SGX', documentsOf('SGX', { ...old, tcbEvaluationDataNumber: 16 })), 'UpToDate');
  const list = revocationList(platformAuthority, [700], { from: now - 2 * day });
  assert.equal(outcome('SGX', [list]), 'UpToDate');
});

test('a certificate on a newer list is revoked', () => {
  assert.equal(outcome('SGX', [revocationList(platformAuthority, [700], { from: now - day / 2 })]), 'revoked');
  assert.equal(outcome('TDX', [revocationList(platformAuthority, [701], { from: now - day / 2 })]), 'UpToDate');
});

test('nobody revokes their own authority away: what the root has revoked vouches for nothing', () => {
  const revoking = revocationList(root, [500], { from: now - day / 2 });
  const files = [revocationList(platformAuthority, []), platformAuthority.certificate, root.certificate];
  assert.equal(imported(files).length, 1);
  const verdict = verifyEndorsementFiles([...files, revoking], plenty());
  assert.equal(!verdict.ok && verdict.error, 'revoked');
});

test('a root of that name with another key vouches for nothing', () => {
  const lookalike = issue({ commonName: 'Intel SGX Root CA', curve: 'P-256' });
  const verdict = verifyEndorsementFiles([revocationList(lookalike, []), lookalike.certificate], plenty());
  assert.equal(!verdict.ok && verdict.error, 'root-not-pinned');
  // Beside the real one it is no obstacle.
  assert.equal(imported([revocationList(root, []), lookalike.certificate, root.certificate]).length, 1);
});

test('verifies few signatures, whatever is imported', () => {
  let signatures = 0;
  const counting = {
    ...context,
    x509: {
      ...nodeX509Cryptography,
      verifySignature(...asked: Parameters<typeof nodeX509Cryptography.verifySignature>) {
        signatures += 1;
        return nodeX509Cryptography.verifySignature(...asked);
      },
    },
  };
  const refusal = (files: readonly Uint8Array[]): string => {
    signatures = 0;
    const verdict = verifyEndorsementFiles(files, { ...counting, signatures: { left: 48 } });
    return verdict.ok ? 'ok' : verdict.error;
  };
  const lists = Array.from({ length: 60 }, (_, i) => revocationList(platformAuthority, [i]));
  const authorities = [platformAuthority.certificate, root.certificate];
  assert.equal(refusal([...lists, ...authorities]), 'malformed');
  assert.equal(signatures, 48);
  assert.equal(refusal([...lists.slice(0, 40), ...authorities]), 'ok');
  assert.equal(signatures, 42);
  // The first that does not hold ends it.
  const forged = lists.map((list) => list.map((byte, i) => (i === list.length - 1 ? byte ^ 1 : byte)));
  assert.equal(refusal([...forged, ...authorities]), 'endorsement-signature');
  assert.equal(signatures, 3);
  // Keys that nobody has certified are not used at all.
  const strangers = Array.from({ length: 4 }, () => issue({ commonName: 'Intel SGX Root CA', curve: 'P-256' }));
  assert.equal(
    refusal([...strangers.map(({ certificate }) => certificate), revocationList(strangers[0]!, [])]),
    'root-not-pinned',
  );
  assert.equal(signatures, 0);
});

test('only Intel vouches for Intel: the root of another maker signs none of its documents', () => {
  const documents = documentsOf('TDX', {});
  const files = [...documents, root.certificate, signer.certificate];
  const asMaker = (platform: string) =>
    verifyEndorsementFiles(files, { ...plenty(), anchors: [{ platform, spki: pinOf(root) }] });
  assert.equal(asMaker('tdx').ok, true);
  const verdict = asMaker('nitro');
  assert.equal(!verdict.ok && verdict.error, 'endorsement-signature');
});

test('what may follow an endorsement stays behind the newer one', () => {
  const endorsements = imported([
    revocationList(platformAuthority, [700], { from: now - day / 2 }),
    ...[root, platformAuthority].map(({ certificate }) => certificate),
  ]);
  const bundle = bundleOf('TDX');
  const log = { mediaType: eventLogType, bytes: eventLog([], 'sha384') };
  const known = (source: string): Endorsement | undefined => endorsements.find((one) => one.source === source);
  const refreshed = refreshBundle({ ...bundle, endorsements: [...bundle.endorsements, log] }, known, cryptography);
  assert.deepEqual(refreshed.endorsements.at(-1), log);
  const verdict = verifyBundle(refreshed, context);
  assert.equal(!verdict.ok && verdict.error, 'revoked');
});
