/**
 * Importing what Intel really served, and refusing what is older, or not Intel's.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { assembleIntel, decodePem, encodeBundle, verifyBundle } from '@coppice/attestation';
import { fromHex, toHex } from '@coppice/wire';
import {
  encodeOperation,
  executeGovernance,
  newestEndorsementIn,
  newestIssueIn,
  standingObjection,
} from '../src/index.ts';
import { bo, constitutionOf, cryptography, MemoryState, release, weakKey } from './fixtures.ts';
import { service } from './scene.ts';

const folder = join(
  process.env['COPPICE_VECTORS'] ?? resolve(import.meta.dirname, '../../../../shared/vectors'),
  'attestation/tdx',
);
const present = existsSync(join(folder, 'phala-v4/collateral.json'));
if (!present && process.env['COPPICE_REQUIRE_VECTORS'] === '1') throw new Error(`no vectors in ${folder}`);
const skip = present ? false : 'there is no real collateral here: COPPICE_VECTORS names its folder';

/** Of DCAP's collateral in one JSON object: the files as Intel serves them. */
function filesOf(file: string) {
  const fields = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Record<string, string>;
  const chain = (field: string): Uint8Array[] => {
    const pem = decodePem(fields[field]!);
    assert.ok(pem.ok);
    return pem.value.map(({ bytes }) => bytes);
  };
  const document = (of: string, wrapped: string): Uint8Array =>
    Buffer.from(`{"${wrapped}":${fields[of]},"signature":"${fields[`${of}_signature`]}"}`);
  return {
    rootList: fromHex(fields['root_ca_crl']!)!,
    pckList: fromHex(fields['pck_crl']!)!,
    pckChain: chain('pck_crl_issuer_chain'),
    tcbInfo: document('tcb_info', 'tcbInfo'),
    identity: document('qe_identity', 'enclaveIdentity'),
    signers: chain('tcb_info_issuer_chain'),
  };
}

const [older, newer, oldest] = skip
  ? []
  : ['phala-v4/collateral.json', 'phala-v4-outdated/collateral.json', 'openenclave-v4/collateral.derived.json'].map(
      filesOf,
    );
/** When the newer documents were new. */
const then = Date.parse('2026-02-18T10:59:51Z');
const all = (files: ReturnType<typeof filesOf>): Uint8Array[] => Object.values(files).flat();

class Scene {
  readonly state = new MemoryState(constitutionOf());

  endorse(endorsements: readonly Uint8Array[], time = then, member = bo) {
    this.state.writes = 0;
    const payload = encodeOperation({ kind: 'endorse', endorsements });
    const { result, effects } = executeGovernance(this.state, {
      cryptography,
      service,
      sender: member,
      time,
      sequence: 1,
      signatures: { left: 100 },
      payload,
    });
    if (!result.ok) {
      assert.equal(this.state.writes, 0, 'a refusal writes nothing');
      return { refused: result.error.code, message: result.error.message };
    }
    const { imported } = result.value as { imported: { source: string; issue: number }[] };
    assert.deepEqual(effects, imported.length === 0 ? [] : [{ kind: 'endorsements' }]);
    return { imported: imported.map(({ source }) => source.replace(/[0-9a-f]{64}$/, '…')).sort() };
  }
}

test('one member imports what its maker has signed', { skip }, () => {
  const scene = new Scene();
  const sources = ['intel/identity/TD_QE/18', 'intel/tcb-info/TDX/90c06f000000/18', 'revocations/…', 'revocations/…'];
  const outcome = scene.endorse(all(newer!));
  assert.deepEqual(outcome, { imported: sources });
  const source = 'intel/identity/TD_QE/18';
  const kept = newestEndorsementIn(scene.state)(source)!;
  assert.deepEqual(Buffer.from(kept.bytes), Buffer.from(newer!.identity));
  assert.equal(newestIssueIn(scene.state)(source), kept.issue);
  assert.deepEqual(scene.endorse(all(newer!)), { imported: [] }, 'the same again is nothing new');
  assert.equal(scene.endorse(all(newer!), then, weakKey).refused, 'not-a-member');
});

