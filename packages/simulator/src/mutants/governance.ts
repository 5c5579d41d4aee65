/** Mutants of governance: spec/governance.md. */
import type { Choices } from '../plan.ts';
import { calm, type Mutant } from './mutant.ts';

const governed: Choices = { ...calm, ballots: true };

export const governance: readonly Mutant[] = [
  {
    name: 'one-member-is-enough',
    rule: 'governance 12: an action takes as many approvals as its threshold says',
    patches: [
      {
        file: 'governance/src/execute.ts',
        text: "if (approvals >= needed) return 'accepted';",
        instead: "if (approvals >= 1) return 'accepted';",
      },
    ],
    choices: governed,
  },
  {
    name: 'given-up-keys-count',
    rule: 'governance 11: votes count if their member is one now',
    patches: [
      {
        file: 'governance/src/proposals.ts',
        text: 'voters.filter((one) => members.some(({ key }) => sameBytes(key, one.member)));',
        instead: 'voters.filter(() => members.length > 0);',
      },
    ],
    choices: governed,
  },
  {
    name: 'statements-unsigned',
    rule: 'governance 2: a statement is signed by its member',
    patches: [
      {
        file: 'governance/src/execute.ts',
        text: "  if (!validStatement(cryptography, signed)) return refused('bad-signature', 'the signature is not the member’s');",
        instead: '',
      },
    ],
    choices: governed,
  },
  {
    name: 'ballots-for-another-service',
    rule: 'governance 2: a statement is for this service',
    patches: [
      {
        file: 'governance/src/execute.ts',
        text: "  if (!sameBytes(statement.service, service)) return refused('other-service', 'it was signed for another service');",
        instead: '',
      },
    ],
    choices: governed,
  },
  {
    name: 'expired-proposals',
    rule: 'governance 8: a proposal that expired is not voted on',
    patches: [
      {
        file: 'governance/src/execute.ts',
        text: '  if (proposal !== undefined && time < statementOf(proposal).statement.expires) return proposal;',
        instead: '  if (proposal !== undefined && time >= 0) return proposal;',
      },
    ],
    choices: governed,
  },
  {
    name: 'proposals-again',
    rule: 'governance 4: a proposal is handed in once',
    patches: [
      {
        file: 'governance/src/execute.ts',
        text: '  if (known !== undefined) return refused(',
        instead: '  if (known === -1) return refused(',
      },
    ],
    choices: governed,
  },
];
