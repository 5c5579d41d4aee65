/**
 * What whoever is behind begins with, unasked.
 */
import type { MessageOf, Replica } from '@coppice/protocol';

/** The newest stable checkpoint of this replica, with the chain of epochs up to it. */
export function snapshotOf({
  stableCertificate: certificate,
  stableHeader: header,
  stableFrontier,
  epochs,
}: Replica): MessageOf<'snapshot'> | undefined {
  if (certificate === undefined || header === undefined || stableFrontier === undefined) return undefined;
  const { size, peaks, recent } = stableFrontier;
  const chain = epochs.slice(0, certificate.epoch);
  return { kind: 'snapshot', epochs: chain, certificate, header, frontier: { size, peaks }, recent };
}