test('refuses what is older than the ledger has, though it is valid, and all that comes with it', { skip }, () => {
  const scene = new Scene();
  // Intel's root issues a list a year, each of which is valid for a year and two weeks.
  const both = Date.parse('2025-03-25T00:00:00Z');
  const root = oldest!.signers[1]!;
  assert.deepEqual(new Scene().endorse([oldest!.rootList, root], both), { imported: ['revocations/…'] });
  assert.deepEqual(scene.endorse([older!.rootList, root], both), { imported: ['revocations/…'] });
  assert.equal(scene.endorse([oldest!.rootList, root], both).refused, 'older-endorsement');
  const more = [oldest!.pckList, ...oldest!.pckChain];
  assert.equal(scene.endorse([oldest!.rootList, root, ...more], both).refused, 'older-endorsement');
  assert.deepEqual(scene.endorse(more, both), { imported: ['revocations/…'] });
});

const bent = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[at < 0 ? copy.length + at : at]! ^= 1;
  return copy;
};

const refusals: [string, () => Uint8Array[], RegExp, number?][] = [
  ['garbage', () => [Uint8Array.of(1, 2, 3)], /^malformed/],
  ['nothing but certificates', () => newer!.signers, /^endorsement-missing/],
  ['a list without its issuer', () => [newer!.pckList, ...newer!.signers], /^endorsement-missing/],
  ['a list of an issuer without its root', () => [newer!.pckList, newer!.pckChain[0]!], /^endorsement-missing/],
  ['a list that was changed', () => [bent(newer!.rootList, -9), ...newer!.signers], /^endorsement-signature/],
  ['a document that was changed', () => [bent(newer!.tcbInfo, 40), ...newer!.signers], /^endorsement-signature/],
  ['a document without its signer', () => [newer!.tcbInfo, newer!.signers[1]!], /^endorsement-signature/],
  ['a list that is stale', () => [older!.pckList, ...older!.pckChain], /^expired/],
  ['a document that is stale', () => [older!.tcbInfo, ...older!.signers], /^expired/],
  ['a document of tomorrow', () => [newer!.tcbInfo, ...newer!.signers], /^not-yet-valid/, then - 90 * 86_400_000],
];
for (const [name, files, expected, time] of refusals) {
  test(`refuses ${name}`, { skip }, () => {
    const outcome = new Scene().endorse(files(), time);
    assert.equal(outcome.refused, 'endorsements-refused');
    assert.match(outcome.message, expected);
  });
}

test('real evidence stands until something newer is known of it', { skip }, () => {
  const [bundle] = assembleIntel(new Uint8Array(readFileSync(join(folder, 'phala-v4/quote.bin'))), {
    tcbInfos: [older!.tcbInfo],
    enclaveIdentities: [older!.identity],
    certificates: older!.signers,
    lists: [older!.rootList, older!.pckList],
  });
  const admittedTime = Date.parse('2025-06-19T10:33:27Z');
  const verification = verifyBundle(bundle!, { cryptography, x509: cryptography.x509, now: admittedTime });
  assert.ok(verification.ok, JSON.stringify(verification));
  const measurements = [toHex(verification.evidence.measurement)];
  const accepting = (statuses: string[]) =>
    constitutionOf((written) => {
      written.policy.platforms.push({ name: 'tdx', generations: [{ name: 'b0c06f000000' }], statuses });
      written.releases[0].variants[0].referenceValues.push({ platform: 'tdx', measurements });
    });
  const admitted = { evidence: encodeBundle(bundle!), release, variant: 'v8-a', admittedTime };
  const scene = new Scene();
  const objection = (statuses: string[], time: number): string | undefined =>
    standingObjection(cryptography, accepting(statuses), admitted, time, newestEndorsementIn(scene.state));

  // Its collateral is long stale, and nobody has brought newer.
  assert.equal(objection(['UpToDate'], then), undefined);
  assert.match(objection(['SWHardeningNeeded'], then)!, /^tcb-status: /);
  // With the newer list it is looked at again, now, and the rest of what it came with is too old.
  scene.endorse([newer!.pckList, ...newer!.pckChain]);
  assert.match(objection(['UpToDate'], then)!, /^evidence: expired: /);
});
