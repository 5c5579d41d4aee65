import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configurationDigest, headerDigest, toHex } from '@coppice/wire';
import type { LedgerRecord } from '@coppice/ledger';
import { adopt, type Adoption, type AuditInput, type Disk, readDisk, shortageOf, voidedBy } from '@coppice/audit';
import { testCryptography as cryptography, testSigner } from '../../ledger/test/fixtures.ts';
import { inputOf, LedgerScript } from './ledger-script.ts';

const instanceOf = (name: string): string => toHex(testSigner(name).publicKey);

function disk(name: string, records: readonly LedgerRecord[], end?: AuditInput): Disk {
  const source = end === undefined ? inputOf(records) : [...inputOf(records).slice(0, -1), end];
  const read = readDisk(cryptography, source, { name, instance: instanceOf(name) });
  assert.ok(read);
  return read;
}

function adopted(script: LedgerScript, disks: readonly Disk[]): Adoption {
  const adoption = adopt(cryptography, script.log.service, disks);
  assert.ok(typeof adoption !== 'string');
  return adoption;
}

const verdictsOf = ({ verdicts }: Adoption): (string | undefined)[] => verdicts.map(({ altered }) => altered);

/** A ledger of `batches` committed batches, and where the records of each end. */
function committed(batches: number): { script: LedgerScript; ends: number[] } {
  const script = new LedgerScript();
  const ends = [script.records.length];
  for (let i = 0; i < batches; i++) {
    script.batch(script.bundle('alice', 1));
    ends.push(script.records.length);
  }
  return { script, ends };
}

const damaged: AuditInput = {
  kind: 'corrupt',
  damage: { reason: 'record-payload', segment: 'ledger-0.seg', offset: 99 },
};

