/**
 * Quotes and collateral under a root of the tests' own: what Intel has not published, revoked processors above all.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEnclaveIdentity, decodeTcbInfo } from '../../src/sgx/tcb.ts';
import { day, issue, now, revocationList } from '../certificates.ts';
import { level, module, outcome, pck, pckSvns, platformAuthority, root, signer, verdictOf } from '../intel.ts';

const lists = (revokedByRoot: readonly number[], revokedByAuthority: readonly number[]): Uint8Array[] => [
  revocationList(root, revokedByRoot),
  revocationList(platformAuthority, revokedByAuthority),
];
/** One component above the processor's. */
const beyond = pckSvns.map((svn, i) => (i === 7 ? svn + 1 : svn));

for (const kind of ['SGX', 'TDX'] as const) {
  test(`${kind}: a quote under a pinned root is verified`, () => {
    const result = verdictOf(kind);
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(result.evidence.tcb.status, 'UpToDate');
    assert.deepEqual(result.evidence.validity, { from: now - day, until: now + day });
    assert.deepEqual([result.evidence.launchDigest.length, result.evidence.reportData.length], [32, 32]);
  });

  test(`${kind}: a revoked processor, authority or signer is refused`, () => {
    assert.equal(outcome(kind, { lists: lists([1], [2]) }), 'UpToDate');
    assert.equal(outcome(kind, { lists: lists([], [700]) }), 'revoked');
    assert.equal(outcome(kind, { lists: lists([500], []) }), 'revoked');
    assert.equal(outcome(kind, { lists: lists([600], []) }), 'revoked');
  });

  test(`${kind}: both lists are needed, from their issuers and in their time`, () => {
    const [byRoot, byAuthority] = lists([], []) as [Uint8Array, Uint8Array];
    assert.equal(outcome(kind, { lists: [byRoot] }), 'endorsement-missing');
    assert.equal(outcome(kind, { lists: [byAuthority] }), 'endorsement-missing');
    assert.equal(outcome(kind, { lists: [byRoot, byAuthority, byAuthority] }), 'endorsement-surplus');
    const lookAlike = issue({ commonName: platformAuthority.commonName, curve: 'P-256' });
    assert.equal(outcome(kind, { lists: [byRoot, revocationList(lookAlike, [])] }), 'endorsement-signature');
    const old = revocationList(platformAuthority, [], { from: now - 2 * day, until: now - day });
    assert.equal(outcome(kind, { lists: [byRoot, old] }), 'expired');
  });

  test(`${kind}: a root with the same name and another key is not pinned`, () => {
    const pinned = issue({ commonName: root.commonName, curve: 'P-256' });
    assert.equal(outcome(kind, { pinned }), 'root-not-pinned');
  });

  test(`${kind}: collateral out of its time is refused`, () => {
    assert.equal(outcome(kind, { tcbInfo: { nextUpdate: '2026-05-31T00:00:00Z' } }), 'expired');
    assert.equal(outcome(kind, { identity: { nextUpdate: '2026-05-31T00:00:00Z' } }), 'expired');
    assert.equal(outcome(kind, { tcbInfo: { issueDate: '2026-06-01T00:00:01Z' } }), 'not-yet-valid');
    assert.equal(outcome(kind, { tcbInfo: { nextUpdate: '2026-02-30T00:00:00Z' } }), 'malformed');
  });

  test(`${kind}: collateral by others, or about others, is refused`, () => {
    const stranger = issue({ commonName: signer.commonName, authority: false, curve: 'P-256' }, platformAuthority);
    assert.equal(outcome(kind, { signer: stranger }), 'endorsement-signature');
    assert.equal(outcome(kind, { tcbInfo: { fmspc: 'B1'.repeat(6) } }), 'endorsement-mismatch');
    assert.equal(outcome(kind, { tcbInfo: { pceId: '0001' } }), 'endorsement-mismatch');
    assert.equal(outcome(kind, { identity: { id: 'QVE' } }), 'endorsement-mismatch');
    for (const change of [{ mrsigner: 'DD'.repeat(32) }, { isvprodid: 3 }, { miscselect: '00000001' }])
      assert.equal(outcome(kind, { identity: change }), 'endorsement-mismatch');
    assert.equal(outcome(kind, { enclave: (report) => report.writeUInt8(2, 48) }), 'endorsement-mismatch');
  });

  test(`${kind}: the attestation key must be bound to the quoting enclave`, () => {
    for (const at of [320, 383]) {
      const altered = { enclave: (report: Buffer) => report.writeUInt8(report.readUInt8(at) ^ 1, at) };
      assert.equal(outcome(kind, altered), 'evidence-signature');
    }
  });

  test(`${kind}: the first level that is reached counts, and none is a refusal`, () => {
    const tcbLevels = [level('UpToDate', beyond), { ...level('OutOfDate'), advisoryIDs: ['INTEL-SA-1'] }];
    assert.equal(outcome(kind, { tcbInfo: { tcbLevels } }), 'OutOfDate');
    assert.equal(outcome(kind, { tcbInfo: { tcbLevels: tcbLevels.slice(0, 1) } }), 'tcb-unmatched');
    assert.equal(outcome(kind, { tcbInfo: { tcbLevels: [] } }), 'tcb-unmatched');
    assert.equal(outcome(kind, { tcbInfo: { tcbLevels: [level('Fine')] } }), 'malformed');
    assert.equal(outcome(kind, { tcbInfo: { tcbLevels: [level('Revoked')] } }), 'Revoked');
  });

  test(`${kind}: a quoting enclave that is out of date makes the processor so`, () => {
    const identity = { tcbLevels: [{ tcb: { isvsvn: 4 }, tcbStatus: 'OutOfDate', advisoryIDs: ['INTEL-SA-2'] }] };
    assert.equal(outcome(kind, { identity }), 'OutOfDate');
    const tcbLevels = [level('ConfigurationNeeded')];
    assert.equal(outcome(kind, { identity, tcbInfo: { tcbLevels } }), 'OutOfDateConfigurationNeeded');
    const result = verdictOf(kind, {
      identity,
      tcbInfo: { tcbLevels: [{ ...level('UpToDate'), advisoryIDs: ['A'] }] },
    });
    assert.deepEqual(result.ok && result.evidence.tcb.advisories, ['A', 'INTEL-SA-2']);
    const newer = { tcbLevels: [{ tcb: { isvsvn: 5 }, tcbStatus: 'UpToDate' }] };
    assert.equal(outcome(kind, { identity: newer }), 'tcb-unmatched');
  });
}

