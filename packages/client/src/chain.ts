/**
 * Following the chain of epochs: from the service digest, which is all that a client trusts, to the seats of today; and from a
 * service that was lost to the one that its members founded in its place.
 */
import { type ChainVerifier } from '@coppice/ledger';
import {
  type Configuration,
  type Cryptography,
  type Digest,
  type EpochCertificate,
  type Genesis,
  type GenesisDocument,
  type Header,
  headerDigest,
  sameBytes,
  serviceDigest,
} from '@coppice/wire';
import { DoorConnection, DoorError } from './door-connection.ts';
import { type Ancestor, askAncestors, chainOf, objectionTo } from './lineage.ts';

/** Patience with an answer that may be long, and with whoever answers later than the first. */
const chainMs = 20_000;
const slowestMs = 500;

export class ServiceChain {
  readonly #cryptography: Cryptography;
  #document: GenesisDocument;
  #service: Digest;
  #verifier: ChainVerifier;
  #epochs: EpochCertificate[];
  /** The highest header that was seen certified: no succession goes on below it. */
  #seen: { readonly sequence: number; readonly digest: Digest } | undefined;
  /** Services that were given up, by digest, and that this chain went on from: the oldest first. */
  readonly #before: Digest[] = [];

  private constructor(cryptography: Cryptography, { document, epochs }: Ancestor) {
    this.#cryptography = cryptography;
    this.#document = document;
    this.#service = serviceDigest(cryptography, document.genesis);
    this.#verifier = chainOf(cryptography, document, epochs);
    this.#epochs = [...epochs];
  }

  /**
   * Begins at the genesis that any of these replicas shows, if it is that of the service or of one that provably succeeds it, and goes on to the
   * newest epoch that one of them proves. All are asked at once, since one may stand still or show the past; whoever is slow is not waited for.
   */
  static async begin(cryptography: Cryptography, service: Digest, addresses: readonly string[]): Promise<ServiceChain> {
    let chain: ServiceChain | undefined;
    await visitAll(addresses, async (connection) => {
      const { epochs, genesis } = await connection.ask({ kind: 'chain', from: 0 }, 'chain', chainMs);
      if (genesis === undefined) throw new DoorError('REFUSED', 'shows no genesis document');
      const shown = serviceDigest(cryptography, genesis.genesis);
      if (chain === undefined && !sameBytes(shown, service)) {
        const ancestors = await askAncestors(cryptography, connection, genesis, service);
        const [oldest] = ancestors;
        if (oldest === undefined || !sameBytes(serviceDigest(cryptography, oldest.document.genesis), service))
          throw new DoorError('REFUSED', 'its genesis document is not that of the service, or of one that succeeds it');
        chain ??= new ServiceChain(cryptography, oldest);
        chain.#goOn(ancestors, { document: genesis, epochs });
      }
      chain ??= new ServiceChain(cryptography, { document: genesis, epochs });
      await chain.meet(connection);
    });
    return chain!;
  }

  /** The service that is followed now. */
  get service(): Digest {
    return this.#service;
  }

  get document(): GenesisDocument {
    return this.#document;
  }

  get verifier(): ChainVerifier {
    return this.#verifier;
  }

  /** From the service's first epoch on, all verified. */
  get epochs(): readonly EpochCertificate[] {
    return this.#epochs;
  }

  get genesis(): Genesis {
    return this.#document.genesis;
  }

  /** The newest configuration that was proven. */
  get configuration(): Configuration {
    return this.#verifier.start(this.#verifier.epoch)!.configuration;
  }

