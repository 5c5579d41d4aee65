/** Parsers with the faults that the fuzzer is there to find. */
import { bytesOfText, must, type Target } from '../../target.ts';

function planted(name: string, run: (input: Uint8Array) => string | undefined): Target {
  return {
    name,
    dialect: 'bytes',
    seeds: () => [Uint8Array.from({ length: 40 }, (_, i) => i), bytesOfText('abcdefgh')],
    run,
  };
}

/** One input in a few hundred. */
const seldom = (input: Uint8Array): boolean => input.length === 9;

export const targets: readonly Target[] = [
  planted('sound', (input) => (seldom(input) ? 'refused' : undefined)),
  planted('throws', (input) => {
    if (seldom(input)) throw new TypeError('cannot read what is not there');
    return undefined;
  }),
  planted('not-canonical', (input) => {
    must(!seldom(input), 'what is decoded is encoded to the same bytes');
    return undefined;
  }),
  planted('greedy', (input) => {
    const allocated = new Uint8Array(seldom(input) ? 96 * 1024 * 1024 : 0).fill(1);
    return allocated.length === 1 ? 'refused' : undefined;
  }),
  planted('slow', (input) => {
    const before = process.cpuUsage();
    while (seldom(input) && process.cpuUsage(before).user < 400_000);
    return undefined;
  }),
  planted('hangs', (input) => {
    while (seldom(input));
    return undefined;
  }),
  planted('dies', (input) => {
    if (seldom(input)) process.kill(process.pid, 'SIGKILL');
    return undefined;
  }),
];