test('a part has no status but those that parts have', () => {
  for (const status of ['SWHardeningNeeded', 'ConfigurationNeeded', 'OutOfDateConfigurationNeeded', 'Fine']) {
    const identity = { tcbLevels: [{ tcb: { isvsvn: 4 }, tcbStatus: status }] };
    assert.equal(outcome('SGX', { identity }), 'malformed', status);
    const tcbInfo = { tdxModuleIdentities: [module('TDX_01', 4, status)] };
    assert.equal(outcome('TDX', { tcbInfo }), 'malformed', status);
  }
});

test('a part that is revoked, or out of date, makes no status better', () => {
  const of = (tcbStatus: string): object => ({ tcbLevels: [{ tcb: { isvsvn: 4 }, tcbStatus }] });
  const tcbInfo = (status: string): object => ({ tcbLevels: [level(status)] });
  for (const status of ['OutOfDate', 'OutOfDateConfigurationNeeded', 'Revoked'])
    assert.equal(outcome('SGX', { identity: of('OutOfDate'), tcbInfo: tcbInfo(status) }), status);
  for (const status of ['UpToDate', 'OutOfDateConfigurationNeeded'])
    assert.equal(outcome('SGX', { identity: of('Revoked'), tcbInfo: tcbInfo(status) }), 'Revoked');
});

test('what is no JSON is refused in words of ours: engines have words of their own', () => {
  for (const decodeDocument of [decodeTcbInfo, decodeEnclaveIdentity])
    assert.deepEqual(decodeDocument('{"id":'), { ok: false, reason: 'not JSON' });
});

test('an enclave is measured by MRENCLAVE, launched by CONFIGID, and may be debugged', () => {
  const result = verdictOf('SGX', {
    body(report) {
      report.writeUInt8(7, 48);
      report.fill(0x11, 64, 96);
      report.fill(0x22, 192, 224);
    },
  });
  assert.ok(result.ok);
  const { debug, measurement, launchDigest } = result.evidence;
  assert.equal(debug, true);
  assert.deepEqual(Buffer.from(measurement), Buffer.alloc(32, 0x11));
  assert.deepEqual(Buffer.from(launchDigest), Buffer.alloc(32, 0x22));
});

test('an authority of another name vouches for no processor', () => {
  const other = issue({ commonName: 'Intel SGX PCK Other CA', curve: 'P-256' }, root);
  const over = { chain: [pck, other, root], lists: [revocationList(root, []), revocationList(other, [])] };
  assert.equal(outcome('SGX', over), 'endorsement-signature');
});
