/**
 * What a campaign must reach: every kind of message, of reason to reject, of outcome of a turn, … that the protocol's
 * types know. The compiler keeps these lists complete: a kind that is added there, and not here, does not compile.
 *
 * A reason in place of `must` says why no simulation can get there.
 */
import type {
  Effect,
  FinishedTurn,
  Input,
  Message,
  RejectionReason,
  RefusalCode,
  Report,
  TurnReason,
} from '@coppice/protocol';
import type { SystemRequest } from '@coppice/wire';

const must = undefined;
const oneEngine = 'all replicas run one engine: see the scenarios divergent-request and one-replica-diverges';
const noFlips = 'memory of simulations does not fail, so whoever finds itself wrong is a finding: checkers/conduct.ts';
const votedOut = 'whoever withholds notices is nearly always voted out first: the mutant unsealed-at-once provokes it';
type Expected<K extends string> = Readonly<Record<K, string | undefined>>;

const inputs: Expected<Input['kind']> = {
  tick: must,
  message: must,
  connected: must,
  item: must,
  synced: must,
  voted: must,
  signed: must,
};

const messages: Expected<Message['kind']> = {
  'pre-prepare': must,
  prepare: must,
  commit: must,
  'view-change': must,
  'new-view': must,
  checkpoint: must,
  refusal: must,
  echo: must,
  forward: must,
  status: must,
  fetch: must,
  entries: must,
  'fetch-held': must,
  held: must,
  'fetch-outcomes': must,
  outcomes: must,
  'fetch-snapshot': must,
  snapshot: must,
  'fetch-state': must,
  state: must,
};

const effects: Expected<Effect['kind']> = {
  send: must,
  broadcast: must,
  announce: must,
  append: must,
  sync: must,
  'sign-vote': must,
  sign: must,
  erase: must,
  committed: must,
  epoch: must,
  gap: must,
  rejected: must,
  report: must,
  exit: must,
};

const rejections: Expected<RejectionReason> = {
  malformed: must,
  'unknown-sender': must,
  'wrong-epoch': must,
  'wrong-view': must,
  'not-primary': must,
  'outside-window': must,
  'bad-signature': must,
  'bad-certificate': must,
  'wrong-version': must,
  'wrong-header': must,
  'time-out-of-bounds': must,
  'unacceptable-batch': must,
  'different-result': must,
  'no-such-vote': must,
  'wrong-nonce': must,
  'not-asked': must,
  'wrong-state-part': must,
  'wrong-chain': must,
  'deferred-too-many': must,
  inadmissible: must,
  'pool-full': 'a simulation does not make 64 MiB of requests',
  stale: must,
  'not-seated': must,
};

const reports: Expected<Report['kind']> = {
  view: must,
  'view-change-sent': must,
  stable: must,
  transfer: must,
  installed: must,
  fault: must,
  diverged: oneEngine,
  'corrupt-state': noFlips,
  contradiction: 'more than f slots are faulty',
};

const turnReasons: Expected<TurnReason> = { proactive: must, reactive: must, early: must, refill: must };
const turnOutcomes: Expected<FinishedTurn['outcome']> = { seated: must, expired: must, discarded: must };

const systemRequests: Expected<SystemRequest['kind']> = {
  challenge: must,
  join: must,
  ready: must,
  erasure: must,
  suspicion: must,
  fault: must,
  divergent: oneEngine,
  activate: must,
};

const refusals: Expected<RefusalCode> = {
  stale: must,
  'wrong-service': 'keys of a simulation sign for one service',
  'no-such-turn': must,
  'too-early': must,
  'already-done': must,
  'wrong-release': must,
  'wrong-keys': must,
  'not-admitted': must,
  'unknown-header': must,
  'not-seated': must,
};

/** Branches of the specification that no kind of message or report tells apart. See coverage.ts. */
export type Branch =
  | 'a new-view adopts the start of the epoch'
  | 'a new-view adopts a header below the newest executed'
  | 'a new-view adopts a header that has to be fetched'
  | 'a new-view adopts a closing batch'
  | 'a new-view prefers a later view to a higher sequence number'
  | 'a replica that committed another header than it voted for stops voting in the view'
  | 'an adopted batch commits in a later view than it was proposed in'
  | 'a certificate commits batches below its own'
  | 'a transfer is overtaken by commits'
  | 'a transfer leads into a later epoch'
  | 'a message of a later epoch or view is kept'
  | 'a checkpoint is signed again in the next epoch'
  | 'an epoch in which every seat signs by scheme 2'
  | 'an epoch ends with a swap'
  | 'an epoch ends with a vacation'
  | 'an epoch ends with the turn of its primary'
  | 'requests are answered overdue'
  | 'requests are served overdue'
  | 'an epoch ends before the last one is sealed'
  | 'a turn waives a rule for its variant'
  | 'a turn draws no variant'
  | 'a release is activated'
  | 'an activation fails'
  | 'replicas do not agree on an activation'
  | 'a migration goes on in another step'
  | 'a step of a migration is taken back';

const branches: Expected<Branch> = {
  'a new-view adopts the start of the epoch': must,
  'a new-view adopts a header below the newest executed': must,
  'a new-view adopts a header that has to be fetched': must,
  'a new-view adopts a closing batch': must,
  'a new-view prefers a later view to a higher sequence number': must,
  'a replica that committed another header than it voted for stops voting in the view': must,
  'an adopted batch commits in a later view than it was proposed in': must,
  'a certificate commits batches below its own': must,
  'a transfer is overtaken by commits': must,
  'a transfer leads into a later epoch': must,
  'a message of a later epoch or view is kept': must,
  'a checkpoint is signed again in the next epoch': must,
  'an epoch in which every seat signs by scheme 2': must,
  'an epoch ends with a swap': must,
  'an epoch ends with a vacation': must,
  'an epoch ends with the turn of its primary': must,
  'requests are answered overdue': must,
  'requests are served overdue': must,
  'an epoch ends before the last one is sealed': votedOut,
  'a turn waives a rule for its variant': must,
  'a turn draws no variant': must,
  'a release is activated': must,
  'an activation fails': must,
  'replicas do not agree on an activation': must,
  'a migration goes on in another step': must,
  'a step of a migration is taken back': must,
};

/** By group. */
export const expected = {
  input: inputs,
  message: messages,
  effect: effects,
  rejection: rejections,
  report: reports,
  'turn reason': turnReasons,
  'turn outcome': turnOutcomes,
  'system request': systemRequests,
  refusal: refusals,
  branch: branches,
};

export type CoverageGroup = keyof typeof expected;
