/** Mutants of receipts, exactly-once and storage: spec/ledger.md, requests.md, storage.md. */
import { attacked, behind, calm, type Mutant, stalls } from './mutant.ts';

export const receipts: readonly Mutant[] = [
  {
    name: 'path-of-another-header',
    rule: 'ledger: a receipt has the path of its header under the certified one',
    patches: [
      {
        file: 'protocol/src/log.ts',
        text: 'replica.tree.inclusionPath(i - 1, sequence - 1)',
        instead: 'replica.tree.inclusionPath(Math.max(i - 2, 0), sequence - 1)',
      },
    ],
    choices: stalls,
  },
  {
    name: 'certificates-of-fewer',
    rule: 'normal-case 27: a commit certificate is one of q reveals',
    patches: [
      {
        file: 'wire/src/certificate.ts',
        text: '    certificate.reveals.length === quorumOf(configuration.slots) &&',
        instead: '    certificate.reveals.length > 0 &&',
      },
      {
        file: 'protocol/src/normal-case.ts',
        text: '  if (revealed.length < quorum(replica)) return undefined;',
        instead: '  if (revealed.length < quorum(replica) - 1) return undefined;',
      },
      {
        file: 'protocol/src/normal-case.ts',
        text: '  if (chosen.length < quorum(replica)) return undefined;\n  chosen.sort(',
        instead: '  if (chosen.length < quorum(replica) - 1) return undefined;\n  chosen.sort(',
      },
    ],
    choices: calm,
  },
  {
    name: 'executed-twice',
    rule: 'requests 11-12: what was executed is not executed again',
    patches: [
      { file: 'execution/src/batch.ts', text: "if (status.kind === 'executed') {", instead: 'if (false) {' },
      { file: 'execution/src/batch.ts', text: "if (status.kind === 'outside-window') {", instead: 'if (false) {' },
    ],
    choices: attacked('replaying-primary'),
  },
  {
    name: 'requests-unsigned',
    rule: 'requests 2: a bundle is signed by its client',
    patches: [
      {
        file: 'execution/src/bundle-check.ts',
        text: ' && !this.#cryptography.verify(bundle.client, signed, bundle.signature))',
        instead: ' && signed.length === 0)',
      },
    ],
    choices: attacked('tampering-primary'),
  },
  {
    name: 'failed-requests-write',
    rule: 'requests 18: what a request wrote is kept if its result is ok',
    patches: [
      {
        file: 'execution/src/batch.ts',
        text: '    if (!ok) {\n      tx.abort();',
        instead: '    if (!ok) {\n      tx.commit();',
      },
    ],
    choices: calm,
  },
  {
    name: 'sync-answers-too-much',
    rule: 'storage: a sync answers for what was appended before it',
    patches: [
      {
        file: 'storage/src/memory-ledger.ts',
        text: '    this.#waiting.push({ end: this.#records.length, done });\n    this.#onSync();',
        instead:
          '    done(undefined);\n    this.#waiting.push({ end: this.#records.length, done: () => {} });\n    this.#onSync();',
      },
    ],
    choices: behind(),
  },
];
