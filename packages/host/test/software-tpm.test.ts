/**
 * Launches on a real TPM in software, and evidence of them: what replicas find is what the launcher measured.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { launchDigest, type LaunchData, verifyEvidence } from '@coppice/attestation';
import { collectorOf, Fields, launchMeasurement, platformSettings } from '@coppice/collection';
import { nodeCryptography } from '@coppice/cryptography';
import { sameBytes } from '@coppice/wire';
import { softwareTpm, softwareTpmMissing } from '../src/index.ts';

const missing = softwareTpmMissing();
if (missing !== undefined && process.env['COPPICE_REQUIRE_SWTPM'] === '1') throw new Error(missing);
const skip = missing ?? false;

const bytesOf = (text: string): Uint8Array => nodeCryptography.hash(Buffer.from(text));
const launch: LaunchData = {
  service: bytesOf('service'),
  slot: 1,
  turn: 9,
  challenge: bytesOf('challenge'),
  release: bytesOf('release'),
  variant: 'node-26',
};
const runtime = bytesOf('runtime');
const request = {
  launch: launchDigest(nodeCryptography, launch),
  release: launch.release,
  reportData: bytesOf('report data'),
  now: 0,
};
const context = { cryptography: nodeCryptography, x509: nodeCryptography.x509, now: 1_800_000_000_000 };

async function launched(t: TestContext, asked: LaunchData = launch) {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-tpm-'));
  const { companion, settings } = await softwareTpm.prepare(asked, folder, runtime);
  const end = (): boolean => process.kill(companion!);
  t.after(() => {
    try {
      end();
    } catch {
      // The test has.
    }
    rmSync(folder, { recursive: true, force: true });
  });
  return { end, collect: collectorOf(platformSettings(new Fields(settings, 'platform.'))) };
}

test('evidence shows release, variant, launch and report data', { skip }, async (t) => {
  const { collect } = await launched(t);
  const verification = verifyEvidence(await collect(request), context);
  assert.ok(verification.ok, JSON.stringify(verification));
  const { evidence } = verification;
  assert.equal(evidence.platform, 'tpm2');
  assert.ok(sameBytes(evidence.measurement, launchMeasurement(launch, runtime)));
  assert.ok(sameBytes(evidence.launchDigest, request.launch));
  assert.ok(sameBytes(evidence.reportData, request.reportData));
  assert.ok(!sameBytes(evidence.measurement, launchMeasurement({ ...launch, variant: 'another' }, runtime)));
  assert.ok(!sameBytes(evidence.measurement, launchMeasurement(launch, bytesOf('another runtime'))));
  assert.ok(!sameBytes(evidence.measurement, launchMeasurement(launch, undefined)));
});

test('an instance cannot say that it was launched for another turn', { skip }, async (t) => {
  const { collect } = await launched(t, { ...launch, turn: 8 });
  const verification = verifyEvidence(await collect(request), context);
  assert.equal(verification.ok ? undefined : verification.error, 'evidence-mismatch');
});

test('each launch has a TPM and a key of its own, which ends with it', { skip }, async (t) => {
  const [one, other] = [await launched(t), await launched(t)];
  const keys = await Promise.all(
    [one, other].map(async ({ collect }) => {
      const verification = verifyEvidence(await collect(request), context);
      return verification.ok && verification.evidence.details.find(({ name }) => name === 'attestationKey')?.value;
    }),
  );
  assert.ok(keys[0] && keys[1] && keys[0] !== keys[1]);
  one.end();
  for (let unreachable = false; !unreachable;) {
    unreachable = await one.collect(request).then(
      () => false,
      (error: unknown) => /TPM_UNREACHABLE|was closed|ECONNRESET|EPIPE/.test(String(error)),
    );
  }
});
