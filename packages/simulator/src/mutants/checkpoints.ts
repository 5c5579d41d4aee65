/** Mutants of checkpoints, catching up and state transfer: spec/checkpoints.md. */
import { adrift, behind, calm, estranged, hindered, type Mutant } from './mutant.ts';

const checkpoint = 'protocol/src/checkpoint.ts';
const catchUp = 'protocol/src/catch-up.ts';
const stateTransfer = 'protocol/src/state-transfer.ts';

export const checkpoints: readonly Mutant[] = [
  {
    name: 'stable-by-fewer',
    rule: 'checkpoints 5: q signatures make a checkpoint stable',
    patches: [
      {
        file: checkpoint,
        text: 'if (same.length < quorum(replica) || own',
        instead: 'if (same.length < faults(replica) + 1 || own',
      },
    ],
    choices: behind(),
  },
  {
    name: 'checkpoint-before-commit',
    rule: 'checkpoints 3: a checkpoint is signed after its batch is committed',
    patches: [
      {
        file: checkpoint,
        text: 'replica.ownCheckpoint = { sequence, ledgerRoot: replica.tree.root(sequence), stateDigest };',
        instead:
          'replica.ownCheckpoint = { sequence: sequence + 1, ledgerRoot: replica.tree.root(sequence), stateDigest };',
      },
    ],
    choices: calm,
  },
  {
    name: 'gap-not-filled',
    rule: 'checkpoints 19: the ledger before a received state is filled in',
    patches: [
      {
        file: stateTransfer,
        text: "    { kind: 'gap', from: gapFrom, to: sequence, epochs: transfer.epochs.slice(earlier), below },\n",
        instead:
          "    { kind: 'gap', from: Math.min(gapFrom + 1, sequence), to: sequence, epochs: transfer.epochs.slice(earlier), below },\n",
      },
    ],
    stalls: true,
    choices: behind(),
  },
  {
    name: 'ready-without-log',
    rule: 'checkpoints 19: a candidate is not ready before the log that led to its state is on its disk',
    patches: [
      {
        file: 'protocol/src/progress.ts',
        text: '  if (replica.filling !== undefined) return;\n',
        instead: '',
      },
    ],
    choices: hindered,
  },
  {
    name: 'entries-uncertified',
    rule: 'checkpoints 14: entries are certified by a quorum',
    patches: [
      {
        file: catchUp,
        text: '    !validCommitCertificate(cryptography, service, replica.configuration, m.certificate)\n',
        instead: '    false\n',
      },
    ],
    choices: behind('entry-forger'),
  },
  {
    name: 'snapshot-uncertified',
    rule: 'checkpoints 16: a snapshot is certified by a quorum of its epoch',
    patches: [
      {
        file: stateTransfer,
        text: "  if (!validCheckpointCertificate(cryptography, service, signers, certificate)) return reject('bad-certificate');\n",
        instead: '',
      },
    ],
    choices: behind('liar'),
  },
  {
    name: 'frontier-unchecked',
    rule: 'checkpoints 16: frontier and last headers give the certified root',
    patches: [
      { file: stateTransfer, text: '    !sameBytes(tree.root(), certificate.ledgerRoot) ||\n', instead: '' },
      {
        file: stateTransfer,
        text: '    !sameBytes(tree.leaf(tree.size - 1) ?? new Uint8Array(0), headerDigest(cryptography, header)) ||\n',
        instead: '',
      },
    ],
    choices: behind('liar'),
  },
  {
    name: 'state-unchecked',
    rule: 'checkpoints 16: every part of the state is checked under the certified digest',
    patches: [
      {
        file: 'state/src/transfer.ts',
        text: "return sound ? { ok: true } : { ok: false, reason: 'wrong-digest' };",
        instead: 'return { ok: true };',
      },
    ],
    choices: behind('liar'),
  },
  {
    name: 'votes-forgotten-above',
    rule: 'checkpoints 19: no vote in a view after forgetting one for something above the received state',
    patches: [
      {
        file: stateTransfer,
        text: 'return committed === undefined || !sameBytes(committed, vote.subject.headerDigest);',
        instead: 'return committed !== undefined && !sameBytes(committed, vote.subject.headerDigest);',
      },
    ],
    choices: adrift,
  },
  {
    name: 'votes-forgotten-beside',
    rule: 'checkpoints 19: no vote in a view after one for a header that the received state is not built upon',
    patches: [
      {
        file: stateTransfer,
        text: 'return committed === undefined || !sameBytes(committed, vote.subject.headerDigest);',
        instead: 'return committed === undefined;',
      },
    ],
    choices: estranged,
  },
  {
    name: 'adopted-forgotten',
    rule: 'checkpoints 19: what a view adopted above a received state is still the first that may be voted for',
    patches: [
      {
        file: stateTransfer,
        text: 'if (replica.adopting !== undefined && replica.adopting.header.sequence <= sequence) replica.adopting = undefined;',
        instead: 'replica.adopting = undefined;',
      },
    ],
    choices: adrift,
  },
];