describe('the head of a dead service', () => {
  it('is the highest prepared batch of any disk, also where no other has it', () => {
    const { script, ends } = committed(5);
    const last = script.accept([script.bundle('alice', 1)]);
    script.records.push({ kind: 'prepared', certificate: script.log.prepare(last.header) });
    const most = script.records.slice(0, ends[5]);
    const disks = [disk('s0', most), disk('s1', script.records), disk('s3', most)];
    const { head, shortage, source, certain } = adopted(script, disks);
    assert.equal(head.header.sequence, 6);
    assert.deepEqual(head.root, script.log.tree.root());
    assert.equal(source.name, 's1');
    assert.equal(shortage, undefined);
    assert.equal(certain, 5);
  });

  it('is one that was prepared in a later view, before a longer one of an earlier view', () => {
    const { script, ends } = committed(3);
    // View 0 prepares 4 and 5 at s0 alone.
    const before = script.records.length;
    const lost = [1, 2].map(() => script.accept([script.bundle('bob', 1)]));
    for (const { header } of lost) script.records.push({ kind: 'prepared', certificate: script.log.prepare(header) });
    const alone = [...script.records];
    // View 1 adopts 3 and commits another 4.
    script.records.length = before;
    script.log.tree.rollback(3);
    const third = script.records.find((record) => record.kind === 'batch' && record.header.sequence === 3);
    assert.ok(third?.kind === 'batch');
    const view = script.newView(1, script.prepared(third.header));
    const other = script.accept([script.bundle('carol', 1)]);
    script.commit([other], view);
    const disks = [disk('s0', alone), disk('s1', script.records), disk('s2', script.records)];
    const { head, shortage } = adopted(script, disks);
    assert.equal(head.certificate.subject.view, 1);
    assert.deepEqual(headerDigest(cryptography, head.header), headerDigest(cryptography, other.header));
    // s0 revealed for that batch, and its disk does not have it: it was altered, which one may be.
    assert.equal(shortage, undefined);
    assert.equal(ends.length, 4);
  });

  it('is not one whose certificate somebody made up, or that the disk does not lead to', () => {
    const { script, ends } = committed(4);
    const good = script.records.slice(0, ends[4]);
    const next = script.accept([script.bundle('alice', 1)]);
    const made = script.log.prepare(next.header);
    const forged = { ...made, votes: made.votes.map((vote) => ({ ...vote, signature: new Uint8Array(64) })) };
    const batch = script.records.at(-1)!;
    const unled: LedgerRecord[] = [...good, { kind: 'prepared', certificate: made }];
    const disks = [
      disk('s0', [...good, batch, { kind: 'prepared', certificate: forged }]),
      disk('s1', unled),
      disk('s2', good),
    ];
    assert.equal(adopted(script, disks).head.header.sequence, 4);
  });

  it('may end the epoch: then as many disks of the next one are needed', () => {
    const { script } = committed(3);
    const next = script.log.nextConfiguration(3, 's4', 1);
    const closing = script.accept([], { configuration: configurationDigest(cryptography, next) });
    script.records.push({ kind: 'prepared', certificate: script.log.prepare(closing.header) });
    const disks = ['s0', 's1', 's3'].map((name) => disk(name, script.records));
    const { closes, head, shortage, verdicts } = adopted(script, disks);
    assert.ok(closes);
    assert.equal(head.header.sequence, 4);
    assert.equal(shortage, undefined);
    assert.deepEqual(shortageOf(verdicts, next), { epoch: 1, given: 2, needed: 3, altered: 0, tolerated: 1 });
  });

  it('is looked for in the epoch that any disk proves, among the disks of its instances', () => {
    const { script } = committed(2);
    const old = [...script.records];
    script.turn(3, 's4', 1);
    script.batch(script.bundle('alice', 1));
    const disks = [disk('s0', script.records), disk('s1', old), disk('s3', old), disk('s4', script.records)];
    const { configuration, head, shortage, verdicts } = adopted(script, disks);
    assert.equal(configuration.epoch, 1);
    assert.equal(head.header.epoch, 1);
    assert.deepEqual(
      verdicts.map(({ slot }) => slot),
      [0, 1, undefined, 3],
    );
    // s1 revealed in epoch 1, or at its end, and its disk knows nothing of it; s3 had retired.
    assert.match(String(verdicts[1]!.altered), /rolled back: it ends with batch 2, .* of epoch 1/);
    assert.equal(shortage, undefined);
  });

  it('is where the last epoch ended, if nothing was prepared in the next', () => {
    const { script } = committed(2);
    script.turn(3, 's4', 1);
    const disks = ['s0', 's1', 's4'].map((name) => disk(name, script.records));
    const { closes, configuration, head } = adopted(script, disks);
    assert.equal(configuration.epoch, 1);
    assert.equal(head.header.epoch, 0);
    assert.equal(head.header.sequence, script.log.tree.size);
    assert.ok(!closes);
  });

  it('does not exist where nothing was ever prepared', () => {
    const script = new LedgerScript();
    const empty = disk('s0', script.records);
    const why = 'nothing was prepared since the service was founded: found it again';
    assert.equal(adopt(cryptography, script.log.service, [empty]), why);
    assert.equal(adopt(cryptography, script.log.service, []), 'no disk is of the service');
  });

  it('is not said not to exist where the log before what is there is missing', () => {
    const { script, ends } = committed(5);
    const records = [...script.records.slice(0, ends[0]), ...script.records.slice(ends[3])];
    const why = adopt(cryptography, script.log.service, [disk('s0', records)]);
    assert.ok(typeof why === 'string');
    assert.match(why, /^there is more than can be read: s0: batches 1 to 3 are not on it/);
  });
});

