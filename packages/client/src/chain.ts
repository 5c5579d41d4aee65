/**
 * Following the chain of epochs: from the service digest, which is all that a client trusts, to the seats of today.
 */
import { ChainVerifier } from '@coppice/ledger';
import type { Configuration, Cryptography, Digest, EpochCertificate, Genesis, GenesisDocument } from '@coppice/wire';
import { DoorConnection, DoorError } from './door-connection.ts';

/** Patience with an answer that may be long, and with whoever answers later than the first. */
const chainMs = 20_000;
const slowestMs = 500;

export class ServiceChain {
  readonly service: Digest;
  readonly document: GenesisDocument;
  readonly verifier: ChainVerifier;
  /** From epoch 0 on, all verified. */
  readonly epochs: EpochCertificate[] = [];

  private constructor(service: Digest, document: GenesisDocument, verifier: ChainVerifier) {
    this.service = service;
    this.document = document;
    this.verifier = verifier;
  }

  /**
   * Begins at the genesis that any of these replicas shows, if it is that of the service, and goes on to the newest epoch that one of them
   * proves. All are asked at once, since one may stand still or show the past; whoever is slow is not waited for.
   */
  static async begin(cryptography: Cryptography, service: Digest, addresses: readonly string[]): Promise<ServiceChain> {
    let chain: ServiceChain | undefined;
    const visits = addresses.map(async (address) => {
      try {
        const connection = await DoorConnection.open(address, undefined);
        try {
          chain ??= await ServiceChain.#found(cryptography, service, connection);
          await chain.follow(connection);
        } finally {
          connection.close();
        }
      } catch (error) {
        throw new Error(`${address}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    });
    const all = Promise.allSettled(visits);
    try {
      await Promise.any(visits);
    } catch {
      const problems = (await all).map((visit) => (visit.status === 'rejected' ? (visit.reason as Error).message : ''));
      throw new DoorError('UNREACHABLE', `no replica shows the service's chain of epochs\n  ${problems.join('\n  ')}`);
    }
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, slowestMs))]);
    return chain!;
  }

  static async #found(cryptography: Cryptography, service: Digest, connection: DoorConnection): Promise<ServiceChain> {
    const answer = await connection.ask({ kind: 'chain', from: 0 }, 'chain', chainMs);
    if (answer.genesis === undefined) throw new DoorError('REFUSED', 'shows no genesis document');
    const verifier = ChainVerifier.fromGenesis(cryptography, service, answer.genesis.genesis);
    if (!verifier.ok)
      throw new DoorError('REFUSED', `its genesis document is not that of the service: ${verifier.reason}`);
    const chain = new ServiceChain(service, answer.genesis, verifier.value);
    chain.#take(answer.epochs);
    return chain;
  }

  get genesis(): Genesis {
    return this.document.genesis;
  }

  /** The newest configuration that was proven. */
  get configuration(): Configuration {
    return this.verifier.start(this.verifier.epoch)!.configuration;
  }

  /** Goes on to the newest epoch that this replica can prove. Throws DoorError where it shows a wrong one. */
  async follow(connection: DoorConnection, timeoutMs = chainMs): Promise<void> {
    for (;;) {
      const answer = await connection.ask({ kind: 'chain', from: this.epochs.length }, 'chain', timeoutMs);
      this.#take(answer.epochs);
      // One that says there is more and shows nothing would keep the client for ever.
      if (!answer.more || answer.epochs.length === 0) return;
    }
  }

  #take(epochs: readonly EpochCertificate[]): void {
    for (const certificate of epochs) {
      if (certificate.header.epoch < this.verifier.epoch) continue;
      const wrong = this.verifier.extend(certificate);
      if (wrong !== undefined) throw new DoorError('REFUSED', `its chain of epochs does not hold: ${wrong}`);
      this.epochs.push(certificate);
    }
  }
}
