/** Lists and documents by themselves, as members bring them to the ledger: each in a pool of sound ones. */
import { verifyEndorsementFiles } from '@coppice/attestation';
import { issue, now, pinOf, revocationList } from '../../packages/attestation/test/certificates.ts';
import { bundleOf, root as intelRoot } from '../../packages/attestation/test/intel.ts';
import { credulous, x509 } from '../evidence.ts';
import type { Dialect, Target } from '../target.ts';

const root = issue({ commonName: 'ARK-Milan' });
const anchors = [
  { platform: 'sev-snp', spki: pinOf(root) },
  { platform: 'tdx', spki: pinOf(intelRoot) },
  { platform: 'sgx', spki: pinOf(intelRoot) },
];

/** The first is the one that is spoilt. */
function pool(name: string, dialect: Dialect, files: readonly Uint8Array[]): Target {
  return {
    name,
    dialect,
    seeds: () => files.slice(0, 1),
    run(input) {
      const verdict = verifyEndorsementFiles([input, ...files.slice(1)], {
        cryptography: credulous,
        x509,
        now,
        anchors,
        signatures: { left: 100 },
      });
      return verdict.ok ? undefined : `${verdict.error}: ${verdict.detail}`;
    },
  };
}

const { endorsements } = bundleOf('TDX');
const [document, , signer] = endorsements.map(({ bytes }) => bytes);
const list = revocationList(root, [1, 2]);

export const targets: readonly Target[] = [
  pool('endorsement-list', 'der', [list, root.certificate]),
  pool('endorsement-certificate', 'der', [root.certificate, list]),
  pool('endorsement-document', 'json', [document!, signer!, intelRoot.certificate]),
];
