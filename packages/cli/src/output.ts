/**
 * What people and programs see of a command.
 *
 * With `--json`, the whole answer is the last line of stdout and everything else goes to stderr; without, stdout is for people.
 */
import { toHex } from '@coppice/wire';

export class Output {
  readonly json: boolean;
  readonly terminal: boolean;

  constructor(json: boolean) {
    this.json = json;
    this.terminal = process.stdout.isTTY && !json;
  }

  /** A line for people. */
  say(line = ''): void {
    (this.json ? process.stderr : process.stdout).write(`${line}\n`);
  }

  /** The answer, once: as a document, or as lines. */
  answer(document: unknown, lines: readonly string[]): void {
    if (this.json) process.stdout.write(`${JSON.stringify(document, replacer)}\n`);
    else for (const line of lines) process.stdout.write(`${line}\n`);
  }
}

/** Bytes as hexadecimal, big integers as text. */
function replacer(_: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Milliseconds for people. */
export function duration(ms: number): string {
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return ms < 86_400_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${(ms / 86_400_000).toFixed(1)} days`;
}

/** So many things of a kind. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Batches, by their numbers. */
export function batches(from: number, to: number): string {
  return from === to ? `batch ${from}` : `batches ${from} to ${to}`;
}

/** Columns, each as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}
