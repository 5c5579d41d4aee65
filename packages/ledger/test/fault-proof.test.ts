import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FaultProof, type Header, headerDigest, type Subject, type Vote } from '@coppice/wire';
import { verifyFaultProof } from '@coppice/ledger';
import { bytesOf, testCryptography, TestLog } from './fixtures.ts';

const slot = 2;

function voteOf(log: TestLog, subject: Subject): Vote {
  const { nonce: _, ...vote } = log.vote(slot, subject);
  return vote;
}

function proofOf(log: TestLog, first: Vote, second: Vote, fork?: FaultProof['fork']): FaultProof {
  return { slot, instance: log.configuration.seats[slot]!.instance, first, second, fork };
}

function verdict(log: TestLog, proof: FaultProof): string | undefined {
  return verifyFaultProof(testCryptography, log.service, log.configuration, proof);
}

/** Batches 1 … 3, and another batch 1 with a batch 3 above it. */
function forkedLog(): {
  log: TestLog;
  chain: Header[];
  other: Header;
  otherPath: Uint8Array[];
  samePath: Uint8Array[];
} {
  const log = new TestLog();
  const chain = [log.header([]), log.header([]), log.header([])];
  const samePath = log.tree.inclusionPath(0, 2);
  log.tree.rollback(0);
  log.header([], { time: 5000 });
  log.header([], { time: 5001 });
  const other = log.header([], { time: 5002 });
  return { log, chain, other, otherPath: log.tree.inclusionPath(0, 2), samePath };
}

describe('fault proofs', () => {
  const { log, chain, other, otherPath, samePath } = forkedLog();
  const [h1, , h3] = chain as [Header, Header, Header];
  const vote = (header: Header, changes: Partial<Subject> = {}): Vote => voteOf(log, log.subject(header, changes));
  const otherFirst = { ...h1, time: 5000 };

  it('convict two votes at one place', () => {
    assert.equal(verdict(log, proofOf(log, vote(h3), vote(other))), undefined);
    assert.match(verdict(log, proofOf(log, vote(h3), vote(h3)))!, /one header/);
  });

  it('convict votes under two new-views of one view', () => {
    const [a, b] = [vote(h1, { view: 1, newView: bytesOf('a') }), vote(h3, { view: 1, newView: bytesOf('b') })];
    assert.equal(verdict(log, proofOf(log, a, b)), undefined);
    assert.match(verdict(log, proofOf(log, a, vote(h3, { view: 2, newView: bytesOf('b') })))!, /different views/);
  });

  it('convict votes along two chains', () => {
    const fork = { header: other, headerDigest: headerDigest(testCryptography, otherFirst), path: otherPath };
    assert.equal(verdict(log, proofOf(log, vote(h1), vote(other), fork)), undefined);
    assert.match(verdict(log, proofOf(log, vote(h1), vote(other)))!, /nothing shows/);
    assert.match(verdict(log, proofOf(log, vote(other), vote(h1), fork))!, /later vote comes first/);
    assert.match(verdict(log, proofOf(log, vote(h1), vote(h3), fork))!, /another header/);
    assert.match(verdict(log, proofOf(log, vote(h1), vote(other, { sequence: 9 }), fork))!, /another place/);
    assert.match(verdict(log, proofOf(log, vote(h1), vote(other), { ...fork, path: samePath }))!, /does not lead/);
    assert.match(
      verdict(log, proofOf(log, vote(h1), vote(other), { ...fork, headerDigest: bytesOf('x') }))!,
      /does not lead/,
    );
  });

  it('convict nobody who votes along one chain', () => {
    const fork = { header: h3, headerDigest: headerDigest(testCryptography, h1), path: samePath };
    assert.match(verdict(log, proofOf(log, vote(h1), vote(h3), fork))!, /one chain/);
  });

  it('convict only the key that signed, in its seat', () => {
    const [first, second] = [vote(h3), vote(other)];
    assert.match(verdict(log, { ...proofOf(log, first, second), instance: bytesOf('x') })!, /did not sit/);
    assert.match(verdict(log, { ...proofOf(log, first, second), slot: 9 })!, /did not sit/);
    assert.match(verdict(log, proofOf(log, first, { ...second, slot: 1 }))!, /another slot/);
    assert.match(verdict(log, proofOf(log, { ...first, slot: 1 }, second))!, /another slot/);
    assert.match(verdict(log, proofOf(log, first, { ...second, signature: first.signature }))!, /did not sign/);
    const later = { ...log.configuration, epoch: 1 };
    assert.match(verifyFaultProof(testCryptography, log.service, later, proofOf(log, first, second))!, /another epoch/);
  });
});
