/**
 * What trees and receipts cost: `node packages/ledger/test/ledger.bench.ts`. CPU time, the best of three.
 */
import { encode } from '@coppice/wire';
import {
  bindsTransaction,
  ChainVerifier,
  MerkleTree,
  receiptCodec,
  TransactionsTree,
  verifyReceipt,
} from '@coppice/ledger';
import { bytesOf, outcomesOf, receiptOf, testCryptography as cryptography, TestLog } from './fixtures.ts';

function measure(name: string, times: number, work: () => void): void {
  let best = Infinity;
  for (let run = 0; run < 3; run++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / times);
  }
  console.log(`${name}: ${best.toFixed(1)} µs`);
}

const leaf = bytesOf('leaf');
measure('append to the ledger tree, with the root', 50_000, () => {
  const tree = new MerkleTree(cryptography);
  for (let i = 0; i < 50_000; i++) {
    tree.append(leaf);
    tree.root();
    if (i % 1000 === 999) tree.trim(i - 500);
  }
});

const log = new TestLog();
const payloads = Array.from({ length: 500 }, (_, i) => new Uint8Array(128).fill(i));
const bundle = log.bundle('client', 1, payloads);
const outcomes = outcomesOf(bundle, new Uint8Array(150));
measure('transactions tree of a batch of 500 with all paths, a transaction', 10 * 500, () => {
  for (let i = 0; i < 10; i++) {
    const tree = new TransactionsTree(cryptography, outcomes);
    for (let index = 0; index < 500; index++) tree.path(index);
  }
});

const header = log.header(outcomes);
const certificate = log.commit(header);
const receipts = outcomes.map((_, i) => receiptOf(log, bundle, i, { header, via: undefined, certificate }, outcomes));
measure('a receipt of a batch of 500, with a chain at hand', 500, () => {
  const chain = ChainVerifier.fromGenesis(cryptography, log.service, log.genesis);
  if (!chain.ok) throw new Error(chain.reason);
  for (const receipt of receipts) {
    const failure = chain.value.verifyCertified(receipt.header, receipt.via, receipt.certificate);
    if (failure !== undefined || !bindsTransaction(cryptography, receipt.header, receipt.transaction))
      throw new Error('refused');
  }
});

const bytes = encode(receiptCodec, receipts[7]!);
measure(`a whole receipt of ${bytes.length} bytes`, 100, () => {
  for (let i = 0; i < 100; i++) verifyReceipt(cryptography, bytes, { service: log.service });
});