  /** A certificate for this header was verified. */
  saw(header: Header): void {
    if (header.sequence <= (this.#seen?.sequence ?? 0)) return;
    this.#seen = { sequence: header.sequence, digest: headerDigest(this.#cryptography, header) };
  }

  /** Goes on to the service that these replicas run, if it succeeds the one that is followed. Throws DoorError where none does. */
  async succeed(addresses: readonly string[]): Promise<void> {
    await visitAll(addresses, (connection) => this.meet(connection));
  }

  /** Goes on to what this replica shows, be it of this service or of one that succeeds it. Throws DoorError. */
  async meet(connection: DoorConnection): Promise<void> {
    const { epochs, genesis } = await connection.ask({ kind: 'chain', from: 0 }, 'chain', chainMs);
    if (genesis === undefined) throw new DoorError('REFUSED', 'shows no genesis document');
    const shown = serviceDigest(this.#cryptography, genesis.genesis);
    if (!sameBytes(shown, this.#service)) {
      if (this.#before.some((one) => sameBytes(one, shown)))
        throw new DoorError('REFUSED', 'is of a service that was given up');
      const ancestors = await askAncestors(this.#cryptography, connection, genesis, this.#service);
      this.#goOn(ancestors, { document: genesis, epochs });
    }
    this.#take(epochs);
    await this.follow(connection);
  }

  /** Goes on to the newest epoch that this replica can prove. Throws DoorError where it shows a wrong one. */
  async follow(connection: DoorConnection, timeoutMs = chainMs): Promise<void> {
    for (;;) {
      const answer = await connection.ask({ kind: 'chain', from: this.#epochs.length }, 'chain', timeoutMs);
      this.#take(answer.epochs);
      // One that says there is more and shows nothing would keep the client for ever.
      if (!answer.more || answer.epochs.length === 0) return;
    }
  }

  #take(epochs: readonly EpochCertificate[]): void {
    for (const certificate of epochs) {
      if (certificate.header.epoch < this.#verifier.epoch) continue;
      const wrong = this.#verifier.extend(certificate);
      if (wrong !== undefined) throw new DoorError('REFUSED', `its chain of epochs does not hold: ${wrong}`);
      this.#epochs.push(certificate);
    }
  }

  /** From the service that is followed, which is one of these, on to the last. All or nothing. */
  #goOn(ancestors: readonly Ancestor[], last: Ancestor): void {
    const services = [...ancestors, last];
    const at = services.findIndex(({ document }) =>
      sameBytes(serviceDigest(this.#cryptography, document.genesis), this.#service),
    );
    // Meanwhile another replica has shown it.
    if (at === services.length - 1) return;
    if (at < 0) throw new DoorError('REFUSED', 'is of another service, which does not go on from this one');
    this.#take(services[at]!.epochs);
    let [verifier, document] = [this.#verifier, this.#document];
    const passed: Digest[] = [];
    for (const next of services.slice(at + 1)) {
      const objection = objectionTo(this.#cryptography, verifier, document, next.document, this.#seen);
      if (objection !== undefined) {
        const { kind, reason } = objection;
        throw new DoorError(kind === 'fork' ? 'FORK' : 'REFUSED', `its succession does not hold: ${reason}`);
      }
      passed.push(verifier.service);
      verifier = chainOf(this.#cryptography, next.document, next.epochs);
      document = next.document;
    }
    this.#before.push(...passed);
    this.#verifier = verifier;
    this.#document = document;
    this.#service = verifier.service;
    this.#epochs = [...last.epochs];
  }
}

/** Visits all at once. Resolves a while after the first that succeeds; throws where none does. */
async function visitAll(
  addresses: readonly string[],
  visit: (connection: DoorConnection) => Promise<void>,
): Promise<void> {
  const visits = addresses.map(async (address) => {
    try {
      const connection = await DoorConnection.open(address, undefined);
      await visit(connection).finally(() => connection.close());
    } catch (error) {
      const code = error instanceof DoorError ? error.code : 'UNREACHABLE';
      throw new DoorError(code, `${address}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  const all = Promise.allSettled(visits);
  try {
    await Promise.any(visits);
  } catch {
    const problems = (await all).map((one) => (one.status === 'rejected' ? (one.reason as DoorError) : undefined));
    const fork = problems.some((problem) => problem?.code === 'FORK');
    const told = problems.map((problem) => problem?.message).join('\n  ');
    throw new DoorError(fork ? 'FORK' : 'UNREACHABLE', `no replica shows the service's chain of epochs\n  ${told}`);
  }
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, slowestMs))]);
}
