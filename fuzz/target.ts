/**
 * What is fuzzed: a parser of bytes from outside, and what must be true of it whatever it is given.
 *
 * A file in targets/ exports `targets`; nothing else needs to know of it.
 */
import { type Codec, decode, encode, sameBytes } from '@coppice/wire';
import type { Random } from '../packages/simulator/src/random.ts';
import { drawn } from './draw.ts';

/** How inputs are changed with regard to their structure, besides their bytes. */
export type Dialect = 'bytes' | 'cbor' | 'json' | 'der' | 'text';

export interface Target {
  readonly name: string;
  readonly dialect: Dialect;
  /** Valid inputs to begin with. Built once in a process. */
  seeds(): readonly Uint8Array[];
  /** Another valid input, where the format says how to make them. */
  draw?(random: Random): Uint8Array | undefined;
  /**
   * Parses; the reason for a refusal, or `undefined` where the input was accepted. Throws where a property is broken: parsers
   * refuse and never throw, so whatever they throw is passed on; {@link must} for the others.
   */
  run(input: Uint8Array): string | undefined;
  /** Share of the inputs, in comparison to others: 1 where left out. Slow parsers get less. */
  readonly weight?: number;
}

/** A property of a parser that does not hold. */
export class Broken extends Error {}

export function must(condition: boolean, property: string): asserts condition {
  if (!condition) throw new Broken(property);
}

/** A structure of the canonical encoding: whatever is accepted has exactly these bytes. */
export function codecTarget<T>(name: string, codec: Codec<T>, seeds: readonly T[] = []): Target {
  return {
    name,
    dialect: 'bytes',
    seeds: () => seeds.map((value) => encode(codec, value)),
    draw: (random) => drawn(codec, random),
    run(input) {
      const decoded = decode(codec, input);
      if (!decoded.ok) return decoded.reason;
      must(sameBytes(encode(codec, decoded.value), input), 'what is decoded is encoded to the same bytes');
      return undefined;
    },
  };
}

export const bytesOfText = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf8'));

/** As parsers of text get it: whatever bytes there are. */
export const textOfBytes = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** A reason without what is different in every refusal: numbers, names, paths. */
export function kindOfReason(reason: string): string {
  return reason.replaceAll(/[0-9a-f]{8,}|\d+|"[^"]*"|'[^']*'/g, '#').slice(0, 80);
}
