/** Receipts in both forms, records, fault proofs, inclusion proofs: what anyone may hand to a verifier. spec/ledger.md. */
import { nodeCryptography } from '@coppice/cryptography';
import {
  decodeRecord,
  encodeRecord,
  MerkleTree,
  publicRecordCodec,
  readReceipt,
  receiptCodec,
  receiptToJson,
  verifyConsistency,
  verifyInclusion,
  verifyReceipt,
} from '@coppice/ledger';
import { decode, encode, merkleLeaf, sameBytes } from '@coppice/wire';
import { receiptCases } from '../../packages/ledger/test/receipt-cases.ts';
import { bytesOfText, codecTarget, must, type Target, textOfBytes } from '../target.ts';

const cases = Object.values(receiptCases());
const { service } = cases[0]!;

const readable = cases.flatMap(({ receipt }) => {
  const read = readReceipt(receipt);
  return read.ok ? [read.value] : [];
});

/** What is read is written back to the same; what is verified costs nothing but time. */
const receipt: Target = {
  ...codecTarget('receipt', receiptCodec),
  weight: 2,
  seeds: () => cases.map((one) => one.receipt),
  run(input) {
    const verdict = verifyReceipt(nodeCryptography, input, { service });
    const read = readReceipt(input);
    if (!read.ok) return read.reason;
    must(sameBytes(encode(receiptCodec, read.value), input), 'what is read is written to the same bytes');
    const again = readReceipt(JSON.stringify(receiptToJson(read.value)));
    must(again.ok && sameBytes(encode(receiptCodec, again.value), input), 'both forms are one format');
    return verdict.ok ? undefined : `${verdict.check}: ${verdict.reason}`;
  },
};

const receiptJson: Target = {
  name: 'receipt-json',
  dialect: 'json',
  weight: 2,
  seeds: () => readable.map((value) => bytesOfText(JSON.stringify(receiptToJson(value)))),
  run(input) {
    const text = textOfBytes(input);
    const verdict = verifyReceipt(nodeCryptography, text, { service });
    const read = readReceipt(text);
    if (!read.ok) return read.reason;
    const again = readReceipt(encode(receiptCodec, read.value));
    must(again.ok, 'both forms are one format');
    return verdict.ok ? undefined : `${verdict.check}: ${verdict.reason}`;
  },
};

/** First byte: the type under which storage keeps it. */
const record: Target = {
  name: 'ledger-record',
  dialect: 'bytes',
  weight: 2,
  seeds: () =>
    readable.flatMap(({ certificate, epochs, header }) =>
      [
        encodeRecord({ kind: 'commit', certificate }),
        encodeRecord({ kind: 'batch', header, batch: new Uint8Array(9), outcomes: [] }),
        ...epochs.map((epoch) => encodeRecord({ kind: 'epoch', certificate: epoch })),
      ].map(({ type, payload }) => Uint8Array.of(type, ...payload)),
    ),
  run(input) {
    const decoded = decodeRecord(input[0] ?? 0, input.subarray(1));
    if (!decoded.ok) return decoded.reason;
    must(
      sameBytes(encodeRecord(decoded.value).payload, input.subarray(1)),
      'what is decoded is encoded to the same bytes',
    );
    return undefined;
  },
};

/** The path of a leaf, or that from an earlier tree, as the target below takes it. */
function merkleSeed(index: number, size: number, earlier?: number): Uint8Array {
  const tree = new MerkleTree(nodeCryptography);
  let before = new Uint8Array(32);
  for (let i = 0; i < size; i++) {
    if (i === earlier) before = new Uint8Array(tree.root());
    tree.append(new Uint8Array(32).fill(i));
  }
  const numbers = new DataView(new ArrayBuffer(24));
  numbers.setFloat64(0, earlier ?? index);
  numbers.setFloat64(8, size);
  const first = earlier === undefined ? merkleLeaf(nodeCryptography, new Uint8Array(32).fill(index)) : before;
  const path = earlier === undefined ? tree.inclusionPath(index, size) : tree.consistencyPath(earlier, size);
  return new Uint8Array(Buffer.concat([new Uint8Array(numbers.buffer), tree.root(), first, ...path]));
}

/** Sizes and index in the first bytes, then nodes. */
const merkleProof: Target = {
  name: 'merkle-proof',
  dialect: 'bytes',
  seeds: () => [merkleSeed(7, 11), merkleSeed(0, 1), merkleSeed(4, 64), merkleSeed(3, 11, 6)],
  run(input) {
    const at = (offset: number): number => {
      const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
      return offset + 8 <= input.length ? view.getFloat64(offset) : offset;
    };
    const nodes = Array.from({ length: Math.floor(Math.max(0, input.length - 24) / 32) }, (_, i) =>
      input.subarray(24 + 32 * i, 56 + 32 * i),
    );
    const [root = new Uint8Array(32), leaf = root, ...path] = nodes;
    const included = verifyInclusion(nodeCryptography, leaf, at(0), at(8), path, root);
    const consistent = verifyConsistency(nodeCryptography, at(0), at(8), leaf, root, path);
    return included || consistent ? undefined : 'not proven';
  },
};

export const targets: readonly Target[] = [
  receipt,
  receiptJson,
  record,
  merkleProof,
  codecTarget('public-record', publicRecordCodec),
];

// A receipt that cannot even be read would make all of this vacuous.
must(readable.length > 0 && decode(receiptCodec, cases[0]!.receipt).ok, 'there are receipts to begin with');