describe('the disks of a dead service', () => {
  it('convict one that was rolled back, and lose nothing by it', () => {
    const { script, ends } = committed(9);
    const { records } = script;
    const disks = [disk('s0', records), disk('s1', records.slice(0, ends[4])), disk('s2', records)];
    const adoption = adopted(script, disks);
    assert.equal(adoption.head.header.sequence, 9);
    assert.equal(adoption.shortage, undefined);
    const [, rolled] = verdictsOf(adoption);
    assert.equal(
      rolled,
      'rolled back: it ends with batch 4, and its instance revealed its nonce for batch 9 of epoch 0, view 0',
    );
    assert.deepEqual(verdictsOf(adoption).filter((altered) => altered === undefined).length, 2);
  });

  it('say nothing against one that is only shorter', () => {
    // Certificates are of s0, s1 and s2: nobody knows what s3 revealed.
    const { script, ends } = committed(9);
    const disks = [
      disk('s0', script.records),
      disk('s3', script.records.slice(0, ends[4])),
      disk('s2', script.records),
    ];
    assert.deepEqual(verdictsOf(adopted(script, disks)), [undefined, undefined, undefined]);
  });

  it('convict one that lacks what its instance had when it was seated, and not one that fell behind later', () => {
    // s4 is seated in epoch 1; with one slot tolerated, a vacation may lie between that and its admission.
    const { script } = committed(9);
    script.turn(3, 's4', 1);
    const seated = script.records.length;
    for (let i = 0; i < 4; i++) script.batch(script.bundle('alice', 1));
    const { records } = script;
    const without = (from: number, to: number): LedgerRecord[] =>
      records.filter((one, i) => i < 1 || !(from <= i && i < to));
    const whole = ['s0', 's1'].map((name) => disk(name, records));
    const [notCopied, partly, behind] = [without(1, seated), without(3, seated), without(seated, records.length - 2)];
    const verdict = (name: string, some: readonly LedgerRecord[]): string | undefined =>
      verdictsOf(adopted(script, [...whole, disk(name, some)]))[2];
    assert.match(String(verdict('s4', notCopied)), /^incomplete: batches 1 to \d+ are not on it/);
    assert.equal(verdict('s4', behind), undefined);
    // Of a founder, nobody knows what it had.
    assert.equal(verdict('s2', partly)?.startsWith('incomplete: batches 2'), true);
    const { shortage } = adopted(script, [whole[0]!, disk('s4', notCopied), disk('s1', records.slice(0, 9))]);
    assert.equal(shortage?.altered, 2);
  });

  it('are too few below a quorum, and what is certain then is said', () => {
    const { script } = committed(6);
    const last = script.accept([script.bundle('alice', 1)]);
    script.records.push({ kind: 'prepared', certificate: script.log.prepare(last.header) });
    const disks = ['s0', 's1'].map((name) => disk(name, script.records));
    const { certain, head, shortage } = adopted(script, disks);
    assert.deepEqual(shortage, { epoch: 0, given: 2, needed: 3, altered: 0, tolerated: 1 });
    assert.equal(head.header.sequence, 7);
    assert.equal(certain, 6);
  });

  it('are too few where more than f are altered', () => {
    const { script, ends } = committed(6);
    const part = script.records.slice(0, ends[2]);
    const disks = [disk('s0', script.records), disk('s1', part), disk('s2', part, damaged), disk('s3', script.records)];
    const adoption = adopted(script, disks);
    assert.equal(adoption.shortage?.altered, 2);
    assert.match(verdictsOf(adoption)[2]!, /damaged: ledger-0.seg at 99: record-payload/);
  });

  it('count once for each instance, and not for another service', () => {
    const { script, ends } = committed(6);
    const other = new LedgerScript(new TextEncoder().encode('another constitution'));
    other.batch();
    const disks = [
      disk('s0', script.records),
      disk('s0', script.records.slice(0, ends[5])),
      disk('s1', script.records),
      disk('s2', other.records),
    ];
    const { shortage, verdicts } = adopted(script, disks);
    assert.equal(shortage?.given, 2);
    assert.deepEqual(
      verdicts.map(({ ignored }) => ignored),
      [undefined, 'of the same instance as s0', undefined, 'of another service'],
    );
  });

  it('are void where something else is known to be committed', () => {
    const { script, ends } = committed(6);
    const part = script.records.slice(0, ends[4]);
    const disks = ['s0', 's1', 's2'].map((name) => disk(name, part));
    const adoption = adopted(script, disks);
    const digestAt = (sequence: number) => script.log.tree.leaf(sequence - 1)!;
    assert.equal(voidedBy(adoption, { sequence: 4, headerDigest: digestAt(4) }), undefined);
    assert.equal(voidedBy(adoption, { sequence: 3, ledgerRoot: script.log.tree.root(3) }), undefined);
    assert.match(
      voidedBy(adoption, { sequence: 6, headerDigest: digestAt(6) })!,
      /batch 6 was committed, .* end with 4/,
    );
    assert.match(voidedBy(adoption, { sequence: 2, headerDigest: digestAt(3) })!, /another batch 2/);
    assert.match(voidedBy(adoption, { sequence: 3, ledgerRoot: script.log.tree.root(2) })!, /another batch 3/);
  });
});
