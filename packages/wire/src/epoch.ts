/**
 * The epoch chain. spec/epochs.md.
 */
import { list, struct, type TypeOf } from './codec.ts';
import { commitCertificateCodec } from './certificate.ts';
import { configurationCodec } from './configuration.ts';
import { headerCodec } from './header.ts';

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
