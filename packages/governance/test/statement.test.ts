import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CborValue,
  concatBytes,
  decodeCbor,
  encodeCbor,
  encodeSign1,
  sign1Structure,
  type Signer,
  toHex,
} from '@coppice/wire';
import {
  decodeStatement,
  type GovernanceAction,
  openProposalsMax,
  signStatement,
  statementBytesMax,
  validStatement,
} from '../src/index.ts';
import { ada, bo, bytesOf, constitutionOf, cryptography, cy, signerNamed, time } from './fixtures.ts';
import { decoded, period, Scene, service, signerOf } from './scene.ts';

const early: GovernanceAction = { kind: 'early-turn', slot: 2 };
const header = new Map<number, CborValue>([
  [1, -8],
  [3, 'application/vnd.coppice.governance+cbor'],
]);

/** A message that a signer who keeps to no form could make. */
function raw(signer: Signer, payload: Uint8Array, protectedHeader = encodeCbor(header)): Uint8Array {
  const signature = signer.sign(sign1Structure({ protectedHeader, payload }));
  return encodeSign1({ protectedHeader, payload, signature });
}

const ballotOf = (proposal: Uint8Array) =>
  ({ kind: 'ballot', service, member: ada, expires: time + 1, proposal, approve: true }) as const;

test('a statement is a COSE_Sign1 of RFC 9052 that any library reads', () => {
  const bytes = signStatement(signerOf(ada), ballotOf(bytesOf('p')));
  assert.equal(bytes[0], 0xd2, 'tag 18');
  const message = decodeCbor(bytes.subarray(1));
  assert.ok(message.ok && Array.isArray(message.value));
  const [protectedHeader, unprotectedHeader, payload, signature] = message.value as [
    Uint8Array,
    object,
    Uint8Array,
    Uint8Array,
  ];
  assert.deepEqual(decodeCbor(protectedHeader), { ok: true, value: header });
  assert.deepEqual(unprotectedHeader, {});
  const signed = encodeCbor(['Signature1', protectedHeader, new Uint8Array(0), payload]);
  assert.ok(cryptography.verify(ada, signed, signature));
  assert.ok(validStatement(cryptography, decoded(bytes)));
});

test('the bytes of a statement are frozen', () => {
  const bytes = signStatement(signerOf(ada), ballotOf(bytesOf('p')));
  assert.equal(toHex(cryptography.hash(bytes)), 'c17f05c23b61b4d9d418bb145ebc8feb2e997e475e0f23355adbe3c2de789ac4');
});

test('one statement has one byte string: every other message is refused', () => {
  const signer = signerOf(ada);
  const good = ballotOf(bytesOf('p'));
  const payload = encodeCbor(good);
  const reason = (bytes: Uint8Array): string => {
    const read = decodeStatement(bytes);
    assert.ok(!read.ok);
    return `${read.problems[0]!.path} ${read.problems[0]!.reason}`.trim();
  };
  assert.ok(decodeStatement(raw(signer, payload)).ok);
  const untagged = raw(signer, payload).subarray(1);
  assert.match(reason(untagged), /not tagged/);
  assert.match(reason(concatBytes(raw(signer, payload), Uint8Array.of(0))), /surplus|trailing|after/i);
  const other = new Map(header).set(4, ada);
  assert.match(reason(raw(signer, payload, encodeCbor(other))), /another header/);
  assert.match(reason(raw(signer, payload, encodeCbor(new Map(header).set(1, -7)))), /another header/);
  assert.match(reason(raw(signer, encodeCbor({ ...good, member: toHex(ada) }))), /canonical/);
  assert.match(reason(raw(signer, encodeCbor({ ...good, surplus: 1 }))), /surplus is not a field/);
  assert.match(reason(raw(signer, encodeCbor({ ...good, approve: 1 }))), /approve must be true or false/);
  assert.match(reason(raw(signer, encodeCbor({ ...good, kind: 'vote' }))), /^kind must be/);
  assert.match(reason(raw(signer, Uint8Array.of(0xff))), /./);
  assert.match(reason(new Uint8Array(statementBytesMax + 1)), /is longer than/);
  const [protectedHeader, signature] = [encodeCbor(header), new Uint8Array(64)];
  const tagged = (message: CborValue): Uint8Array => concatBytes(Uint8Array.of(0xd2), encodeCbor(message));
  assert.match(reason(tagged([protectedHeader, { a: 1 }, payload, signature])), /unprotected header/);
  assert.match(reason(tagged([protectedHeader, [], payload, signature])), /unprotected header/);
  assert.match(reason(tagged([protectedHeader, {}, null, signature])), /payload is not inside/);
  assert.match(reason(tagged([protectedHeader, {}, payload, new Uint8Array(63)])), /64 bytes/);
  assert.match(reason(tagged([protectedHeader, {}, payload])), /one signature/);
  assert.match(reason(tagged([{}, {}, payload, signature])), /protected header/);
});

