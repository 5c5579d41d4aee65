/**
 * Other services that go on from the one that is to be recovered: there must not be two that live. spec/recovery.md, line 37.
 */
import { nodeCryptography } from '@coppice/cryptography';
import { readReceipt, verifyReceipt } from '@coppice/ledger';
import {
  decode,
  type Digest,
  type GenesisDocument,
  genesisDocumentCodec,
  sameBytes,
  serviceDigest,
  toHex,
} from '@coppice/wire';
import { type ServiceFolder, UserError } from '../service-folder.ts';
import type { Analysis } from './analysis.ts';

const digestOf = ({ genesis }: GenesisDocument): Digest => serviceDigest(nodeCryptography, genesis);

/** Throws where the folder is that of a successor, or a disk is of one, that the service which is recovered does not know of. */
export function objectToOthers({ adoption, given }: Analysis, folder: ServiceFolder | undefined): void {
  const services = adoption.source.documents.map(digestOf);
  const lost = toHex(adoption.service);
  if (folder?.founded === true) {
    const { predecessors = [], service } = folder.readService();
    if (predecessors.includes(lost))
      throw new UserError(
        `${folder.path} is the folder of a successor of ${lost} already: ${service}${headText(folder, lost)}. If that one is lost, too, recover it: --service ${service}. If nobody ever used it: --another`,
      );
    if (service !== lost && !services.some((one) => toHex(one) === service))
      throw new UserError(
        `${folder.path} is the folder of ${service}, another service that goes on from where ${lost} does. If nobody ever used it: --another`,
      );
  }
  for (const { disk, folder: place } of given) {
    const other = disk && divergence(services, disk.documents);
    if (other !== undefined)
      throw new UserError(
        `${place} is the disk of ${toHex(digestOf(other))}, another service that goes on from ${toHex(other.genesis.predecessor!.service)}, from its batch ${other.genesis.predecessor!.header.sequence}. Recover that one (--service), or leave its disks out of --from and give it up with --another`,
      );
  }
}

/** Throws where the folder is that of a service which has nothing in common with the one that is recovered, and whose place that would take. */
export function objectToUnrelated({ adoption }: Pick<Analysis, 'adoption'>, folder: ServiceFolder): void {
  if (!folder.founded) return;
  const { predecessors = [], service } = folder.readService();
  const lost = toHex(adoption.service);
  const services = [lost, ...adoption.source.documents.map((one) => toHex(digestOf(one)))];
  if (![service, ...predecessors].some((one) => services.includes(one)))
    throw new UserError(
      `${folder.path} is the folder of ${service}, which has nothing in common with ${lost}: --folder names another, or a new one`,
    );
}

/** The first document of a disk that goes on from a service of these, and is not the one that follows there. */
function divergence(services: readonly Digest[], documents: readonly GenesisDocument[]): GenesisDocument | undefined {
  const at = documents.findIndex((one, i) => i >= services.length || !sameBytes(digestOf(one), services[i]!));
  return at > 0 ? documents[at] : undefined;
}

function headText(folder: ServiceFolder, lost: string): string {
  const document = decode(genesisDocumentCodec, folder.read('genesis.bin'));
  const predecessor = document.ok ? document.value.genesis.predecessor : undefined;
  if (predecessor === undefined || toHex(predecessor.service) !== lost) return '';
  return `, which goes on from batch ${predecessor.header.sequence}`;
}

/** What a receipt of another service shows, if that goes on from one of these, and the disks know nothing of it. Line 15. */
export function forkShown(services: readonly Digest[], receipt: Uint8Array | string): string | undefined {
  const read = readReceipt(receipt);
  const genesis = read.ok ? read.value.genesis : undefined;
  const predecessor = genesis?.predecessor;
  if (genesis === undefined || predecessor === undefined) return undefined;
  const service = serviceDigest(nodeCryptography, genesis);
  if (!services.some((one) => sameBytes(one, predecessor.service))) return undefined;
  if (!verifyReceipt(nodeCryptography, receipt, { service }).ok) return undefined;
  return `it is of ${toHex(service)}, which goes on from batch ${predecessor.header.sequence} of ${toHex(predecessor.service)}, and of which these disks know nothing. A receipt does not show who signed that service: members know whether they did`;
}
