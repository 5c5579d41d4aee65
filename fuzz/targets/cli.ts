/** Files that a user hands to `coppice evidence verify`, whose kind their content says. */
import { statSync } from 'node:fs';
import { poolOf, recognise } from '../../packages/cli/src/evidence/recognise.ts';
import { showPool } from '../../packages/cli/src/evidence/show-pool.ts';
import { issue, revocationList } from '../../packages/attestation/test/certificates.ts';
import { evidenceOf } from '../../packages/attestation/test/fixtures.ts';
import { bundleOf } from '../../packages/attestation/test/intel.ts';
import { report } from '../../packages/attestation/test/sev-snp/reports.ts';
import { casesOf, pathOf, read } from '../../packages/attestation/test/vectors.ts';
import { dialectOf } from '../evidence.ts';
import { bytesOfText, type Dialect, type Target } from '../target.ts';

const root = issue({ commonName: 'Root' });
const { evidence: quote, endorsements } = bundleOf('TDX');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const made: readonly Uint8Array[] = [
  evidenceOf(),
  report(),
  quote.bytes,
  bytesOfText(hex(quote.bytes)),
  bytesOfText(JSON.stringify({ outblob: base64(report()), auxblob: '' })),
  root.certificate,
  revocationList(root, [1]),
  ...endorsements.map(({ bytes }) => bytes),
];
const platforms = ['sev-snp', 'tdx', 'sgx', 'nitro', 'tpm2', 'azure-snp', 'azure-tdx'];
const real = [
  ...new Set(platforms.flatMap((platform) => casesOf(platform).flatMap(({ files }) => Object.values(files)))),
]
  .filter((file) => statSync(pathOf(file)).size < 64 * 1024)
  .map((file) => read(file).bytes);

/** As evidence, and as an endorsement of a quote. */
function target(dialect: Dialect): Target {
  return {
    name: `evidence-file-${dialect}`,
    dialect,
    seeds: () => [...made, ...real].filter((bytes) => dialectOf(bytes) === dialect),
    run(input) {
      const file = { name: 'file', bytes: input };
      const alone = recognise(file, []);
      const beside = recognise({ name: 'quote', bytes: quote.bytes }, [file]);
      const pool = poolOf(file);
      if (pool !== undefined) showPool(pool);
      if (alone.ok || beside.ok) return undefined;
      return `${alone.reason}, ${beside.reason}`;
    },
  };
}

export const targets: readonly Target[] = (['bytes', 'json', 'der', 'cbor'] as const).map(target);
