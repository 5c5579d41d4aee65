/** The state's write sets, parts, proofs: what replicas send to whoever fetches the state. spec/state.md. */
import {
  decodeParts,
  decodeWriteSet,
  encodeParts,
  encodeWriteSet,
  proofCodec,
  State,
  StateTransfer,
  verifyProof,
} from '@coppice/state';
import { splitWriteSet, TransactionsTree } from '@coppice/ledger';
import { decode, encode, publicMapPrefix, sameBytes, type TypeOf } from '@coppice/wire';
import { BatchDigests } from '../../packages/audit/src/digests.ts';
import { cryptography } from '../../packages/state/test/model.ts';
import { codecTarget, must, type Target } from '../target.ts';

const noDigest = new Uint8Array(32);

function stateOf(entries: number): State {
  const state = new State(cryptography);
  const overlay = state.begin();
  const tx = overlay.transaction();
  for (let i = 0; i < entries; i++) tx.set(i % 3 === 0 ? 'a' : 'b', `key ${i}`, new Uint8Array(i % 50).fill(i));
  tx.commit();
  state.fold();
  return state;
}

const snapshot = stateOf(300).snapshot();
const claim = { map: 'a', key: 'key 3', value: new Uint8Array(3).fill(3) };
const proof = snapshot.prove(claim.map, claim.key);

function partsOf(): { path: string; bytes: Uint8Array }[] {
  const transfer = StateTransfer.begin(cryptography, snapshot.digest);
  const parts: { path: string; bytes: Uint8Array }[] = [];
  for (;;) {
    const wanted = transfer.wanted(64);
    if (wanted.length === 0) return parts;
    for (const path of wanted) {
      const bytes = snapshot.part(path)!;
      parts.push({ path, bytes });
      transfer.accept(path, bytes);
    }
  }
}
const parts = partsOf();

const writeSet: Target = {
  name: 'write-set',
  dialect: 'bytes',
  seeds() {
    const tx = stateOf(0).begin().transaction();
    for (let i = 0; i < 20; i++) tx.set('a', `key ${i}`, new Uint8Array(i));
    tx.delete('b', 'gone');
    const shown = stateOf(0).begin().transaction();
    for (const map of ['history/a', 'public/a', 'public/b', 'service/a'])
      for (const key of ['x', 'y']) shown.set(map, key, noDigest);
    return [encodeWriteSet(tx.commit()), encodeWriteSet([]), encodeWriteSet(shown.commit())];
  },
  run(input) {
    const decoded = decodeWriteSet(input);
    if (!decoded.ok) return decoded.reason;
    must(sameBytes(encodeWriteSet(decoded.value), input), 'what is decoded is encoded to the same bytes');
    const state = new State(cryptography);
    state.begin().apply(decoded.value);
    state.fold();
    const parts = splitWriteSet(input);
    const isPublic = ({ address }: { readonly address: string }): boolean => address.startsWith(publicMapPrefix);
    const shown = decoded.value.filter(isPublic);
    if (parts === undefined) must(shown.length === 0, 'nothing is public');
    else {
      must(sameBytes(encodeWriteSet(shown), parts.shown), 'what is public is shown');
      const rest = decoded.value.filter((change) => !isPublic(change));
      must(sameBytes(encodeWriteSet(rest), parts.rest), 'the rest is the rest');
    }
    const outcomes = [{ request: noDigest, result: new Uint8Array(0), salt: noDigest, writeSet: input }];
    const { root } = new TransactionsTree(cryptography, outcomes);
    must(
      sameBytes(new BatchDigests(cryptography).rootOfTransactions(outcomes), root),
      'the audit reads it the same way',
    );
    return undefined;
  },
};

/** Parts in order, to a replica that has nothing: what is not certified is not taken. */
const stateParts: Target = {
  name: 'state-parts',
  dialect: 'bytes',
  seeds: () => [encodeParts(parts.slice(0, 4)), encodeParts(parts.slice(0, 1)), encodeParts(parts)],
  run(input) {
    const decoded = decodeParts(input);
    if (!decoded.ok) return decoded.reason;
    must(sameBytes(encodeParts(decoded.value), input), 'what is decoded is encoded to the same bytes');
    const transfer = StateTransfer.begin(cryptography, snapshot.digest);
    let refused: string | undefined;
    for (const { path, bytes } of decoded.value) {
      const accepted = transfer.accept(path, bytes);
      if (accepted.ok) must(sameBytes(snapshot.part(path)!, bytes), 'only parts of the certified state are taken');
      else refused = accepted.reason;
    }
    return refused;
  },
};

const stateProof: Target = {
  ...codecTarget('state-proof', proofCodec),
  seeds: () => [encode(proofCodec, proof)],
  run(input) {
    const decoded = decode(proofCodec, input);
    if (!decoded.ok) return decoded.reason;
    const given: TypeOf<typeof proofCodec> = decoded.value;
    const verdict = verifyProof(cryptography, snapshot.digest, claim, given);
    const denied = verifyProof(cryptography, snapshot.digest, { ...claim, value: undefined }, given);
    must(!denied.ok, 'nothing proves that what is there is absent');
    return verdict.ok ? undefined : verdict.reason;
  },
};

export const targets: readonly Target[] = [writeSet, stateParts, stateProof];
