/** Mutants of turns: spec/turns.md. */
import { attacked, belated, calm, misdirected, type Mutant, pretended, starved } from './mutant.ts';

const turn = 'protocol/src/turn.ts';
const admission = 'protocol/src/turn-admission.ts';
const notices = 'protocol/src/turn-notices.ts';

export const turns: readonly Mutant[] = [
  {
    name: 'no-deadline',
    rule: 'turns 2: a turn past its deadline is over',
    patches: [
      { file: turn, text: 'at.time >= next.open.deadline)', instead: 'at.time >= next.open.deadline + 60_000)' },
    ],
    choices: belated,
  },
  {
    name: 'vacates-beyond-f',
    rule: 'turns 19: at most f slots are vacated',
    patches: [
      {
        file: turn,
        text: 'return vacancies(m) + 1 + doubtful.length <= faultsOf(m);',
        instead: 'return doubtful.length >= 0;',
      },
    ],
    choices: starved,
  },
  {
    name: 'terms-without-end',
    rule: 'turns 13, 19: a slot past its term is vacated, and nothing is served beside one that cannot be',
    patches: [
      {
        file: turn,
        text: 'const [late] = expired(m, at.time);',
        instead: 'const late = undefined;',
      },
      { file: turn, text: "  if (policy.overdue === 'continue') return false;\n", instead: '  return false;\n' },
    ],
    choices: starved,
  },
  {
    name: 'challenge-uncertified',
    rule: 'turns 31-32: a challenge is a commit certificate, whose nonces nobody knew before',
    patches: [
      {
        file: admission,
        text: 'if (!validCommitCertificate(cryptography, service, configurationOf(m), certificate)) {',
        instead: 'if (false) {',
      },
    ],
    choices: attacked('tampering-primary'),
  },
  {
    name: 'proof-unchecked',
    rule: 'turns 81-82: a fault proof shows two votes that contradict each other',
    patches: [{ file: notices, text: '  if (reason !== undefined) return invalid(reason);\n', instead: '' }],
    choices: attacked('tampering-primary'),
  },
  {
    name: 'suspicion-unsigned',
    rule: 'turns 71: a suspicion is signed by its slot',
    patches: [
      {
        file: notices,
        text: '  if (key === undefined || !context.cryptography.verify(key, suspicionStatement(suspicion), suspicion.signature)) {\n',
        instead: '  if (key === undefined) {\n',
      },
    ],
    choices: attacked('tampering-primary'),
  },
  {
    name: 'erasure-unsigned',
    rule: 'turns 61: a notice of erasure is signed by its incumbent',
    patches: [
      {
        file: notices,
        text: '  if (key === undefined || !context.cryptography.verify(key, erasureStatement(erasure), erasure.signature)) {\n',
        instead: '  if (key === undefined) {\n',
      },
    ],
    choices: attacked('tampering-primary', ['slow-disk']),
  },
  {
    name: 'swap-without-ready',
    rule: 'turns 20, 50: a candidate is seated when it follows the log',
    patches: [
      {
        file: turn,
        text: '  return m.open?.ready === true ? m.open.slot : undefined;',
        instead: '  return m.candidate !== undefined ? m.open?.slot : undefined;',
      },
    ],
    choices: calm,
  },
  {
    name: 'launch-not-compared',
    rule: 'turns 44: evidence shows a launch for this turn, bound to its challenge',
    patches: [
      {
        file: 'attestation/src/appraise.ts',
        text: '      sameBytes(evidence.launchDigest, launched),',
        instead: '      true,',
      },
      {
        file: 'attestation/src/appraise.ts',
        text: 'const reported = reportData(cryptography, claims, launched);',
        instead: 'const reported = reportData(cryptography, claims, evidence.launchDigest);',
      },
    ],
    choices: misdirected,
  },
  {
    name: 'measurement-unchecked',
    rule: 'turns 44: evidence shows a measurement that the members accept of the variant',
    patches: [
      {
        file: 'attestation/src/appraise.ts',
        text: '    accepted.some((measurement) => sameBytes(measurement, evidence.measurement)),',
        instead: '    true,',
      },
    ],
    choices: pretended,
  },
  {
    name: 'debug-accepted',
    rule: 'turns 44: no instance whose memory its host can read',
    patches: [
      { file: 'attestation/src/appraise.ts', text: "judged('debug', !debug,", instead: "judged('debug', true," },
    ],
    choices: pretended,
  },
  {
    name: 'older-keys',
    rule: 'turns 41: the keys of a candidate begin with the epoch that it is to sit in',
    patches: [
      {
        file: 'protocol/src/turn-admission.ts',
        text: 'if (join.firstEpoch !== m.epoch + 1) return',
        instead: 'if (false) return',
      },
    ],
    choices: pretended,
  },
  {
    name: 'halts-without-need',
    rule: 'turns 13: nothing is answered overdue unless slots are vacant or past their term',
    patches: [
      {
        file: 'protocol/src/turn.ts',
        text: "  if (policy.overdue === 'continue') return false;\n",
        instead: '  if (m.epoch > 0) return true;\n',
      },
    ],
    choices: calm,
  },
  {
    name: 'unfit-candidates-seated',
    rule: 'turns 21: what was accepted at the join is judged again when the epoch closes',
    patches: [
      {
        file: 'protocol/src/turn.ts',
        text: "  if (objection(replaced(m.occupants, slot, seated), slot) !== undefined) return endTurn(m, 'discarded', at);\n",
        instead: '',
      },
    ],
    choices: { ...calm, ballots: true, disturbedMs: 12_000 },
  },
  {
    name: 'unsealed-at-once',
    rule: 'turns 17: where members would rather go on, an epoch that is not sealed closes only after the seal deadline',
    patches: [
      {
        file: turn,
        text: "  const patient = policy.unsealed === 'wait' || at.time < m.start.time + policy.sealDeadlineMs;",
        instead: "  const patient = policy.unsealed === 'wait';",
      },
    ],
    choices: {
      ...attacked('withholder'),
      ...{ ballots: true, disturbedMs: 8000 },
      policy: { unsealed: 'continue', sealDeadlineMs: 1500, overdue: 'halt' },
    },
  },
  {
    name: 'overdue-answers',
    rule: 'turns 13: where members would rather go on, nothing is answered overdue',
    patches: [{ file: turn, text: "  if (policy.overdue === 'continue') return false;\n", instead: '' }],
    choices: { ...starved, policy: { unsealed: 'wait', overdue: 'continue' } },
  },
];
