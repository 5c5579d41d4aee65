/** Mutants of the view change: spec/view-change.md. */
import { calm, churn, attacked, type Mutant } from './mutant.ts';

const viewChange = 'protocol/src/view-change.ts';
const normalCase = 'protocol/src/normal-case.ts';

export const viewChanges: readonly Mutant[] = [
  {
    name: 'adopts-by-sequence-first',
    rule: 'view-change 13: highest by view, then by sequence number',
    patches: [
      {
        file: viewChange,
        text: 'a.view > b.view || (a.view === b.view && a.sequence > b.sequence)',
        instead: 'a.sequence > b.sequence || (a.sequence === b.sequence && a.view > b.view)',
      },
    ],
    choices: attacked('sleeper', ['split', 'storm']),
  },
  {
    name: 'forgets-what-prepared',
    rule: 'view-change 5: a view change names the highest that its sender prepared',
    patches: [{ file: viewChange, text: 'prepared: replica.highestPrepared }', instead: 'prepared: undefined }' }],
    choices: churn,
  },
  {
    name: 'nonces-outlive-the-view',
    rule: 'view-change 3: nonces not revealed are erased before a view change is sent; normal-case 24: none leaves after it',
    patches: [
      {
        file: viewChange,
        text: '  eraseNonces(replica);\n  replica.asking = view;',
        instead: '  replica.asking = view;',
      },
      {
        file: normalCase,
        text: 'covered.view !== replica.view || !mayVote(replica)) continue;',
        instead: 'covered.view !== replica.view) continue;',
      },
    ],
    choices: churn,
  },
  {
    name: 'votes-after-asking',
    rule: 'view-change 6: neither vote nor prepare in a view below the one asked for',
    patches: [
      {
        file: 'protocol/src/replica.ts',
        text: 'replica.slot !== undefined && replica.asking === undefined && !replica.mute &&',
        instead: 'replica.slot !== undefined && !replica.mute &&',
      },
    ],
    choices: churn,
  },
  {
    name: 'new-view-of-fewer',
    rule: 'view-change 9, 12: a new-view rests on q view changes',
    patches: [
      {
        file: viewChange,
        text: 'if (known.viewChange.view !== view || valid.length === quorum(replica)) continue;',
        instead: 'if (known.viewChange.view !== view || valid.length === faults(replica) + 1) continue;',
      },
      {
        file: viewChange,
        text: `  if (valid.length < quorum(replica) || !valid.includes(own.viewChange)) {
    // The own one must be among them: put it in the place of the last.
    if (valid.length < quorum(replica)) return;`,
        instead: `  if (valid.length < faults(replica) + 1 || !valid.includes(own.viewChange)) {
    if (valid.length < faults(replica) + 1) return;`,
      },
      {
        file: viewChange,
        text: 'if (slots.length !== quorum(replica) ||',
        instead: 'if (slots.length !== faults(replica) + 1 ||',
      },
    ],
    choices: churn,
  },
  {
    name: 'prepared-unverified',
    rule: 'view-change 9, 12: what a view change names is certified',
    patches: [
      {
        file: viewChange,
        text: '    validPreparedCertificate(cryptography, service, replica.configuration, prepared.certificate)',
        instead: '    true',
      },
    ],
    choices: attacked('prepared-forger', ['split', 'split']),
  },
  {
    name: 'enters-a-lower-view',
    rule: 'view-change 12: no view below the one asked for',
    patches: [
      {
        file: viewChange,
        text: 'if (newView.view <= replica.view || newView.view < (replica.asking ?? 0))',
        instead: 'if (newView.view <= replica.view)',
      },
    ],
    choices: churn,
  },
  {
    name: 'adopted-not-voted-again',
    rule: 'view-change 16: the adopted header is voted for again',
    patches: [
      {
        file: viewChange,
        text: '    rollback(replica, header.sequence);\n    voteForAdopted(replica, entry, effects);',
        instead: '    rollback(replica, header.sequence);',
      },
    ],
    choices: churn,
  },
  {
    name: 'keeps-what-was-not-adopted',
    rule: 'view-change 15: executions that do not lead to the adopted header are discarded',
    patches: [
      {
        file: viewChange,
        text: '    rollback(replica, header.sequence);\n    voteForAdopted(replica, entry, effects);',
        instead: '    voteForAdopted(replica, entry, effects);',
      },
    ],
    stalls: true,
    choices: churn,
  },
  {
    name: 'new-view-not-kept',
    rule: 'view-change 14: new-views are in the ledger',
    patches: [
      {
        file: viewChange,
        text: "effects.append(replica.committed, { kind: 'new-view', newView });",
        instead: '',
      },
    ],
    choices: churn,
  },
  {
    name: 'waits-anew-in-each-epoch',
    rule: 'view-change 20: a request goes on waiting for a primary that leads on in the next epoch',
    patches: [
      {
        file: 'protocol/src/step.ts',
        text: 'if (replica.view > 0 || !same) replica.ledSince',
        instead: 'if (replica.view >= 0 || !same) replica.ledSince',
      },
    ],
    stalls: true,
    // Epochs are shorter than a request waits, and a censor leads whose turn is not soon.
    choices: {
      ...calm,
      ...{ slots: 7, clients: 1, latencyMs: 2, ballots: true, disturbedMs: 1200, undisturbedMs: 3000 },
      faults: [900, 960, 1020, 1080, 1140].map((atMs) => ({ atMs, kind: 'censor', durationMs: 0 })),
      policy: {
        ...{ turnIntervalMs: 1400, turnDeadlineMs: 700, sealDeadlineMs: 1400, recoveryPeriodMs: 14_000 },
        ...{ viewTimeoutMs: 400, heartbeatMs: 40, unsealed: 'wait', overdue: 'halt' },
      },
    },
  },
  {
    name: 'discarded-forgotten',
    rule: 'view-change 17: what a view discards is kept for whoever is to adopt it',
    patches: [
      {
        file: 'protocol/src/discarded.ts',
        text: 'discarded.push({ header, headerDigest, batchBytes, root: tree.root(i), view });',
        instead: '',
      },
    ],
    stalls: true,
    choices: { ...attacked('equivocator', ['storm', 'storm']), slots: 5, disturbedMs: 8000 },
  },
];
