/**
 * What the demo tells at its end.
 */
import { toHex } from '@coppice/wire';
import { provesNothing } from '../commands/status.ts';
import type { Attempt } from '../intruder.ts';
import { duration, table } from '../output.ts';
import type { SeatedProgram } from './fleet.ts';
import type { Load } from './load.ts';
import type { SeatedTurn } from './turns.ts';
import type { ProvenUpgrade } from './upgrade.ts';

interface ReportDocument {
  readonly ok: boolean;
  readonly service: Uint8Array;
  readonly operations: number;
  readonly failed: number;
  readonly rejected: number;
  readonly seconds: number;
  readonly throughput: { readonly steady: number; readonly duringTurns: number };
  readonly latencyMs: {
    readonly steady: { p50: number; p99: number };
    readonly duringTurns: { p50: number; p99: number };
  };
  readonly platforms: readonly { readonly slot: number; readonly platform: string }[];
  readonly fleet: readonly SeatedProgram[];
  readonly upgrade: ProvenUpgrade;
  readonly turns: readonly SeatedTurn[];
  readonly intruder: readonly Attempt[];
  readonly receipts: { readonly issued: number; readonly verified: number };
  readonly audit: { readonly ok: boolean; readonly transactions: number };
  readonly folder: string;
}

export function reportLines(report: ReportDocument, load: Load, audited: string): string[] {
  const { latencyMs, throughput } = report;
  const turnRows = report.turns.map(({ cleanStart, instance, platform = '?', signers, slot, steps, totalMs, turn }) => [
    String(turn),
    String(slot),
    platform,
    instance.slice(0, 8),
    ...[steps.challengeMs, steps.launchMs, steps.catchUpMs, steps.seatMs, totalMs].map(duration),
    signers.join(' '),
    cleanStart.slice(report.folder.length + 1),
  ]);
  return [
    '',
    `operations   ${report.operations} committed, ${report.failed} failed, ${report.rejected} documents rejected`,
    ...(load.firstFailure === undefined ? [] : [`             first failure: ${load.firstFailure}`]),
    ...(load.firstRejection === undefined ? [] : [`             first rejection: ${load.firstRejection}`]),
    `throughput   ${throughput.steady}/s outside turns, ${throughput.duringTurns}/s during turns`,
    `latency      p50 ${latencyMs.steady.p50} ms, p99 ${latencyMs.steady.p99} ms outside turns; p50 ${latencyMs.duringTurns.p50} ms, p99 ${latencyMs.duringTurns.p99} ms during turns`,
    `receipts     ${report.receipts.verified} of ${report.receipts.issued} verified offline`,
    `audit        ${report.audit.ok ? 'ok' : 'FAILED'}: ${report.audit.transactions} transactions from genesis on`,
    ...upgradeLines(report.upgrade),
    `platforms    ${report.platforms.map(({ slot, platform }) => `slot ${slot} ${platform}`).join(', ')}`,
    `             ${provesNothing(report.platforms.map(({ platform }) => platform))}`,
    '',
    'who sits where at the end:',
    ...table([
      ['slot', 'runtime', 'cryptography', 'variant', 'program'],
      ...report.fleet.map((one) => [
        String(one.slot),
        one.runtime,
        one.cryptography,
        one.variant,
        one.program.slice(0, 16),
      ]),
    ]).map((line) => `  ${line}`),
    '',
    'turns, by agreed time:',
    ...table([
      [
        'turn',
        'slot',
        'platform',
        'instance',
        'challenge',
        'launch, join',
        'catch up',
        'seat',
        'all',
        'signed by slots',
        'clean-start certificate',
      ],
      ...turnRows,
    ]).map((line) => `  ${line}`),
    '',
    'what the turns changed:',
    ...table(
      report.turns.map(({ before, slot, turn, variant }) => [
        ...[`turn ${turn}`, `slot ${slot}`],
        `${before ?? 'vacant'} became ${variant ?? '?'}`,
      ]),
    ).map((line) => `  ${line}`),
    '',
    'the intruder, after the turn of the slot that it had taken:',
    ...report.intruder.map(({ attempt, how, refused }) => `  ${refused ? 'refused ' : 'SUCCEEDED'} ${attempt}: ${how}`),
    '',
    `files        ${report.folder}`,
    `try          npx coppice receipt verify ${report.folder}/receipts/0.json --folder ${report.folder}`,
    `             npx coppice audit ${audited} --folder ${report.folder}`,
    `             npx coppice upgrade verify ${report.upgrade.page} --genesis ${toHex(report.service)}`,
    '',
    report.ok ? `All of it held, in ${duration(report.seconds * 1000)}.` : 'SOMETHING DID NOT HOLD: see above.',
  ];
}

function upgradeLines({ approvedBy, certificate, changes, from, moved, page, service, to }: ProvenUpgrade): string[] {
  return [
    `upgrade      release ${from.slice(0, 16)} → ${to.slice(0, 16)}, approved by ${approvedBy.join(' and ')}; ${moved.length} slots moved`,
    ...(service === null
      ? []
      : [`             service ${service.from} → ${service.to}; the migration wrote ${changes} entries`]),
    `             certificate ${certificate}: ${page}`,
  ];
}
