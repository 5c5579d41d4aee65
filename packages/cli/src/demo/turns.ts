/**
 * Turns as they happen, seen through the replicas' status, and afterwards as the ledger has them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppraisedClaim } from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import {
  decodeRecord,
  MerkleTree,
  type Receipt,
  receiptVersion,
  TransactionsTree,
  verifyReceipt,
  writeSetDigest,
} from '@coppice/ledger';
import { type NodeStatus, readSealedFolder } from '@coppice/node';
import type { AuditReport } from '@coppice/audit';
import {
  batchCodec,
  type CommitCertificate,
  decode,
  decodeResult,
  type EpochCertificate,
  type Genesis,
  type Header,
  type Outcome,
  toHex,
} from '@coppice/wire';
import { auditorKeys } from '../service-folder.ts';
import { receiptText } from '../commands/verify.ts';

/** When a turn was under way, by this machine's clock. */
export interface TurnWindow {
  readonly turn: number;
  readonly slot: number;
  readonly reason: string;
  readonly from: number;
  to: number | undefined;
}

export class TurnWatch {
  readonly windows: TurnWindow[] = [];
  step = '';

  observe(status: NodeStatus, describe: (turn: NonNullable<NodeStatus['turn']>) => string): void {
    const now = Date.now();
    const { turn } = status;
    const current = this.windows.at(-1);
    if (current !== undefined && current.to === undefined && current.turn !== turn?.turn) current.to = now;
    if (turn !== null && current?.turn !== turn.turn) {
      this.windows.push({ turn: turn.turn, slot: turn.slot, reason: turn.reason, from: now, to: undefined });
    }
    this.step = turn === null ? '' : `turn ${turn.turn} for slot ${turn.slot}: ${describe(turn)}`;
  }

  /** Whether a turn was under way at this time. */
  during(at: number): boolean {
    return this.windows.some((window) => window.from <= at && at <= (window.to ?? Number.POSITIVE_INFINITY));
  }

  /** Milliseconds of [from, to] in which a turn was under way. */
  overlap(from: number, to: number): number {
    return this.windows.reduce(
      (sum, window) => sum + Math.max(0, Math.min(to, window.to ?? to) - Math.max(from, window.from)),
      0,
    );
  }
}

export interface SeatedTurn {
  readonly turn: number;
  readonly slot: number;
  readonly instance: string;
  readonly epoch: number;
  /** The variant that sat in the slot until then; `undefined`: the slot was vacant. */
  readonly before: string | undefined;
  /** And the one that was seated. */
  readonly variant: string | undefined;
  /** Milliseconds of agreed time that each step took. */
  readonly steps: {
    readonly challengeMs: number;
    readonly launchMs: number;
    readonly catchUpMs: number;
    readonly seatMs: number;
  };
  readonly totalMs: number;
  /** Slots whose votes admitted it: each appraised its evidence. */
  readonly signers: readonly number[];
  /** As each of them found in its evidence. */
  readonly platform: string | undefined;
  /** The file with the certificate. */
  readonly cleanStart: string;
  readonly cleanStartValid: boolean;
}

interface Recorded {
  readonly header: Header;
  readonly batch: Uint8Array;
  readonly outcomes: readonly Outcome[];
}

/** The turns of an audited ledger, with the clean-start certificate of each written to `outFolder`. */
export async function seatedTurns(
  dataFolder: string,
  outFolder: string,
  { genesis, service }: { readonly genesis: Genesis; readonly service: Uint8Array },
  report: AuditReport,
  opened: ReadonlyMap<number, number>,
): Promise<SeatedTurn[]> {
  const log = await CommittedLog.read(dataFolder, report.head?.sequence ?? 0);
  const seated = new Map<number, string | undefined>(
    genesis.configuration.seats.map(({ slot, variant }) => [slot, variant]),
  );
  return report.turns.map((turn) => {
    const openedTime = opened.get(turn.turn) ?? log.time(turn.challengedAt);
    const receipt = log.joinReceipt(genesis, turn.turn, turn.joinedAt);
    const file = join(outFolder, `clean-start-turn-${turn.turn}.json`);
    if (receipt !== undefined) writeFileSync(file, receiptText(receipt));
    const [before, variant] = [seated.get(turn.slot), receipt && variantIn(receipt)];
    seated.set(turn.slot, variant);
    return {
      turn: turn.turn,
      slot: turn.slot,
      instance: toHex(turn.instance),
      epoch: turn.epoch,
      before,
      variant,
      steps: {
        challengeMs: log.time(turn.challengedAt) - openedTime,
        launchMs: log.time(turn.joinedAt) - log.time(turn.challengedAt),
        catchUpMs: log.time(turn.readyAt) - log.time(turn.joinedAt),
        seatMs: log.time(turn.seatedAt) - log.time(turn.readyAt),
      },
      totalMs: log.time(turn.seatedAt) - openedTime,
      signers: receipt?.certificate.reveals.map((reveal) => reveal.slot) ?? [],
      platform: receipt && platformIn(receipt),
      cleanStart: file,
      cleanStartValid: receipt !== undefined && verifyReceipt(nodeCryptography, receiptText(receipt), { service }).ok,
    };
  });
}

