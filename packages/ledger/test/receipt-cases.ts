/**
 * Receipts that are good, and receipts that are wrong in one way each, named by what was done to them.
 */
import {
  configurationDigest,
  encode,
  type Header,
  headerDigest,
  type Outcome,
  type SystemRequest,
  systemRequestDigest,
} from '@coppice/wire';
import {
  type EpochStart,
  type Receipt,
  receiptCodec,
  type ReceiptCheck,
  receiptVersion,
  TransactionsTree,
  writeSetDigest,
} from '@coppice/ledger';
import { bytesOf, outcomesOf, receiptOf, testCryptography as cryptography, testSigner, TestLog } from './fixtures.ts';

export interface ReceiptCase {
  readonly service: Uint8Array;
  readonly known?: EpochStart;
  readonly receipt: Uint8Array;
  /** `ok`, or the check that must fail. */
  readonly check: 'ok' | ReceiptCheck;
}

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));

/** A log of two epochs: batches 1 … 3, of which 3 closes epoch 0, then 4 … 6 in epoch 1, where slot 1 has another instance. */
export function receiptCases(): Record<string, ReceiptCase> {
  const log = new TestLog();
  const { service, launches: oldLaunches, configuration: oldConfiguration } = log;
  const payloads = ['one', 'two', 'three'].map((text) => bytesOf(text).subarray(0, 5));
  const bundles = [0, 1, 2, 3, 4, 5].map((batch) => log.bundle('client', 1 + 3 * batch, payloads));
  const outcomes = bundles.map((bundle) => outcomesOf(bundle, Uint8Array.of(1, 2, 3)));

  const h1 = log.header(outcomes[0]!);
  const h2 = log.header(outcomes[1]!);
  const c2 = log.commit(h2, {}, { slots: [1, 2, 3] });
  const ready: SystemRequest = {
    kind: 'ready',
    ready: {
      service,
      turn: 1,
      sequence: 2,
      headerDigest: headerDigest(cryptography, h2),
      signature: new Uint8Array(64),
    },
  };
  const readyOutcome = {
    request: systemRequestDigest(cryptography, ready),
    result: Uint8Array.of(1),
    salt: bytesOf('salt'),
    writeSet: Uint8Array.of(9),
  };
  const closing = log.close(log.nextConfiguration(1, 's1b', 1), ['s0', 's1b', 's2', 's3'], [readyOutcome]);
  const start: EpochStart = {
    configuration: log.configuration,
    sequence: closing.header.sequence,
    time: closing.header.time,
  };
  const h4 = log.header(outcomes[3]!);
  const h5 = log.header(outcomes[4]!);
  const h6 = log.header(outcomes[5]!);
  const c5 = log.commit(h5);
  const c6 = log.commit(h6, { view: 2, newView: bytesOf('new-view') });
  const pathTo = (header: Header, later: Header): Uint8Array[] =>
    log.tree.inclusionPath(header.sequence - 1, later.sequence - 1);

  const early = receiptOf(
    log,
    bundles[0]!,
    2,
    { header: h1, via: undefined, certificate: log.commit(h1, {}, { launches: oldLaunches }) },
    outcomes[0],
  );
  const direct = receiptOf(log, bundles[4]!, 1, { header: h5, via: undefined, certificate: c5 }, outcomes[4]);
  const via = receiptOf(
    log,
    bundles[3]!,
    0,
    { header: h4, via: { header: h6, path: pathTo(h4, h6) }, certificate: c6 },
    outcomes[3],
  );
  const across = receiptOf(
    log,
    bundles[1]!,
    2,
    { header: h2, via: { header: h6, path: pathTo(h2, h6) }, certificate: c6 },
    outcomes[1],
  );
  const system: Receipt = {
    ...early,
    header: closing.header,
    certificate: closing.certificate,
    transaction: {
      index: 0,
      request: { kind: 'system', request: ready },
      result: readyOutcome.result,
      writeSetDigest: writeSetDigest(cryptography, readyOutcome.salt, readyOutcome.writeSet),
      path: new TransactionsTree(cryptography, [readyOutcome]).path(0),
    },
  };
  // What the keys of epoch 0 could go on with, had they not been erased.
  const beyond = log.header(outcomes[5]!, {
    epoch: 0,
    configuration: configurationDigest(cryptography, oldConfiguration),
  });
  const byOldKeys = receiptOf(
    log,
    bundles[5]!,
    0,
    { header: beyond, via: undefined, certificate: log.commit(beyond, {}, { launches: oldLaunches }) },
    outcomes[5],
  );

  const h7 = log.header(outcomes[4]!, { protocolVersion: 2, code: { version: 3, script: bytesOf('script') } });
  const ofVersion2 = receiptOf(
    log,
    bundles[4]!,
    1,
    { header: h7, via: undefined, certificate: log.commit(h7) },
    outcomes[4],
  );

  // Batches 9 … 12, of the hash that version 4 brings; 10 closes epoch 1.
  log.protocol = 4;
  const renewed = bundles.map((bundle) => outcomesOf(bundle, Uint8Array.of(1, 2, 3), 4));
  const h9 = log.header(renewed[4]!);
  log.close(log.nextConfiguration());
  const h11 = log.header(renewed[3]!);
  const h12 = log.header(renewed[5]!);
  const c12 = log.commit(h12);
  const rehashed = receiptOf(
    log,
    bundles[4]!,
    1,
    { header: h9, via: undefined, certificate: log.commit(h9, { epoch: 1 }) },
    renewed[4],
  );
  const under = (header: Header, bundle: number, of: Outcome[]): Receipt =>
    receiptOf(
      log,
      bundles[bundle]!,
      1,
      { header, via: { header: h12, path: pathTo(header, h12) }, certificate: c12 },
      of,
    );
  const oldUnderNew = under(h4, 3, outcomes[3]!);
  const newUnderNew = under(h11, 3, renewed[3]!);
  const oldNamed = receiptOf(log, bundles[4]!, 1, rehashed, outcomes[4]);

  const bytes = (receipt: Receipt): Uint8Array => encode(receiptCodec, receipt);
  const good = (receipt: Receipt): ReceiptCase => ({ service, check: 'ok', receipt: bytes(receipt) });
  const bad = (check: ReceiptCheck, from: Receipt, changes: Partial<Receipt>): ReceiptCase => ({
    service,
    check,
    receipt: bytes({ ...from, ...changes }),
  });
  const badEpoch = (changes: Partial<Receipt['epochs'][number]>): ReceiptCase =>
    bad('epoch-chain', direct, { epochs: [{ ...closing, ...changes }] });
  const badReveals = (reveals: Receipt['certificate']['reveals']): ReceiptCase =>
    bad('certificate', direct, { certificate: { ...c5, reveals } });
  const badTransaction = (changes: Partial<Receipt['transaction']>): ReceiptCase =>
    bad('transaction', direct, { transaction: { ...direct.transaction, ...changes } });
  const request = direct.transaction.request as Extract<Receipt['transaction']['request'], { kind: 'client' }>;
  const viaH6 = via.via!;

  return {
    'valid-in-epoch-0': good(early),
    'valid-in-epoch-1': good(direct),
    'valid-of-protocol-2': good(ofVersion2),
    'valid-of-protocol-4': good(rehashed),
    'valid-of-the-hash-before-via-a-header-of-protocol-4': good(oldUnderNew),
    'valid-via-a-header-of-protocol-4': good(newUnderNew),
    'of-protocol-4-under-request-and-write-set-of-the-hash-before': bad('transaction', rehashed, {
      transaction: oldNamed.transaction,
    }),
    'of-the-hash-before-in-a-later-place': bad('path', under(h9, 4, renewed[4]!), {
      header: { ...h4, sequence: h9.sequence, time: h9.time },
    }),
    'of-the-hash-before-in-an-epoch-after-the-change': bad('header', newUnderNew, {
      header: { ...h4, sequence: h11.sequence, epoch: 2, time: h11.time },
    }),
    'another-place-of-the-change': bad('path', oldUnderNew, {
      via: { ...oldUnderNew.via!, header: { ...h12, rehashed: 7 } },
    }),
    'valid-via-a-later-header': good(via),
    'valid-via-a-later-epoch': good(across),
    'valid-system-request': good(system),
    'valid-closing-header-via-a-later-epoch': good({
      ...system,
      epochs: [closing],
      via: { header: h6, path: pathTo(closing.header, h6) },
      certificate: c6,
    }),
    'valid-from-a-known-epoch': { ...good({ ...direct, epochs: [] }), known: start },
    'valid-before-a-known-epoch': { ...good(early), known: start },
    'valid-closing-header-before-a-known-epoch': { ...good(system), known: start },

    truncated: { service, check: 'format', receipt: bytes(direct).subarray(0, -1) },
    'trailing-byte': { service, check: 'format', receipt: Uint8Array.of(...bytes(direct), 0) },
    'another-version': bad('format', direct, { version: receiptVersion + 1 }),
    'reveals-out-of-order': {
      service,
      check: 'format',
      receipt: exchange(bytes(direct), c5.reveals[1]!.nonce, c5.reveals[2]!.nonce),
    },
    'another-service': { service: flipped(service), check: 'genesis', receipt: bytes(direct) },
    'genesis-altered': bad('genesis', direct, { genesis: { ...direct.genesis, time: direct.genesis.time + 1 } }),

    'epoch-missing': bad('epoch-chain', direct, { epochs: [] }),
    'epoch-twice': bad('epoch-chain', direct, { epochs: [closing, closing] }),
    'epoch-header-altered': badEpoch({ header: { ...closing.header, time: closing.header.time + 1 } }),
    'epoch-certificate-one-short': badEpoch({
      certificate: { ...closing.certificate, reveals: closing.certificate.reveals.slice(1) },
    }),
    'epoch-next-seat-altered': badEpoch({
      next: { ...closing.next, seats: closing.next.seats.map((seat) => ({ ...seat, turn: 9 })) },
    }),
    'epoch-next-of-more-slots': badEpoch({ next: { ...closing.next, slots: 5 } }),
    'epoch-certified-by-another-batch': badEpoch({ certificate: c2 }),
    'epoch-unknown-to-the-verifier': {
      ...bad('epoch-chain', direct, { epochs: [] }),
      known: { ...start, configuration: { ...start.configuration, epoch: 2 } },
    },

    'header-of-another-service': bad('header', direct, { header: { ...h5, service: flipped(service) } }),
    'header-of-another-protocol': bad('certificate', direct, {
      header: { ...h5, protocolVersion: 2, code: { version: 1, script: service } },
    }),
    'header-of-a-later-epoch': bad('header', direct, { header: { ...h5, epoch: 2 } }),
    'header-before-its-epoch': bad('header', direct, { header: { ...h5, sequence: 3 } }),
    'header-after-its-epoch': bad('header', via, {
      header: { ...h4, epoch: 0, configuration: configurationDigest(cryptography, oldConfiguration) },
    }),
    'header-dated-before-its-epoch': bad('header', direct, { header: { ...h5, time: start.time - 1 } }),
    'header-dated-after-its-epoch': bad('header', across, { header: { ...h2, time: h6.time } }),
    'header-in-place-of-the-closing-one': bad('header', across, { header: { ...closing.header, transactions: 2 } }),
    'header-that-closes-in-mid-epoch': bad('header', across, {
      header: { ...h2, configuration: closing.header.configuration },
    }),
    'header-of-another-version-of-the-service': bad('certificate', ofVersion2, {
      header: { ...h7, code: { ...h7.code!, version: 4 } },
    }),
    'header-without-its-code': bad('certificate', ofVersion2, {
      header: { ...h7, protocolVersion: 1, code: undefined },
    }),
    'header-altered': bad('certificate', direct, { header: { ...h5, proposer: 1 } }),

    'via-an-earlier-header': bad('path', via, { header: h6, via: { header: h4, path: [] } }),
    'via-path-altered': bad('path', via, { via: { ...viaH6, path: viaH6.path.map(flipped) } }),
    'via-path-truncated': bad('path', via, { via: { ...viaH6, path: viaH6.path.slice(1) } }),
    'via-an-altered-header': bad('certificate', via, { via: { ...viaH6, header: { ...h6, proposer: 2 } } }),
    'via-for-a-header-that-lost': bad('path', across, { header: { ...h2, time: h2.time + 1 } }),

    'certificate-of-another-header': bad('certificate', direct, {
      certificate: { ...c5, subject: { ...c5.subject, headerDigest: bytesOf('x') } },
    }),
    'certificate-of-another-place': bad('certificate', direct, { certificate: log.commit(h5, { sequence: 4 }) }),
    'certificate-of-another-batch': bad('certificate', direct, { certificate: c6 }),
    'certificate-one-short': badReveals(c5.reveals.slice(1)),
    'certificate-one-too-many': badReveals(log.commit(h5, {}, { slots: [0, 1, 2, 3] }).reveals),
    'certificate-nonce-altered': badReveals(c5.reveals.map((reveal) => ({ ...reveal, nonce: flipped(reveal.nonce) }))),
    'certificate-of-two-views': badReveals([
      ...c5.reveals.slice(0, 2),
      ...log.commit(h5, { view: 1 }, { slots: [3] }).reveals,
    ]),
    'certificate-by-an-evicted-instance': badReveals(log.commit(h5, {}, { launches: oldLaunches }).reveals),
    'certificate-by-one-voter-thrice': badReveals([0, 1, 2].map((slot) => ({ ...c5.reveals[0]!, slot }))),

    'known-epoch-began-otherwise': { ...bad('known', direct, {}), known: { ...start, sequence: 2 } },
    'keys-of-an-epoch-that-is-known-to-have-ended': { ...bad('known', byOldKeys, {}), known: start },

    'result-altered': badTransaction({ result: Uint8Array.of(1) }),
    'request-number-altered': badTransaction({ request: { ...request, number: request.number + 1 } }),
    'request-target-altered': badTransaction({
      request: { ...request, operation: { ...request.operation, target: 'governance' } },
    }),
    'another-client': badTransaction({ request: { ...request, client: testSigner('other').publicKey } }),
    'write-set-altered': badTransaction({ writeSetDigest: bytesOf('x') }),
    'index-altered': badTransaction({ index: 0 }),
    'index-beyond-the-batch': badTransaction({ index: 3 }),
    'path-truncated': badTransaction({ path: direct.transaction.path.slice(1) }),
    'path-too-long': badTransaction({ path: [...direct.transaction.path, bytesOf('x')] }),
    'transaction-of-another-batch': badTransaction(via.transaction),
  };
}

/** Exchanges two neighbouring reveals, found by their nonces: slot (2 bytes), nonce (32), signature (64). */
function exchange(receipt: Uint8Array, first: Uint8Array, second: Uint8Array): Uint8Array {
  const [a, b] = [first, second].map((nonce) => Buffer.from(receipt).indexOf(nonce) - 2) as [number, number];
  const exchanged = receipt.slice();
  exchanged.set(receipt.subarray(a, a + 98), b);
  exchanged.set(receipt.subarray(b, b + 98), a);
  return exchanged;
}
