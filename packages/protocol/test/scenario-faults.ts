/**
 * What a faulty instance of a scenario does with its keys: anything but what its replica would.
 */
import {
  batchCodec,
  type CommitCertificate,
  commitmentOf,
  encode,
  headerDigest,
  newViewStatement,
  quorumOf,
  type Subject,
  validCommitCertificate,
  type ViewChange,
  type Vote,
  voteStatement,
} from '@coppice/wire';
import { execute, undo } from '../src/log.ts';
import { type Instance, type ScenarioCluster, scenarioService } from './scenario-cluster.ts';
import { signerOf, toyCryptography } from './toy.ts';

/** Nonces of votes that faulty instances cast, by voter and header. */
type Nonces = Map<string, Uint8Array>;
const noncesOf = new WeakMap<ScenarioCluster, Nonces>();

function voteOf(cluster: ScenarioCluster, by: Instance, subject: Subject): { vote: Vote; nonce: Uint8Array } {
  const nonces = noncesOf.get(cluster) ?? new Map<string, Uint8Array>();
  noncesOf.set(cluster, nonces);
  const key = `${by.name} ${subject.view} ${cluster.header(subject.sequence, subject.headerDigest)}`;
  const nonce = nonces.get(key) ?? cluster.nonce(by);
  nonces.set(key, nonce);
  const commitment = commitmentOf(toyCryptography, nonce);
  const statement = voteStatement(scenarioService, subject, commitment);
  const signature = signerOf(by.slot, by.launch, subject.epoch).sign(statement);
  return { vote: { subject, slot: by.slot, commitment, signature }, nonce };
}

/** A header at the place that comes next for the first of `to`, with one operation, shown to them alone. */
export function equivocate(cluster: ScenarioCluster, by: Instance, to: readonly Instance[], text: string): string {
  const { replica } = to[0]!;
  const batch = { items: text === '' ? [] : [cluster.item(text)] };
  const attempt = { batch, batchBytes: encode(batchCodec, batch), time: cluster.now, proposer: by.slot };
  const result = execute(replica, attempt);
  if ('unacceptable' in result) throw new Error(result.unacceptable);
  undo(replica);
  const digest = headerDigest(toyCryptography, result.header);
  const { epoch, view, newViewDigest: newView } = replica;
  const subject = { epoch, view, sequence: result.header.sequence, headerDigest: digest, newView };
  const { vote } = voteOf(cluster, by, subject);
  for (const one of to) {
    cluster.post(by, one.id, { kind: 'pre-prepare', header: result.header, batch: attempt.batchBytes, vote });
  }
  return cluster.header(subject.sequence, digest);
}

/** Votes for a header, and reveals at once, as these see the view. */
export function doubleVote(cluster: ScenarioCluster, by: Instance, to: readonly Instance[], name: string): void {
  const { sequence, digest } = cluster.digestOf(name);
  for (const one of to) {
    const { epoch, view, newViewDigest: newView } = one.replica;
    const { vote, nonce } = voteOf(cluster, by, { epoch, view, sequence, headerDigest: digest, newView });
    if (one.replica.votes.get(sequence)?.ballots.has(by.slot) !== true) {
      cluster.post(by, one.id, { kind: 'prepare', vote });
    }
    cluster.post(by, one.id, { kind: 'commit', epoch, view, reveals: [{ sequence, nonce }] });
  }
}

/** A new-view made of the view changes of these slots, whatever others were told. */
export function newView(cluster: ScenarioCluster, by: Instance, of: readonly number[], to: readonly Instance[]): void {
  const known = cluster.instances.flatMap(({ replica }) => [...replica.viewChanges.values()]);
  const viewChanges = of.map((slot) => known.find(({ viewChange }) => viewChange.slot === slot)!.viewChange);
  const [{ epoch, view }] = viewChanges as [ViewChange];
  const unsigned = { service: scenarioService, epoch, view, slot: by.slot, viewChanges };
  const signature = signerOf(by.slot, by.launch, epoch).sign(newViewStatement(unsigned));
  for (const one of to) cluster.post(by, one.id, { kind: 'new-view', newView: { ...unsigned, signature } });
}

/** Whether the keys that were ever stolen certify another end of an epoch. */
export function forge(cluster: ScenarioCluster, epoch: number): string[] {
  const { replica } = cluster.seated[0]!;
  const configuration = epoch === 0 ? replica.genesisConfiguration : replica.epochs[epoch - 1]!.next;
  const { sequence } = replica.epochs[epoch]!.header;
  const headerDigest = new Uint8Array(32).fill(1);
  const subject: Subject = { epoch, view: 0, sequence, headerDigest, newView: new Uint8Array(32) };
  const robbed = cluster.instances.filter(({ robbedFrom }) => robbedFrom !== undefined);
  const able = robbed.filter(({ robbedFrom }) => robbedFrom! <= epoch).sort((a, b) => a.slot - b.slot);
  const reveals = able.map((one) => {
    const { vote, nonce } = voteOf(cluster, one, subject);
    return { slot: one.slot, nonce, signature: vote.signature };
  });
  const certificate: CommitCertificate = { subject, reveals };
  const valid = validCommitCertificate(toyCryptography, scenarioService, configuration, certificate);
  const names = (of: readonly Instance[]): string => of.map(({ name }) => name).join(' ') || 'nobody';
  return [
    `stolen from ${names(robbed)}; keys of epoch ${epoch} among it: those of ${names(able)}`,
    `${able.length} votes of ${quorumOf(configuration.slots)} for another header ${sequence}: ${valid ? 'VALID' : 'no certificate'}`,
  ];
}
