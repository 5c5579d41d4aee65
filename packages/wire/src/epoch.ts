/**
 * The epoch chain. spec/epochs.md.
 */
import { encode, list, struct, type TypeOf } from './codec.ts';
import { commitCertificateCodec } from './certificate.ts';
import { configurationCodec } from './configuration.ts';
import { headerCodec } from './header.ts';
import { limits } from './limits.ts';

/** A quorum of one epoch certifies its last header, and by it the configuration of the next. */
export const epochCertificateCodec = struct({
  /** The closing header. */
  header: headerCodec,
  certificate: commitCertificateCodec,
  /** The configuration that the closing header names. */
  next: configurationCodec,
});

export type EpochCertificate = TypeOf<typeof epochCertificateCodec>;

export const epochCertificatesCodec = list(epochCertificateCodec, 1 << 16);

/** Of one message. */
const pageMax = { certificates: 2 * limits.epochKeys, bytes: limits.messageBytes / 2 };

/** As many of these, from the first on, as one message carries: at least one, if there is one. */
export function epochPage(certificates: readonly EpochCertificate[]): readonly EpochCertificate[] {
  let bytes = 0;
  let count = 0;
  for (const certificate of certificates.slice(0, pageMax.certificates)) {
    bytes += encode(epochCertificateCodec, certificate).length;
    if (count > 0 && bytes > pageMax.bytes) break;
    count++;
  }
  return certificates.slice(0, count);
}
