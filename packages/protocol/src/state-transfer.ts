/**
 * State transfer: a lagging or empty replica receives the state of a stable checkpoint. spec/checkpoints.md, lines 13,
 * 16-19.
 *
 * The chain of epochs leads from a configuration that this replica knows (its own, or genesis) to the one whose quorum signed
 * the checkpoint; everything else is checked under the checkpoint's two roots. Peers are asked in parallel and trusted
 * in nothing.
 */
import { MerkleTree } from '@coppice/ledger';
import {
  type Configuration,
  configurationNamed,
  type EpochCertificate,
  epochPage,
  type Header,
  headerDigest,
  sameBytes,
  toLatin1,
  validCheckpointCertificate,
  validCommitCertificate,
} from '@coppice/wire';
import { answerIntervals, requestFetch } from './catch-up.ts';
import { beginEpoch } from './epoch.ts';
import { headersKnown } from './execution.ts';
import type { InstanceId } from './input.ts';
import type { MessageOf } from './message.ts';
import { eraseNonces } from './normal-case.ts';
import { heardLately, peerOf } from './peers.ts';
import { forgetDiscarded } from './discarded.ts';
import type { Effects, Replica, Transfer } from './replica.ts';
import { resumeDeferred } from './step.ts';

/** Parts asked of one replica at a time. */
const partsPerQuestion = 512;
/** How long a liar, or whoever does not answer, is asked last, in status intervals. */
const avoidedIntervals = 50;
/** Bytes of parts in one answer. */
const partsBytesMax = 2 * 1024 * 1024;

/** Asks everyone for a snapshot; the first good one is taken. */
export function requestSnapshot(replica: Replica, effects: Effects): void {
  if (replica.transfer !== undefined) return;
  const epoch = knownEpochs(replica).length;
  for (const id of heardLately(replica)) effects.send(id, { kind: 'fetch-snapshot', epoch });
}

/** The chain of epochs, as far as this replica can prove it. */
function knownEpochs({ epochs, proven }: Replica): readonly EpochCertificate[] {
  return epochs.length < proven.length ? proven : epochs;
}

/** Sends the stable checkpoint, with the chain of epochs from `epoch` on. [13] */
export function offerSnapshot(replica: Replica, to: InstanceId, epoch: number, effects: Effects): void {
  const { stableCertificate: certificate, stableHeader: header, stableFrontier: frontier } = replica;
  if (certificate === undefined || header === undefined || frontier === undefined) return;
  const { size, peaks, recent } = frontier;
  const signedIn = certificate.epoch - replica.genesisConfiguration.epoch;
  const epochs = epochPage(replica.epochs.slice(epoch, signedIn));
  effects.send(to, { kind: 'snapshot', epochs, certificate, header, frontier: { size, peaks }, recent });
}

