/**
 * Evidence of a TPM: its registers, signed together with the report data by the attestation key that the launcher made.
 */
import {
  attestationKeySpki,
  encodeBundle,
  encodeTpmEvidence,
  publicKeyType,
  tpmEvidenceType,
} from '@coppice/attestation';
import type { Collector } from '../collector.ts';
import { CollectionError } from '../error.ts';
import { quote, readPublic } from './commands.ts';
import { TpmConnection } from './connection.ts';

export interface TpmSettings {
  readonly name: 'tpm2';
  /** Character device or Unix socket. */
  readonly tpm: string;
  /** Persistent handle of the attestation key. */
  readonly key: number;
  readonly registers: readonly number[];
}

export const tpmCollector =
  ({ key, registers, tpm: path }: TpmSettings): Collector =>
  async ({ launch, reportData }) => {
    const tpm = await TpmConnection.open(path);
    try {
      const spki = attestationKeySpki(await readPublic(tpm, key));
      if (!spki.ok) throw new CollectionError({ code: 'NO_EVIDENCE', from: path, reason: spki.reason });
      const quoted = await quote(tpm, key, registers, reportData);
      return encodeBundle({
        platform: 'tpm2',
        evidence: { mediaType: tpmEvidenceType, bytes: encodeTpmEvidence({ ...quoted, launch }) },
        endorsements: [{ mediaType: publicKeyType, bytes: spki.value }],
      });
    } finally {
      await tpm.close();
    }
  };
