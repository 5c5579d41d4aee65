/** What many commands have in common: their options, and how these are read. docs/reference/cli.md. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Moment } from '../archive.ts';
import { defaultFolder } from '../connect.ts';

export interface Answering {
  readonly json: boolean;
}

export interface Local {
  readonly folder: string;
  readonly service?: string;
}

export function integer(text: string): number {
  // Not what Number takes for one, such as nothing at all: `--slot "$UNSET"` is no slot.
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('must be a whole number');
  return value;
}

export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('must be a number above 0');
  return value;
}

/** A batch's sequence number, or a time. */
export function moment(text: string): Moment {
  if (/^\d+$/.test(text)) return { sequence: integer(text) };
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw new InvalidArgumentError('must be a sequence number, or a time such as 2026-11-29T20:00:00Z');
  return { time };
}

export const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, all: readonly T[] = []): T[] => [...all, parse(text)];

export function at(command: Command): Command {
  return command
    .option('--folder <folder>', 'the service’s folder on this machine', defaultFolder)
    .option('--json', 'answer with one JSON document, as the last line of stdout', false);
}

export const answering = (command: Command): Command =>
  command.option('--json', 'answer with one JSON document, as the last line of stdout', false);

export function remote(command: Command): Command {
  return at(command)
    .option('--service <digest>', 'the service, if it has no folder here')
    .option('--address <host:port>', 'client door of a replica; may be repeated', collect(String))
    .option('--key <file>', 'key file of the client');
}

/** What members released, in place of an auditor's key. */
export const shared = (command: Command): Command =>
  command
    .option(
      '--share <file>',
      'shares that members released, in place of an auditor’s key; may be repeated',
      collect(String),
    )
    .option('--share-key <file>', 'key file of whom the shares were released to')
    // What follows is the command's own argument.
    .showHelpAfterError('of several files, each has its option: --share A --share B, --key A --key B');
