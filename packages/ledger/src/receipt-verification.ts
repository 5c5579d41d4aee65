/**
 * Verifying a receipt: a pure function of its bytes and of what the verifier trusts, which names the first check that
 * fails. spec/ledger.md, "Receipts".
 */
import {
  configurationCodec,
  configurationNamed,
  type Cryptography,
  decode,
  type Decoded,
  type Digest,
  encode,
  type Header,
  requestDigest,
  resultDigest,
  sameBytes,
  type Seat,
  seatOf,
  systemRequestDigest,
  transactionLeaf,
} from '@coppice/wire';
import { type ChainFailure, ChainVerifier, type EpochStart } from './chain.ts';
import { receiptFromJson } from './receipt-json.ts';
import { type Receipt, receiptCodec, type ProvenTransaction } from './receipt.ts';
import { includesTransaction } from './transactions.ts';

/** What the verifier brings. */
export interface ReceiptTrust {
  /** The service digest, from a source that the verifier trusts. */
  readonly service: Digest;
  /** An epoch that was verified before: {@link ReceiptFacts.start} of an earlier receipt. */
  readonly known?: EpochStart;
}

/** What a verified receipt shows. */
export interface ReceiptFacts {
  /** The header of the transaction's batch: sequence number, agreed time, epoch. */
  readonly header: Header;
  readonly index: number;
  readonly request: ProvenTransaction['request'];
  readonly result: Uint8Array;
  /** The instances whose votes and nonces certify it: their releases, variants and platforms. */
  readonly signers: readonly Seat[];
  /** Where the signers' epoch began: enough to verify later receipts without the chain up to there. */
  readonly start: EpochStart;
}

export type ReceiptCheck = 'format' | 'genesis' | 'epoch-chain' | 'known' | 'transaction' | ChainFailure['check'];

export type ReceiptVerdict =
  | { readonly ok: true; readonly facts: ReceiptFacts }
  | { readonly ok: false; readonly check: ReceiptCheck; readonly reason: string };

/** A receipt from its bytes, from the text of its JSON form, or from that form once parsed. */
export function readReceipt(receipt: Uint8Array | string | object): Decoded<Receipt> {
  return receipt instanceof Uint8Array ? decode(receiptCodec, receipt) : receiptFromJson(receipt);
}

/**
 * Whether a receipt proves what it says, to someone who knows the service digest: the facts, or the first check that
 * fails. Total: takes anything; costs at most one certificate an epoch.
 */
export function verifyReceipt(
  cryptography: Cryptography,
  receipt: Uint8Array | string | object,
  { service, known }: ReceiptTrust,
): ReceiptVerdict {
  const read = readReceipt(receipt);
  if (!read.ok) return { ok: false, check: 'format', reason: read.reason };
  const { genesis, epochs, header, via, certificate, transaction } = read.value;

  const founded = ChainVerifier.fromGenesis(cryptography, service, genesis);
  if (!founded.ok) return { ok: false, check: 'genesis', reason: founded.reason };

  const epoch = certificate.subject.epoch;
  const first = epoch - epochs.length;
  let chain = founded.value;
  if (first !== genesis.configuration.epoch) {
    if (known?.configuration.epoch !== first) {
      return {
        ok: false,
        check: 'epoch-chain',
        reason: `begins with epoch ${first}, which the verifier does not know`,
      };
    }
    chain = new ChainVerifier(cryptography, service, known, genesis);
  }
  for (const next of epochs) {
    const reason = chain.extend(next);
    if (reason !== undefined) return { ok: false, check: 'epoch-chain', reason: `epoch ${chain.epoch}: ${reason}` };
  }
  const failure = chain.verifyCertified(header, via, certificate);
  if (failure !== undefined) return { ok: false, ...failure };
  if (known !== undefined && contradicts(cryptography, chain, via?.header ?? header, known)) {
    return { ok: false, check: 'known', reason: `epoch ${known.configuration.epoch} began otherwise` };
  }
  if (!bindsTransaction(cryptography, header, transaction)) {
    return { ok: false, check: 'transaction', reason: 'not under the transactions root of the header' };
  }

  const start = chain.start(epoch)!;
  const signers = certificate.reveals.map((reveal) => seatOf(start.configuration, reveal.slot)!);
  const { index, request, result } = transaction;
  return { ok: true, facts: { header, index, request, result, signers, start } };
}

/** Whether `header` has this transaction, with this request and this result, at its index. */
export function bindsTransaction(cryptography: Cryptography, header: Header, transaction: ProvenTransaction): boolean {
  const { index, request, result, path } = transaction;
  const hash = cryptography.of(header.protocolVersion);
  const name =
    request.kind === 'client'
      ? requestDigest(hash, request.client, request.number, request.operation)
      : systemRequestDigest(hash, request.request);
  const leaf = transactionLeaf(name, resultDigest(hash, result), transaction.writeSetDigest);
  return includesTransaction(cryptography, header, leaf, index, path);
}

/**
 * Whether a certified header cannot be of the history in which the known epoch began: its chain passes there otherwise,
 * or it stands in an earlier epoch where that one had ended. The latter is what keys of an old epoch can still sign.
 */
function contradicts(cryptography: Cryptography, chain: ChainVerifier, certified: Header, known: EpochStart): boolean {
  const start = chain.start(known.configuration.epoch);
  if (start !== undefined) {
    const { configuration, sequence } = start;
    const [ours, theirs] = [configuration, known.configuration].map((one) => encode(configurationCodec, one));
    return sequence !== known.sequence || !sameBytes(ours!, theirs!);
  }
  if (certified.sequence < known.sequence) return false;
  const named = configurationNamed(cryptography, certified, known.configuration);
  return certified.sequence > known.sequence || !sameBytes(certified.configuration, named);
}
