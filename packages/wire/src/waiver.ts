/**
 * Rules of which variant a turn launches, in the order in which they are kept longest. spec/turns.md, line 34.
 */
import { list, oneOf, type TypeOf } from './codec.ts';

/** That caps hold beside the others; that the variant did not sit in the slot lately; that it differs enough from the one before. */
export const waivers = ['caps', 'recent', 'distance'] as const;

/** Rules that no variant of the release kept. */
export const waivedCodec = list(oneOf(...waivers), waivers.length);

export type Waiver = TypeOf<typeof waivedCodec>[number];
