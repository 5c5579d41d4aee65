/**
 * CPU time of verifying one bundle of evidence, of each platform of hardware. The bundles are real ones, and no part of
 * this repository: `COPPICE_VECTORS` names their folder.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { verifyBundle } from '@coppice/attestation';
import { recognise } from '@coppice/cli';
import { nodeCryptography, nodeX509Cryptography } from '@coppice/cryptography';
import type { Options } from './options.ts';
import { aligned, round } from './report.ts';
import { spreadOf } from './statistics.ts';

/** Evidence first, then its endorsements; and a time at which all of it is valid. */
const bundles: readonly (readonly [at: string, files: readonly string[]])[] = [
  [
    '2026-02-06T01:04:33Z',
    ['sev-snp/milan-aci-v3/report.bin', 'sev-snp/milan-aci-v3/vcek.pem', 'sev-snp/roots/ask_ark_milan.pem'],
  ],
  [
    '2026-02-06T01:04:33Z',
    ['sev-snp/turin-v5/report.bin', 'sev-snp/turin-v5/vcek.pem', 'sev-snp/roots/ask_ark_turin_vcek.pem'],
  ],
  ['2025-09-26T00:00:00Z', ['sev-snp/scitt-css-attested/css-attested-20250925.cose']],
  ['2025-06-19T10:33:27Z', ['tdx/phala-v4/quote.bin', 'tdx/phala-v4/collateral.json']],
  ['2026-02-18T10:43:15Z', ['tdx/google-v5/quote.bin', 'tdx/google-v5/collateral.derived.json']],
  ['2025-06-19T10:57:11Z', ['sgx/phala-v3/quote.bin', 'sgx/phala-v3/collateral.json']],
  ['2022-10-13T08:58:02Z', ['nitro/evervault-valid/doc.bin']],
  ['2026-03-19T00:00:00Z', ['azure-vtpm/snp/evidence-v2.json', 'sev-snp/roots/ask_ark_milan.pem']],
  ['2026-03-19T00:00:00Z', ['tpm/trustee/tpm_evidence.json']],
];

const folder = join(
  process.env['COPPICE_VECTORS'] ?? resolve(import.meta.dirname, '../../shared/vectors'),
  'attestation',
);
/** Bundles that are verified between two readings of the clock. */
const runs = 20;
/** What one verification may take: joins are judged by every replica, one after the other. */
const budgetMs = 10;

interface Cost {
  readonly platform: string;
  readonly evidence: string;
  /** The first one in this process: keys are not imported yet. */
  readonly firstMs: number;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly overBudget: boolean;
}

/** Whether the evidence to measure with is there. */
export function measureEvidence(options: Options, say: (line: string) => void): boolean {
  const absent = bundles.flatMap(([, files]) => files).filter((file) => !existsSync(join(folder, file)));
  if (absent.length > 0) {
    say(`${absent.length} files of real evidence are missing, such as ${join(folder, absent[0]!)}.`);
    say('They are no part of this repository: COPPICE_VECTORS names the folder in which attestation/ has them.');
    return false;
  }
  const costs = bundles.map(([at, files]) => costOf(Date.parse(at), files, options.rounds));
  say(
    aligned([
      ['platform', 'first', 'then', 'min … max', '', 'evidence'],
      ...costs.map(({ platform, evidence, firstMs, medianMs, minMs, maxMs, overBudget }) => [
        platform,
        `${round(firstMs, 1)} ms`,
        `${round(medianMs, 2)} ms`,
        `${round(minMs, 2)} … ${round(maxMs, 2)}`,
        overBudget ? `OVER ${budgetMs} ms` : '',
        evidence,
      ]),
    ]),
  );
  if (options.json) process.stdout.write(`${JSON.stringify({ budgetMs, results: costs })}\n`);
  return true;
}

function costOf(now: number, files: readonly string[], rounds: number): Cost {
  const [evidence, ...endorsements] = files.map((name) => ({
    name,
    bytes: new Uint8Array(readFileSync(join(folder, name))),
  }));
  const found = recognise(evidence!, endorsements);
  if (!found.ok) throw new Error(found.detail);
  const [bundle] = found.bundles;
  const verify = (times: number): number => {
    const before = process.cpuUsage();
    for (let i = 0; i < times; i++) {
      const result = verifyBundle(bundle!, { cryptography: nodeCryptography, x509: nodeX509Cryptography, now });
      if (!result.ok) throw new Error(`${evidence!.name}: ${result.error}: ${result.detail}`);
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / times;
  };
  const firstMs = verify(1);
  const { median, min, max } = spreadOf(Array.from({ length: rounds }, () => verify(runs)));
  return {
    platform: bundle!.platform,
    evidence: evidence!.name,
    firstMs,
    medianMs: median,
    minMs: min,
    maxMs: max,
    overBudget: median > budgetMs,
  };
}
