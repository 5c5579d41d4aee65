/** Mutants of the normal case: spec/normal-case.md. */
import { attacked, calm, type Mutant, starved, stalls } from './mutant.ts';

const replica = 'protocol/src/replica.ts';
const normalCase = 'protocol/src/normal-case.ts';
const catchUp = 'protocol/src/catch-up.ts';
const log = 'protocol/src/log.ts';

export const ordering: readonly Mutant[] = [
  {
    name: 'quorum-one-less',
    rule: 'normal-case, n and q: a quorum is ⌈(n + f + 1) / 2⌉',
    patches: [
      {
        file: replica,
        text: 'return quorumOf(replica.configuration.slots);',
        instead: 'return quorumOf(replica.configuration.slots) - 1;',
      },
    ],
    choices: calm,
  },
  {
    name: 'quorum-of-seats',
    rule: 'normal-case, n and q: a quorum is one of all slots, vacant ones included',
    patches: [
      {
        file: replica,
        text: 'return quorumOf(replica.configuration.slots);',
        instead: 'return quorumOf(replica.configuration.seats.length);',
      },
    ],
    choices: starved,
  },
  {
    name: 'votes-unverified',
    rule: 'normal-case 21: votes are verified',
    patches: [
      {
        file: normalCase,
        text: 'ballot.verified = validVote(cryptography, service, replica.configuration, ballot.vote.subject, ballot.vote);',
        instead: 'ballot.verified = true;',
      },
    ],
    choices: attacked('tampering-primary', ['vote-forger']),
  },
  {
    name: 'nonces-unchecked',
    rule: 'normal-case 27: a nonce opens the commitment of its vote',
    patches: [
      {
        file: normalCase,
        text: 'if (!sameBytes(commitmentOf(replica.environment.cryptography, nonce), ballot.vote.commitment)) {',
        instead: 'if (false) {',
      },
    ],
    choices: attacked('vote-forger'),
  },
  {
    name: 'two-votes-at-one-place',
    rule: 'normal-case 13, 19: one vote a place, on one chain',
    patches: [
      {
        file: normalCase,
        text: 'if (!sameBytes(entry.headerDigest, vote.subject.headerDigest)) recordVote(replica, vote, false, effects);\n    return;',
        instead: `if (sameBytes(entry.headerDigest, vote.subject.headerDigest)) return;
    replica.votes.delete(header.sequence);
    rollback(replica, header.sequence - 1);`,
      },
      {
        file: normalCase,
        text: 'import { accept, ',
        instead: 'import { rollback, accept, ',
      },
    ],
    choices: attacked('wavering-primary'),
  },
  {
    name: 'results-not-compared',
    rule: 'normal-case 14: no vote for what the own execution does not give',
    patches: [
      {
        file: normalCase,
        text: 'if (!sameBytes(headerDigest(cryptography, result.header), vote.subject.headerDigest)) {',
        instead: 'if (false) {',
      },
    ],
    choices: attacked('miscomputing-primary'),
  },
  {
    name: 'any-time',
    rule: 'normal-case 12: the time of a new header is within the bound of the own clock',
    patches: [
      {
        file: normalCase,
        text: 'if (Math.abs(header.time - replica.now) > settings.clockBoundMs)',
        instead: 'if (false)',
      },
    ],
    choices: attacked('clock'),
  },
  {
    name: 'above-the-closing-batch',
    rule: 'normal-case 2: nothing is proposed above a closing batch',
    patches: [{ file: normalCase, text: '    !closed(replica) &&\n', instead: '' }],
    choices: calm,
  },
  {
    name: 'nonce-before-sync',
    rule: 'normal-case 22-25: nonces leave when the batch, and that it prepared, are durable',
    patches: [
      {
        file: normalCase,
        text: "effects.push({ kind: 'sync', token });",
        instead: "effects.push({ kind: 'sync', token });\n    onSynced(replica, token, effects);",
      },
    ],
    choices: calm,
  },
  {
    name: 'nonce-before-prepared',
    rule: 'normal-case 20-25: nonces leave when the batch is prepared',
    patches: [
      {
        file: normalCase,
        text: '    if (ballots === undefined) return;\n    const votes = ballots.map(',
        instead: `    if (ballots === undefined) {
      if (voting.nonce !== undefined && !entry.revealed) {
        entry.revealed = true;
        effects.broadcast({ kind: 'commit', epoch: replica.epoch, view: replica.view, reveals: [{ sequence, nonce: voting.nonce }] });
      }
      return;
    }
    const votes = ballots.map(`,
      },
    ],
    choices: calm,
  },
  {
    name: 'prepared-not-kept',
    rule: 'normal-case 22: that a batch prepared is in the ledger',
    patches: [{ file: normalCase, text: "effects.append(sequence, { kind: 'prepared', certificate });", instead: '' }],
    choices: calm,
  },
  {
    name: 'batch-not-kept',
    rule: 'normal-case 7, 15: the batch is in the ledger',
    patches: [
      {
        file: log,
        text: "effects.append(sequence, { kind: 'batch', header, batch: attempt.batchBytes, outcomes: executed.outcomes });",
        instead:
          "if (proposedIn !== undefined) effects.append(sequence, { kind: 'batch', header, batch: attempt.batchBytes, outcomes: executed.outcomes });",
      },
    ],
    choices: stalls,
  },
  {
    name: 'votes-of-two-new-views',
    rule: 'normal-case 6: votes are for one new-view of the view',
    patches: [
      {
        file: normalCase,
        text: `      sameBytes(vote.subject.headerDigest, subject.headerDigest) && sameBytes(vote.subject.newView, subject.newView),
  );
  const needed`,
        instead: '      sameBytes(vote.subject.headerDigest, subject.headerDigest),\n  );\n  const needed',
      },
      {
        file: normalCase,
        text: `      sameBytes(vote.subject.headerDigest, subject.headerDigest) &&
      sameBytes(vote.subject.newView, subject.newView),
  );
  if (revealed`,
        instead: '      sameBytes(vote.subject.headerDigest, subject.headerDigest),\n  );\n  if (revealed',
      },
    ],
    choices: attacked('two-new-views', ['split']),
  },
  {
    name: 'votes-after-committing-another',
    rule: 'normal-case 31: whoever voted for another header than commits votes no more in the view',
    patches: [
      {
        file: normalCase,
        text: 'if (replica.log.has(sequence) && votedFrom(replica, sequence)) replica.mute = true;',
        instead: '',
      },
      { file: catchUp, text: 'if (votedFrom(replica, header.sequence)) replica.mute = true;', instead: '' },
    ],
    choices: attacked('equivocator'),
  },
];
