/** The state of a replicated service: see `state.ts` for how it moves, `trie.ts` for its digest. */
export { AddressIndex } from './address-index.ts';
export {
  type Address,
  addressBytesMax,
  isKey,
  isMapName,
  type Key,
  keyBytesMax,
  keyOf,
  mapNameBytesMax,
  mapOf,
  type Range,
  type StateLimit,
  StateLimitError,
  valueBytesMax,
} from './address.ts';
export {
  beganCodec,
  beganKey,
  findVersion,
  type Found,
  historyKeyBytesMax,
  historyMapOf,
  keepVersion,
  newestCodec,
  pastCodec,
  recordKey,
  valueMapOf,
  type Version,
} from './history.ts';
export type { Overlay, Transaction } from './overlay.ts';
export { decodeParts, encodeParts, partBytesMax, partsMax, pathCodec, type StatePart } from './part.ts';
export { type Claim, type Proof, proofCodec, type ProofVerdict, verifyProof } from './proof.ts';
export type { Snapshot } from './snapshot.ts';
export { State } from './state.ts';
export type { View } from './store.ts';
export type { KeptPage, KeptPages, PageStore } from './stored.ts';
export { type Accepted, StateTransfer, type TransferRefusal } from './transfer.ts';
export type { Path } from './trie.ts';
export { type Change, decodeWriteSet, encodeWriteSet, type WriteSet, writeSetBytesMax } from './write-set.ts';
