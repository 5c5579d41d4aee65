/**
 * `coppice ledger turns`: every turn that a ledger holds, which variant its challenge drew, which rules were waived for that, and how it
 * ended. Read from what batches wrote, once the ledger is audited.
 */
import { membershipMap } from '@coppice/execution';
import { type FinishedTurn, type OpenTurn, readMembership } from '@coppice/protocol';
import { decodeWriteSet, keyOf, mapOf } from '@coppice/state';
import { toHex } from '@coppice/wire';
import { serviceOf } from '../connect.ts';
import { type Output, table } from '../output.ts';
import type { LedgerOptions } from './ledger.ts';
import { auditFolder } from './verify.ts';

type Turn = Omit<OpenTurn, 'drawn' | 'ready'> & {
  /** `null`: its challenge was not ordered; `''`: none could be drawn, and nobody seated. spec/turns.md, line 34. */
  readonly variant: string | null;
  readonly waived: FinishedTurn['waived'];
  readonly outcome: FinishedTurn['outcome'] | 'open';
  readonly closedAt: number | null;
  readonly closedTime: number | null;
  /** The instance that sat in the slot before, and the turn's candidate. */
  readonly before: Uint8Array | null;
  readonly candidate: Uint8Array | null;
};

/** The turns that batches tell of, one after the other. */
class Turns {
  readonly #entries = new Map<string, Uint8Array>();
  readonly all = new Map<number, Turn>();

  /** What a batch wrote, or genesis did. */
  readonly add = (writeSets: readonly Uint8Array[]): void => {
    let written = false;
    for (const encoded of writeSets) {
      if (!Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length).includes(membershipMap)) continue;
      const changes = decodeWriteSet(encoded);
      for (const { address, value } of changes.ok ? changes.value : []) {
        if (mapOf(address) !== membershipMap) continue;
        written = true;
        // A reader may use its buffer again.
        if (value === undefined) this.#entries.delete(keyOf(address));
        else this.#entries.set(keyOf(address), value.slice());
      }
    }
    const membership = written ? readMembership((key) => this.#entries.get(key)) : undefined;
    if (membership === undefined) return;
    for (const { before, candidate, closedAt, closedTime, outcome, turn } of membership.finished) {
      const opened = this.all.get(turn);
      if (opened?.outcome !== 'open') continue;
      const ended = { outcome, closedAt, closedTime, before: before ?? null, candidate: candidate ?? null };
      this.all.set(turn, { ...opened, ...ended });
    }
    const { candidate, occupants, open } = membership;
    if (open === undefined) return;
    const { drawn, ready: _, ...opened } = open;
    this.all.set(open.turn, {
      ...opened,
      variant: drawn?.variant ?? null,
      waived: drawn?.waived ?? [],
      ...{ outcome: 'open', closedAt: null, closedTime: null },
      before: occupants[open.slot]?.instance ?? null,
      candidate: candidate?.instance ?? null,
    });
  };
}

export async function listTurns(
  folder: string,
  options: LedgerOptions & { readonly waived?: boolean },
  output: Output,
): Promise<void> {
  const service = options.service === undefined && !options.folderNamed ? undefined : serviceOf(options);
  const turns = new Turns();
  const report = await auditFolder(folder, service, {
    keys: options,
    onState: turns.add,
  });
  const shown = [...turns.all.values()].filter(({ waived }) => options.waived !== true || waived.length > 0);
  const when = (ms: number): string => new Date(ms).toISOString();
  output.answer({ ok: report.ok, service: report.service ?? null, turns: shown, problems: report.problems }, [
    ...(report.ok ? [] : [`THE LEDGER DOES NOT HOLD: ${report.firstProblem?.message ?? 'it has no batches'}`]),
    ...(shown.length === 0
      ? [options.waived === true ? 'no rule was waived' : 'no turn was opened']
      : table([
          ['turn', 'slot', 'reason', 'opened', 'batch', 'variant', 'waived', 'outcome', 'batch', 'candidate'],
          ...shown.map((turn) => [
            String(turn.turn),
            String(turn.slot),
            turn.reason,
            when(turn.openedTime),
            String(turn.openedAt),
            turn.variant === null ? 'not drawn' : turn.variant === '' ? 'none fits' : turn.variant,
            turn.waived.join(' ') || '-',
            turn.outcome,
            turn.closedAt === null ? '-' : String(turn.closedAt),
            turn.candidate === null ? '-' : toHex(turn.candidate).slice(0, 8),
          ]),
        ])),
  ]);
  if (!report.ok) process.exitCode = 1;
}
