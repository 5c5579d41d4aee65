/** Quotes of TPM 2.0, with event logs, and with certified and bare keys. */
import { issue, now, pinOf } from '../../packages/attestation/test/certificates.ts';
import { bundleOf, eventLog, keyOf } from '../../packages/attestation/test/tpm/quotes.ts';
import { evidenceTargets } from '../evidence.ts';
import type { Target } from '../target.ts';

const root = issue({ commonName: 'root' });
const log = eventLog([
  [4, 'release'],
  [11, 'variant'],
]);

const samples = [
  { bundle: bundleOf({ log }), now },
  { bundle: bundleOf({ key: keyOf('rsa-pss'), hash: 'sha384' }), now },
  { bundle: bundleOf({ bank: 'sha384' }), now },
];

export const targets: readonly Target[] = evidenceTargets(samples, [{ platform: 'tpm2', spki: pinOf(root) }]);
