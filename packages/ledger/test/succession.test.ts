import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChainVerifier, headObjection, inheritedTree } from '@coppice/ledger';
import { decode, encode, type GenesisDocument, genesisDocumentCodec, headerDigest, serviceDigest } from '@coppice/wire';
import { bytesOf, seatNamed, testCryptography as cryptography, TestLog } from './fixtures.ts';

/** A service of `batches` batches, and the document of one that goes on from its batch `head`. */
function lost(batches = 80, head = batches, rehashed = batches): { log: TestLog; document: GenesisDocument } {
  const log = new TestLog();
  const headers = Array.from({ length: batches }, (_, i) => {
    log.protocol = i < rehashed ? 3 : 4;
    return log.header([]);
  });
  const header = headers[head - 1]!;
  const size = Math.max(0, head - 64);
  const predecessor = {
    service: log.service,
    header,
    certificate: log.prepare(header),
    ledgerRoot: log.tree.root(head),
    stateDigest: bytesOf('state'),
  };
  const seats = ['n0', 'n1', 'n2', 'n3'].map((name, slot) => seatNamed(name, slot, 1));
  const genesis = {
    constitution: bytesOf('constitution'),
    joinsRoot: bytesOf('joins'),
    time: header.time + 1000,
    configuration: { epoch: 1, slots: 4, seats },
    predecessor,
  };
  const recent = Array.from({ length: head - size }, (_, i) => log.tree.leaf(size + i)!);
  const inheritance = { peaks: log.tree.frontier(size), recent, standing: undefined };
  return { log, document: { genesis, constitution: bytesOf('constitution'), joins: [], signatures: [], inheritance } };
}

function chainOf({ genesis, service }: TestLog): ChainVerifier {
  const chain = ChainVerifier.fromGenesis(cryptography, service, genesis);
  assert.ok(chain.ok);
  return chain.value;
}

describe('a successor', () => {
  it('has one byte form, with its predecessor', () => {
    const { document } = lost();
    const bytes = encode(genesisDocumentCodec, document);
    const decoded = decode(genesisDocumentCodec, bytes);
    assert.ok(decoded.ok);
    assert.deepEqual(encode(genesisDocumentCodec, decoded.value), bytes);
    assert.equal(decoded.value.genesis.predecessor?.header.sequence, 80);
    const without = { ...document, genesis: { ...document.genesis, predecessor: undefined } };
    assert.throws(() => encode(genesisDocumentCodec, without), RangeError);
  });

  it('goes on from a head that a quorum prepared, on the same tree', () => {
    for (const [batches, head] of [
      [1, 1],
      [64, 64],
      [80, 80],
      [80, 71],
    ] as const) {
      const { log, document } = lost(batches, head);
      assert.equal(headObjection(cryptography, chainOf(log), document), undefined);
      const tree = inheritedTree(cryptography, document);
      assert.ok(typeof tree !== 'string');
      assert.deepEqual(tree.root(), log.tree.root(head));
    }
  });

  it('goes on from a log whose hash changed, wherever it did', () => {
    for (const rehashed of [0, 5, 16, 40, 79, 80]) {
      const { log, document } = lost(80, 80, rehashed);
      assert.equal(headObjection(cryptography, chainOf(log), document), undefined);
      const tree = inheritedTree(cryptography, document);
      assert.ok(typeof tree !== 'string', `${rehashed}`);
      log.protocol = 4;
      const next = log.header([]);
      assert.deepEqual([next.rehashed, tree.rehashed], [rehashed, rehashed]);
      tree.append(headerDigest(cryptography, next), next.rehashed);
      assert.deepEqual(tree.root(), log.tree.root());
    }
  });

  it('cannot make up what it goes on from', () => {
    const { log, document } = lost();
    const { genesis, inheritance } = document;
    const { predecessor } = genesis;
    assert.ok(predecessor && inheritance);
    const votes = predecessor.certificate.votes.slice(1);
    const earlier = lost(80, 79).document.genesis.predecessor!;
    const altered = (changes: Partial<typeof predecessor>) => ({
      ...document,
      genesis: { ...genesis, predecessor: { ...predecessor, ...changes } },
    });
    const cases: [GenesisDocument, RegExp][] = [
      [altered({ certificate: { ...predecessor.certificate, votes } }), /no quorum prepared/],
      [altered({ certificate: earlier.certificate }), /no quorum prepared/],
      [altered({ service: bytesOf('other') }), /another service/],
      [altered({ ledgerRoot: log.tree.root(79) }), /another root/],
      [altered({ header: { ...predecessor.header, time: predecessor.header.time - 1 } }), /last header is another/],
      [{ ...document, genesis: { ...genesis, time: predecessor.header.time - 1 } }, /dated before/],
      [{ ...document, inheritance: { ...inheritance, recent: inheritance.recent.slice(1) } }, /another size/],
      [{ ...document, inheritance: { ...inheritance, peaks: [] } }, /another size/],
    ];
    for (const [changed, reason] of cases) {
      const objection = headObjection(cryptography, chainOf(log), changed);
      assert.equal(objection?.kind, 'invalid');
      assert.match(objection.reason, reason);
    }
  });

  it('is a fork to whoever saw more, or something else', () => {
    const { log, document } = lost(80, 70);
    const chain = chainOf(log);
    const seen = (sequence: number, digest = log.tree.leaf(sequence - 1)!) =>
      headObjection(cryptography, chain, document, { sequence, digest });
    assert.equal(seen(70), undefined);
    assert.equal(seen(12), undefined);
    assert.deepEqual(seen(71), { kind: 'fork', reason: 'it goes on from batch 70, and batch 71 was committed' });
    assert.match(seen(69, bytesOf('another'))!.reason, /another batch 69/);

    // An epoch that the head is not in, or does not end.
    assert.equal(chain.extend(log.close(log.nextConfiguration())), undefined);
    assert.match(headObjection(cryptography, chain, document)!.reason, /epoch 1 has begun/);
  });

  it('proves batches of its predecessor by its own certificates, and only where they are', () => {
    const { log, document } = lost(80);
    const service = serviceDigest(cryptography, document.genesis);
    const chain = ChainVerifier.fromGenesis(cryptography, service, document.genesis);
    assert.ok(chain.ok);
    const next = new TestLog(['n0', 'n1', 'n2', 'n3'], document.genesis);
    next.configuration = document.genesis.configuration;
    assert.deepEqual(next.service, service);
    for (let i = 0; i < 80; i++) next.tree.append(log.tree.leaf(i)!);
    const later = next.header([]);
    assert.equal(later.sequence, 81);
    const certificate = next.commit(later);
    assert.equal(chain.value.verifyCertified(later, undefined, certificate), undefined);

    const old = document.genesis.predecessor!.header;
    const via = { header: later, path: log.tree.inclusionPath(79, 80) };
    assert.equal(chain.value.verifyCertified(old, via, certificate), undefined);
    assert.equal(chain.value.verifyCertified({ ...old, time: old.time - 1 }, via, certificate)?.check, 'path');
    assert.equal(chain.value.verifyCertified(old, undefined, log.commit(old))?.check, 'certificate');
    // Above what was inherited, only what was signed for this service.
    const foreign = { ...later, service: log.service };
    assert.equal(chain.value.verifyCertified(foreign, undefined, certificate)?.check, 'header');
    assert.notDeepEqual(headerDigest(cryptography, foreign), headerDigest(cryptography, later));
  });
});
