/**
 * Batches of the services before this one, for whoever asks again for what was executed there: the record is in the log that was
 * inherited, and the certificate is the first of this service, which every earlier header leads to. spec/recovery.md, line 53.
 */
import { decodeRecord, type LedgerRecord, type MerkleTree } from '@coppice/ledger';
import type { CommittedBatch } from '@coppice/protocol';
import type { LedgerReader } from '@coppice/storage';
import type { Cryptography, Header } from '@coppice/wire';
import { Frontiers } from './frontiers.ts';
import type { FilledGap } from './history.ts';
import { committedBatch } from './recall.ts';

/** Headers whose places in the tree are kept: what is asked for again was executed shortly before the end. */
const headersKept = 65_536;

interface Certified {
  readonly header: Header;
  readonly certificate: Extract<LedgerRecord, { kind: 'commit' }>['certificate'];
  /** Of all headers before it. */
  readonly tree: MerkleTree;
}

export class InheritedBatches {
  readonly #cryptography: Cryptography;
  readonly #tree: MerkleTree;
  readonly #live: LedgerReader;
  #certified: Certified | undefined;
  /** All that is inherited, as what is filled in elsewhere. */
  readonly gap: FilledGap;

  /** @param inherited the tree of all its headers, and what reads it */
  constructor(
    cryptography: Cryptography,
    { reader, tree }: { readonly reader: LedgerReader; readonly tree: MerkleTree },
    live: LedgerReader,
  ) {
    this.#cryptography = cryptography;
    this.#tree = tree.clone();
    this.#tree.trim(Math.max(tree.trimmed, tree.size - headersKept));
    this.#live = live;
    this.gap = { from: 1, to: tree.size, reader, frontiers: new Frontiers() };
  }

  /** The batch at an inherited place; `undefined` where nothing of this service is committed yet, or it is long past. */
  at(sequence: number): CommittedBatch | undefined {
    if (sequence <= this.#tree.trimmed || sequence > this.#tree.size) return undefined;
    const certified = (this.#certified ??= this.#first());
    if (certified === undefined) return undefined;
    let batch: Extract<LedgerRecord, { kind: 'batch' }> | undefined;
    for (const { type, payload } of this.gap.reader.read(sequence)) {
      const record = decodeRecord(type, payload.slice());
      // Of several, the last is the one that was adopted.
      if (record.ok && record.value.kind === 'batch') batch = record.value;
    }
    const { certificate, header, tree } = certified;
    const path = tree.inclusionPath(sequence - 1, tree.size);
    return batch && committedBatch(this.#cryptography, batch, header, certificate, path);
  }

  /** The first certificate of this service, and the tree below its header. */
  #first(): Certified | undefined {
    const headers = new Map<number, Header>();
    for (const { type, payload } of this.#live.readFrom(this.#tree.size + 1)) {
      const record = decodeRecord(type, payload.slice());
      if (!record.ok) return undefined;
      if (record.value.kind === 'batch') headers.set(record.value.header.sequence, record.value.header);
      if (record.value.kind !== 'commit') continue;
      const { certificate } = record.value;
      const { sequence } = certificate.subject;
      const tree = this.#tree.clone();
      for (let i = tree.size + 1; i < sequence; i++) {
        const between = headers.get(i);
        if (between === undefined) return undefined;
        tree.appendHeader(between);
      }
      const header = headers.get(sequence);
      return header && { header, certificate, tree };
    }
    return undefined;
  }
}