/** Upon ⟨SNAPSHOT⟩. [16] */
export function onSnapshot(replica: Replica, from: InstanceId, m: MessageOf<'snapshot'>, effects: Effects): void {
  const { cryptography, execution, service } = replica.environment;
  const reject = (reason: Parameters<Effects['reject']>[2], detail?: string): void =>
    effects.reject(from, m.kind, reason, detail);
  if (replica.transfer !== undefined) return reject('not-asked');
  const { certificate, header, frontier, recent } = m;
  // Forward only: a replica that is wrong stops following, and waits for a checkpoint above what it has committed.
  if (certificate.sequence <= replica.committed) return reject('stale');

  const chain = extendChain(replica, m.epochs);
  if (typeof chain === 'string') return reject('wrong-chain', chain);
  /** Epochs are counted from that of genesis. */
  const configurationAt = (epoch: number): Configuration | undefined =>
    epoch === 0 ? replica.genesisConfiguration : chain[epoch - 1]?.next;
  const signedIn = certificate.epoch - replica.genesisConfiguration.epoch;
  const signers = configurationAt(signedIn);
  if (signers === undefined) {
    // As far as one message leads, which may begin long before what I know: the rest is asked for.
    const known = knownEpochs(replica).length;
    const first = m.epochs[0]?.header.epoch ?? Infinity;
    if (chain.length > known) replica.proven = chain;
    else if (first - replica.genesisConfiguration.epoch >= known) return reject('wrong-chain', 'an epoch is missing');
    return effects.send(from, { kind: 'fetch-snapshot', epoch: chain.length });
  }
  if (!validCheckpointCertificate(cryptography, service, signers, certificate)) return reject('bad-certificate');

  // The epoch in which the log goes on above the checkpoint: the first that did not end at or below it.
  const epoch = chain.filter((closed) => closed.header.sequence <= certificate.sequence).length;
  const configuration = configurationAt(epoch)!;
  const tree = treeOf(replica, frontier, recent, header);
  if (
    tree === undefined ||
    // The same frontier at all: executions ask about the headers above it, and may not differ.
    frontier.size !== Math.max(0, certificate.sequence - headersKnown) ||
    header.sequence !== certificate.sequence ||
    tree.size !== certificate.sequence ||
    !sameBytes(tree.root(), certificate.ledgerRoot) ||
    !sameBytes(tree.leaf(tree.size - 1) ?? new Uint8Array(0), headerDigest(cryptography, header)) ||
    !sameBytes(header.configuration, configurationNamed(cryptography, header, configuration))
  ) {
    return reject('wrong-chain', 'frontier');
  }
  replica.transfer = {
    certificate,
    header,
    frontier,
    recent,
    // What was proven beyond the checkpoint's own epoch, the log proves again.
    epochs: chain.slice(0, Math.max(epoch, signedIn)),
    configuration,
    parts: execution.transfer(certificate.stateDigest, header.protocolVersion),
    since: replica.now,
    asked: new Map(),
    offeredBy: from,
    empty: new Set(),
  };
  continueTransfer(replica, effects);
}

/** The chain of epoch certificates that begins with what I know and goes on with these; a reason where it does not hold. */
function extendChain(replica: Replica, more: readonly EpochCertificate[]): EpochCertificate[] | string {
  const { cryptography, service } = replica.environment;
  const chain = [...knownEpochs(replica)];
  for (const next of more) {
    const { header, certificate } = next;
    if (header.epoch < replica.genesisConfiguration.epoch + chain.length) continue;
    const configuration = chain.at(-1)?.next ?? replica.genesisConfiguration;
    if (header.epoch !== configuration.epoch) return 'an epoch is missing';
    if (next.next.epoch !== header.epoch + 1 || next.next.slots !== configuration.slots) return 'configuration';
    if (!sameBytes(header.service, service)) return 'another service';
    if (!sameBytes(header.configuration, configurationNamed(cryptography, header, next.next)))
      return 'configuration digest';
    if (header.sequence <= (chain.at(-1)?.header.sequence ?? 0)) return 'sequence';
    if (!sameBytes(certificate.subject.headerDigest, headerDigest(cryptography, header))) return 'header';
    if (certificate.subject.sequence !== header.sequence) return 'sequence';
    if (!validCommitCertificate(cryptography, service, configuration, certificate)) return 'certificate';
    chain.push(next);
  }
  return chain;
}

function treeOf(
  replica: Replica,
  frontier: MessageOf<'snapshot'>['frontier'],
  recent: MessageOf<'snapshot'>['recent'],
  { rehashed }: Header,
): MerkleTree | undefined {
  const tree = MerkleTree.fromFrontier(replica.environment.cryptography, frontier.size, frontier.peaks, rehashed);
  if (tree === undefined) return undefined;
  for (const leaf of recent) tree.append(leaf);
  return tree;
}

