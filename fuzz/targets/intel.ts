/** Quotes of Intel TDX and SGX with their collateral; real quotes too, where COPPICE_VECTORS has them. */
import { now, pinOf } from '../../packages/attestation/test/certificates.ts';
import { bundleOf, root } from '../../packages/attestation/test/intel.ts';
import { casesOf, read } from '../../packages/attestation/test/vectors.ts';
import { evidenceTargets, type Sample } from '../evidence.ts';
import type { Target } from '../target.ts';

function samplesOf(kind: 'TDX' | 'SGX'): Sample[] {
  const platform = kind.toLowerCase();
  const made = bundleOf(kind);
  const quotes = casesOf(platform).flatMap(({ files }) => Object.values(files).slice(0, 1).map(read));
  const bundles = [made, ...quotes.map(({ bytes }) => ({ ...made, evidence: { ...made.evidence, bytes } }))];
  return bundles.map((bundle) => ({ bundle, now }));
}

export const targets: readonly Target[] = (['TDX', 'SGX'] as const).flatMap((kind) =>
  evidenceTargets(samplesOf(kind), [{ platform: kind.toLowerCase(), spki: pinOf(root) }]),
);
