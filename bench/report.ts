/**
 * Results for people and for machines: medians over the windows, with what they lie between.
 */
import type { Load, Window } from './load.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** One line of the table, and one entry of `results`. */
export interface Result extends Load {
  /** Which checkout, where several are measured. */
  readonly subject: string;
  readonly fsync: boolean;
  readonly clients: number;
  readonly windows: number;
  /** Verified answers a second. */
  readonly throughput: number;
  readonly throughputMin: number;
  readonly throughputMax: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of all replicas and clients. */
  readonly cpuUsPerOperation: number;
  readonly clientCpuUsPerOperation: number;
  /** The mean of the replicas. */
  readonly replicaCpuUsPerOperation: number;
  readonly operationsPerBatch: number;
  readonly failures: number;
  readonly retries: number;
}

export function resultOf(
  what: Load & { subject: string; fsync: boolean; clients: number },
  windows: readonly Window[],
): Result {
  const over = (value: (window: Window) => number): Spread => spreadOf(windows.map(value));
  const sum = (value: (window: Window) => number): number => windows.reduce((all, window) => all + value(window), 0);
  const throughput = over((window) => window.operations / window.seconds);
  const ofReplicas = (window: Window): number => window.replicaCpuMicros.reduce((all, one) => all + one, 0);
  return {
    ...what,
    windows: windows.length,
    throughput: round(throughput.median, 0),
    throughputMin: round(throughput.min, 0),
    throughputMax: round(throughput.max, 0),
    p50Ms: round(over((window) => window.p50Ms).median, 2),
    p99Ms: round(over((window) => window.p99Ms).median, 2),
    cpuUsPerOperation: round(
      over((window) => (ofReplicas(window) + window.clientCpuMicros) / window.operations).median,
      1,
    ),
    clientCpuUsPerOperation: round(over((window) => window.clientCpuMicros / window.operations).median, 1),
    replicaCpuUsPerOperation: round(
      over((window) => ofReplicas(window) / window.replicaCpuMicros.length / window.operations).median,
      1,
    ),
    operationsPerBatch: round(over((window) => window.operations / window.batches).median, 1),
    failures: sum((window) => window.failures),
    retries: sum((window) => window.retries),
  };
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

const columns: readonly [heading: string, (result: Result) => string][] = [
  ['bytes', (result) => String(result.commandBytes)],
  ['outstanding', (result) => String(result.outstanding)],
  ['fsync', (result) => (result.fsync ? 'on' : 'off')],
  ['operations/s', (result) => String(result.throughput)],
  ['min … max', (result) => `${result.throughputMin} … ${result.throughputMax}`],
  ['p50 ms', (result) => result.p50Ms.toFixed(2)],
  ['p99 ms', (result) => result.p99Ms.toFixed(2)],
  ['CPU µs/op', (result) => result.cpuUsPerOperation.toFixed(1)],
  ['a replica', (result) => result.replicaCpuUsPerOperation.toFixed(1)],
  ['clients', (result) => result.clientCpuUsPerOperation.toFixed(1)],
  ['op/batch', (result) => result.operationsPerBatch.toFixed(1)],
  ['failed', (result) => String(result.failures)],
];

export function table(results: readonly Result[]): string {
  const several = new Set(results.map((result) => result.subject)).size > 1;
  const shown = several ? [['subject', (result: Result) => result.subject] as const, ...columns] : columns;
  return aligned([
    shown.map(([heading]) => heading),
    ...results.map((result) => shown.map(([, cell]) => cell(result))),
  ]);
}

/** Columns of equal width, to the right. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padStart(widths[i]!)).join('  ')).join('\n');
}
