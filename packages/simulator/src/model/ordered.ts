/**
 * What a batch does to the membership, in the words of the model: spec/model/turns.qnt, `Items`.
 *
 * Read from the batch and the writes of its execution. The model executes the same items by its own rules, and has to
 * come to the same seats.
 */
import type { LedgerRecord } from '@coppice/ledger';
import { type Membership, membershipEntries, readMembership } from '@coppice/protocol';
import { decodeWriteSet, keyOf, mapOf } from '@coppice/state';
import { batchCodec, decode, toHex } from '@coppice/wire';

export type BatchRecord = Extract<LedgerRecord, { kind: 'batch' }>;

/** The membership after a batch, and the entries of the state that hold it. */
export interface MembershipState {
  readonly membership: Membership;
  readonly entries: ReadonlyMap<string, Uint8Array>;
}

interface Ordered {
  /** The slot whose turn it opens. */
  readonly open: number | undefined;
  /** Sequence number of the header whose certificate is the challenge. */
  readonly challenge: number | undefined;
  /** Identity key of the candidate that it admits, in hexadecimal. */
  readonly join: string | undefined;
  readonly ready: boolean;
  readonly notices: readonly number[];
  readonly close: 'swap' | { readonly vacated: number } | undefined;
}

/** Where the state keeps the membership: spec/turns.md. */
const membershipMap = '$membership';

export function stateOf(membership: Membership): MembershipState {
  const entries = membershipEntries(membership).flatMap(({ key, value }) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return { membership, entries: new Map(entries) };
}

export function stateAfter(before: MembershipState, { outcomes }: BatchRecord): MembershipState {
  const entries = new Map(before.entries);
  for (const { writeSet } of outcomes) {
    const changes = decodeWriteSet(writeSet);
    if (!changes.ok) throw new Error(`a recorded write set is malformed: ${changes.reason}`);
    for (const { address, value } of changes.value) {
      if (mapOf(address) !== membershipMap) continue;
      if (value === undefined) entries.delete(keyOf(address));
      else entries.set(keyOf(address), value);
    }
  }
  const membership = readMembership((key) => entries.get(key));
  if (membership === undefined) throw new Error('the writes of a batch leave no membership');
  return { membership, entries };
}

/** What of a batch the membership shows; where it ends an epoch, and shows nothing of that any more, what it holds. */
export function orderedBy({ batch }: BatchRecord, before: Membership, after: Membership): Ordered {
  const decoded = decode(batchCodec, batch);
  if (!decoded.ok) throw new Error(`a recorded batch is malformed: ${decoded.reason}`);
  const requests = decoded.value.items.flatMap((item) => (item.kind === 'system' ? [item.request] : []));
  const closes = after.epoch !== before.epoch;
  const vacated = before.occupants.findIndex((one, slot) => one !== undefined && after.occupants[slot] === undefined);
  const seats = closes && vacated < 0;

  // The turn that these requests are about: the one before, or a new one.
  const open = after.turnsOpened === before.turnsOpened ? undefined : after.open?.slot;
  const earlier = open === undefined ? before : { open: undefined, candidate: undefined };
  const challenge = requests.find((request) => request.kind === 'challenge');
  const challenged = after.open?.drawn !== undefined && earlier.open?.drawn === undefined;
  const joined = after.candidate !== undefined && earlier.candidate === undefined;
  const ready = seats ? earlier.open?.ready !== true : after.open?.ready === true && earlier.open?.ready !== true;

  const known = before.previous.filter(({ erased }) => erased).map(({ slot }) => slot);
  const notices = closes
    ? requests.flatMap((request) =>
        request.kind === 'erasure' && request.erasure.epoch === before.epoch - 1 ? [request.erasure.slot] : [],
      )
    : after.previous.filter(({ erased }) => erased).map(({ slot }) => slot);
  return {
    open,
    challenge: challenged ? challenge?.certificate.subject.sequence : undefined,
    join: joined && after.candidate !== undefined ? toHex(after.candidate.instance) : undefined,
    ready,
    notices: [...new Set(notices)].filter((slot) => !known.includes(slot)),
    close: !closes ? undefined : seats ? 'swap' : { vacated },
  };
}