/** The variant that a join was launched as: its evidence is bound to it. */
function variantIn({ transaction: { request } }: Receipt): string | undefined {
  return request.kind === 'system' && request.request.kind === 'join' ? request.request.join.variant : undefined;
}

/** The platform of a join's evidence, by the claims with which a quorum admitted it. */
function platformIn({ transaction }: Receipt): string | undefined {
  const result = decodeResult(transaction.result);
  if (!result.ok || !result.value.ok) return undefined;
  const { claims } = result.value.value as unknown as { readonly claims: readonly AppraisedClaim[] };
  return claims.find(({ claim }) => claim === 'platform')?.actual;
}

/** What the receipts of joins are made of, read from a ledger that an audit found to hold. */
class CommittedLog {
  /** By sequence number; the last record at one is what was committed. */
  readonly #headers: Header[] = [];
  readonly #joins = new Map<number, Recorded>();
  readonly #commits = new Map<number, CommitCertificate>();
  readonly #epochs: EpochCertificate[] = [];

  static async read(dataFolder: string, head: number): Promise<CommittedLog> {
    const log = new CommittedLog();
    for await (const item of readSealedFolder(dataFolder, auditorKeys(dataFolder)))
      if (item.kind === 'record' && item.record.sequence <= head) log.#add(item.record);
    return log;
  }

  #add({ payload, type }: { readonly payload: Uint8Array; readonly type: number }): void {
    const record = decodeRecord(type, payload.slice());
    if (!record.ok) return;
    if (record.value.kind === 'batch') {
      const { batch, header } = record.value;
      this.#headers[header.sequence] = header;
      const decoded = decode(batchCodec, batch);
      const joins =
        decoded.ok && decoded.value.items.some((one) => one.kind === 'system' && one.request.kind === 'join');
      if (joins) this.#joins.set(header.sequence, record.value);
    } else if (record.value.kind === 'commit')
      this.#commits.set(record.value.certificate.subject.sequence, record.value.certificate);
    else if (record.value.kind === 'epoch')
      this.#epochs[record.value.certificate.header.epoch] = record.value.certificate;
  }

  time(sequence: number): number {
    return this.#headers[sequence]?.time ?? 0;
  }

  /** The receipt of a join: a quorum's word that each of them appraised its evidence and accepted it. */
  joinReceipt(genesis: Genesis, turn: number, sequence: number): Receipt | undefined {
    const recorded = this.#joins.get(sequence);
    const certified = this.#certifiedFrom(sequence);
    if (recorded === undefined || certified === undefined) return undefined;
    const { batch, header, outcomes } = recorded;
    const decoded = decode(batchCodec, batch);
    if (!decoded.ok) return undefined;
    let index = 0;
    for (const item of decoded.value.items) {
      if (item.kind === 'system' && item.request.kind === 'join' && item.request.join.turn === turn) {
        const outcome = outcomes[index]!;
        const request = { kind: 'system' as const, request: item.request };
        const { result, salt, writeSet } = outcome;
        const hash = nodeCryptography.of(header.protocolVersion);
        const path = new TransactionsTree(hash, outcomes).path(index);
        return {
          version: receiptVersion,
          genesis,
          epochs: this.#epochs.slice(0, header.epoch),
          header,
          via: this.#via(header, certified),
          certificate: certified,
          transaction: {
            index,
            request,
            result,
            writeSetDigest: writeSetDigest(hash, salt, writeSet),
            path,
          },
        };
      }
      index += item.kind === 'bundle' ? item.bundle.operations.length : 1;
    }
    return undefined;
  }

  /** The certificate that committed this batch: its own, or that of the next header that has one. */
  #certifiedFrom(sequence: number): CommitCertificate | undefined {
    for (let i = sequence; i < this.#headers.length; i++) {
      const certificate = this.#commits.get(i);
      if (certificate !== undefined) return certificate;
    }
    return undefined;
  }

  #via(header: Header, { subject }: CommitCertificate): Receipt['via'] {
    if (subject.sequence === header.sequence) return undefined;
    const tree = new MerkleTree(nodeCryptography);
    for (const earlier of this.#headers.slice(1, subject.sequence)) tree.appendHeader(earlier);
    return { header: this.#headers[subject.sequence]!, path: tree.inclusionPath(header.sequence - 1, tree.size) };
  }
}
