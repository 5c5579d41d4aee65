/**
 * The services before a service: where one was lost, its members founded another that goes on with its log.
 * spec/recovery.md, lines 40-51.
 *
 * A client that knows only an old service digest comes to the present by proof alone: of each succession, that a quorum of the
 * old service prepared the head from which it goes on, and that enough of the old service's members signed it.
 */
import { constitutionProven, successionObjection } from '@coppice/governance';
import { ChainVerifier, headObjection } from '@coppice/ledger';
import {
  type Cryptography,
  decode,
  type Digest,
  encode,
  type EpochCertificate,
  epochCertificatesCodec,
  type GenesisDocument,
  genesisDocumentCodec,
  list,
  sameBytes,
  serviceDigest,
  struct,
  u8,
} from '@coppice/wire';
import { DoorConnection, DoorError } from './door-connection.ts';

/** A service that ended: its genesis, and its chain of epochs. */
export interface Ancestor {
  readonly document: GenesisDocument;
  readonly epochs: readonly EpochCertificate[];
}

/** Successions that a client goes back over. */
const ancestorsMax = 1024;
const askMs = 20_000;

/**
 * What this replica shows of the services that `document` goes on from, back to `oldest` or to the first, the oldest first. Their
 * digests are right, and what else they say is not verified.
 */
export async function askAncestors(
  cryptography: Cryptography,
  connection: DoorConnection,
  document: GenesisDocument,
  oldest?: Digest,
): Promise<Ancestor[]> {
  const ancestors: Ancestor[] = [];
  let { predecessor } = document.genesis;
  while (predecessor !== undefined) {
    const { service } = predecessor;
    if (ancestors.length === ancestorsMax) throw new DoorError('REFUSED', 'shows too many services before it');
    const epochs: EpochCertificate[] = [];
    let shown: GenesisDocument | undefined;
    for (let more = true; more;) {
      const answer = await connection.ask({ kind: 'ancestor', service, from: epochs.length }, 'chain', askMs);
      shown ??= answer.genesis;
      epochs.push(...answer.epochs);
      more = answer.more && answer.epochs.length > 0;
    }
    if (shown === undefined || !sameBytes(serviceDigest(cryptography, shown.genesis), service))
      throw new DoorError('REFUSED', 'shows another genesis than that of the service it goes on from');
    ancestors.unshift({ document: shown, epochs });
    if (oldest !== undefined && sameBytes(service, oldest)) break;
    ({ predecessor } = shown.genesis);
  }
  return ancestors;
}

/** The same, verified, from the first of these addresses that shows it. Throws DoorError. */
export async function findAncestors(
  cryptography: Cryptography,
  document: GenesisDocument,
  addresses: readonly string[],
): Promise<Ancestor[]> {
  if (document.genesis.predecessor === undefined) return [];
  const problems: string[] = [];
  for (const address of addresses) {
    try {
      const connection = await DoorConnection.open(address, undefined);
      const ancestors = await askAncestors(cryptography, connection, document).finally(() => connection.close());
      for (const [i, { document: before, epochs }] of ancestors.entries()) {
        const chain = chainOf(cryptography, before, epochs);
        const objection = objectionTo(cryptography, chain, before, ancestors[i + 1]?.document ?? document);
        if (objection !== undefined) throw new DoorError('REFUSED', objection.reason);
      }
      return ancestors;
    } catch (error) {
      problems.push(`${address}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new DoorError('UNREACHABLE', `no replica shows the services before it\n  ${problems.join('\n  ')}`);
}

/** Services of one lineage, as a file: anyone can follow it, offline. */
const lineageCodec = struct({
  version: u8,
  services: list(struct({ document: genesisDocumentCodec, epochs: epochCertificatesCodec }), ancestorsMax + 1),
});
const lineageVersion = 1;

export function encodeLineage(services: readonly Ancestor[]): Uint8Array {
  return encode(lineageCodec, { version: lineageVersion, services: [...services] }, 1 << 16);
}

/** The services in these bytes, of which nothing is verified; `undefined` where they hold none. */
export function decodeLineage(content: Uint8Array): readonly Ancestor[] | undefined {
  const decoded = decode(lineageCodec, content);
  return decoded.ok && decoded.value.version === lineageVersion ? decoded.value.services : undefined;
}

/** All that this replica shows of its own service, and of those that it goes on from. Not verified. */
export async function askLineage(cryptography: Cryptography, connection: DoorConnection): Promise<Ancestor[]> {
  const epochs: EpochCertificate[] = [];
  let document: GenesisDocument | undefined;
  for (let more = true; more;) {
    const answer = await connection.ask({ kind: 'chain', from: epochs.length }, 'chain', askMs);
    document ??= answer.genesis;
    epochs.push(...answer.epochs);
    more = answer.more && answer.epochs.length > 0;
  }
  if (document === undefined) throw new DoorError('REFUSED', 'shows no genesis document');
  return [...(await askAncestors(cryptography, connection, document)), { document, epochs }];
}

export type Followed =
  | { readonly ok: true; readonly successor: Digest }
  | { readonly ok: false; readonly kind: 'invalid' | 'fork'; readonly reason: string };

/**
 * Where the members of `service` and of those that succeeded it have gone on, to somebody who trusts that digest alone and may have seen a header certified.
 * Lines 50-51.
 */
export function followLineage(
  cryptography: Cryptography,
  services: readonly Ancestor[],
  service: Digest,
  seen?: Parameters<typeof headObjection>[3],
): Followed {
  const begin = services.findIndex(({ document }) => sameBytes(serviceDigest(cryptography, document.genesis), service));
  if (begin < 0) return { ok: false, kind: 'invalid', reason: 'it does not begin with that service' };
  try {
    let before = services[begin]!;
    let chain = chainOf(cryptography, before.document, before.epochs);
    for (const next of services.slice(begin + 1)) {
      const objection = objectionTo(cryptography, chain, before.document, next.document, seen);
      if (objection !== undefined) return { ok: false, ...objection };
      chain = chainOf(cryptography, next.document, next.epochs);
      before = next;
    }
    return { ok: true, successor: chain.service };
  } catch (error) {
    if (error instanceof DoorError) return { ok: false, kind: 'invalid', reason: error.message };
    throw error;
  }
}

/** The verifier of a service's epochs. Throws DoorError where they are not a chain. */
export function chainOf(
  cryptography: Cryptography,
  { genesis }: GenesisDocument,
  epochs: readonly EpochCertificate[],
): ChainVerifier {
  const chain = ChainVerifier.fromGenesis(cryptography, serviceDigest(cryptography, genesis), genesis);
  if (!chain.ok) throw new DoorError('REFUSED', `its genesis does not hold: ${chain.reason}`);
  for (const epoch of epochs) {
    const wrong = chain.value.extend(epoch);
    if (wrong !== undefined) throw new DoorError('REFUSED', `its chain of epochs does not hold: ${wrong}`);
  }
  return chain.value;
}

/** Why `document` does not go on from the service of `chain`, whose genesis is `before`. Lines 50-51. */
export function objectionTo(
  cryptography: Cryptography,
  chain: ChainVerifier,
  before: GenesisDocument,
  document: GenesisDocument,
  seen?: Parameters<typeof headObjection>[3],
): ReturnType<typeof headObjection> {
  const objection = headObjection(cryptography, chain, document, seen);
  if (objection !== undefined) return objection;
  const inForce = constitutionProven(cryptography, before, (epoch) => chain.start(epoch)?.configuration, document);
  const reason = typeof inForce === 'string' ? inForce : successionObjection(cryptography, document, inForce);
  return reason === undefined ? undefined : { kind: 'invalid', reason };
}
