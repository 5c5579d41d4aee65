/**
 * The public part of a ledger: what anyone may have, and check with the service digest alone. spec/confidentiality.md, lines 30-34.
 *
 * Headers and certificates in full, and of the transactions those of instances and what others wrote to public maps, each with its path. The rest
 * are hashes in these paths: of leaves whose write set's digest is salted, so that nobody can try guesses on them.
 */
import {
  bytes,
  commitCertificateCodec,
  type Configuration,
  type Cryptography,
  digest,
  type Digest,
  epochCertificateCodec,
  type GenesisDocument,
  genesisDocumentCodec,
  type Header,
  headerCodec,
  headerDigest,
  limits,
  list,
  resultDigest,
  sameBytes,
  serviceDigest,
  struct,
  systemRequestCodec,
  systemRequestDigest,
  transactionLeaf,
  type TypeOf,
  u32,
  union,
} from '@coppice/wire';
import { ChainVerifier } from './chain.ts';
import { MerkleTree } from './merkle-tree.ts';
import { headObjection } from './succession.ts';
import { includesTransaction, publicWriteSetDigest } from './transactions.ts';

export const publicRecordCodec = union({
  genesis: struct({ document: genesisDocumentCodec }),
  batch: struct({
    header: headerCodec,
    /** Its transactions of instances. */
    system: list(
      struct({
        index: u32,
        request: systemRequestCodec,
        result: bytes(limits.resultBytes),
        writeSetDigest: digest,
        path: list(digest, limits.pathNodes),
      }),
      limits.itemsPerBatch,
    ),
    /** Of transactions that wrote to public maps, what they wrote there; of the rest of them, digests. */
    written: list(
      struct({
        index: u32,
        request: digest,
        result: digest,
        /** An encoded write set. */
        writes: bytes(limits.writeSetBytes),
        rest: digest,
        path: list(digest, limits.pathNodes),
      }),
      1 << 20,
    ),
  }),
  /** Commits a batch, and all before it. */
  commit: struct({ certificate: commitCertificateCodec }),
  epoch: struct({ certificate: epochCertificateCodec }),
});

export type PublicRecord = TypeOf<typeof publicRecordCodec>;

/** Checks the records of a public part, one after the other. Believes none; whatever it said no to, it has not taken. */
export class PublicLogVerifier {
  readonly #cryptography: Cryptography;
  readonly #tree: MerkleTree;
  #chain: ChainVerifier | undefined;
  /** Headers that no certificate has committed so far. */
  #waiting: Header[] = [];
  #committed: Header | undefined;
  /** Transactions that were shown, of all. */
  readonly shown = { system: 0, written: 0, transactions: 0 };

  constructor(cryptography: Cryptography) {
    this.#cryptography = cryptography;
    this.#tree = new MerkleTree(cryptography);
  }

  /** The last header that is certified. */
  get committed(): Header | undefined {
    return this.#committed;
  }

  /** Headers above it. */
  get uncertified(): number {
    return this.#waiting.length;
  }

  get epoch(): number {
    return this.#chain?.epoch ?? 0;
  }

  /** Begins: a document of this service, whose members' signatures are the caller's to check. */
  begin(service: Digest, { genesis }: GenesisDocument): string | undefined {
    if (this.#chain !== undefined) return 'a second genesis';
    if (genesis.predecessor !== undefined) return 'what it goes on from is not there';
    const chain = ChainVerifier.fromGenesis(this.#cryptography, service, genesis);
    if (!chain.ok) return chain.reason;
    this.#chain = chain.value;
    return undefined;
  }

  /** Goes on in a service that succeeds the present one, from where the log is. Whether its members founded it so is the caller's to check. */
  succeed(document: GenesisDocument): string | undefined {
    const [chain, committed] = [this.#chain, this.#committed];
    if (chain === undefined) return 'it does not begin with genesis';
    const seen = committed && { sequence: committed.sequence, digest: this.#digestOf(committed) };
    const objection = headObjection(this.#cryptography, chain, document, seen);
    if (objection !== undefined) return objection.reason;
    const { header, ledgerRoot } = document.genesis.predecessor!;
    if (this.#tree.size !== header.sequence || !sameBytes(this.#tree.root(), ledgerRoot))
      return 'it goes on from another log';
    const service = serviceDigest(this.#cryptography, document.genesis);
    const next = ChainVerifier.fromGenesis(this.#cryptography, service, document.genesis);
    if (!next.ok) return next.reason;
    this.#chain = next.value;
    this.#waiting = [];
    this.#committed = header;
    this.#tree.trim(header.sequence);
    return undefined;
  }

  /** Who sat in an epoch of the present service. */
  configurationOf(epoch: number): Configuration | undefined {
    return this.#chain?.start(epoch)?.configuration;
  }

  /** What is wrong with the next record, if anything is. */
  add(record: Exclude<PublicRecord, { kind: 'genesis' }>): string | undefined {
    if (this.#chain === undefined) return 'it does not begin with genesis';
    switch (record.kind) {
      case 'batch':
        return this.#batch(record);
      case 'commit':
        return this.#commit(this.#chain, record.certificate);
      case 'epoch': {
        const { header } = record.certificate;
        const last = this.#committed;
        const closing = last !== undefined && sameBytes(this.#digestOf(last), this.#digestOf(header));
        return closing ? this.#chain.extend(record.certificate) : 'an epoch that ends elsewhere than where the log is';
      }
    }
  }

  #digestOf(header: Header): Digest {
    return headerDigest(this.#cryptography, header);
  }

  #batch({ header, system, written }: Extract<PublicRecord, { kind: 'batch' }>): string | undefined {
    const { size } = this.#tree;
    if (header.sequence !== size + 1) return `batch ${header.sequence} follows ${size}`;
    if (!sameBytes(header.previousRoot, this.#tree.root()))
      return 'its previous root is not that of the headers before it';
    const hash = this.#cryptography.of(header.protocolVersion);
    for (const { index, path, request, result, writeSetDigest } of system) {
      const leaf = transactionLeaf(systemRequestDigest(hash, request), resultDigest(hash, result), writeSetDigest);
      if (!includesTransaction(this.#cryptography, header, leaf, index, path))
        return `its header does not name transaction ${index}`;
    }
    for (const { index, path, request, rest, result, writes } of written) {
      const leaf = transactionLeaf(request, result, publicWriteSetDigest(hash, writes, rest));
      if (!includesTransaction(this.#cryptography, header, leaf, index, path))
        return `its header does not name what transaction ${index} wrote`;
    }
    this.#tree.append(this.#digestOf(header), header.rehashed);
    this.#waiting.push(header);
    this.shown.system += system.length;
    this.shown.written += written.length;
    this.shown.transactions += header.transactions;
    return undefined;
  }

  #commit(chain: ChainVerifier, certificate: TypeOf<typeof commitCertificateCodec>): string | undefined {
    const at = this.#waiting.findIndex(({ sequence }) => sequence === certificate.subject.sequence);
    const header = this.#waiting[at];
    if (header === undefined) return `commits batch ${certificate.subject.sequence}, which does not wait`;
    const failure = chain.verifyCertified(header, undefined, certificate);
    if (failure !== undefined) return `${failure.check}: ${failure.reason}`;
    this.#waiting = this.#waiting.slice(at + 1);
    this.#committed = header;
    this.#tree.trim(header.sequence);
    return undefined;
  }
}
