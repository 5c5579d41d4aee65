/**
 * The command line.
 */
import { parseArgs } from 'node:util';
import { type CryptographyName, cryptographyNamed } from '@coppice/host';
import type { Load } from './load.ts';

export const usage = `npm run bench -- [options]

  --quick              128 bytes at 1 and 256 outstanding, in under a minute
  --turns              throughput while a turn runs, and after it, against before it
  --transfer           a slot's turn, then another's, in a service with --mib of state
  --state              the same state by itself, in this process
  --mib N              of state                                                  100
  --value-bytes N      of each value of it                                       1024
  --state-cache MIB    of the state in each replica's memory                      all
  --evidence           CPU time of verifying one bundle, of every platform of hardware
  --bytes LIST         bytes of a command's value, 0 for a command without one   0,128,1024
  --outstanding LIST   requests under way                                        1,16,64,256
  --clients N          keys that sign them                                       1
  --no-fsync           replicas do not wait for their disks
  --rounds N           windows of each kind, one after the other in rounds       5
  --seconds S          of a window                                               2
  --warm-up S          of load before each window, not measured                  1
  --heat S             of load at first, until engines have compiled the code    12
  --against FOLDER     measures this checkout of the project, too, in turn
  --cryptography LIST  what replicas verify with; of two, one against the other
  --profile FOLDER     writes CPU profiles there, and sums them up by package
  --json               one line of JSON, last on standard output
`;

export interface Options {
  readonly loads: readonly Load[];
  readonly clients: number;
  readonly fsync: boolean;
  readonly rounds: number;
  readonly windowMs: number;
  readonly warmUpMs: number;
  readonly heatMs: number;
  readonly evidence: boolean;
  readonly stateCacheBytes: number | undefined;
  readonly turns: boolean;
  /** Of state to be transferred, if that is what is measured. */
  readonly largeState: { readonly mebibytes: number; readonly valueBytes: number } | undefined;
  readonly transfer: { readonly mebibytes: number; readonly valueBytes: number } | undefined;
  readonly json: boolean;
  readonly against: string | undefined;
  /** One, or two to be compared. */
  readonly cryptography: readonly CryptographyName[];
  readonly profile: string | undefined;
}

/** The options, or `undefined` where help was asked for. Throws for what is none. */
export function optionsOf(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      quick: { type: 'boolean', default: false },
      evidence: { type: 'boolean', default: false },
      turns: { type: 'boolean', default: false },
      transfer: { type: 'boolean', default: false },
      state: { type: 'boolean', default: false },
      mib: { type: 'string' },
      'value-bytes': { type: 'string' },
      'state-cache': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      fsync: { type: 'boolean', default: true },
      bytes: { type: 'string' },
      outstanding: { type: 'string' },
      clients: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      heat: { type: 'string' },
      against: { type: 'string' },
      cryptography: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  if (values.help) return undefined;
  const { transfer } = values;
  const size = {
    mebibytes: numbers(values.mib ?? '100', 1)[0]!,
    valueBytes: numbers(values['value-bytes'] ?? '1024', 1)[0]!,
  };
  const short = values.quick || values.turns || transfer;
  const sizes = numbers(values.bytes ?? (short ? '128' : '0,128,1024'), 0);
  const depths = numbers(
    values.outstanding ?? (transfer ? '16' : values.turns ? '256' : short ? '1,256' : '1,16,64,256'),
    1,
  );
  return {
    loads: sizes.flatMap((commandBytes) => depths.map((outstanding) => ({ commandBytes, outstanding }))),
    clients: numbers(values.clients ?? '1', 1)[0]!,
    fsync: values.fsync,
    rounds: numbers(values.rounds ?? '5', 1)[0]!,
    windowMs: 1000 * Number(values.seconds ?? (values.turns ? 4 : 2)),
    warmUpMs: 1000 * Number(values['warm-up'] ?? 1),
    heatMs: 1000 * Number(values.heat ?? 12),
    evidence: values.evidence,
    stateCacheBytes:
      values['state-cache'] === undefined ? undefined : 1024 * 1024 * numbers(values['state-cache'], 0)[0]!,
    turns: values.turns,
    largeState: values.state ? size : undefined,
    transfer: transfer ? size : undefined,
    json: values.json,
    against: values.against,
    cryptography: (values.cryptography ?? 'libsodium').split(',').map(cryptographyNamed),
    profile: values.profile,
  };
}

function numbers(list: string, min: number): number[] {
  return list.split(',').map((text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < min) throw new TypeError(`${list}: not integers from ${min} on`);
    return value;
  });
}
