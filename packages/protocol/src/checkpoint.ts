/**
 * Checkpoints. spec/checkpoints.md, lines 1-7.
 */
import { type CheckpointCertificate, checkpointStatement, sameBytes, seatOf } from '@coppice/wire';
import { headersKnown } from './execution.ts';
import type { InstanceId, OwnCheckpoint } from './input.ts';
import type { MessageOf } from './message.ts';
import { type Effects, type Entry, faults, quorum, type Replica } from './replica.ts';
import { requestSnapshot } from './state-transfer.ts';

/** Upon committing the batch of `entry`. [1-3] */
export function checkpointIfDue(replica: Replica, entry: Entry, effects: Effects): void {
  const { sequence } = entry.header;
  if (sequence % replica.environment.settings.checkpointInterval !== 0 && !entry.executed.checkpoint) return;
  const stateDigest = replica.environment.execution.checkpoint(sequence);
  if (replica.environment.execution.damage() !== undefined) {
    // Memory or disk changed under us: nothing that comes of this state may be signed.
    replica.corrupt = true;
    effects.push({ kind: 'report', report: { kind: 'corrupt-state', sequence } });
    requestSnapshot(replica, effects);
    return;
  }
  replica.ownCheckpoint = { sequence, ledgerRoot: replica.tree.root(sequence), stateDigest };
  signCheckpoint(replica, effects);
}

/** Signs the latest own checkpoint that is not stable, with the key of the present epoch. [3-4] */
export function signCheckpoint(replica: Replica, effects: Effects): void {
  const own = replica.ownCheckpoint;
  if (replica.slot === undefined || replica.corrupt || own === undefined || own.sequence <= replica.stable) return;
  const checkpoint = { epoch: replica.epoch, slot: replica.slot, ...own };
  const statement = checkpointStatement(replica.environment.service, own);
  effects.push({ kind: 'sign', key: replica.epoch, statement, unsigned: { kind: 'checkpoint', checkpoint } });
}

export function onOwnCheckpoint(
  replica: Replica,
  checkpoint: OwnCheckpoint,
  signature: Uint8Array,
  effects: Effects,
): void {
  if (checkpoint.epoch !== replica.epoch) return;
  effects.broadcast({ kind: 'checkpoint', ...checkpoint, signature });
  record(replica, checkpoint, signature, effects);
}

/** Upon ⟨CHECKPOINT⟩. [5-7] */
export function onCheckpoint(replica: Replica, from: InstanceId, m: MessageOf<'checkpoint'>, effects: Effects): void {
  const { cryptography, service } = replica.environment;
  const reject = (reason: Parameters<Effects['reject']>[2]): void => effects.reject(from, m.kind, reason);
  if (m.epoch !== replica.epoch) return reject('wrong-epoch');
  if (replica.slotOf.get(from) !== m.slot) return reject('unknown-sender');
  if (m.sequence <= replica.stable) return reject('stale');
  const seat = seatOf(replica.configuration, m.slot);
  if (seat === undefined || !cryptography.verify(seat.signingKey, checkpointStatement(service, m), m.signature)) {
    return reject('bad-signature');
  }
  record(replica, m, m.signature, effects);
}

function record(replica: Replica, checkpoint: OwnCheckpoint, signature: Uint8Array, effects: Effects): void {
  const { sequence, slot, ...subject } = checkpoint;
  // A slot speaks for one checkpoint at a time, its highest of this epoch: n entries at most, whatever it sends.
  for (const [other, bySlot] of replica.checkpoints) {
    if (other === sequence) continue;
    if (other > sequence && bySlot.get(slot)?.epoch === subject.epoch) return;
    bySlot.delete(slot);
    if (bySlot.size === 0) replica.checkpoints.delete(other);
  }
  let at = replica.checkpoints.get(sequence);
  if (at === undefined) {
    at = new Map();
    replica.checkpoints.set(sequence, at);
  }
  at.set(slot, { ...subject, signature });

  const same = [...at].filter(
    ([, other]) =>
      other.epoch === replica.epoch &&
      sameBytes(other.ledgerRoot, subject.ledgerRoot) &&
      sameBytes(other.stateDigest, subject.stateDigest),
  );
  const own = replica.ownCheckpoint;
  const mineDiffers =
    own?.sequence === sequence &&
    !(sameBytes(own.stateDigest, subject.stateDigest) && sameBytes(own.ledgerRoot, subject.ledgerRoot));
  if (mineDiffers && same.length > faults(replica)) {
    replica.corrupt = true;
    effects.push({ kind: 'report', report: { kind: 'corrupt-state', sequence } });
    requestSnapshot(replica, effects);
    return;
  }
  if (same.length < quorum(replica) || own?.sequence !== sequence || mineDiffers) return;
  const signatures = same
    .sort(([a], [b]) => a - b)
    .slice(0, quorum(replica))
    .map(([by, entry]) => ({ slot: by, signature: entry.signature }));
  becomeStable(
    replica,
    { epoch: replica.epoch, sequence, ledgerRoot: subject.ledgerRoot, stateDigest: subject.stateDigest, signatures },
    effects,
  );
}

/** [5-6] */
function becomeStable(replica: Replica, certificate: CheckpointCertificate, effects: Effects): void {
  const { sequence } = certificate;
  const header = replica.log.get(sequence)?.header;
  if (header === undefined) return;
  replica.stableCertificate = certificate;
  replica.stableHeader = header;
  const size = Math.max(0, sequence - headersKnown);
  const recent = [];
  for (let i = size; i < sequence; i++) recent.push(replica.tree.leaf(i)!);
  replica.stableFrontier = { size, peaks: replica.tree.frontier(size), recent };
  effects.append(sequence, { kind: 'checkpoint', certificate });
  effects.push({ kind: 'report', report: { kind: 'stable', sequence } });
  // One interval more is kept than is needed, for replicas that are only a little behind: entries are cheaper than state.
  const served = oldestServed(replica, sequence);
  const keepFrom = Math.min(replica.stable, served);
  replica.stable = sequence;
  for (const i of replica.log.keys()) if (i <= keepFrom && i < replica.committed) replica.log.delete(i);
  replica.tree.trim(Math.max(replica.tree.trimmed, Math.min(keepFrom, size)));
  for (const i of replica.checkpoints.keys()) if (i <= sequence) replica.checkpoints.delete(i);
  replica.environment.execution.release(served);
}

/** A snapshot that somebody fetches is kept this long after the last question, in status intervals; */
const servedIntervals = 50;
/** and no longer than so many checkpoint intervals: whoever only pretends to fetch holds up nobody's memory for ever. */
const servedCheckpoints = 16;

/** The oldest snapshot that is still being fetched; `sequence` where none is. */
function oldestServed(replica: Replica, sequence: number): number {
  const { checkpointInterval, statusIntervalMs } = replica.environment.settings;
  let oldest = sequence;
  for (const [served, at] of replica.serving) {
    const wanted =
      replica.now - at < servedIntervals * statusIntervalMs &&
      served > sequence - servedCheckpoints * checkpointInterval;
    if (wanted) oldest = Math.min(oldest, served);
    else replica.serving.delete(served);
  }
  return oldest;
}
