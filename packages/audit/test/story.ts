/**
 * One honest ledger that holds a little of everything, and ways to audit it and others.
 */
import type { LedgerRecord } from '@coppice/ledger';
import { audit, type AuditOptions, type AuditReport } from '@coppice/audit';
import { inputOf, LedgerScript, options } from './ledger-script.ts';

export const names = ['s0', 's1', 's2', 's3'];

/** Clients' batches, a view change, two turns, seals and checkpoints; what an audit reads, in small. */
export function story(): LedgerScript {
  const script = new LedgerScript();
  script.batch(script.bundle('alice', 3), script.bundle('bob', 40));
  script.commit([
    script.accept([script.bundle('alice', 1)]),
    script.accept([]),
    script.accept([script.bundle('bob', 2)]),
  ]);
  // View 0 goes no further than the votes for batch 5; batch 6 is lost.
  const kept = script.accept([script.bundle('alice', 2)]);
  script.records.push({ kind: 'prepared', certificate: script.log.prepare(kept.header) });
  script.accept([script.bundle('carol', 1)]);
  const view = script.newView(1, script.prepared(kept.header));
  script.log.tree.rollback(5);
  script.commit([kept], view);
  script.commit([script.accept([script.bundle('carol', 1)])], view);
  script.checkpoint();
  script.turn(1, 's1b', 1);
  script.seal(names);
  script.turn(3, 's3b', 2);
  script.seal(['s0', 's1b', 's2', 's3']);
  script.batch(script.bundle('alice', 20));
  script.checkpoint();
  return script;
}

/** One for all tests that read it. */
export const told = story();

export const run = (records: readonly LedgerRecord[], changes: Partial<AuditOptions> = {}): Promise<AuditReport> =>
  audit(inputOf(records), { ...options, ...changes });

export async function codesOf(
  records: readonly LedgerRecord[],
  changes: Partial<AuditOptions> = {},
): Promise<string[]> {
  const { problems } = await run(records, changes);
  return problems.map(({ code }) => code);
}

export const flip = (bytes: Uint8Array): Uint8Array => bytes.with(0, bytes[0]! ^ 1);