test('what is beyond the bounds of a statement is not signed', () => {
  assert.throws(() => signStatement(signerOf(bo), ballotOf(bytesOf('p'))), /member is not the key that signs/);
  assert.throws(() => signStatement(signerOf(ada), { ...ballotOf(bytesOf('p')), expires: -1 }), RangeError);
});

test('any byte that is altered is refused', () => {
  const scene = new Scene();
  const bytes = scene.proposal(ada, early);
  const codes = new Set<string>();
  for (let i = 0; i < bytes.length; i++) {
    const { refused } = scene.submit(bytes.with(i, bytes[i]! ^ 1));
    assert.ok(refused !== undefined, `byte ${i}`);
    codes.add(refused);
  }
  assert.deepEqual([...codes].sort(), ['bad-signature', 'malformed-statement', 'not-a-member', 'other-service']);
  assert.equal(scene.submit(bytes)['state'], 'open');
});

test('a statement counts for the service that it names, and no other', () => {
  const scene = new Scene();
  const elsewhere = { service: bytesOf('another service') };
  assert.equal(scene.propose(ada, early, elsewhere)['refused'], 'other-service');
  scene.propose(ada, early);
  assert.equal(scene.ballot(bo, 1, true, elsewhere)['refused'], 'other-service');
});

test('another cannot sign for a member', () => {
  const scene = new Scene();
  scene.propose(ada, early);
  const forged = {
    kind: 'ballot',
    service,
    member: bo,
    expires: time + period,
    proposal: scene.digests[1]!,
    approve: true,
  };
  assert.equal(scene.submit(raw(signerNamed('eve'), encodeCbor(forged)))['refused'], 'bad-signature');
  assert.equal(scene.ballot(bo, 1)['state'], 'accepted');
});

test('a proposal is handed in once: decided, withdrawn or open, it comes to nothing again', () => {
  const scene = new Scene();
  const [accepted, withdrawn, open] = [0, 1, 3].map((slot) => scene.proposal(ada, { ...early, slot }));
  scene.submit(accepted!);
  scene.ballot(bo, 1);
  scene.submit(withdrawn!);
  scene.withdraw(ada, 2);
  scene.submit(open!);
  for (const [i, bytes] of [accepted!, withdrawn!, open!].entries()) {
    const { refused, message } = scene.submit(bytes);
    assert.equal(refused, 'replayed-statement');
    assert.match(message, new RegExp(`proposal ${i + 1}$`));
  }
  scene.now += period;
  for (const bytes of [accepted!, withdrawn!, open!]) assert.equal(scene.submit(bytes)['refused'], 'statement-expired');
  // Also when the state has swept out that it ever was.
  scene.propose(bo, early);
  for (const bytes of [accepted!, withdrawn!, open!]) assert.equal(scene.submit(bytes)['refused'], 'statement-expired');
});

test('a ballot counts once, and not for another proposal of the same words', () => {
  const scene = new Scene(constitutionOf((written) => (written.thresholds = { earlyTurn: 'all' })));
  scene.propose(ada, early);
  const ballot = scene.sign(bo, { kind: 'ballot', proposal: scene.digests[1]!, approve: true });
  assert.equal(scene.submit(ballot)['approvals'], 2);
  assert.equal(scene.submit(ballot)['refused'], 'double-ballot');
  scene.withdraw(ada, 1);
  assert.equal(scene.submit(ballot)['refused'], 'proposal-closed');
  const again = scene.propose(ada, early);
  assert.deepEqual([again['proposal'], again['approvals']], [2, 1]);
  assert.equal(scene.submit(ballot)['refused'], 'proposal-closed');
  assert.equal(scene.ballot(bo, 2)['approvals'], 2);
});

test('statements expire, and proposals do not last longer than the policy has it', () => {
  const scene = new Scene();
  assert.equal(scene.propose(ada, early, { expires: time })['refused'], 'statement-expired');
  assert.equal(scene.propose(ada, early, { expires: time + period + 1 })['refused'], 'expires-too-late');
  const proposed = scene.propose(ada, early, { expires: time + 1000 });
  assert.equal(proposed['expires'], time + 1000);
  scene.now = time + 10;
  assert.equal(scene.ballot(bo, 1, true, { expires: time + 10 })['refused'], 'statement-expired');
  scene.now = time + 1000;
  assert.equal(scene.ballot(bo, 1)['refused'], 'proposal-expired');
});

test('a member cannot fill the state with proposals that it takes back', () => {
  const scene = new Scene();
  for (let i = 1; i <= 64; i++) {
    scene.propose(ada, early);
    assert.equal(scene.withdraw(ada, i)['state'], 'withdrawn');
  }
  const { refused, message } = scene.propose(ada, early);
  assert.equal(refused, 'too-many-proposals');
  assert.match(message, /64/);
  assert.equal(scene.propose(bo, early)['state'], 'open');
  scene.now += period;
  for (let i = 0; i < openProposalsMax; i++) assert.equal(scene.propose(ada, { ...early, slot: i })['state'], 'open');
});

test('a possession is no decision', () => {
  const scene = new Scene();
  assert.equal(scene.submit(scene.possession(cy, ada))['refused'], 'malformed-statement');
});