/** Asks for what is wanted, of replicas that have no question open; installs what there is nothing left to ask for. [16, 19] */
export function continueTransfer(replica: Replica, effects: Effects): void {
  const { transfer } = replica;
  if (transfer === undefined || overtaken(replica)) return;
  if (transfer.parts.complete) return install(replica, effects);
  const patience = answerIntervals * replica.environment.settings.statusIntervalMs;
  for (const [peer, question] of transfer.asked) {
    if (replica.now - question.at < patience) continue;
    transfer.parts.forget(question.paths);
    transfer.asked.delete(peer);
    // Else it would be the first to be asked again, for this state and for the next: the others forget a state that nobody
    // asks them for while one waits.
    avoid(replica, peer);
  }
  const peers = heardLately(replica);
  if (peers.every((peer) => avoided(replica, transfer, peer))) {
    transfer.empty.clear();
    for (const peer of peers) peerOf(replica, peer).avoidedUntil = 0;
  }
  peers.sort((a, b) => Number(b === transfer.offeredBy) - Number(a === transfer.offeredBy));
  for (const peer of peers) {
    if (transfer.asked.has(peer) || avoided(replica, transfer, peer)) continue;
    const paths = transfer.parts.wanted(partsPerQuestion);
    if (paths.length === 0) break;
    transfer.asked.set(peer, { paths, at: replica.now });
    effects.send(peer, { kind: 'fetch-state', sequence: transfer.certificate.sequence, paths });
  }
}

function avoid(replica: Replica, peer: InstanceId): void {
  const { now, environment } = replica;
  peerOf(replica, peer).avoidedUntil = now + avoidedIntervals * environment.settings.statusIntervalMs;
}

function avoided(replica: Replica, transfer: Transfer, peer: InstanceId): boolean {
  return transfer.empty.has(peer) || peerOf(replica, peer).avoidedUntil > replica.now;
}

/** Ends a transfer of what was committed meanwhile: nothing that was committed here is taken back. */
function overtaken(replica: Replica): boolean {
  if (replica.transfer === undefined || replica.transfer.certificate.sequence > replica.committed) return false;
  replica.transfer = undefined;
  return true;
}

/** Upon ⟨PARTS⟩: at once, or when its asker may have more. Who asks again meanwhile wants that instead. [18] */
export function onFetchState(replica: Replica, from: InstanceId, m: MessageOf<'fetch-state'>, effects: Effects): void {
  if (m.paths.length > partsPerQuestion) return effects.reject(from, m.kind, 'malformed');
  peerOf(replica, from).stateQuestion = m;
  answerStateQuestion(replica, from, effects);
}

export function answerStateQuestions(replica: Replica, effects: Effects): void {
  for (const [id, peer] of replica.peers)
    if (peer.stateQuestion !== undefined) answerStateQuestion(replica, id, effects);
}

function answerStateQuestion(replica: Replica, from: InstanceId, effects: Effects): void {
  const peer = peerOf(replica, from);
  const { stateQuestion: m } = peer;
  if (m === undefined || replica.now < peer.stateDue) return;
  peer.stateQuestion = undefined;
  const { execution, settings } = replica.environment;
  const parts = execution.parts(m.sequence, m.paths, partsBytesMax);
  const bytes = parts.reduce((sum, part) => sum + part.bytes.length, 0);
  peer.stateDue = replica.now + Math.floor((1000 * bytes) / settings.stateBytesPerSecond);
  if (parts.length > 0) replica.serving.set(m.sequence, replica.now);
  const given = new Set(parts.map((part) => toLatin1(part.path)));
  const omitted = m.paths.filter((path) => !given.has(toLatin1(path)));
  effects.send(from, { kind: 'state', sequence: m.sequence, parts, omitted });
}

/** Upon parts of the state. [16-19] */
export function onState(replica: Replica, from: InstanceId, m: MessageOf<'state'>, effects: Effects): void {
  const { transfer } = replica;
  const question = transfer?.asked.get(from);
  if (transfer === undefined || question === undefined || m.sequence !== transfer.certificate.sequence) {
    return effects.reject(from, m.kind, 'not-asked');
  }
  if (overtaken(replica)) return;
  transfer.asked.delete(from);
  const unanswered = new Map(question.paths.map((path) => [toLatin1(path), path]));
  for (const part of m.parts) {
    const key = toLatin1(part.path);
    if (!unanswered.has(key)) continue;
    const wrong = transfer.parts.accept(part);
    if (wrong === undefined) unanswered.delete(key);
    else {
      avoid(replica, from);
      effects.reject(from, m.kind, 'wrong-state-part', wrong);
    }
  }
  if (unanswered.size > 0) transfer.parts.forget([...unanswered.values()]);
  if (unanswered.size === question.paths.length) {
    // It no longer has this snapshot: a later checkpoint has become stable there.
    transfer.empty.add(from);
    if (heardLately(replica).every((peer) => avoided(replica, transfer, peer))) {
      replica.transfer = undefined;
      return requestSnapshot(replica, effects);
    }
  }
  effects.push({ kind: 'report', report: { kind: 'transfer', sequence: m.sequence, ...transfer.parts.progress } });
  continueTransfer(replica, effects);
  if (peerOf(replica, from).committed > replica.committed) requestFetch(replica, from, effects);
}

/**
 * Whether I voted in this view for a header that is not in this log: above its end, where I could not tell it from another once my
 * votes are forgotten, or beside it, where whatever I vote for on top would contradict it.
 */
function votedBeside({ slot, votes }: Replica, tree: MerkleTree): boolean {
  return [...votes].some(([sequence, { ballots }]) => {
    const vote = slot === undefined ? undefined : ballots.get(slot)?.vote;
    if (vote === undefined) return false;
    const committed = tree.leaf(sequence - 1);
    return committed === undefined || !sameBytes(committed, vote.subject.headerDigest);
  });
}

/** [19] */
function install(replica: Replica, effects: Effects): void {
  const transfer = replica.transfer!;
  const { execution } = replica.environment;
  const { sequence } = transfer.certificate;
  execution.install(sequence, transfer.parts);
  const gapFrom = replica.committed + 1;
  const below = replica.tree.clone();
  below.rollback(replica.committed);
  replica.transfer = undefined;
  replica.filling = ++replica.syncToken;
  const tree = treeOf(replica, transfer.frontier, transfer.recent, transfer.header)!;
  if (votedBeside(replica, tree)) replica.mute = true;
  eraseNonces(replica);
  replica.log.clear();
  forgetDiscarded(replica, sequence);
  replica.votes.clear();
  replica.proposals.clear();
  replica.syncing.clear();
  // What batches of that log held is ordered again, or found to be executed.
  replica.pool.rollback(0);
  // A header that this view adopted above it is still the first that may be voted for.
  if (replica.adopting !== undefined && replica.adopting.header.sequence <= sequence) replica.adopting = undefined;
  replica.checkpoints.clear();
  replica.ownCheckpoint = undefined;
  replica.fetching = undefined;
  replica.corrupt = false;
  replica.tree = tree;
  replica.executed = sequence;
  replica.committed = sequence;
  replica.committedIn = undefined;
  replica.stable = sequence;
  replica.stableCertificate = transfer.certificate;
  replica.stableHeader = transfer.header;
  replica.stableFrontier = { ...transfer.frontier, recent: transfer.recent };
  replica.timeOfExecuted = transfer.header.time;
  replica.lastCommitAt = replica.now;
  const earlier = replica.epochs.length;
  replica.epochs = transfer.epochs;
  const { epoch } = transfer.configuration;
  if (epoch !== replica.epoch) {
    const last = epoch - replica.genesisConfiguration.epoch - 1;
    const before = transfer.epochs[last - 1]?.next ?? replica.genesisConfiguration;
    beginEpoch(replica, transfer.epochs[last]!, before, effects);
  }
  effects.append(sequence, { kind: 'checkpoint', certificate: transfer.certificate });
  effects.push(
    { kind: 'gap', from: gapFrom, to: sequence, epochs: transfer.epochs.slice(earlier), below },
    { kind: 'sync', token: replica.filling },
    {
      kind: 'report',
      report: {
        kind: 'installed',
        sequence,
        parts: transfer.parts.progress.partsDone,
        ms: replica.now - transfer.since,
      },
    },
  );
  resumeDeferred(replica, effects);
}
